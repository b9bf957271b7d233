"""The queued jobs: lanes, each a bounded window over the ledger, served fairly; and the delayed ones.

Owns the order of service: strictly by priority, then the size classes by time, then the lanes of a class
in turn. Where both classes wait, each gets half of the workers' time: goes next whose job would be the
first to end, had each had half a worker to itself. So a class that takes little waits for little.
A lane's window holds its first jobs in order of position; where `beyond` is set
the ledger holds more, all with a position above `cursor`. Knows no worker.
"""

import heapq
from collections import OrderedDict, deque
from collections.abc import Iterator

from broker.core.entry import Entry
from broker.core.events import Refill
from jobs.job import PRIORITIES, State
from jobs.lanes import LARGE, SMALL, size_of
from jobs.records import Lane

OTHER = {SMALL: LARGE, LARGE: SMALL}


class Window:
    """The first jobs of a lane. `behind`: how many of those beyond came since the broker's start; `last`: the newest
    position that did, 0 for none."""

    __slots__ = ("behind", "beyond", "cursor", "jobs", "lane", "last", "refilling")

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.jobs: deque[Entry] = deque()
        self.cursor = 0
        self.behind = self.last = 0
        self.beyond = False
        self.refilling = False


class Backlog:
    """What waits. `size` bounds each lane's window; jobs put back at a head may exceed it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lanes: dict[Lane, Window] = {}
        self._active: list[dict[str, OrderedDict[Lane, Window]]] = [
            {SMALL: OrderedDict(), LARGE: OrderedDict()} for _ in PRIORITIES
        ]
        self.seconds = {SMALL: 1.0, LARGE: 1.0}
        """What a job of each class takes, as far as is known: the measure of its share."""
        self._spent = [{SMALL: 0.0, LARGE: 0.0} for _ in PRIORITIES]
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
        window.last = entry.position
        if window.beyond or len(window.jobs) >= self._size:
            window.beyond = True
            window.behind += 1
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

    def choose(self) -> Lane | None:
        """The lane to serve next, without serving it."""
        for classes, spent in zip(self._active, self._spent, strict=True):
            small, large = classes[SMALL], classes[LARGE]
            if small and large:
                seconds = self.seconds
                first = spent[SMALL] + seconds[SMALL] <= spent[LARGE] + seconds[LARGE]
                return next(iter(small if first else large))
            if waiting := small or large:
                return next(iter(waiting))
        return None

    def take(self, lane: Lane) -> Entry:
        """Serve the lane: its first job. The lane then waits behind its peers."""
        window = self._lanes[lane]
        entry = window.jobs.popleft()
        entry.windowed = False
        size = size_of(lane)
        active = self._active[lane.priority][size]
        self._spent[lane.priority][size] += self.seconds[size]
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
        window.behind = max(0, window.behind - len(entries)) if window.beyond else 0
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

    def in_order(self) -> Iterator[Window]:
        """The lanes in the order of service; last those whose jobs are all still only in the ledger."""
        for classes in self._active:
            for active in classes.values():
                yield from active.values()
        yield from (window for window in self._lanes.values() if not window.jobs)

    def _lane(self, lane: Lane) -> Window:
        window = self._lanes.get(lane)
        if window is None:
            window = self._lanes[lane] = Window(lane)
        return window

    def _added(self, window: Window, entry: Entry) -> None:
        entry.windowed = True
        if entry.alone:
            self.alone_waiting += 1
        priority, size = window.lane.priority, size_of(window.lane)
        active = self._active[priority][size]
        if not active:  # it has waited for nothing yet: time that it did not ask for is not owed to it
            spent = self._spent[priority]
            spent[size] = max(spent[size], spent[OTHER[size]])
        active.setdefault(window.lane, window)

    def _mind(self, window: Window) -> None:
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
