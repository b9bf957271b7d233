"""The queued jobs: lanes, each a bounded window over the ledger, served fairly; and the delayed ones.

Owns the order of service: strictly by priority, then the size classes in turn, then the lanes of
a class in turn. A lane's window holds its first jobs in order of position; where `beyond` is set
the ledger holds more, all with a position above `cursor`. Knows no worker.
"""

import heapq
from collections import OrderedDict, deque

from broker.core.entry import Entry
from broker.core.events import Refill
from jobs.job import PRIORITIES, State
from jobs.records import Lane

SMALL, LARGE = "s", "l"
LARGE_PIXELS = 8_000_000
"""From here on a job is of the large class: several times the cost of a common photograph's thumbnail."""


def lane_of(priority: int, tenant: str, pixels: int) -> Lane:
    """The lane of a new job; `pixels` is 0 where the head did not tell (then it is small)."""
    return Lane(priority, f"{LARGE if pixels >= LARGE_PIXELS else SMALL}.{tenant}")


def size_of(lane: Lane) -> str:
    """The size class of a lane: SMALL or LARGE."""
    return lane.name[0]


class _Window:
    __slots__ = ("beyond", "cursor", "jobs", "lane", "refilling")

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.jobs: deque[Entry] = deque()
        self.cursor = 0
        self.beyond = False
        self.refilling = False


class Backlog:
    """What waits. `size` bounds each lane's window; jobs put back at a head may exceed it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lanes: dict[Lane, _Window] = {}
        self._active: list[dict[str, OrderedDict[Lane, _Window]]] = [
            {SMALL: OrderedDict(), LARGE: OrderedDict()} for _ in PRIORITIES
        ]
        self._turn = {SMALL: LARGE, LARGE: SMALL}
        self._last = LARGE
        self._delayed: list[tuple[float, int, Entry]] = []
        self._short: dict[Lane, None] = {}
        """In order, so that a replay asks alike."""
        self.alone_waiting = 0

    def restore(self, lanes: list[Lane]) -> None:
        """Begin with these lanes, all of whose queued jobs are still only in the ledger."""
        for lane in lanes:
            window = self._lane(lane)
            window.beyond = True
            self._short[lane] = None

    def append(self, entry: Entry) -> bool:
        """Queue a job last in its lane; False where it stays in the ledger alone."""
        window = self._lane(entry.lane)
        if window.beyond or len(window.jobs) >= self._size:
            window.beyond = True
            self._mind(window)
            return False
        window.jobs.append(entry)
        window.cursor = entry.position
        self._added(window, entry)
        return True

    def push_back(self, entry: Entry) -> None:
        """Queue a job first in its lane: it had been served and comes again."""
        window = self._lane(entry.lane)
        window.jobs.appendleft(entry)
        self._added(window, entry)

    def choose(self, sizes: str) -> Lane | None:
        """The lane to serve next among these size classes, without serving it."""
        for classes in self._active:
            size = self._turn[self._last]
            for candidate in (size, self._last):
                if candidate in sizes and classes[candidate]:
                    return next(iter(classes[candidate]))
        return None

    def take(self, lane: Lane) -> Entry:
        """Serve the lane: its first job. The lane then waits behind its peers."""
        window = self._lanes[lane]
        entry = window.jobs.popleft()
        entry.windowed = False
        size = size_of(lane)
        active = self._active[lane.priority][size]
        self._last = size
        if entry.alone:
            self.alone_waiting -= 1
        if window.jobs:
            active.move_to_end(lane)
        else:
            del active[lane]
        self._mind(window)
        return entry

    def remove(self, entry: Entry) -> None:
        """A queued job in memory is cancelled. O(window)."""
        window = self._lanes[entry.lane]
        window.jobs.remove(entry)
        entry.windowed = False
        if entry.alone:
            self.alone_waiting -= 1
        if not window.jobs:
            del self._active[entry.lane.priority][size_of(entry.lane)][entry.lane]
        self._mind(window)

    def refills(self) -> list[Refill]:
        """The lanes whose window runs low while the ledger holds more; each is asked for once."""
        asked = []
        for lane in self._short:
            window = self._lanes[lane]
            if not window.refilling:
                window.refilling = True
                asked.append(Refill(lane, window.cursor, max(1, self._size - len(window.jobs))))
        return asked

    def refilled(self, refill: Refill, entries: list[Entry], last: int | None, complete: bool) -> None:
        """The ledger's answer: the jobs not yet in memory, the position of the last row, and
        whether the ledger holds no more."""
        window = self._lanes[refill.lane]
        window.refilling = False
        window.beyond = not complete
        if last is not None:
            window.cursor = last
        for entry in entries:
            window.jobs.append(entry)
            self._added(window, entry)
        self._short.pop(refill.lane, None)
        self._mind(window)

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
        """By tenant, the wall time at which the oldest job at the head of his lanes was accepted."""
        oldest: dict[str, float] = {}
        for window in self._lanes.values():
            if window.jobs:
                head = window.jobs[0]
                oldest[head.tenant] = min(oldest.get(head.tenant, head.accepted_at), head.accepted_at)
        return oldest

    def _lane(self, lane: Lane) -> _Window:
        window = self._lanes.get(lane)
        if window is None:
            window = self._lanes[lane] = _Window(lane)
        return window

    def _added(self, window: _Window, entry: Entry) -> None:
        entry.windowed = True
        if entry.alone:
            self.alone_waiting += 1
        self._active[window.lane.priority][size_of(window.lane)].setdefault(window.lane, window)

    def _mind(self, window: _Window) -> None:
        if window.beyond:
            if len(window.jobs) * 2 < self._size:
                self._short[window.lane] = None
        elif not window.jobs:
            self._lanes.pop(window.lane, None)

    def check(self) -> None:
        """Raises AssertionError where the structures disagree."""
        waiting = 0
        for lane, window in self._lanes.items():
            active = self._active[lane.priority][size_of(lane)]
            assert (lane in active) == bool(window.jobs), f"{lane} active={lane in active}, {len(window.jobs)} jobs"
            assert window.jobs or window.beyond, f"{lane} is kept empty"
            for entry in window.jobs:
                assert entry.state is State.QUEUED, f"{entry.id} is {entry.state} in a window"
                assert entry.windowed and entry.lane == lane, f"{entry.id} is in the wrong lane"
                waiting += entry.alone
        assert waiting == self.alone_waiting, f"{waiting} jobs to run alone, {self.alone_waiting} counted"

    def queued(self) -> list[Entry]:
        """Every queued job in memory (for check and for tests)."""
        return [entry for window in self._lanes.values() for entry in window.jobs]
