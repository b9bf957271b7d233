"""The worker's side of the protocol: what it sends to the broker, and when it gives a broker up.

Sans-I/O: `handle` facts, `tick` the clock, then `drain` the effects; `deadline` says when to tick
next. Knows no socket, file, process or clock. All leases and their phases are in leases.py.

It is one file of more than 300 lines because it is one state machine: each handler is a few lines, and most of them
share the leases and the outbox.
"""

from collections.abc import Callable
from math import inf
from typing import Any

from jobs import wire
from jobs.job import Code
from worker.core import events
from worker.core.events import Effects
from worker.core.leases import Answer, Lease, Leases, Phase
from worker.core.outbox import Outbox

BEATS_PER_SILENCE = 5
HELD_PER_CAPACITY = 4
"""The most leases that a worker holds, answered ones included. The broker gives CAPACITY, and more before it has
settled the first ones."""
SWEEP_SHARE = 0.7
"""A worker may carry out a sweep within this share of the silence after which it is lost. After that silence others get
the sweep, and a job that runs again writes its blobs anew."""
LONG_TURN_SECONDS = 1.0
"""A longer turn was waiting for the disk: a keeper's turn takes milliseconds."""
AWAY_SECONDS_MAX = 60.0
"""Beats are sent this long for a keeper that waits for the disk. A keeper that waits for ever, and that nobody ends,
then loses its leases by silence."""
SETTLE_SECONDS = 1.0
"""How long, after the drain's deadline, a worker waits for its last answers to be settled."""
START_SECONDS = 0.05
"""A decoder that was given a job is checked for its start after this time, and again at this interval. A job that ends
within this time sends no Start: it would cost the broker a transaction."""


class Session:
    """One worker process towards its broker. Every answer is kept, and repeated until it is settled.

    `drain_seconds` and `silence_seconds` are the settings of these names; a Welcome replaces the
    latter. As many jobs run at once as DecoderIdle was heard.
    """

    def __init__(
        self,
        incarnation: str,
        name: str,
        pid: int,
        capacity: int,
        engine: str,
        drain_seconds: float,
        silence_seconds: float,
        now: float,
    ) -> None:
        self.draining = False
        self.epoch = 0
        self._me = (incarnation, name, pid, capacity, engine)
        self._held_max = HELD_PER_CAPACITY * max(1, capacity)
        self._drain_seconds = drain_seconds
        self._silence_seconds = silence_seconds
        self._now = self._received_at = self._turned_at = now
        self._beat_at = self._drain_until = self._leave_at = inf
        self._idle = 0
        self._leases = Leases()
        self._introduce = self._introduced = self._welcomed = self._beat = self._reconnect = False
        self._kill: list[wire.LeaseRef] = []
        self._sweep: list[events.Sweeping] = []
        self._scan: wire.OrphanScan | None = None
        self._outbox = Outbox()
        self._handlers = self._by_type()

    def _by_type(self) -> dict[type, Callable[[Any], None]]:
        return {
            events.Connected: self._on_connected,
            events.Disconnected: self._on_disconnected,
            events.Received: self._on_received,
            events.DecoderIdle: self._on_decoder_idle,
            events.DecoderGone: self._on_decoder_gone,
            events.DecoderBegan: self._on_decoder_began,
            events.DecoderSeen: self._on_decoder_seen,
            events.DecoderDone: self._on_decoder_done,
            events.RenditionLanded: self._on_rendition_landed,
            events.DecoderFinished: self._on_decoder_finished,
            events.CacheAnswered: self._on_cache_answered,
            events.DecoderFailed: self._on_decoder_failed,
            events.SweepDone: self._on_sweep_done,
            events.SweepFailed: self._on_sweep_failed,
            events.SweepLate: self._on_sweep_late,
            events.NamesFound: self._on_names_found,
            events.DrainRequested: self._on_drain,
            events.LeaveRequested: self._on_leave_requested,
            wire.Welcome: self._on_welcome,
            wire.Introduce: self._on_connected,
            wire.Assign: self._on_assign,
            wire.Recall: self._on_recall,
            wire.Abandon: self._on_abandon,
            wire.Settled: self._on_settled,
            wire.Drain: self._on_drain,
            wire.Sweep: self._on_sweep,
            wire.OrphanScan: self._on_scan,
            wire.BrokerBeat: self._on_broker_beat,
        }

    def handle(self, event: Any, now: float) -> None:
        """Take in one fact (worker/core/events.py) at monotonic time `now` (seconds)."""
        self._now = now
        self._handlers[type(event)](event)

    def tick(self, now: float) -> None:
        """Let time pass. Call it only when all arrived messages are handled: unread mail is no silence."""
        self._now = self._turned_at = now
        for lease in [lease for lease in self._leases.running.values() if now >= lease.due]:
            if now >= lease.until:
                self._overdue(lease)
            else:
                lease.look_at = now + START_SECONDS
        if now >= self._drain_until:
            self._give_back_everything()
            self._drain_until, self._leave_at = inf, now + SETTLE_SECONDS
        if now >= self._received_at + self._silence_seconds:
            self._reconnect, self._received_at = True, now
            self._on_disconnected(None)
        if now >= self._beat_at:
            self._due_beat()

    def turned(self, now: float) -> None:
        """The turn that began with the last tick is over. If it waited for the disk, the decoder may have waited as
        long for the keeper to take its output: this time does not count for the job's seconds."""
        spent = now - self._turned_at
        if spent >= LONG_TURN_SECONDS:
            for lease in self._leases.running.values():
                lease.since = min(now, lease.since + spent)

    def meanwhile(self, now: float) -> list[Any]:
        """The messages that are due with a beat. For the thread that speaks while the keeper waits for the disk. The
        broker's silence is not judged, because nobody reads its mail. So a Ready waits for the keeper too: nobody would
        read the Welcome, and without a Welcome only beats are sent."""
        if not self._introduced or now < self._beat_at or now >= self._turned_at + AWAY_SECONDS_MAX:
            return []
        self._now = now
        self._due_beat()
        if self._welcomed and not self._introduce:
            return self._sends(leave=False)
        self._beat = False
        return [wire.WorkerBeat(self._leases.listed())]

    @property
    def beat_at(self) -> float:
        """When a beat is due (monotonic seconds)."""
        return self._beat_at

    @property
    def deadline(self) -> float:
        """When to tick next (monotonic seconds)."""
        due = min((lease.due for lease in self._leases.running.values()), default=inf)
        silent = self._received_at + self._silence_seconds
        return min(due, silent, self._beat_at, self._drain_until, self._leave_at, self._outbox.due)

    @property
    def occupied(self) -> bool:
        """Whether a decoder works: then no new work from the broker can begin now."""
        return self._welcomed and bool(self._leases.running)

    def drain(self) -> Effects:
        """The effects of everything since the last drain."""
        leave = self.draining and (not self._leases.held or self._now >= self._leave_at)
        kill, self._kill = self._kill, []
        sweep, self._sweep = self._sweep, []
        scan, self._scan = self._scan, None
        reconnect, self._reconnect = self._reconnect, False
        return Effects(kill, self._sends(leave), sweep, self._begin(), scan, reconnect, leave)

    def check(self) -> None:
        """Raises AssertionError where the session contradicts itself."""
        self._leases.check()
        assert self._idle >= 0, f"{self._idle} idle decoders"
        assert not (self.draining and self._leases.waiting), "a draining worker holds what it will not begin"
        assert self._beat_at < inf or not self._welcomed, "a welcome worker never beats"

    def _due_beat(self) -> None:
        self._beat = True
        self._beat_at = self._now + self._silence_seconds / BEATS_PER_SILENCE

    # -- what drain collects

    def _sends(self, leave: bool) -> list[Any]:
        ready = []
        if self._introduce:
            self._introduce, self._introduced, self._welcomed = False, True, False
            ready.append(wire.Ready(*self._me, self._leases.listed(), self.draining))
        if not self._welcomed:
            self._outbox.due = inf
            return ready
        if not self._beat and self._outbox.waits(self._leases.unfinished, self._now):
            return ready
        beat, self._beat = self._beat, False
        return ready + self._outbox.empty(self._leases.listed() if beat else None, leave)

    def _begin(self) -> list[wire.Assignment]:
        begin = []
        while self._idle and self._leases.waiting:
            self._idle -= 1
            begin.append(self._leases.give(self._now, self._now + START_SECONDS).assignment)
        return begin

    # -- answers

    def _answer(self, lease: Lease, answer: Answer) -> None:
        self._leases.answer(lease, answer)
        self._outbox.answer(answer)

    def _finish(self, lease: Lease, finish: wire.Finish) -> None:
        self._leases.answer(lease, finish)
        self._outbox.finish(finish, self._now, short=self._now < lease.since + START_SECONDS)

    def _fail(self, lease: Lease, code: str, detail: str) -> None:
        self._answer(lease, wire.Failure(lease.job, lease.number, code, detail))

    def _stop(self, lease: Lease) -> None:
        if lease.phase in (Phase.GIVEN, Phase.STARTED):
            self._kill.append(lease.ref)

    def _overdue(self, lease: Lease) -> None:
        self._stop(lease)
        if lease.began_at is not None:
            where = f", {lease.where}" if lease.where else ""
            self._fail(lease, Code.DEADLINE_EXCEEDED, f"not done within {lease.assignment.seconds:g} s{where}")
        else:
            self._answer(lease, lease.ref)

    def _give_back_waiting(self) -> None:
        for lease in list(self._leases.waiting.values()):
            self._answer(lease, lease.ref)

    def _give_back_everything(self) -> None:
        self._give_back_waiting()
        for lease in list(self._leases.running.values()):
            self._stop(lease)
            self._answer(lease, lease.ref)

    # -- the connection

    def _on_connected(self, _: object) -> None:
        self._introduce, self._received_at = True, self._now

    def _on_disconnected(self, _: object) -> None:
        self._introduced = self._welcomed = False

    def _on_received(self, event: events.Received) -> None:
        if self._welcomed:
            self._received_at = self._now
        self._handlers[type(event.message)](event.message)

    def _on_welcome(self, welcome: wire.Welcome) -> None:
        self.epoch = welcome.epoch
        self._silence_seconds = welcome.silence_seconds
        self._welcomed, self._received_at = True, self._now
        self._beat_at = self._now + self._silence_seconds / BEATS_PER_SILENCE
        self._outbox.answers = [lease.answer for lease in self._leases.answered() if lease.answer is not None]

    def _on_broker_beat(self, beat: wire.BrokerBeat) -> None:
        if self._welcomed and beat.epoch > self.epoch:
            self._introduce = True

    # -- the broker's wishes

    def _on_assign(self, assign: wire.Assign) -> None:
        for assignment in assign.jobs:
            held = self._leases.held.get(assignment.job)
            if held is not None:
                if held.number >= assignment.lease:
                    continue
                self._stop(held)
                self._leases.forget(held)
            if len(self._leases.held) < self._held_max:
                self._leases.take(assignment)
            else:  # no broker of ours gives so many: a Ready tells which ones are not held
                self._introduce = True
        if self.draining:
            self._give_back_waiting()

    def _on_recall(self, recall: wire.Recall) -> None:
        for ref in recall.leases:
            lease = self._leases.find(ref.job, ref.lease)
            if lease is not None and lease.phase is Phase.WAITING:
                self._answer(lease, lease.ref)

    def _on_abandon(self, abandon: wire.Abandon) -> None:
        for ref in abandon.leases:
            lease = self._leases.find(ref.job, ref.lease)
            if lease is not None and lease.phase is not Phase.ANSWERED:
                self._stop(lease)
                self._fail(lease, Code.CANCELLED, "cancelled")

    def _on_settled(self, settled: wire.Settled) -> None:
        for ref in settled.leases:
            lease = self._leases.find(ref.job, ref.lease)
            if lease is not None:
                self._stop(lease)
                self._leases.forget(lease)

    def _on_sweep(self, sweep: wire.Sweep) -> None:
        """Carry out a sweep, unless it is old mail (read after a stop, or from a broker that is gone): meanwhile others
        got it, and a requeued job may have written its blobs again. The sweep arrived since the last turn. Beats do not
        bound that time, because they go on while the keeper waits for the disk."""
        until = self._turned_at + SWEEP_SHARE * self._silence_seconds
        if self._welcomed and self._now < until:
            self._sweep += [events.Sweeping(job, names, until) for job, names in sweep.sweeps]
        else:
            self._on_sweep_late(None)

    def _on_sweep_late(self, _: object) -> None:
        """A Ready makes the broker offer the remaining sweeps again."""
        self._introduce = True

    def _on_sweep_done(self, event: events.SweepDone) -> None:
        self._outbox.swept.append(event.job)

    def _on_sweep_failed(self, event: events.SweepFailed) -> None:
        self._outbox.unswept.append((event.job, event.detail))

    def _on_scan(self, scan: wire.OrphanScan) -> None:
        self._scan = scan

    def _on_names_found(self, event: events.NamesFound) -> None:
        self._outbox.found = wire.Found(event.after, event.names, event.following, event.failed)

    def _on_drain(self, _: object) -> None:
        if not self.draining:
            self.draining = self._outbox.draining = True
            self._drain_until = self._now + self._drain_seconds
            self._give_back_waiting()

    def _on_leave_requested(self, _: object) -> None:
        self._on_drain(None)
        self._give_back_everything()
        self._leave_at = self._now

    # -- the decoders

    def _on_decoder_idle(self, _: object) -> None:
        self._idle += 1

    def _on_decoder_gone(self, _: object) -> None:
        self._idle -= 1

    def _on_decoder_began(self, event: events.DecoderBegan) -> None:
        lease = self._leases.find_running(event.job, event.lease)
        if lease is not None:
            self._leases.start(lease, self._now, event.at)
            self._outbox.started.append(wire.Start(event.job, event.lease, event.at))

    def _on_decoder_seen(self, event: events.DecoderSeen) -> None:
        lease = self._leases.find_running(event.job, event.lease)
        if lease is not None:
            lease.where = event.where

    def _on_decoder_done(self, event: events.DecoderDone) -> None:
        lease = self._leases.find_running(event.job, event.lease)
        if lease is not None:
            lease.made, lease.look_at = True, inf

    def _on_rendition_landed(self, event: events.RenditionLanded) -> None:
        if self._leases.find_running(event.job, event.lease) is not None:
            self._outbox.published.append(wire.Publication(event.job, event.lease, event.rendition))

    def _on_decoder_finished(self, event: events.DecoderFinished) -> None:
        lease = self._leases.find_running(event.job, event.lease)
        if lease is not None:
            times = (lease.began_at, event.at)
            self._finish(lease, wire.Finish(event.job, event.lease, event.renditions, event.cost, False, *times))

    def _on_cache_answered(self, event: events.CacheAnswered) -> None:
        lease = self._leases.find_running(event.job, event.lease)
        if lease is not None:
            self._finish(lease, wire.Finish(event.job, event.lease, event.renditions, cached=True))

    def _on_decoder_failed(self, event: events.DecoderFailed) -> None:
        lease = self._leases.find_running(event.job, event.lease)
        if lease is not None:
            self._fail(lease, event.code, event.detail)
