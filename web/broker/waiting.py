"""Keeps the current forecast of waiting times, from the broker's latest beat and the jobs that were queued since.

The arithmetic is web/broker/forecast.py's. Owns no socket: web/broker/changes.py passes beats and changes on.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from jobs.job import ENDED, PRIORITIES, Row, State
from jobs.lanes import lane_of
from jobs.records import Lane
from jobs.wire import Beat, Change
from web.broker.caps import held_back, without
from web.broker.forecast import Estimate, Forecast

AGAIN_SECONDS_MAX = 60
GOOD_TIMES = 20
"""A forecast is kept for this many times its own computing time, even if jobs change: so forecasts take at most a
twentieth of the CPU."""
STALE_SECONDS = 10.0
"""An older beat tells nothing about the queue."""
NORMAL = PRIORITIES.index("normal")


class Place(NamedTuple):
    """The place of a job that has not ended. `queue_position`: 1 is the next to be served, None: it does not wait.
    `eta_seconds`: until its end."""

    queue_position: int | None = None
    eta_seconds: float | None = None


UNKNOWN = Place()
Places = Callable[[Row], Place]


class WaitForecast:
    """The current forecast. A change names the lane and position of a job that was queued after the beat. Times are by
    the broker's clock: the time of its beat, plus the time since that arrived here."""

    def __init__(self, monotonic: Callable[[], float], caps: Mapping[str, int]) -> None:
        self._monotonic, self._caps = monotonic, caps
        self._beat: Beat | None = None
        self._received_at = 0.0
        self._fresh: dict[str, tuple[Lane, int, bool]] = {}
        """The jobs that were queued after the beat: lane, position, and whether a worker has it already."""
        self._fresh_at = math.inf
        self._paused: set[str] = set()
        self._held: set[str] = set()
        """The tenants whose jobs are not counted: those paused, those who have as many running as they may, and those
        held back by that."""
        self._untold: set[str] = set()
        """The tenants of whom nothing is foretold: these, and those of whom more came than may run."""
        self._held_back: frozenset[str] = frozenset()
        self._came: Counter[str] = Counter()
        """The jobs that came since the beat, of tenants who may have only so many running."""
        self._forecast: Forecast | None = None
        self._outdated = False
        self._good_until = 0.0

    def received_beat(self, beat: Beat) -> None:
        """A beat came. It contains all jobs that were queued before it."""
        self._beat, self._forecast, self._received_at = beat, None, self._monotonic()
        self._held_back = held_back(self._caps, beat)
        self._paused = {*beat.paused_tenants}
        self._held = {*beat.paused_tenants, *beat.full_tenants, *self._held_back}
        self._untold = set(self._held)
        self._fresh.clear()
        self._came.clear()
        self._fresh_at = math.inf

    def received_changes(self, changes: Iterable[Change]) -> None:
        """Jobs changed; some of them may be queued anew."""
        if self._beat is None:
            return
        known, fresh, newest = len(self._fresh), self._fresh, self._beat.change
        for change in changes:
            if change.tenant in self._held:
                continue
            if change.position > newest and change.lane is not None:
                self._count(change)
                fresh[change.id] = change.lane, change.position, change.state == State.RUNNING
                self._outdated = True
            elif change.state in ENDED and change.id in fresh:
                del fresh[change.id]
                self._outdated = True
        if not fresh:
            self._fresh_at = math.inf
        elif len(fresh) > known:
            self._fresh_at = min(self._fresh_at, self._now())

    def _count(self, change: Change) -> None:
        """Nothing is foretold of a tenant of whom more jobs came than may run, until the next beat."""
        if change.tenant in self._caps and change.id not in self._fresh:
            self._came[change.tenant] += 1
            if self._came[change.tenant] > self._caps[change.tenant]:
                self._untold.add(change.tenant)

    def places(self) -> Places:
        """A function that tells the place of any job, as of now. Other threads may call it."""
        forecast, now, paused, held = self._present(), self._now(), self._paused, self._untold

        def place(row: Row) -> Place:
            if forecast is None or row.tenant in paused or (row.tenant in held and row.started_at is None):
                return UNKNOWN
            return _place(forecast, row, now)

        return place

    def of_new(self, priority: int, tenant: str, cost_ms: float) -> Estimate | None:
        """The estimate for a job of this expected CPU that would arrive now. None: unknown."""
        forecast = None if tenant in self._untold else self._present()
        return None if forecast is None else forecast.of(lane_of(priority, tenant, cost_ms), None, self._now())

    def seconds(self, sees: str | None) -> float | None:
        """How long a new small job of normal priority would wait. `sees`: its tenant; None: it has none."""
        estimate = self.of_new(NORMAL, sees or "", 0)
        return None if estimate is None else estimate.wait_seconds

    def _now(self) -> float:
        return (self._beat.at if self._beat else 0.0) + self._monotonic() - self._received_at

    def _present(self) -> Forecast | None:
        beat = self._beat
        if beat is None or beat.waiting is None or beat.paused or self._now() - beat.at > STALE_SECONDS:
            return None
        if self._forecast is None or (self._outdated and self._monotonic() >= self._good_until):
            begin = self._monotonic()
            waiting = without(self._held_back, self._caps, beat.waiting)
            self._forecast = Forecast(waiting, beat.at, self._fresh.values(), self._fresh_at)
            self._outdated, end = False, self._monotonic()
            self._good_until = end + GOOD_TIMES * (end - begin)
        return self._forecast


def again_seconds(eta_seconds: float | None) -> int:
    """When a client should ask again for a job: at its expected end, but within a minute."""
    return 1 if eta_seconds is None else min(max(1, math.ceil(eta_seconds)), AGAIN_SECONDS_MAX)


def _place(forecast: Forecast, row: Row, now: float) -> Place:
    if row.state not in (State.QUEUED, State.RUNNING, State.DELAYED) or not row.lane:
        return UNKNOWN
    lane = Lane(row.priority, row.lane)
    if row.started_at is not None and row.state == State.RUNNING:
        return Place(None, _rounded(forecast.rest(lane, now - row.started_at)))
    estimate = forecast.of(lane, row.position if row.due_at is None else 0, now)
    if estimate is None:
        return UNKNOWN
    delay = max(0.0, row.due_at - now - estimate.wait_seconds) if row.due_at is not None else 0.0
    return Place(estimate.position if row.state == State.QUEUED else None, _rounded(estimate.seconds + delay))


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)
