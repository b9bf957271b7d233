"""The waiting deliveries: a window over the ledger for each lane, and whose turn it is.

A lane has a tenant's deliveries to one host. Its window holds the first of them in order of (due_at, seq). If `beyond`
is set, the ledger holds more of the lane, all of them behind `cursor`. So any number of deliveries takes a bounded
memory. All times are wall times. Owns the order; knows no courier, and no row.
"""

import heapq
from bisect import insort
from collections import Counter
from math import inf

from jobs.deliveries import Due, DueRefill
from jobs.webhooks.schedule import AT_ONCE, FAILURES_IN_A_ROW

WINDOW = 64
"""Deliveries of a lane in memory."""
LANES_MAX = 1000
"""Lanes in memory. A tenant may have as many as are free: half of them alone, a third each if there are two. So one
tenant leaves room for others. Deliveries to further hosts share the lane SHARED, until a lane ends."""
SHARED = ""
REFILL_LANES = 64
"""Lanes that are read from the ledger in one turn."""
_START: Due = (-inf, 0)


class Lane:
    """One lane. `flight`: how many of its deliveries are on their way. `failures`: of its attempts in a row.
    `rests_until`: nothing is sent before (a probe's step, or Retry-After). `wakes_at`: when it was put to sleep until,
    inf: it is not asleep."""

    __slots__ = ("asked", "beyond", "cursor", "failures", "flight", "name", "rests_until", "wakes_at", "window")

    def __init__(self, name: str) -> None:
        self.name = name
        self.window: list[Due] = []
        self.beyond = self.asked = False
        self.cursor = _START
        self.flight = self.failures = 0
        self.rests_until = 0.0
        self.wakes_at = inf

    @property
    def host(self) -> str:
        """The host of its endpoint."""
        return self.name.partition(" ")[0]

    @property
    def tenant(self) -> str:
        """Whose deliveries it has."""
        return _tenant_of(self.name)

    @property
    def at_once(self) -> int:
        """How many attempts it may have at once: after failures in a row only a probe."""
        return 1 if self.failures >= FAILURES_IN_A_ROW else AT_ONCE

    @property
    def is_idle(self) -> bool:
        """Whether nothing of it waits or is on its way."""
        return not (self.window or self.beyond or self.flight)


class Lanes:
    """All lanes with a delivery that waits or is on its way. `ready`: those whose turn may be next, in order."""

    def __init__(self) -> None:
        self.by_name: dict[str, Lane] = {}
        self.ready: dict[str, Lane] = {}
        self._of_host: dict[str, dict[str, Lane]] = {}
        self._of_tenant: Counter[str] = Counter()
        self._flights: Counter[str] = Counter()
        """Attempts at once, by host."""
        self._asleep: list[tuple[float, str]] = []
        self._short: dict[str, None] = {}
        """Lanes to be read from the ledger."""

    def restore(self, names: list[str]) -> None:
        """Begin with these lanes, whose deliveries are only in the ledger yet."""
        for name in names:
            lane = self.lane(name)
            lane.beyond = True
            self._short[name] = None

    def name_for(self, wanted: str) -> str:
        """The lane of a new delivery: its own if there is room for it."""
        own, free = self._of_tenant[_tenant_of(wanted)], LANES_MAX - len(self.by_name)
        return wanted if wanted in self.by_name or own < free else SHARED

    def lane(self, name: str) -> Lane:
        """The lane of that name, made if there is none."""
        found = self.by_name.get(name)
        if found is None:
            found = self.by_name[name] = Lane(name)
            self._of_host.setdefault(found.host, {})[name] = found
            self._of_tenant[found.tenant] += 1
        return found

    def add(self, name: str, due: Due, at: float) -> None:
        """A delivery waits. It may stay only in the ledger."""
        lane = self.lane(name)
        if lane.beyond and due > lane.cursor:
            return
        insort(lane.window, due)
        if len(lane.window) > WINDOW:
            lane.window.pop()
            lane.beyond, lane.cursor = True, lane.window[-1]
        self.settle(lane, at)

    def discard(self, name: str, due: Due) -> None:
        """A delivery no longer waits for that moment."""
        lane = self.by_name.get(name)
        if lane is not None and due in lane.window:
            lane.window.remove(due)
            self._mind(lane)

    def take(self, at: float) -> tuple[Lane, Due] | None:
        """The next delivery whose attempt may begin now, which is on its way from here on. Lanes take turns."""
        self._wake(at)
        while self.ready:
            name, lane = next(iter(self.ready.items()))
            del self.ready[name]
            if self._may(lane, at):
                due = lane.window.pop(0)
                self.depart(lane, at)
                return lane, due
            self.settle(lane, at)
        return None

    def depart(self, lane: Lane, at: float) -> None:
        """One of the lane's deliveries is on its way."""
        lane.flight += 1
        self._flights[lane.host] += 1
        self._mind(lane)
        self.settle(lane, at)

    def arrive(self, lane: Lane, at: float) -> None:
        """It is not any more. A lane with nothing left is forgotten."""
        lane.flight -= 1
        self._flights[lane.host] -= 1
        if not self._flights[lane.host]:
            del self._flights[lane.host]
        for other in self._of_host[lane.host].copy().values():
            self.settle(other, at)

    def settle(self, lane: Lane, at: float) -> None:
        """Put the lane where it belongs: ready, asleep until its next delivery is due, or forgotten."""
        self._mind(lane)
        if self._may(lane, at):
            self.ready.setdefault(lane.name, lane)
            return
        self.ready.pop(lane.name, None)
        if lane.is_idle:
            self._forget(lane)
        elif lane.window and lane.flight < lane.at_once:
            self._sleep(lane, max(lane.window[0][0], lane.rests_until), at)

    def refills(self) -> list[DueRefill]:
        """What to read from the ledger, after this turn's commit."""
        asked = []
        for name in list(self._short)[:REFILL_LANES]:
            del self._short[name]
            lane = self.by_name[name]
            lane.asked = True
            asked.append(DueRefill(name, *lane.cursor, WINDOW - len(lane.window)))
        return asked

    def refilled(self, asked: DueRefill, found: list[Due], held: set[int], at: float) -> None:
        """The ledger answered a refill. `held`: the deliveries that wait no more although their rows say so."""
        lane = self.lane(asked.lane)
        lane.asked = False
        known = {seq for _, seq in lane.window} | held
        for due in found:
            if due[1] not in known:
                insort(lane.window, due)
        lane.beyond = len(found) == asked.limit
        if found:
            lane.cursor = found[-1]
        self.settle(lane, at)

    @property
    def next_at(self) -> float:
        """When the next lane wakes (wall time); inf: none sleeps."""
        return self._asleep[0][0] if self._asleep else inf

    def _may(self, lane: Lane, at: float) -> bool:
        return (
            bool(lane.window)
            and lane.window[0][0] <= at
            and lane.rests_until <= at
            and lane.flight < lane.at_once
            and self._flights[lane.host] < AT_ONCE
        )

    def _mind(self, lane: Lane) -> None:
        if lane.beyond and not lane.asked and len(lane.window) <= WINDOW // 2:
            self._short[lane.name] = None

    def _sleep(self, lane: Lane, until: float, at: float) -> None:
        """Until then; if only its host keeps it, the end of an attempt wakes it."""
        if until <= at or until == lane.wakes_at:
            return
        lane.wakes_at = until
        heapq.heappush(self._asleep, (until, lane.name))
        if len(self._asleep) > 2 * len(self.by_name) + 64:
            self._asleep = [(lane.wakes_at, name) for name, lane in self.by_name.items() if lane.wakes_at < inf]
            heapq.heapify(self._asleep)

    def _wake(self, at: float) -> None:
        while self._asleep and self._asleep[0][0] <= at:
            until, name = heapq.heappop(self._asleep)
            lane = self.by_name.get(name)
            if lane is not None and lane.wakes_at == until:
                lane.wakes_at = inf
                self.settle(lane, at)

    def _forget(self, lane: Lane) -> None:
        if lane.asked:
            return
        del self.by_name[lane.name]
        self._of_tenant[lane.tenant] -= 1
        if not self._of_tenant[lane.tenant]:
            del self._of_tenant[lane.tenant]
        self._short.pop(lane.name, None)
        lanes = self._of_host[lane.host]
        del lanes[lane.name]
        if not lanes:
            del self._of_host[lane.host]

    def check(self) -> None:
        """Raises AssertionError where the structures disagree."""
        flights: Counter[str] = Counter()
        for name, lane in self.by_name.items():
            assert lane.name == name and self._of_host[lane.host][name] is lane
            assert lane.window == sorted(set(lane.window)) and len(lane.window) <= WINDOW
            assert not lane.beyond or not lane.window or lane.window[-1] <= lane.cursor, f"{name} has a gap"
            assert not lane.is_idle or lane.asked, f"{name} is left over"
            assert not lane.beyond or lane.asked or name in self._short or len(lane.window) > WINDOW // 2
            flights[lane.host] += lane.flight
        assert self._of_tenant == Counter(lane.tenant for lane in self.by_name.values())
        assert +flights == self._flights, f"{flights} {self._flights}"
        assert self.ready.keys() <= self.by_name.keys() >= self._short.keys()


def _tenant_of(name: str) -> str:
    return name.partition(" ")[2]
