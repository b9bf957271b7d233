"""One process that holds leases, towards its broker: what it says of itself, and when it gives a broker up.

Sans-I/O: `handle` facts, `tick` the clock, then drain the effects; `deadline` says when to tick next. Owns the
connection, the beats, the drain, and the answers that are kept until they are settled. What is done under a lease is
for the kinds of holders: worker/core/session.py makes renditions, courier/core/session.py speaks with strangers.
"""

from collections.abc import Callable
from math import inf
from typing import Any

import msgspec

from jobs import wire
from jobs.session import events
from jobs.session.leases import Answer, Lease, Leases, Phase

BEATS_PER_SILENCE = 5
HELD_PER_CAPACITY = 4
"""The most leases that a holder has, answered ones included. The broker gives CAPACITY, and more before it has settled
the first ones."""
SETTLE_SECONDS = 1.0
"""How long, after the drain's deadline, a holder waits for its last answers to be settled."""


class LeaseHolder:
    """Every answer is kept, and repeated until it is settled. `me`: its Ready, without leases. `capacity`: the leases
    that it takes. `drain_seconds` and `silence_seconds` are the settings of these names; a Welcome replaces the latter.
    """

    def __init__(self, me: wire.Ready, capacity: int, drain_seconds: float, silence_seconds: float, now: float) -> None:
        self.draining = False
        self.epoch = 0
        self._me = me
        self._held_max = HELD_PER_CAPACITY * max(1, capacity)
        self._drain_seconds = drain_seconds
        self._silence_seconds = silence_seconds
        self._now = self._received_at = self._turned_at = now
        self._beat_at = self._drain_until = self._leave_at = inf
        self._leases = Leases()
        self._introduce = self._introduced = self._welcomed = self._beat = self._reconnect = False
        self._kill: list[wire.LeaseRef] = []
        self._handlers = self._by_type()

    def _by_type(self) -> dict[type, Callable[[Any], None]]:
        others = (wire.Assign, wire.Sweep, wire.OrphanScan, wire.Deliver, wire.Fetch)
        ignored: dict[type, Callable[[Any], None]] = dict.fromkeys(others, self._ignore)
        return ignored | {
            events.Connected: self._on_connected,
            events.Disconnected: self._on_disconnected,
            events.Received: self._on_received,
            events.DrainRequested: self._on_drain,
            events.LeaveRequested: self._on_leave_requested,
            wire.Welcome: self._on_welcome,
            wire.Introduce: self._on_connected,
            wire.Recall: self._on_recall,
            wire.Abandon: self._on_abandon,
            wire.Settled: self._on_settled,
            wire.Drain: self._on_drain,
            wire.BrokerBeat: self._on_broker_beat,
        }

    def handle(self, event: Any, now: float) -> None:
        """Take in one fact at monotonic time `now` (seconds)."""
        self._now = now
        self._handlers[type(event)](event)

    def tick(self, now: float) -> None:
        """Let time pass. Call it only when all arrived messages are handled: unread mail is no silence."""
        self._now = self._turned_at = now
        if now >= self._drain_until:
            self._give_back_everything()
            self._drain_until, self._leave_at = inf, now + SETTLE_SECONDS
        if now >= self._received_at + self._silence_seconds:
            self._reconnect, self._received_at = True, now
            self._on_disconnected(None)
        if now >= self._beat_at:
            self._due_beat()

    def introduction(self) -> wire.Ready:
        """What it says of itself, to any broker."""
        return msgspec.structs.replace(self._me, holding=self._leases.listed(), draining=self.draining)

    @property
    def beat_at(self) -> float:
        """When a beat is due (monotonic seconds)."""
        return self._beat_at

    @property
    def deadline(self) -> float:
        """When to tick next (monotonic seconds)."""
        silent = self._received_at + self._silence_seconds
        return min(silent, self._beat_at, self._drain_until, self._leave_at)

    def check(self) -> None:
        """Raises AssertionError where the session contradicts itself."""
        self._leases.check()
        assert not (self.draining and self._leases.waiting), "a draining worker holds what it will not begin"
        assert self._beat_at < inf or not self._welcomed, "a welcome worker never beats"

    # -- what the kinds of holders own

    def _waits(self) -> bool:
        """Whether what is to be said may wait for more."""
        return False

    def _messages(self, leave: bool) -> list[Any]:
        """Everything that is to be said, in order, once."""
        raise NotImplementedError

    def _keep(self, answers: list[Answer]) -> None:
        """Say these answers next, and no others: all that are not settled."""
        raise NotImplementedError

    def _say(self, answer: Answer) -> None:
        """Say this answer next."""
        raise NotImplementedError

    def _say_draining(self) -> None:
        """Say Draining next."""
        raise NotImplementedError

    def _abandoned(self, lease: Lease) -> None:
        """Answer a lease that the broker ended."""
        raise NotImplementedError

    # -- what drain collects

    def _leaves(self) -> bool:
        return self.draining and (not self._leases.held or self._now >= self._leave_at)

    def _due_beat(self) -> None:
        self._beat = True
        self._beat_at = self._now + self._silence_seconds / BEATS_PER_SILENCE

    def _sends(self, leave: bool) -> list[Any]:
        ready: list[Any] = []
        if self._introduce:
            self._introduce, self._introduced, self._welcomed = False, True, False
            ready.append(self.introduction())
        if not self._welcomed or (not self._beat and self._waits()):
            return ready
        return ready + self._messages(leave)

    def _beat_due(self) -> wire.WorkerBeat | None:
        beat, self._beat = self._beat, False
        return self._worker_beat() if beat else None

    def _worker_beat(self) -> wire.WorkerBeat:
        return wire.WorkerBeat(self._leases.listed())

    # -- answers

    def _answer(self, lease: Lease, answer: Answer) -> None:
        self._leases.answer(lease, answer)
        self._say(answer)

    def _fail(self, lease: Lease, code: str, detail: str, retry_after: float | None = None) -> None:
        self._answer(lease, wire.Failure(lease.job, lease.number, code, detail, retry_after))

    def _stop(self, lease: Lease) -> None:
        if lease.phase in (Phase.GIVEN, Phase.STARTED):
            self._kill.append(lease.ref)

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
        self._keep([lease.answer for lease in self._leases.answered() if lease.answer is not None])

    def _on_broker_beat(self, beat: wire.BrokerBeat) -> None:
        if self._welcomed and beat.epoch > self.epoch:
            self._introduce = True

    def _ignore(self, _: object) -> None:
        """A message for another kind of holder, which no broker of ours sends to this one."""

    # -- the broker's wishes

    def _take(self, work: Any, job: str, number: int, seconds: float) -> None:
        held = self._leases.held.get(job)
        if held is not None:
            if held.number == number:
                return
            self._stop(held)
            self._leases.forget(held)
        if len(self._leases.held) < self._held_max:
            self._leases.take(work, job, number, seconds)
        else:  # no broker of ours gives so many: a Ready tells which ones are not held
            self._introduce = True

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
                self._abandoned(lease)

    def _on_settled(self, settled: wire.Settled) -> None:
        for ref in settled.leases:
            lease = self._leases.find(ref.job, ref.lease)
            if lease is not None:
                self._stop(lease)
                self._leases.forget(lease)

    def _on_drain(self, _: object) -> None:
        if not self.draining:
            self.draining = True
            self._say_draining()
            self._drain_until = self._now + self._drain_seconds
            self._give_back_waiting()

    def _on_leave_requested(self, _: object) -> None:
        self._on_drain(None)
        self._give_back_everything()
        self._leave_at = self._now
