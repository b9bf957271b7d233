"""Reads workers' frames: whose, how many in a turn, and which are left unread because their sender sends too many.

Owns the order of reading, and the bound of workers with one key. The budgets are broker/frames/budget.py's, and a
message's meaning is the core's. Takes a socket's frames, and sends nothing.
"""

import logging
from collections import Counter

from broker.core.books.events import PeerLost
from broker.core.dispatcher import Dispatcher
from broker.flight.facts import Intake
from broker.frames.budget import Budgets, Verdict
from broker.frames.gate import PEERS_NAMED_MAX, Gate
from broker.lookups import TURN_BYTES, Lookups
from broker.rounds import ROUND_FRAMES, Rounds
from broker.sockets import Sockets
from host.sockets.bound import fingerprint
from jobs import wire

WORKER_FRAMES_PER_TURN = 256
WORKERS_PER_KEY_MAX = 1000
"""Workers that show one key at a time. A machine runs so many at most (WORKERS_MAX of the settings)."""
DEAF_SECONDS = 0.02
"""While only senders that are over their budgets wait, workers are read at this interval. Their frames are dropped in
less time than they take on the way, so without a pause a flood would only come faster."""
OVER = "it sends more than a worker can"


class Hearing:
    """What workers say. `again`: there is more to read at once. `deaf_until`: when (monotonic seconds) to read next."""

    def __init__(self, dispatcher: Dispatcher, sockets: Sockets, gate: Gate, log: logging.Logger) -> None:
        self._dispatcher, self._sockets, self._gate, self._log = dispatcher, sockets, gate, log
        self._rounds, self._budgets = Rounds(), Budgets()
        self._named: set[str] = set()
        self._dropped: Counter[bytes] = Counter()
        """The dropped frames of each sender since the last one that was read."""
        self._newcomers: Counter[str] = Counter()
        """The workers of each key that introduced themselves in this turn."""
        self.again = False
        self.deaf_until = 0.0

    def read(self, intake: Intake, lookups: Lookups, now: float) -> bool:
        """Read a batch of workers' frames. Returns whether every worker with a message was read."""
        self.again = False
        if now < self.deaf_until:
            return False
        room, peers = TURN_BYTES, list[bytes]()
        self._newcomers.clear()
        for _ in range(WORKER_FRAMES_PER_TURN):
            if (received := self._sockets.receive_from_worker()) is None:
                self._rounds.emptied(now)
                self._dropped.clear()
                return True
            peer, frames, key = received
            peers.append(peer)
            size = sum(map(len, frames))
            room -= size
            if self._is_within(intake, peer, key, size, now):
                self._take(intake, lookups, peer, frames, key)
            elif self._dropped[peer] >= ROUND_FRAMES:
                self._dropped.clear()
                self.deaf_until = now + DEAF_SECONDS
                return self._rounds.all_read(peers, now)
            if room <= 0:
                break
        self.again = True
        return self._rounds.all_read(peers, now)

    def _is_within(self, intake: Intake, peer: bytes, key: bytes | None, size: int, now: float) -> bool:
        """Whether a frame may be read. If not, its sender is given up, and the frame is counted."""
        verdict = self._budgets.judge(peer, key, size, now)
        if verdict is Verdict.READ:
            if self._dropped:
                self._dropped.clear()
            return True
        if verdict is Verdict.PART:
            intake.add(PeerLost(peer, OVER))
            self._say(peer, key, OVER)
        self._gate.dropped += 1
        self._dropped[peer] += 1
        return False

    def _take(self, intake: Intake, lookups: Lookups, peer: bytes, frames: list[bytes], key: bytes | None) -> None:
        message = self._gate.read(wire.from_worker, peer, frames, key)
        if isinstance(message, wire.Found):
            lookups.scanned(intake, peer, message, frames[0])
        elif isinstance(message, wire.Ready) and key is not None and not self._has_place(message, key):
            self._gate.dropped += 1
            self._say(peer, key, f"its key has {WORKERS_PER_KEY_MAX} workers")
        elif message is not None:
            intake.received(peer, message, frames[0])

    def _has_place(self, ready: wire.Ready, key: bytes) -> bool:
        """Whether a worker is known, or its key may have one more."""
        if self._dispatcher.knows(ready.incarnation):
            return True
        owner = fingerprint(key)
        if self._dispatcher.workers_of(owner) + self._newcomers[owner] >= WORKERS_PER_KEY_MAX:
            return False
        self._newcomers[owner] += 1
        return True

    def _say(self, peer: bytes, key: bytes | None, why: str) -> None:
        """Log it, once of each key or, without keys, of each connection."""
        who = fingerprint(key) if key is not None else peer.hex()
        if f"{who} {why}" not in self._named and len(self._named) < PEERS_NAMED_MAX:
            self._named.add(f"{who} {why}")
            worker = self._dispatcher.name_of(peer)
            self._log.warning("worker_not_heard", extra={"why": why, "of": who, "worker": worker})
