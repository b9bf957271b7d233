"""What happened in five minutes: an interval's figures, and sums over several intervals.

Owns the length and the number of the intervals, the bounds of the two histograms, and the form in which the ledger
keeps figures. Pure: knows no clock and no ledger.
"""

from bisect import bisect
from collections import Counter
from collections.abc import Iterable

import msgspec

STEP_SECONDS = 300
"""An interval begins at a multiple of this, in wall time."""
INTERVALS_SECONDS = 24 * 3600
INTERVALS_KEPT = INTERVALS_SECONDS // STEP_SECONDS
"""The ledger keeps the intervals of a day."""
HOUR_INTERVALS = 3600 // STEP_SECONDS
SLOWEST_MAX = 5
"""Jobs that an interval names. The slowest of several intervals are among those of each."""
BOUNDS = (
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0,
)  # fmt: skip
"""Seconds. Part n of a histogram counts what is less than bound n and not less than the one before; the last one counts
the rest."""
_PARTS = len(BOUNDS) + 1


class Slow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A job, its tenant, and the seconds from its last begin to its end."""

    job: str
    tenant: str
    seconds: float


class Times(msgspec.Struct, array_like=True):
    """How long something took: the sum of its `seconds`, and a histogram (`parts`, of BOUNDS)."""

    seconds: float = 0.0
    parts: list[int] = msgspec.field(default_factory=lambda: [0] * _PARTS)

    def add(self, seconds: float) -> None:
        """Once more, and so long."""
        self.seconds += seconds
        self.parts[bisect(BOUNDS, seconds)] += 1

    @property
    def count(self) -> int:
        """How often."""
        return sum(self.parts)

    @property
    def mean(self) -> float | None:
        """Seconds on average; None of nothing."""
        return self.seconds / count if (count := self.count) else None

    def below(self, share: float) -> float | None:
        """The seconds that a `share` (0 to 1) of them did not exceed, by a straight line within its part of the
        histogram; None of nothing. Above the last bound it is that bound."""
        count = self.count
        wanted, passed = share * count, 0
        for number, part in enumerate(self.parts[:-1]):
            if part and passed + part >= wanted:
                least = BOUNDS[number - 1] if number else 0.0
                return least + (BOUNDS[number] - least) * max(0.0, wanted - passed) / part
            passed += part
        return BOUNDS[-1] if count else None


class Figures(msgspec.Struct, array_like=True):
    """One interval in figures, as the ledger keeps them. A new field goes last, with a default.

    `counted_seconds`: how long a broker counted; less than the interval after a restart, or while the interval lasts.
    `accepted` and `ended` (by state) are jobs, `codes` the ends that have one. `queued_max`, `oldest_seconds` and the
    workers for images are looked at once a second: the most that waited, the longest wait of a job that still waited,
    and the fewest and most workers. `waits` are from the 202 to the last begin, of jobs that were never requeued, and
    `runs` from there to the end. `slowest`: at most SLOWEST_MAX, the slowest first."""

    counted_seconds: float = 0.0
    accepted: int = 0
    ended: dict[str, int] = {}
    codes: dict[str, int] = {}
    queued_max: int = 0
    oldest_seconds: float = 0.0
    workers_min: int = 0
    workers_max: int = 0
    waits: Times = msgspec.field(default_factory=Times)
    runs: Times = msgspec.field(default_factory=Times)
    slowest: list[Slow] = []

    def name_slow(self, slow: Slow) -> None:
        """Name this job if it is one of the slowest."""
        self.slowest = slowest_of([self.slowest, [slow]])


def slowest_of(lists: Iterable[Iterable[Slow]]) -> list[Slow]:
    """The slowest of all these, the slowest first. Of a job that ended twice, the slower end counts."""
    by_job: dict[str, Slow] = {}
    for slow in (slow for each in lists for slow in each):
        if slow.job not in by_job or slow.seconds > by_job[slow.job].seconds:
            by_job[slow.job] = slow
    return sorted(by_job.values(), key=lambda slow: (-slow.seconds, slow.job))[:SLOWEST_MAX]


def codes_of(intervals: Iterable[Figures]) -> dict[str, int]:
    """How many jobs ended with each code in all of these, the most frequent first."""
    counts: Counter[str] = Counter()
    for figures in intervals:
        counts.update(figures.codes)
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


encode_figures = msgspec.msgpack.Encoder().encode
"""Figures as the ledger keeps them: less than 2 KB, and without jobs some 80 bytes."""
decode_figures = msgspec.msgpack.Decoder(Figures).decode
