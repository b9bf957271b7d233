"""How long jobs take, measured.

A job's time is what it costs its worker: from the end of the one before, or from its assignment to an idle worker,
to its own end, whatever that is. So the wait for a message, a cache's answer and a failure are in it. A job costs one
subtraction and two additions; means are made when a beat is, and when a class has its first few.
"""

from jobs.lanes import HEAVY, LARGE, SIZES, SMALL, size_of
from jobs.records import Lane

JOBS_MAX = 25
"""A mean is of the last so many jobs, or of those since the last beat if they are more."""
FIRST_JOBS = 5.0
"""Of one tenant in a class that was never measured, enough to go by before the next beat: workers have one job each
until then."""
LANES_MAX = 4096
"""Lane names whose means are kept: those that were measured last. Others take that of their class."""
UNKNOWN_SECONDS = {SMALL: 1.0, LARGE: 1.0, HEAVY: 10.0}
"""What a job is taken for until one of its class has ended: long, so that nothing is prefetched behind it."""
LEAST_SECONDS = 0.0005
"""Of a job that took no time: the broker's own."""


class Service:
    """Seconds that a job takes, by lane name and by size class, as means over the latest. Not kept over a restart."""

    def __init__(self) -> None:
        self.means: dict[str, float] = {}
        """In order of the latest measure."""
        self._jobs: dict[str, int] = {}
        self._since: dict[str, list[float]] = {}
        """By lane name, since the last fold: seconds, jobs."""
        self._expected: dict[str, float] = {}
        """By lane name, what was answered since."""

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
        """Take what was measured into the means."""
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
        """Seconds that a job of the lane takes: as measured there, else in its size class, else unknown."""
        return self.means.get(lane.name, self.means.get(size_of(lane)))

    def expected(self, lane: Lane) -> float:
        """The same, and a guess where it is unknown; never nothing."""
        expected = self._expected.get(lane.name)
        if expected is None:
            seconds = self.of(lane)
            expected = UNKNOWN_SECONDS[size_of(lane)] if seconds is None else max(seconds, LEAST_SECONDS)
            self._expected[lane.name] = expected
        return expected
