"""The part of the beat from which web forecasts waiting times (web/broker/forecast.py): lanes, means, free workers.

The measures are broker/core/books/service.py's, the order is broker/core/books/turns.py's.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from itertools import islice

from broker.core.books.backlog import Backlog
from broker.core.books.model import Worker
from broker.core.books.roster import Roster
from broker.core.books.service import Service
from broker.core.books.window import Window
from jobs.job import TEXT_CHARACTERS_MAX
from jobs.lanes import tenant_of
from jobs.records import LANE_CHARACTERS_MAX
from jobs.wire import LaneView, Waiting

MARKS_MAX, MARKS_MIN = 16, 1
"""How many positions of a lane a beat has beside the last one. Web interpolates between two of them."""
MARKS_IN_ALL = 4096
LATE_SHARE = 0.1
"""A job that has taken longer than the mean is expected to need this share of the mean still."""


def waiting(
    service: Service,
    backlog: Backlog,
    sources: Backlog,
    roster: Roster,
    queued: Mapping[str, int],
    now: float,
    stopped: Collection[str] = (),
) -> Waiting:
    """The data for a forecast. `queued`: the queued jobs of each tenant, also those outside the windows, and those of
    `sources`, which wait for no worker. Neither do the jobs of tenants that are `stopped`."""
    free = [_free(service, worker, now) for worker in roster.for_images() if not worker.draining]
    lanes = [view for view in _lanes(backlog, sources, queued) if _is_shown(view.lane.name)]
    if stopped:
        lanes = [view for view in lanes if tenant_of(view.lane) not in stopped]
    debts = {tenant: seconds for tenant, seconds in backlog.turns.debts().items() if len(tenant) <= TEXT_CHARACTERS_MAX}
    return Waiting(
        {name: mean for name, mean in service.means.items() if _is_shown(name)},
        lanes,
        free,
        debts,
        backlog.turns.weights,
    )


def _is_shown(lane: str) -> bool:
    """Whether the name fits a message. Lanes of an earlier version may be longer: they are served, but not reported."""
    return len(lane) <= LANE_CHARACTERS_MAX


def _free(service: Service, worker: Worker, now: float) -> float | None:
    """In how many seconds a worker will have ended its jobs; None: unknown. The first job runs, the others follow."""
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


def _lanes(backlog: Backlog, sources: Backlog, queued: Mapping[str, int]) -> list[LaneView]:
    """All lanes of workers with their numbers of jobs. How many jobs of a tenant are only in the ledger is known in
    sum. That sum is split over the tenant's lanes, that of fetches included, in proportion to recent arrivals."""
    windows = [(window, window.tenant.name) for window in backlog.in_order()]
    fetched = [(window, window.tenant.name) for window in sources.in_order()]
    beyond, weights = Counter(queued), Counter[str]()
    for window, tenant in (*windows, *fetched):
        beyond[tenant] -= len(window.jobs)
        if window.beyond:
            weights[tenant] += window.behind + 1
    most = min(MARKS_MAX, max(MARKS_MIN, MARKS_IN_ALL // max(1, len(windows))))
    views = []
    for window, tenant in windows:
        rest = 0
        if window.beyond and beyond[tenant] > 0:
            rest = round((window.behind + 1) / weights[tenant] * beyond[tenant])
        views.append(_lane(window, rest, most) if most > MARKS_MIN else _ends(window, rest))
    return views


def _ends(window: Window, beyond: int) -> LaneView:
    """A lane with its first and last position only. With thousands of lanes, more would stop the loop for too long."""
    jobs = window.jobs
    queued = len(jobs) + beyond
    first = jobs[0].position if jobs else window.cursor + 1
    last = max(window.last, window.cursor + beyond) if beyond or not jobs else jobs[-1].position
    marks = [(0, first), (queued - 1, last)] if queued > 1 and last > first else [(0, first)]
    return LaneView(window.lane, queued, marks)


def _lane(window: Window, beyond: int, marks_max: int) -> LaneView:
    jobs = window.jobs
    step = -(-len(jobs) // marks_max) or 1
    places = [(index * step, entry.position) for index, entry in enumerate(islice(jobs, 0, None, step))]
    if jobs:
        places.append((len(jobs) - 1, jobs[-1].position))
    if beyond:
        places += [(len(jobs), window.cursor + 1), (len(jobs) + beyond - 1, max(window.last, window.cursor + beyond))]
    marks: list[tuple[int, int]] = []
    for place, position in places:
        if not marks or position > marks[-1][1]:  # a retried job is at the head with any position
            marks.append((place, position))
    return LaneView(window.lane, len(jobs) + beyond, marks)
