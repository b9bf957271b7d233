"""Forecasts when a waiting job will be served, from the queue's figures in the broker's beat.

Pure: `now` is an argument, and no service time is a constant. An estimate assumes that no more jobs arrive, and that
each job takes as long as the latest of its lane. It follows the order of service of broker/core/books/turns.py in
closed form. A forecast costs O(lanes), and each estimate O(log tenants).
"""

from bisect import bisect_left
from collections.abc import Iterable
from heapq import heapify, heapreplace
from itertools import accumulate
from math import inf
from operator import itemgetter
from typing import NamedTuple

from jobs.lanes import size_of, tenant_of
from jobs.records import Lane
from jobs.wire import LaneView, Waiting


class Estimate(NamedTuple):
    """`position`: 1 is the next to be served. `wait_seconds`: until a worker begins it. `seconds`: until its end."""

    position: int
    wait_seconds: float
    seconds: float


class Work(NamedTuple):
    """Some jobs, and the seconds of one worker's time that they take."""

    jobs: float = 0.0
    seconds: float = 0.0

    def plus(self, jobs: float, each: float) -> "Work":
        """This work and `jobs` more, of `each` seconds."""
        return Work(self.jobs + jobs, self.seconds + jobs * each)


class Ramps:
    """Sums the time that all tenants get before a tenant with `spent` seconds (divided by its weight) is served. Each
    tenant gets time from its own `begin` on, at the rate of its `weight`, for `seconds` of that. With the tenant's
    weight the sum is in seconds; with weight / (seconds of a job) it is in jobs."""

    def __init__(self, ramps: "list[tuple[float, float, float]]") -> None:
        edges = sorted(
            edge for begin, seconds, weight in ramps for edge in ((begin, weight), (begin + seconds, -weight))
        )
        self._at = [at for at, _ in edges]
        self._weights = [0.0, *accumulate(weight for _, weight in edges)]
        self._moments = [0.0, *accumulate(at * weight for at, weight in edges)]

    def of(self, spent: float) -> float:
        """The sum of all."""
        passed = bisect_left(self._at, spent)
        return max(0.0, spent * self._weights[passed] - self._moments[passed])


class Forecast:
    """The queue of a beat at wall time `at`, and the `fresh` jobs that were queued since. A fresh job has a lane, a
    position, and whether a worker has it already. The first of them came at wall time `fresh_at`."""

    def __init__(
        self, waiting: Waiting, at: float, fresh: Iterable[tuple[Lane, int, bool]] = (), fresh_at: float = inf
    ) -> None:
        self._at, self._seconds = at, waiting.seconds
        self._lanes = {view.lane: view for view in waiting.lanes}
        self._debts = dict(waiting.debts)
        self._weights = waiting.weights
        self._idle = fresh_at - at if at < fresh_at < inf and not self._lanes else 0.0
        self._free = [max(seconds, self._idle) for seconds in waiting.free if seconds is not None]
        self._known = len(self._free) == len(waiting.free) > 0
        heapify(self._free)
        self._fresh: dict[Lane, list[int]] = {}
        for lane, position, taken in sorted(fresh, key=itemgetter(1)):
            if taken:
                self._take(lane)
            else:
                self._fresh.setdefault(lane, []).append(position)
        self._free.sort()
        self._lanes |= {lane: LaneView(lane, 0, []) for lane in self._fresh if lane not in self._lanes}
        self._tenants: dict[str, list[Lane]] = {}
        for lane in self._lanes:
            self._tenants.setdefault(tenant_of(lane), []).append(lane)
        ramps = {tenant: self._ramp(tenant, lanes) for tenant, lanes in self._tenants.items()}
        self._ramps = ramps
        shares = [(self._weight(tenant), begin, work) for tenant, (begin, work) in ramps.items()]
        self._others = Ramps([(begin, work.seconds / weight, weight) for weight, begin, work in shares])
        self._others_jobs = Ramps(
            [
                (begin, work.seconds / weight, weight * work.jobs / work.seconds)
                for weight, begin, work in shares
                if work.seconds
            ]
        )

    def _take(self, lane: Lane) -> None:
        """Give a job of the lane to the worker that is free first."""
        seconds = self._service(lane)
        if seconds is None or not self._free:
            self._known = False
            return
        heapreplace(self._free, self._free[0] + seconds)
        tenant = tenant_of(lane)
        self._debts[tenant] = self._debts.get(tenant, 0.0) + seconds / self._weight(tenant)

    def _ramp(self, tenant: str, lanes: list[Lane]) -> tuple[float, Work]:
        """The point from which a tenant gets time, and all its waiting work. A turn exceeds its time by the rest of the
        present job: on average half a job, and more often a long one than a short one."""
        work, squares = Work(), 0.0
        for lane in lanes:
            known, queued = self._service(lane), self._queued(lane)
            seconds = max(self._seconds.values(), default=0.0) if known is None else known
            work = work.plus(queued, seconds)
            squares += queued * seconds * seconds
        left = squares / work.seconds / 2 if work.seconds else 0.0
        return self._debts.get(tenant, 0.0) - left / self._weight(tenant), work

    def of(self, lane: Lane, position: int | None, now: float) -> Estimate | None:
        """The estimate for a job at `position` in its lane (None: behind all others), at wall time `now`.

        None: it is unknown, because there is no worker, or some job ahead has an unknown service time.
        """
        own = self._service(lane)
        ahead = self._ahead(lane, self._ahead_in_lane(lane, position), own) if own is not None else None
        if own is None or ahead is None or not self._known:
            return None
        start = self._start(ahead)
        left = max(0.0, start - max(0.0, now - self._at))
        waiting = left / (start - self._idle) if start > self._idle else 0.0
        return Estimate(1 + round(ahead.jobs * min(1.0, waiting)), left, left + own)

    def rest(self, lane: Lane, passed: float) -> float | None:
        """The seconds that a job still needs, if a decoder began it `passed` seconds ago. None: unknown."""
        own = self._service(lane)
        return None if own is None else max(0.0, own - passed)

    def _weight(self, tenant: str) -> float:
        return self._weights.get(tenant, 1.0)

    def _service(self, lane: Lane) -> float | None:
        """The seconds that a job of the lane takes: as measured there, else in its size class."""
        return self._seconds.get(lane.name, self._seconds.get(size_of(lane)))

    def _ahead_in_lane(self, lane: Lane, position: int | None) -> float:
        view, fresh = self._lanes.get(lane), self._fresh.get(lane, ())
        queued, marks = (view.queued, view.marks) if view else (0, [])
        if position is None:
            return queued + len(fresh)
        if not marks or position > marks[-1][1]:
            return queued + bisect_left(fresh, position)
        above = bisect_left(marks, position, key=lambda mark: mark[1])
        if above == 0:
            return 0.0
        (low, begin), (high, end) = marks[above - 1 : above + 1]
        return low + (high - low) * (position - begin) / (end - begin)

    def _queued(self, lane: Lane) -> int:
        return self._lanes[lane].queued + len(self._fresh.get(lane, ()))

    def _ahead(self, lane: Lane, in_lane: float, own: float) -> Work | None:
        """All work before a job with `in_lane` jobs ahead in its lane. None: some service time is unknown.

        Same tenant: all jobs of higher priority; same class: round robin; each other class: as much time as its own,
        capped by its backlog. Other tenants: as much time as its own, capped by their work.
        """
        mine = self._ahead_of_tenant(lane, in_lane, own)
        if mine is None:
            return None
        tenant = tenant_of(lane)
        weight = self._weight(tenant)
        spent = self._debts.get(tenant, 0.0) + mine.seconds / weight
        seconds, jobs = self._others.of(spent), self._others_jobs.of(spent)
        if tenant in self._ramps:
            begin, work = self._ramps[tenant]
            counted = min(work.seconds, max(0.0, spent - begin) * weight)
            seconds -= counted
            jobs -= counted * work.jobs / work.seconds if work.seconds else 0.0
        return Work(mine.jobs + max(0.0, jobs), mine.seconds + max(0.0, seconds))

    def _ahead_of_tenant(self, lane: Lane, in_lane: float, own: float) -> Work | None:
        ahead, same = Work(), Work().plus(in_lane, own)
        for each in self._tenants.get(tenant_of(lane), ()):
            queued = self._queued(each)
            if each == lane or not queued or each.priority > lane.priority:
                continue
            seconds = self._service(each)
            if each.priority < lane.priority:
                if seconds is None:
                    return None
                ahead = ahead.plus(queued, seconds)
            elif seconds := own if seconds is None else seconds:
                shared = min(queued * seconds, max(0.0, same.seconds + own - seconds))
                ahead = ahead.plus(shared / seconds, seconds)
        return Work(ahead.jobs + same.jobs, ahead.seconds + same.seconds)

    def _start(self, ahead: Work) -> float:
        """When a worker takes the job (seconds from the beat): each worker starts as soon as it is free, and together
        they do the work `ahead`. On average the others are then half way through a job; that work is not ahead."""
        work = ahead.seconds
        if ahead.jobs:
            work = max(0.0, work - (len(self._free) - 1) / 2 * ahead.seconds / ahead.jobs)
        busy = 0.0
        for workers, free in enumerate(self._free, 1):
            busy += free
            start = (work + busy) / workers
            if workers == len(self._free) or start <= self._free[workers]:
                return start
        return inf
