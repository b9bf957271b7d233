"""The broker's loop: frames in, one ledger transaction, frames out. The sockets are broker/sockets.py's.

One turn: wait for a frame or for the core's deadline; read a bounded batch from each socket, workers first; read what
the core needs from the ledger; record this input; pass it to the core, with the time; commit; then send. Every turn
ticks, even under overload. Only silence is not judged while a worker's message may be unread (broker/rounds.py). Owns
no decision about a job.
"""

import logging
import signal
import socket
import time
from typing import Any

from broker.core.books.events import ClockRead, Effects, PeerLost
from broker.core.dispatcher import Dispatcher
from broker.flight.facts import Began, Intake, Turn, decide
from broker.flight.recorder import Recorder
from broker.frames.gate import Gate
from broker.frames.outbox import digest, outgoing
from broker.lookups import TURN_BYTES, Lookups, is_step
from broker.narrator import Narrator
from broker.rounds import Rounds
from broker.sockets import Sockets
from host.process import notify
from host.sockets.addresses import Wires
from jobs import wire
from jobs.limits import GRANT_SLACK_SECONDS, IDEMPOTENCY_SECONDS
from stores.ledger import Ledger

WORKER_FRAMES_PER_TURN = 256
SUBMITTED_JOBS_PER_TURN = 512
PROBE_SECONDS = (0.0, 0.003, 0.02)
"""When to probe after a disconnection. In the first millisecond after a kill, a send still succeeds."""
CLOCK_SLACK_SECONDS = 0.005
FORGET_SECONDS = 1.0
"""Between two calls of forget_keys. Each drops 10,000 keys at most, which is as fast as keys can arrive."""


class Loop:
    """The work of one broker process. `run` returns after a stop signal."""

    def __init__(
        self, dispatcher: Dispatcher, ledger: Ledger, recorder: Recorder, wires: Wires, log: logging.Logger
    ) -> None:
        self._dispatcher, self._ledger, self._recorder, self._log = dispatcher, ledger, recorder, log
        self._lookups = Lookups(ledger)
        self._narrator = Narrator(log)
        self.gate = Gate(log)
        self._watchdog = notify.Watchdog()
        self.unsaid = 0
        """How many messages were too long to be sent."""
        self._rounds = Rounds()
        self._intake = Intake()
        """The core's input of the next turn."""
        self._probes: list[float] = []
        self._offset = 0.0
        self._again = False
        self._stopping = False
        self._forget_at = 0.0
        self.sockets = Sockets(wires, log)

    def start(self) -> None:
        """Restore the core from the ledger and let SIGTERM and SIGINT end `run`."""
        now = time.monotonic()
        self._offset = time.time() - now
        restored = self._ledger.restore()
        self._recorder.began(self._dispatcher, Began(now, self._offset, restored))
        self._dispatcher.restore(restored, now, self._offset)
        reader, writer = socket.socketpair()
        writer.setblocking(False)
        self._woken = reader
        self._wake = writer
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def run(self) -> None:
        """Run turns until a stop signal, then one last turn that answers what was read. Raises LedgerFailed."""
        while not self._stopping:
            due = 0.0 if self._again or self._intake.events else self._dispatcher.deadline
            if self._probes:
                due = min(due, self._probes[0])
            ready = self.sockets.wait(self._woken.fileno(), due - time.monotonic())
            now = time.monotonic()
            self._turn(now, ready)
            self._watchdog.turned(now)
        self._turn(time.monotonic(), set(), last=True)
        self.sockets.close()

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _turn(self, now: float, ready: set[Any], last: bool = False) -> None:
        all_read = self._gather(now, ready)
        intake, self._intake = self._intake, Intake()
        self._recorder.turn(self._dispatcher, Turn(now, intake.facts, all_read, last))
        effects = decide(self._dispatcher, now, intake.events, all_read, last)
        self._forget_keys(now)
        self._carry_out(effects, now)

    def _gather(self, now: float, ready: set[Any]) -> bool:
        """Take in what has arrived. Returns whether no message of a worker is left unread. Workers are read even if the
        poll did not name them: the process may have been stopped after the poll, and they would seem silent."""
        self._again = False
        offset = time.time() - now
        if abs(offset - self._offset) > CLOCK_SLACK_SECONDS:
            self._offset = offset
            self._intake.add(ClockRead(offset))
        if self.sockets.door:
            self.sockets.door.answer(now)
        all_read = self._read_workers(now)
        room = TURN_BYTES
        if self.sockets.pull in ready and not self._stopping and not self._lookups.is_behind:
            room = self._read_web()
        self._lookups.look_up(self._intake, room)
        self._again |= self._lookups.is_behind
        self._greet(ready)
        if self.sockets.monitor in ready and self.sockets.has_lost_connections():
            self._probes = [now + seconds for seconds in PROBE_SECONDS]
        if self._probes and now >= self._probes[0]:
            self._probe(now)
        return all_read

    def _read_workers(self, now: float) -> bool:
        """Read a batch of workers' frames. Returns whether every worker with a message was read."""
        room, peers = TURN_BYTES, list[bytes]()
        for _ in range(WORKER_FRAMES_PER_TURN):
            if (received := self.sockets.receive_from_worker()) is None:
                self._rounds.emptied(now)
                return True
            peer, frames, key = received
            peers.append(peer)
            for frame in frames:
                room -= len(frame)
            message = self.gate.read(wire.from_worker, peer, frames, key)
            if isinstance(message, wire.Found):
                self._lookups.scanned(self._intake, peer, message, frames[0])
            elif message is not None:
                self._intake.received(peer, message, frames[0])
            if room <= 0:
                break
        self._again = True
        return self._rounds.all_read(peers, now)

    def _read_web(self) -> int:
        """Read a batch of web's frames. Returns how many bytes may still be read in this turn."""
        jobs, room = 0, TURN_BYTES
        empty = False
        while jobs < SUBMITTED_JOBS_PER_TURN and room > 0:
            if (frames := self.sockets.receive_from_web()) is None:
                empty = True
                break
            for frame in frames:
                room -= len(frame)
            message = self.gate.read(wire.from_web, b"web", frames)
            jobs += 1
            if isinstance(message, wire.Submit):
                self._lookups.submitted(message, frames[0])
                jobs += len(message.jobs)
            elif message is not None:
                self._lookups.ordered(message, frames[0])
                jobs += SUBMITTED_JOBS_PER_TURN if is_step(message) else 0
        self._again |= not empty
        return room

    def _greet(self, ready: set[Any]) -> None:
        """Send Hello to a web process that subscribed to its acks. From then on it loses none of them."""
        for topic in self.sockets.subscribed(ready):
            self.sockets.publish_acks(topic, wire.encode(wire.Hello(self._dispatcher.epoch)))

    def _probe(self, now: float) -> None:
        """Some worker's connection ended. Send to all: the send that cannot be routed shows which one."""
        self.sockets.notice_ends()
        self._probes = [at for at in self._probes if at > now]
        beat = wire.encode(wire.BrokerBeat(self._dispatcher.epoch))
        for peer in self._dispatcher.peers():
            self._send(peer, beat)

    def _carry_out(self, effects: Effects, now: float) -> None:
        """Durable before visible: commit first, then send the messages about it."""
        out = outgoing(effects, self._dispatcher.epoch)
        if out.unsaid:
            self._leave_out(out.unsaid)
        self._recorder.decided(digest(effects.records, out))
        if effects.records:
            self._ledger.commit(effects.records)
        for topic, frame in out.acks:
            self.sockets.publish_acks(topic, frame)
        sends: dict[bytes, list[bytes]] = {}
        for peer, frame in out.sends:
            sends.setdefault(peer, []).append(frame)
        for peer, frames in sends.items():
            self._send(peer, *frames)
        for topic, frame in out.changes:
            self.sockets.publish_changes(topic, frame)
        if effects.beat:
            notify.workers_wanted(effects.beat.workers_wanted)
        self._lookups.refill(self._intake, effects.refills)
        if effects.expire is not None:
            self._lookups.expire(self._intake, effects.expire)
        self._ledger.tidy(busy=effects.beat is not None)
        self._narrator.log(effects.sends, self._dispatcher.name_of, now)

    def _leave_out(self, count: int) -> None:
        """Count them, and log only the first: a peer that causes one such message causes many."""
        if not self.unsaid:
            self._log.warning("too long to be sent, left out", extra={"messages": count})
        self.unsaid += count

    def _send(self, peer: bytes, *frames: bytes) -> None:
        """Send all frames at once, so that the worker wakes up once. Never waits: a worker that cannot be reached, or
        whose buffer is full, is lost."""
        if not self.sockets.send_to_worker(peer, frames):
            self._intake.add(PeerLost(peer))

    def _forget_keys(self, now: float) -> None:
        if now >= max(self._forget_at, self._dispatcher.trusted_at):
            self._forget_at = now + FORGET_SECONDS
            self._ledger.forget_keys(now + self._offset - IDEMPOTENCY_SECONDS)
            self._ledger.forget_grants(now + self._offset - GRANT_SLACK_SECONDS)
