"""Measures how long jobs take (the service time).

A job's time is how long it keeps its worker busy. It begins at the end of the job before, or at the assignment to an
idle worker, and ends with the job, however the job ends. So it includes messages, answers of the cache and failures.
A measure costs one subtraction and two additions. Means are computed at each beat, and after a class's first few jobs.
"""

from jobs.lanes import FETCH, HEAVY, LARGE, SIZES, SMALL, size_of
from jobs.records import Lane

JOBS_MAX = 25
"""A mean covers about so many of the latest jobs, or all since the last beat if those are more."""
FIRST_JOBS = 5.0
"""After so many jobs of one lane, a class that was never measured gets its mean before the next beat. Until it has one,
nothing is prefetched."""
LANES_MAX = 4096
"""Means are kept for so many lane names, the latest measured. Other lanes use the mean of their size class."""
UNKNOWN_SECONDS = {SMALL: 1.0, LARGE: 1.0, HEAVY: 10.0, FETCH: 1.0}
"""Assumed until a job of the class has ended. Long, so that nothing is prefetched behind such a job."""
LEAST_SECONDS = 0.0005
"""The least that a job is charged: the broker's own work for it."""


class Service:
    """Means of the latest service times, by lane name and by size class. A restart loses them."""

    def __init__(self) -> None:
        self.means: dict[str, float] = {}
        """In order of the latest measure."""
        self._jobs: dict[str, int] = {}
        self._since: dict[str, list[float]] = {}
        """By lane name, since the last fold: seconds, jobs."""
        self._expected: dict[str, float] = {}
        """By lane name, the answers of `expected` since the last fold."""

    def took(self, lane: Lane, seconds: float) -> None:
        """A worker spent so long on a job."""
        since = self._since.get(lane.name)
        if since is None:
            since = self._since[lane.name] = [0.0, 0.0]
        since[0] += seconds
        since[1] += 1.0
        if since[1] == FIRST_JOBS and size_of(lane) not in self.means:
            self.fold()

    def fold(self) -> None:
        """Add the measures since the last fold to the means."""
        for name, (seconds, jobs) in self._since.items():
            for key in (name, name[0]):
                known = self._jobs[key] = min(self._jobs.get(key, 0) + int(jobs), max(JOBS_MAX, int(jobs)))
                mean = self.means.pop(key, 0.0)
                self.means[key] = mean + jobs / known * (seconds / jobs - mean)
        self._since.clear()
        self._expected.clear()
        for name in list(self.means)[: max(0, len(self.means) - LANES_MAX)]:
            if name not in SIZES:
                del self.means[name], self._jobs[name]

    def by_size(self) -> dict[str, float]:
        """The means of the size classes that were measured."""
        return {size: self.means[size] for size in SIZES if size in self.means}

    def of(self, lane: Lane) -> float | None:
        """Mean seconds of a job: of its lane, else of its size class; None where neither was measured."""
        return self.means.get(lane.name, self.means.get(size_of(lane)))

    def expected(self, lane: Lane) -> float:
        """The same, but never below LEAST_SECONDS, and a guess where nothing was measured."""
        expected = self._expected.get(lane.name)
        if expected is None:
            seconds = self.of(lane)
            expected = UNKNOWN_SECONDS[size_of(lane)] if seconds is None else max(seconds, LEAST_SECONDS)
            self._expected[lane.name] = expected
        return expected
