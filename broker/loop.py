"""The broker's loop: frames in, one ledger transaction, frames out. The sockets are broker/sockets.py's.

One turn: wait for a frame or for the core's deadline; read a bounded batch from each socket, workers first; read what
the core needs from the ledger; record this input; pass it to the core, with the time; commit; then send. Every turn
ticks, even under overload. Only silence is not judged while a worker's message may be unread (broker/hearing.py). Owns
no decision about a job.
"""

import logging
import socket
import time
from typing import Any

from broker.core.books.events import ClockRead, DurabilityRead, Effects, LoopRead, PeerLost
from broker.core.dispatcher import Dispatcher
from broker.flight.facts import Began, Intake, Turn, decide
from broker.flight.recorder import Recorder
from broker.frames.gate import Gate
from broker.frames.outbox import digest, outgoing
from broker.frames.signed import Signer
from broker.hearing import Hearing
from broker.lookups import TURN_BYTES, Lookups, is_step
from broker.measures import Measures
from broker.narrator import Narrator
from broker.sockets import Sockets
from host.process import notify
from host.sockets.allowed import Role
from host.sockets.bound import is_bound
from jobs import wire
from jobs.errors import TermLost
from jobs.limits import ACTIONS_MAX, GRANT_SLACK_SECONDS, IDEMPOTENCY_SECONDS
from jobs.records import ASYNCHRONOUS, Durability, Records
from stores.ledger import Ledger

SUBMITTED_JOBS_PER_TURN = 512
PROBE_SECONDS = (0.0, 0.003, 0.02)
"""When to probe after a disconnection. In the first millisecond after a kill, a send still succeeds."""
CLOCK_SLACK_SECONDS = 0.005
FORGET_SECONDS = 1.0
"""Between two calls of forget_keys. Each drops 10,000 keys at most, which is as fast as keys can arrive."""


class Loop:
    """The work of one broker process. `run` returns after a stop signal. `measures`: None where METRICS is off."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        ledger: Ledger,
        recorder: Recorder,
        sockets: Sockets,
        log: logging.Logger,
        signer: Signer | None = None,
        measures: Measures | None = None,
    ) -> None:
        self._dispatcher, self._ledger, self._recorder, self._log = dispatcher, ledger, recorder, log
        self._lookups = Lookups(ledger)
        self._signer = signer or Signer(())
        self._measures = measures
        self._narrator = Narrator(log)
        self._watchdog = notify.Watchdog()
        self.unsaid = 0
        """How many messages were too long to be sent."""
        self._intake = Intake()
        """The core's input of the next turn."""
        self._probes: list[float] = []
        self._offset = 0.0
        self._durability = Durability()
        self._again = False
        self._stopping = False
        self._forget_at = 0.0
        self.sockets = sockets
        self.gate = Gate(log, self.sockets.door)
        self._hearing = Hearing(dispatcher, sockets, self.gate, log)

    def start(self) -> None:
        """Restore the core from the ledger."""
        now = time.monotonic()
        self._offset = time.time() - now
        restored = self._ledger.restore()
        self._recorder.began(self._dispatcher, Began(now, self._offset, restored))
        self._dispatcher.restore(restored, now, self._offset)

    def run(self, signals: socket.socket) -> None:
        """Run turns until a signal can be read, then one last turn that answers what was read. Raises LedgerFailed."""
        while not self._stopping:
            due = 0.0 if self._again or self._intake.events else self._dispatcher.deadline
            if self._probes:
                due = min(due, self._probes[0])
            now, deaf_until = time.monotonic(), self._hearing.deaf_until
            deaf = now < deaf_until
            ready = self.sockets.wait(signals.fileno(), (min(due, deaf_until) if deaf else due) - now, deaf)
            self._stopping = signals.fileno() in ready
            now = time.monotonic()
            self._turn(now, ready)
            self._watchdog.turned(now)
        self._turn(time.monotonic(), set(), last=True)
        self.sockets.close()

    def _turn(self, now: float, ready: set[Any], last: bool = False) -> None:
        self._believe()
        all_read = self._gather(now, ready)
        intake, self._intake = self._intake, Intake()
        self._recorder.turn(self._dispatcher, Turn(now, intake.facts, all_read, last))
        effects = decide(self._dispatcher, now, intake.events, all_read, last)
        self._forget_keys(now)
        self._carry_out(effects, now)

    def _gather(self, now: float, ready: set[Any]) -> bool:
        """Take in what has arrived. Returns whether no message of a worker is left unread. Workers are read even if the
        poll did not name them: the process may have been stopped after the poll, and they would seem silent."""
        offset = time.time() - now
        if abs(offset - self._offset) > CLOCK_SLACK_SECONDS:
            self._offset = offset
            self._intake.add(ClockRead(offset))
        self._note_durability()
        if self._measures is not None and self._dispatcher.is_beat_due(now):
            self._intake.add(LoopRead(self._measured(self._measures)))
        self._keep_door(now)
        all_read = self._hearing.read(self._intake, self._lookups, now)
        self._again = self._hearing.again
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

    def _note_durability(self) -> None:
        """If an accepted upload rests on something else from now on, say it in the log and, by the beat, to users."""
        if self._ledger.durability == self._durability:
            return
        self._durability = self._ledger.durability
        word, why = self._durability.word, self._durability.why
        if word == ASYNCHRONOUS:
            self._log.warning("durability_weak", extra={"of": word, "why": why})
        else:
            self._log.info("durability", extra={"of": word, "why": why})
        self._intake.add(DurabilityRead(word))

    def _measured(self, measures: Measures) -> list[int]:
        return measures.cells(
            wal_bytes=self._ledger.wal_bytes(),
            dropped=self.gate.dropped,
            unsaid=self.unsaid,
            is_recording=self._recorder.is_recording,
        )

    def _keep_door(self, now: float) -> None:
        """Answer who knocks, and part from those whose key was removed."""
        if self.sockets.door is None:
            return
        self.sockets.door.answer(now)
        gone = self.sockets.door.taken_back(now)
        for peer in self._dispatcher.peers() if gone else ():
            if any(role == Role.WORKER and is_bound(self._dispatcher.incarnation_of(peer), key) for key, role in gone):
                self._intake.add(PeerLost(peer, "its key was removed"))
        if any(role == Role.WEB for _, role in gone):
            self.sockets.end_subscriptions()

    def _read_web(self) -> int:
        """Read a batch of web's frames. Returns how many bytes may still be read in this turn."""
        jobs, room = 0, TURN_BYTES
        empty = False
        while jobs < SUBMITTED_JOBS_PER_TURN and room > 0:
            if (received := self.sockets.receive_from_web()) is None:
                empty = True
                break
            frames, key = received
            for frame in frames:
                room -= len(frame)
            message = self.gate.read(wire.from_web, b"web", frames, key)
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
            self.sockets.publish_acks(topic, wire.encode(self._dispatcher.hello()))

    def _probe(self, now: float) -> None:
        """Some worker's connection ended. Send to all: the send that cannot be routed shows which one."""
        self.sockets.notice_ends()
        self._probes = [at for at in self._probes if at > now]
        beat = wire.encode(wire.BrokerBeat(self._dispatcher.epoch))
        for peer in self._dispatcher.peers():
            if not self.sockets.send_to_worker(peer, [beat]):
                self._intake.add(PeerLost(peer))

    def _carry_out(self, effects: Effects, now: float) -> None:
        """Durable before visible: commit first, then send the messages about it."""
        out = outgoing(effects, self._dispatcher.epoch)
        if out.unsaid:
            self._leave_out(out.unsaid)
        self._recorder.decided(digest(effects.records, out))
        if effects.records:
            self._commit(effects.records)
        self._believe()
        for topic, frame in out.acks:
            self.sockets.publish_acks(topic, frame)
        sends: dict[bytes, list[bytes]] = {}
        for peer, frame in out.sends:
            sends.setdefault(peer, []).append(frame)
        if out.unsigned:
            for peer, frame in self._signer.signed(out.unsigned):
                sends.setdefault(peer, []).append(frame)
        lost = [peer for peer, frames in sends.items() if not self.sockets.send_to_worker(peer, frames)]
        for topic, frame in out.changes:
            self.sockets.publish_changes(topic, frame)
        if effects.beat:
            notify.workers_wanted(effects.beat.workers_wanted)
        self._lookups.refill(self._intake, effects.refills)
        if effects.expire is not None:
            self._lookups.expire(self._intake, effects.expire)
        if effects.find_overdue is not None:
            self._lookups.find_overdue(self._intake, effects.find_overdue)
        self._lookups.due(self._intake, effects.due)
        self._lookups.bodies(self._intake, effects.bodies)
        if effects.find_batches is not None:
            self._lookups.find_batches(self._intake, effects.find_batches)
        if effects.forget_actions is not None:
            self._ledger.forget_actions(effects.forget_actions, ACTIONS_MAX)
        for peer in lost:  # behind the ledger's answers, which know nothing of what follows from a loss
            self._intake.add(PeerLost(peer))
        self._ledger.tidy(busy=effects.beat is not None)
        self._narrator.log(effects, self._dispatcher.name_of, now, self._offset)

    def _commit(self, records: Records) -> None:
        if self._measures is None:
            return self._ledger.commit(records)
        began = time.perf_counter()
        self._ledger.commit(records)
        return self._measures.committed(time.perf_counter() - began, len(records.jobs))

    def _believe(self) -> None:
        """Raises TermLost if another broker may have the term by now: nothing may be sent."""
        if time.monotonic() >= self._ledger.believed_until:
            raise TermLost("the term was not renewed in time, and another broker may have it")

    def _leave_out(self, count: int) -> None:
        """Count them, and log only the first: a peer that causes one such message causes many."""
        if not self.unsaid:
            self._log.warning("left_out", extra={"messages": count})
        self.unsaid += count

    def _forget_keys(self, now: float) -> None:
        if now >= max(self._forget_at, self._dispatcher.trusted_at):
            self._forget_at = now + FORGET_SECONDS
            self._ledger.forget_keys(now + self._offset - IDEMPOTENCY_SECONDS)
            self._ledger.forget_grants(now + self._offset - GRANT_SLACK_SECONDS)
