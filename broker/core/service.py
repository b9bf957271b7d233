"""How long jobs take, measured; and what waits, as a beat tells it to those who forecast (jobs/forecast.py).

A job's time is what it costs its worker: from the end of the one before, or from its assignment to an idle worker,
to its own end, whatever that is. So the wait for a message, a cache's answer and a failure are in it. A job costs one
subtraction and two additions; means are made when a beat is.
"""

from collections import Counter
from collections.abc import Mapping

from broker.core.backlog import Backlog, Window
from broker.core.roster import Roster, Worker
from jobs.lanes import LARGE, SMALL, size_of
from jobs.records import LANE_CHARACTERS_MAX, Lane
from jobs.wire import LaneView, Waiting

JOBS_MAX = 25
"""A mean is of the last so many jobs, or of those since the last beat if they are more."""
MARKS_MAX = 16
"""Positions of a lane that a beat tells: who waits between two of them is placed by a straight line."""
LATE_SHARE = 0.1
"""Of its mean time, what a job that has taken longer is thought to need still."""


class Service:
    """Seconds that a job takes, by lane name and by size class, as means over the latest. Not kept over a restart."""

    def __init__(self) -> None:
        self.means: dict[str, float] = {}
        self._jobs: dict[str, int] = {}
        self._since: dict[str, list[float]] = {}
        """By lane name, since the last fold: seconds, jobs."""

    def took(self, lane: Lane, seconds: float) -> None:
        """A worker spent so long on a job."""
        since = self._since.get(lane.name)
        if since is None:
            since = self._since[lane.name] = [0.0, 0.0]
        since[0] += seconds
        since[1] += 1.0

    def fold(self) -> None:
        """Take what was measured into the means."""
        for name, (seconds, jobs) in self._since.items():
            for key in (name, name[0]):
                known = self._jobs[key] = min(self._jobs.get(key, 0) + int(jobs), max(JOBS_MAX, int(jobs)))
                mean = self.means.get(key, 0.0)
                self.means[key] = mean + jobs / known * (seconds / jobs - mean)
        self._since.clear()

    def by_size(self) -> dict[str, float]:
        """The means of the size classes that were measured."""
        return {size: self.means[size] for size in (SMALL, LARGE) if size in self.means}

    def of(self, lane: Lane) -> float | None:
        """Seconds that a job of the lane takes: as measured there, else in its size class, else unknown."""
        return self.means.get(lane.name, self.means.get(size_of(lane)))


def waiting(service: Service, backlog: Backlog, roster: Roster, queued: Mapping[str, int], now: float) -> Waiting:
    """What a forecast needs; `queued` counts the queued jobs of each tenant."""
    free = [_free(service, worker, now) for worker in roster.by_peer.values() if not worker.draining]
    lanes = [view for view in _lanes(backlog, queued) if _is_told(view.lane.name)]
    return Waiting({name: mean for name, mean in service.means.items() if _is_told(name)}, lanes, free)


def _is_told(lane: str) -> bool:
    """Whether a message can name the lane. Those of an earlier version's ledger are served, and not told of."""
    return len(lane) <= LANE_CHARACTERS_MAX


def _free(service: Service, worker: Worker, now: float) -> float | None:
    """In how many seconds a worker will have ended what it holds: the first of it runs, the others follow."""
    total, first = 0.0, None
    for entry in worker.leases.values():
        seconds = service.of(entry.lane)
        if seconds is None:
            return None
        if first is None:
            first = seconds
            seconds = max(seconds - (now - worker.busy_since), LATE_SHARE * seconds)
        total += seconds
    return total


def _lanes(backlog: Backlog, queued: Mapping[str, int]) -> list[LaneView]:
    """What a tenant has beyond the windows is shared out over his lanes that have some there, by what came lately."""
    windows = list(backlog.in_order())
    beyond, weights = Counter(queued), Counter[str]()
    for window in windows:
        beyond[window.lane.name[2:]] -= len(window.jobs)
        weights[window.lane.name[2:]] += window.behind + 1 if window.beyond else 0
    views = []
    for window in windows:
        tenant = window.lane.name[2:]
        share = (window.behind + 1) / weights[tenant] if window.beyond else 0.0
        views.append(_lane(window, round(share * max(0, beyond[tenant]))))
    return views


def _lane(window: Window, beyond: int) -> LaneView:
    jobs = window.jobs
    step = -(-len(jobs) // MARKS_MAX) or 1
    places = [(place, entry.position) for place, entry in enumerate(jobs) if place % step == 0]
    if jobs:
        places.append((len(jobs) - 1, jobs[-1].position))
    if beyond:
        places += [(len(jobs), window.cursor + 1), (len(jobs) + beyond - 1, max(window.last, window.cursor + beyond))]
    marks: list[tuple[int, int]] = []
    for place, position in places:
        if not marks or position > marks[-1][1]:  # what came again stands at the head, wherever it was before
            marks.append((place, position))
    return LaneView(window.lane, len(jobs) + beyond, marks)
