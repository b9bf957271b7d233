"""The leases of one process: the phase of each, and its answer, which is kept until it is settled.

Owns the phases and their order; nothing here is sent or timed. A lease goes

    waiting -> given -> started -> answered -> (forgotten, once settled)

and any of the first three may be answered at once (recall, abandon, drain, a lost decoder).
"""

from collections import OrderedDict
from enum import Enum, auto
from math import inf
from typing import Any

from jobs.wire import Attempted, Failure, Finish, Held, LeaseRef, SourceFetched

Answer = Finish | Failure | LeaseRef | SourceFetched | Attempted
"""A LeaseRef is a lease given back."""


class Phase(Enum):
    """The phases of a lease, in their order."""

    WAITING = auto()
    GIVEN = auto()
    STARTED = auto()
    ANSWERED = auto()


class Lease:
    """One lease, and the `work` under it, for which it has so many `seconds`. `since` is the (monotonic) time of its
    latest phase; `began_at`: the wall time at which a decoder began it; `look_at`: when (monotonic) to check for its
    start; `made`: all renditions are made; `where`: its last known progress, in words."""

    __slots__ = (
        "answer", "began_at", "job", "look_at", "made", "number", "phase", "seconds", "since", "where", "work",
    )  # fmt: skip

    def __init__(self, work: Any, job: str, number: int, seconds: float) -> None:
        self.work = work
        self.job = job
        self.number = number
        self.seconds = seconds
        self.phase = Phase.WAITING
        self.began_at: float | None = None
        self.since = 0.0
        self.look_at = inf
        self.made = False
        self.where = ""
        self.answer: Answer | None = None

    @property
    def ref(self) -> LeaseRef:
        """The lease by name."""
        return LeaseRef(self.job, self.number)

    @property
    def until(self) -> float:
        """When its seconds are over: counted from its start, or from when it was given, if it has not started. Once all
        renditions are made there is no end: the disk's time says nothing about the image."""
        return inf if self.made else self.since + self.seconds

    @property
    def due(self) -> float:
        """The latest time at which something must be done about it."""
        return min(self.until, self.look_at)


class Leases:
    """All leases of one process, at most one for each job. Every step is O(1)."""

    def __init__(self) -> None:
        self.held: dict[str, Lease] = {}
        self.waiting: OrderedDict[str, Lease] = OrderedDict()
        self.running: dict[str, Lease] = {}

    @property
    def unfinished(self) -> int:
        """The number of leases that wait for work or are in work."""
        return len(self.waiting) + len(self.running)

    def find(self, job: str, number: int) -> Lease | None:
        """The lease, if it is held under exactly this number."""
        lease = self.held.get(job)
        return lease if lease is not None and lease.number == number else None

    def find_running(self, job: str, number: int) -> Lease | None:
        """The lease, if a decoder has it (or is about to get it) under exactly this number."""
        lease = self.running.get(job)
        return lease if lease is not None and lease.number == number else None

    def take(self, work: Any, job: str, number: int, seconds: float) -> None:
        """Hold one more, last in the line."""
        self.held[job] = self.waiting[job] = Lease(work, job, number, seconds)

    def give(self, now: float, look_at: float) -> Lease:
        """The first in line, for a decoder. Raises KeyError where none waits."""
        job = next(iter(self.waiting), "")
        return self.give_one(job, now, look_at)

    def give_one(self, job: str, now: float, look_at: float = inf) -> Lease:
        """This one of those in line. Raises KeyError if it does not wait."""
        lease = self.waiting.pop(job)
        lease.phase, lease.since, lease.look_at = Phase.GIVEN, now, look_at
        self.running[job] = lease
        return lease

    def start(self, lease: Lease, now: float, at: float) -> None:
        """A decoder began it, at wall time `at`."""
        lease.phase, lease.since, lease.look_at, lease.began_at = Phase.STARTED, now, inf, at

    def answer(self, lease: Lease, answer: Answer) -> None:
        """It ended here; the answer is kept."""
        self._leave_line(lease)
        lease.phase, lease.answer = Phase.ANSWERED, answer

    def forget(self, lease: Lease) -> None:
        """It is settled, or void."""
        self._leave_line(lease)
        del self.held[lease.job]

    def _leave_line(self, lease: Lease) -> None:
        self.waiting.pop(lease.job, None)
        self.running.pop(lease.job, None)

    def answered(self) -> list[Lease]:
        """Those whose answers are not settled."""
        return [lease for lease in self.held.values() if lease.phase is Phase.ANSWERED]

    def listed(self) -> list[Held]:
        """All leases in the form for the broker. Unsettled answers are included: they are still leases."""
        return [Held(lease.job, lease.number, lease.began_at is not None) for lease in self.held.values()]

    def check(self) -> None:
        """Raises AssertionError if a lease is not where its phase says."""
        for job, lease in self.held.items():
            story = f"{job} lease {lease.number} is {lease.phase.name}"
            assert job == lease.job, story
            assert (self.waiting.get(job) is lease) == (lease.phase is Phase.WAITING), story
            assert (self.running.get(job) is lease) == (lease.phase in (Phase.GIVEN, Phase.STARTED)), story
            assert (lease.answer is not None) == (lease.phase is Phase.ANSWERED), story
            assert lease.began_at is not None or lease.phase is not Phase.STARTED, story
        assert self.waiting.keys() | self.running.keys() <= self.held.keys(), "a lease in line is not held"
