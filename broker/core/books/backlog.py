"""The part of the queue that is in memory: the first jobs of each lane (its window), and all delayed jobs.

All windows share one budget of bytes. A window holds its lane's first jobs in order of position. If `beyond` is set,
the ledger holds more jobs of the lane, all with a position above `cursor`. Knows no order of service
(broker/core/books/turns.py) and no worker.
"""

import heapq
from collections.abc import Iterator, Mapping

from broker.core.books.model import Entry
from broker.core.books.service import Service
from broker.core.books.turns import Turns
from broker.core.books.window import ENTRY_BYTES, Window
from jobs.job import State
from jobs.lanes import HEAVY, tenant_of
from jobs.records import Lane, Refill

BUDGET_BYTES = 8 * 1024 * 1024
"""Memory of all windows. Lanes of their tenant's highest priority share it evenly, and all lanes share as much again.
A snapshot of that much stops the loop for some 30 ms."""
MOMENT_BYTES, RENDITION_BYTES = 200, 600
REFILL_ROWS, REFILL_LANES = 512, 64
"""How much one turn reads of the ledger at most: this takes 20 ms."""
TRIM_LANES = 3
"""Up to this many lanes, the budget holds full windows of 1024 small jobs each."""


class Backlog:
    """The waiting jobs. `size` limits the jobs of each window, the budget limits all windows together. Jobs that are
    put back at the head of a lane may exceed both."""

    def __init__(self, size: int, service: Service, weights: Mapping[str, float] | None = None) -> None:
        self._size, self._service = size, service
        self._lanes: dict[Lane, Window] = {}
        self.turns = Turns(weights)
        self._delayed: list[tuple[float, int, Entry]] = []
        self._empty: dict[Lane, None] = {}
        self._short: dict[Lane, None] = {}
        """Lanes to be read from the ledger: `_empty` (no job in memory) before `_short` (few). Dicts keep the order, so
        that a replay asks in the same one."""
        self.moves = 0
        """How many jobs came into windows, or left them before their turn."""
        self._trim_at = 2 * TRIM_LANES
        """From this number of lanes on, windows that are in memory already are made smaller."""

    def restore(self, lanes: list[Lane]) -> None:
        """Begin with these lanes. All their queued jobs are only in the ledger yet."""
        windows = [self._lane(lane) for lane in lanes]
        for window in windows:
            window.beyond = True
            self._mind(window)

    def append(self, entry: Entry) -> bool:
        """Queue a job last in its lane. False: it stays only in the ledger."""
        window = self._lanes.get(entry.lane) or self._lane(entry.lane)
        window.last = entry.position
        if (weight := _weight(entry)) > window.weight:
            window.weight = weight
        if window.beyond or len(window.jobs) >= self._room(window):
            window.beyond = True
            window.behind += 1
            self._mind(window)
            return False
        window.jobs.append(entry)
        window.cursor = entry.position
        self._added(window, entry)
        return True

    def push_back(self, entry: Entry) -> None:
        """Queue a job first in its lane, because it was served before."""
        window = self._lane(entry.lane)
        window.jobs.appendleft(entry)
        self._added(window, entry)

    def take(self, window: Window) -> Entry:
        """Serve the lane: return its first job, and charge the tenant the seconds that it is expected to take."""
        entry = window.jobs.popleft()
        entry.windowed = False
        entry.seconds = seconds = self._service.expected(window.lane)
        self.turns.charge(window, seconds)
        if window.beyond or not window.jobs:
            self._mind(window)
        return entry

    def take_past(self, window: Window, entry: Entry) -> Entry:
        """As `take`, of a job of that lane that may not be its first one. O(window)."""
        window.jobs.remove(entry)
        window.jobs.insert(0, entry)
        return self.take(window)

    def taken_before(self, entry: Entry) -> None:
        """Expect and charge the seconds of a job that a former broker gave to a worker, as `take` does."""
        entry.seconds = self._service.expected(entry.lane)
        self.turns.correct(tenant_of(entry.lane), entry.seconds)

    def remove(self, entry: Entry) -> None:
        """Remove a queued job that is in memory, because it is cancelled. O(window)."""
        window = self._lanes[entry.lane]
        window.jobs.remove(entry)
        self.moves += 1
        entry.windowed = False
        self._mind(window)

    def trimmed(self) -> list[Entry]:
        """Drop jobs from memory if there are so many lanes that each gets less of the budget. Returns the dropped."""
        dropped: list[Entry] = []
        if len(self._lanes) >= self._trim_at:
            for window in self._lanes.values():
                self._trim(window, dropped)
            self._trim_at = 2 * len(self._lanes)
        elif 4 * len(self._lanes) < self._trim_at:
            self._trim_at = max(2 * TRIM_LANES, self._trim_at // 2)
        return dropped

    def refills(self) -> list[Refill]:
        """What to read from the ledger for lanes that run low, as much as one turn may read."""
        asked: list[Refill] = []
        rows = REFILL_ROWS
        for waiting in (self._empty, self._short):
            while waiting and rows > 0 and len(asked) < REFILL_LANES:
                lane = next(iter(waiting))
                del waiting[lane]
                window = self._lanes[lane]
                window.refilling = True
                limit = min(rows, max(1, self._room(window) - len(window.jobs)))
                asked.append(Refill(lane, window.cursor, limit))
                rows -= limit
        return asked

    def refilled(self, refill: Refill, entries: list[Entry], last: int | None, complete: bool) -> list[Entry]:
        """Take in the ledger's answer to a refill, and return the jobs that were kept. `entries` are the jobs that were
        not in memory, `last` is the position of the last row, `complete` says that the ledger holds no more. Jobs
        that are larger than was estimated may not all fit."""
        window = self._lanes[refill.lane]
        window.refilling = False
        kept: list[Entry] = []
        for entry in entries:
            window.weight = max(window.weight, _weight(entry))
            if window.jobs and len(window.jobs) >= self._room(window):
                complete, last = False, kept[-1].position if kept else None
                break
            kept.append(entry)
            window.jobs.append(entry)
            self._added(window, entry)
        window.beyond = not complete
        window.behind = max(0, window.behind - len(kept)) if window.beyond else 0
        if last is not None:
            window.cursor = last
        self._mind(window)
        return kept

    def delay(self, entry: Entry, due: float) -> None:
        """Keep a delayed job until `due` (monotonic seconds)."""
        entry.due = due
        heapq.heappush(self._delayed, (due, entry.seq, entry))

    def due(self, now: float) -> list[Entry]:
        """The delayed jobs whose time has come."""
        ripe = []
        while self._delayed and self._delayed[0][0] <= now:
            due, _, entry = heapq.heappop(self._delayed)
            if entry.state is State.DELAYED and entry.due == due:
                ripe.append(entry)
        return ripe

    @property
    def next_due(self) -> float | None:
        """When the next delayed job's time comes."""
        return self._delayed[0][0] if self._delayed else None

    def oldest_at(self) -> dict[str, float]:
        """By tenant, when (wall time) the oldest of the jobs at the heads of their lanes was accepted."""
        oldest: dict[str, float] = {}
        for window in self._lanes.values():
            if window.jobs:
                head = window.jobs[0]
                oldest[head.tenant] = min(oldest.get(head.tenant, head.accepted_at), head.accepted_at)
        return oldest

    def in_order(self) -> Iterator[Window]:
        """The lanes in about the order of service."""
        return self.turns.in_order()

    def _lane(self, lane: Lane) -> Window:
        window = self._lanes.get(lane)
        if window is None:
            window = self._lanes[lane] = Window(lane)
            self.turns.join(window)
        return window

    def _room(self, window: Window) -> int:
        """How many jobs the window may hold."""
        if window.lane.priority == window.tenant.top:
            return min(self._size, max(1, BUDGET_BYTES // self.turns.tops // window.weight))
        return min(self._size, BUDGET_BYTES // len(self._lanes) // window.weight)

    def _added(self, window: Window, entry: Entry) -> None:
        entry.windowed = True
        self.moves += 1
        if not window.tenant.serial and (len(window.jobs) == 1 or window.size != HEAVY):
            self.turns.wake(window)

    def _mind(self, window: Window) -> None:
        """Drop a lane that has no job left. Mark one that runs low to be read, if it has its tenant's highest
        priority."""
        if not window.beyond:
            if not window.jobs:
                self._drop(window)
        elif not window.refilling and window.lane.priority == window.tenant.top:
            if not window.jobs:
                self._short.pop(window.lane, None)
                self._empty[window.lane] = None
            elif len(window.jobs) * 2 < self._room(window) and window.lane not in self._empty:
                self._short[window.lane] = None

    def _drop(self, window: Window) -> None:
        del self._lanes[window.lane]
        for waiting in (self._empty, self._short):
            waiting.pop(window.lane, None)
        tenant, before = window.tenant, window.tenant.top
        self.turns.leave(window)
        if tenant.top not in (before, len(tenant.levels)):
            for other in tenant.levels[tenant.top].values():
                self._mind(other)

    def _trim(self, window: Window, dropped: list[Entry]) -> None:
        room = self._room(window)
        if len(window.jobs) <= room or window.refilling:
            return
        while len(window.jobs) > room:
            entry = window.jobs.pop()
            entry.windowed = False
            window.cursor = min(window.cursor, entry.position - 1)
            dropped.append(entry)
        window.beyond = True
        self._mind(window)

    def check(self) -> None:
        """Raises AssertionError where the structures disagree."""
        self.turns.check()
        for lane, window in self._lanes.items():
            assert window.jobs or window.beyond, f"{lane} is kept empty"
            if not window.jobs and lane.priority == window.tenant.top:
                assert window.refilling or lane in self._empty, f"{lane} is never read"
            for entry in window.jobs:
                assert entry.state is State.QUEUED, f"{entry.id} is {entry.state} in a window"
                assert entry.windowed and entry.lane == lane, f"{entry.id} is in the wrong lane"

    def queued(self) -> list[Entry]:
        """Every queued job in memory (for check and for tests)."""
        return [entry for window in self._lanes.values() for entry in window.jobs]


def _weight(entry: Entry) -> int:
    outcome = entry.outcome
    return (
        ENTRY_BYTES + len(entry.spec) + MOMENT_BYTES * (len(outcome.timeline) - 1)
        + RENDITION_BYTES * len(outcome.renditions) + len(outcome.facts)
    )  # fmt: skip
