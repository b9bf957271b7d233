"""What a worker for images does under its leases, sans-I/O: decoders, renditions, sweeps, the orphan scan.

Its connection to the broker, its drain and the keeping of its answers are those of every holder of leases
(jobs/session/holder.py). Knows no socket, file, process or clock.
"""

from collections.abc import Callable
from math import inf
from typing import Any

from jobs import wire
from jobs.job import Code
from jobs.session.holder import LeaseHolder
from jobs.session.leases import Answer, Lease
from worker.core import events
from worker.core.events import Effects
from worker.core.outbox import Outbox

SWEEP_SHARE = 0.7
"""A worker may carry out a sweep within this share of the silence after which it is lost. After that silence others get
the sweep, and a job that runs again writes its blobs anew."""
LONG_TURN_SECONDS = 1.0
"""A longer turn was waiting for the disk: a keeper's turn takes milliseconds."""
AWAY_SECONDS_MAX = 60.0
"""Beats are sent this long for a keeper that waits for the disk. A keeper that waits for ever, and that nobody ends,
then loses its leases by silence."""
START_SECONDS = 0.05
"""A decoder that was given a job is checked for its start after this time, and again at this interval. A job that ends
within this time sends no Start: it would cost the broker a transaction."""


class Session(LeaseHolder):
    """One worker process towards its broker. As many jobs run at once as DecoderIdle was heard. `drain_seconds` and
    `silence_seconds` are the settings of these names."""

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
        me = wire.Ready(incarnation, name, pid, capacity, engine, [])
        super().__init__(me, capacity, drain_seconds, silence_seconds, now)
        self._idle = 0
        self._cache = ""
        self._sweep: list[events.Sweeping] = []
        self._scan: wire.OrphanScan | None = None
        self._outbox = Outbox()

    def _by_type(self) -> dict[type, Callable[[Any], None]]:
        return super()._by_type() | {
            events.DecoderIdle: self._on_decoder_idle,
            events.DecoderGone: self._on_decoder_gone,
            events.DecoderBegan: self._on_decoder_began,
            events.DecoderSeen: self._on_decoder_seen,
            events.DecoderDone: self._on_decoder_done,
            events.OriginalDescribed: self._on_original_described,
            events.RenditionLanded: self._on_rendition_landed,
            events.DecoderFinished: self._on_decoder_finished,
            events.CacheAnswered: self._on_cache_answered,
            events.DecoderFailed: self._on_decoder_failed,
            events.CacheChanged: self._on_cache_changed,
            events.SweepDone: self._on_sweep_done,
            events.SweepFailed: self._on_sweep_failed,
            events.SweepLate: self._on_sweep_late,
            events.NamesFound: self._on_names_found,
            wire.Assign: self._on_assign,
            wire.Sweep: self._on_sweep,
            wire.OrphanScan: self._on_scan,
        }

    def tick(self, now: float) -> None:
        """Let time pass. Call it only when all arrived messages are handled: unread mail is no silence."""
        self._now = now
        for lease in [lease for lease in self._leases.running.values() if now >= lease.due]:
            if now >= lease.until:
                self._overdue(lease)
            else:
                lease.look_at = now + START_SECONDS
        super().tick(now)

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
        return [self._worker_beat()]

    @property
    def deadline(self) -> float:
        """When to tick next (monotonic seconds)."""
        due = min((lease.due for lease in self._leases.running.values()), default=inf)
        return min(due, super().deadline, self._outbox.due)

    @property
    def occupied(self) -> bool:
        """Whether a decoder works: then no new work from the broker can begin now."""
        return self._welcomed and bool(self._leases.running)

    def drain(self) -> Effects:
        """The effects of everything since the last drain."""
        leave = self._leaves()
        kill, self._kill = self._kill, []
        sweep, self._sweep = self._sweep, []
        scan, self._scan = self._scan, None
        reconnect, self._reconnect = self._reconnect, False
        return Effects(kill, self._sends(leave), sweep, self._begin(), scan, reconnect, leave)

    def check(self) -> None:
        """Raises AssertionError where the session contradicts itself."""
        super().check()
        assert self._idle >= 0, f"{self._idle} idle decoders"

    # -- what drain collects

    def _sends(self, leave: bool) -> list[Any]:
        sends = super()._sends(leave)
        if not self._welcomed:
            self._outbox.due = inf
        return sends

    def _waits(self) -> bool:
        return self._outbox.waits(self._leases.unfinished, self._now)

    def _messages(self, leave: bool) -> list[Any]:
        return self._outbox.empty(self._beat_due(), leave)

    def _worker_beat(self) -> wire.WorkerBeat:
        return wire.WorkerBeat(self._leases.listed(), self._cache)

    def _begin(self) -> list[wire.Assignment]:
        begin = []
        while self._idle and self._leases.waiting:
            self._idle -= 1
            begin.append(self._leases.give(self._now, self._now + START_SECONDS).work)
        return begin

    # -- answers

    def _keep(self, answers: list[Answer]) -> None:
        self._outbox.answers = answers

    def _say(self, answer: Answer) -> None:
        self._outbox.answer(answer)

    def _say_draining(self) -> None:
        self._outbox.draining = True

    def _abandoned(self, lease: Lease) -> None:
        self._fail(lease, Code.CANCELLED, "cancelled")

    def _finish(self, lease: Lease, finish: wire.Finish) -> None:
        self._leases.answer(lease, finish)
        self._outbox.finish(finish, self._now, short=self._now < lease.since + START_SECONDS)

    def _overdue(self, lease: Lease) -> None:
        self._stop(lease)
        if lease.began_at is not None:
            where = f", {lease.where}" if lease.where else ""
            self._fail(lease, Code.DEADLINE_EXCEEDED, f"not done within {lease.seconds:g} s{where}")
        else:
            self._answer(lease, lease.ref)

    # -- the broker's wishes

    def _on_assign(self, assign: wire.Assign) -> None:
        for job in assign.jobs:
            self._take(job, job.job, job.lease, job.seconds)
        if self.draining:
            self._give_back_waiting()

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

    def _on_original_described(self, event: events.OriginalDescribed) -> None:
        lease = self._leases.find_running(event.job, event.lease)
        if lease is not None:
            self._outbox.described.append(wire.Description(event.job, event.lease, event.facts))

    def _on_rendition_landed(self, event: events.RenditionLanded) -> None:
        if self._leases.find_running(event.job, event.lease) is not None:
            self._outbox.published.append(wire.Publication(event.job, event.lease, event.rendition))

    def _on_decoder_finished(self, event: events.DecoderFinished) -> None:
        lease = self._leases.find_running(event.job, event.lease)
        if lease is not None:
            found = (lease.began_at, event.at, event.times, event.facts)
            self._finish(lease, wire.Finish(event.job, event.lease, event.renditions, event.cost, False, *found))

    def _on_cache_answered(self, event: events.CacheAnswered) -> None:
        lease = self._leases.find_running(event.job, event.lease)
        if lease is not None:
            finish = wire.Finish(event.job, event.lease, event.renditions, cached=True, facts=event.facts)
            self._finish(lease, finish)

    def _on_cache_changed(self, event: events.CacheChanged) -> None:
        self._cache = event.why

    def _on_decoder_failed(self, event: events.DecoderFailed) -> None:
        lease = self._leases.find_running(event.job, event.lease)
        if lease is not None:
            self._fail(lease, event.code, event.detail)
