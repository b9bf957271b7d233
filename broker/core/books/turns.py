"""The order of service: tenants by start-time fair queueing, then strict priorities, then size classes by fair
queueing.

The cost of a job is its seconds of service (Goyal, Vin, Cheng 1996). At each assignment the tenant is charged the
expected time, and the charge is corrected when the real time is known. The tenant with the least time is next. A tenant
that becomes active starts at the virtual time, so idle time earns no credit. A second counts by the tenant's weight:
with weight 2, half of it. Within one priority of a tenant, imagine that each size class has an equal share of a worker:
the class whose first job would then end first is next. So a class of short jobs waits only briefly. A choice costs
O(log tenants), however many lanes there are.
Owns no job: windows hold them (broker/core/books/backlog.py). Knows no worker.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence

from broker.core.books.window import Tenant, Window
from jobs.job import PRIORITIES
from jobs.lanes import FETCH, HEAVY, LARGE, SMALL, tenant_of

RECORDS_KEPT = 1024
"""From this number of tenants on, those without influence on the order are dropped."""
DEBTORS_MAX = 10_000
"""How many tenants without a waiting job are remembered, because they got more time than others."""


class Turns:
    """The order of service of all lanes. `seconds`: the mean time of a job, by size class. `tops`: how many lanes have
    the highest priority of their tenant. `weights`: of those tenants whose weight is not 1. `held`: the tenants that
    get no turn now, whatever waits."""

    def __init__(self, weights: Mapping[str, float] | None = None) -> None:
        self.weights = dict(weights or {})
        self.held: set[str] = set()
        self.frees = 0
        """How often a hold ended."""
        self.seconds = {SMALL: 1.0, LARGE: 1.0, HEAVY: 10.0, FETCH: 1.0}
        self.tops = 0
        self._tenants: dict[str, Tenant] = {}
        self._waiting = 0
        """How many tenants have lanes."""
        self._heap: list[tuple[float, int, Tenant]] = []
        self._barred: dict[str, Tenant] = {}
        """Tenants whose waiting jobs are all heavy, found while no heavy job was allowed."""
        self._serial = 0
        self._virtual = 0.0
        """The virtual time: what the last served tenant had `spent` before that job."""
        self._look_through_at = RECORDS_KEPT

    def join(self, window: Window) -> None:
        """A lane has jobs, in memory or in the ledger."""
        tenant = window.tenant = self._tenant(tenant_of(window.lane))
        if tenant.top == len(PRIORITIES):
            self._waiting += 1
            tenant.spent = max(tenant.spent, self._virtual)
        size, level = window.size, tenant.levels[window.lane.priority]
        spent = tenant.spent_by[window.lane.priority]
        spent[size] = max(spent[size], min(spent[other] for other in level) if level else max(spent.values()))
        level[size] = window
        tenant.lanes += 1
        self._raise_top(tenant)

    def leave(self, window: Window) -> None:
        """A lane has no job left."""
        tenant = window.tenant
        del tenant.levels[window.lane.priority][window.size]
        tenant.lanes -= 1
        self._raise_top(tenant)
        if tenant.top == len(PRIORITIES):
            self._waiting -= 1
            tenant.serial = 0
            self._barred.pop(tenant.name, None)
        elif not tenant.serial:  # it left the heap when this lane was to be read first; lower priorities waited for it
            self._enter(tenant)

    def wake(self, window: Window) -> None:
        """A lane has jobs in memory."""
        if not window.tenant.serial:
            self._enter(window.tenant)

    def choose(self, heavy: bool, alone: str | None) -> Window | None:
        """The lane to serve next, without serving it. Lanes of heavy jobs count only if `heavy`, or for the tenant
        `alone`."""
        if self._barred:
            self._unbar(heavy, alone)
        heap = self._heap
        while heap:
            tag, serial, tenant = heap[0]
            if tenant.serial != serial:
                heapq.heappop(heap)
            elif tenant.spent > tag and len(heap) > 1:  # an only tenant is first with any tag
                heapq.heapreplace(heap, self._placed(tenant))
            elif (window := tenant.pick(heavy or tenant.name == alone, self.seconds)) is not None:
                return window
            else:
                heapq.heappop(heap)
                tenant.serial = 0
                if not heavy and tenant.name != alone:
                    self._barred[tenant.name] = tenant
        return None

    def charge(self, window: Window, seconds: float) -> None:
        """Charge a job of this lane, which was given to a worker, with its expected time."""
        tenant, size = window.tenant, window.size
        if tenant.spent > self._virtual:
            self._virtual = tenant.spent
        tenant.spent += seconds * tenant.scale
        tenant.spent_by[window.lane.priority][size] += self.seconds[size]

    def correct(self, name: str, seconds: float) -> None:
        """Add to a tenant's time: a job took `seconds` longer than was charged (below 0: shorter)."""
        tenant = self._tenants.get(name) or self._tenant(name)
        tenant.spent += seconds * tenant.scale
        if tenant.serial and tenant.spent < tenant.tag:
            self._enter(tenant)

    def hold(self, name: str) -> None:
        """Give the tenant no turn from now on."""
        self.held.add(name)
        if (tenant := self._tenants.get(name)) is not None:
            tenant.serial = 0
            self._barred.pop(name, None)

    def free(self, name: str) -> None:
        """Give the tenant turns again. The time of the hold earned no credit."""
        self.held.discard(name)
        self.frees += 1
        tenant = self._tenants.get(name)
        if tenant is not None and tenant.top < len(PRIORITIES):
            tenant.spent = max(tenant.spent, self._virtual)
            self._enter(tenant)

    def lanes_of(self, name: str) -> list[Window]:
        """The tenant's lanes."""
        tenant = self._tenants.get(name)
        return [] if tenant is None else [window for level in tenant.levels for window in level.values()]

    def forget(self) -> None:
        """Forget all tenants' times, if no tenant waits. The caller knows that nothing runs."""
        if not self._waiting:
            self._tenants.clear()
            self._heap.clear()

    def debts(self) -> dict[str, float]:
        """By tenant, how far their time is from the virtual time, for those that it delays or prefers."""
        return {
            tenant.name: tenant.spent - self._virtual
            for tenant in self._tenants.values()
            if tenant.spent > self._virtual or (tenant.serial and tenant.spent < self._virtual)
        }

    def in_order(self) -> Iterator[Window]:
        """The lanes in about the order of service."""
        waiting = (tenant for tenant in self._tenants.values() if tenant.top < len(PRIORITIES))
        for tenant in sorted(waiting, key=lambda each: each.spent):
            for level in tenant.levels:
                yield from level.values()

    def check(self) -> None:
        """Raises AssertionError where the structures disagree."""
        windows = list(self.in_order())
        assert self.tops == sum(window.lane.priority == window.tenant.top for window in windows)
        assert self._waiting == len({window.tenant.name for window in windows})
        placed = {tenant.name for _, serial, tenant in self._heap if tenant.serial == serial}
        for tenant in self._tenants.values():
            lanes = [window for level in tenant.levels for window in level.values()]
            assert tenant.lanes == len(lanes) and tenant.only is (lanes[0] if len(lanes) == 1 else None)
            assert (tenant.serial > 0) == (tenant.name in placed), f"{tenant.name} is lost"
            assert not (tenant.serial and tenant.name in self.held), f"{tenant.name} is held, and has a turn"
            able = tenant.pick(True, self.seconds) is not None
            waits = tenant.name in self._barred or tenant.name in self.held
            assert not able or tenant.serial or waits, f"{tenant.name} has no turn"

    def _tenant(self, name: str) -> Tenant:
        tenant = self._tenants.get(name)
        if tenant is None:
            if len(self._tenants) >= self._look_through_at:
                self._look_through()
            tenant = self._tenants[name] = Tenant(name, self._virtual, 1.0 / self.weights.get(name, 1.0))
        return tenant

    def _look_through(self) -> None:
        """Forget tenants without a waiting job whose time is not above the virtual time; if the others without one are
        still more than DEBTORS_MAX, forget these too."""
        kept = {
            name: tenant
            for name, tenant in self._tenants.items()
            if tenant.top < len(PRIORITIES) or tenant.spent > self._virtual
        }
        if len(kept) - self._waiting > DEBTORS_MAX:
            kept = {name: tenant for name, tenant in kept.items() if tenant.top < len(PRIORITIES)}
        self._tenants = kept
        self._look_through_at = max(RECORDS_KEPT, 2 * len(kept))

    def _raise_top(self, tenant: Tenant) -> None:
        self.tops -= tenant.lanes_at_top
        tenant.top = next((number for number, level in enumerate(tenant.levels) if level), len(PRIORITIES))
        tenant.lanes_at_top = len(tenant.levels[tenant.top]) if tenant.top < len(PRIORITIES) else 0
        self.tops += tenant.lanes_at_top
        tenant.only = next(iter(tenant.levels[tenant.top].values())) if tenant.lanes == 1 else None

    def _unbar(self, heavy: bool, alone: str | None) -> None:
        """Heavy jobs may be given again, of all tenants or of the one that is `alone`: put these back in the heap."""
        able = list(self._barred) if heavy else [alone] if alone in self._barred else []
        for name in able:
            tenant = self._barred.pop(name)
            if not tenant.serial:
                self._enter(tenant)

    def _enter(self, tenant: Tenant) -> None:
        if tenant.name in self.held:
            tenant.serial = 0
            return
        heapq.heappush(self._heap, self._placed(tenant))
        if len(self._heap) > 2 * len(self._tenants) + 64:
            self._heap[:] = [place for place in self._heap if place[2].serial == place[1]]
            heapq.heapify(self._heap)

    def _placed(self, tenant: Tenant) -> tuple[float, int, Tenant]:
        self._serial += 1
        tenant.tag, tenant.serial = tenant.spent, self._serial
        return tenant.tag, tenant.serial, tenant


class Holds:
    """The tenants whose jobs wait: those that an operator `paused`, and those that are `full`, because as many of their
    jobs run as `running_max` allows. `on`, `off`: whose pauses begin and end in this turn."""

    def __init__(self, turns: Sequence[Turns], running_max: Mapping[str, int]) -> None:
        self._turns = list(turns)
        self.running_max = dict(running_max)
        self.stopped = {name for name, most in self.running_max.items() if not most}
        """The tenants of whom no job will run, as things are: those paused, and those who may have none running."""
        self.paused: dict[str, None] = {}
        self.full: dict[str, None] = {}
        self.clear()
        for name in self.running_max:
            self.ran(name, 0)

    def clear(self) -> None:
        """Begin a turn."""
        self.on: dict[str, None] = {}
        self.off: dict[str, None] = {}

    def restore(self, paused: Sequence[str]) -> None:
        """Begin with the pauses in the ledger."""
        for name in paused:
            self.pause(name)
        self.clear()

    def pause(self, name: str) -> bool:
        """Let the tenant's jobs wait. Returns whether they did not before."""
        if name in self.paused:
            return False
        self.paused[name] = self.on[name] = None
        self.off.pop(name, None)
        self.stopped.add(name)
        for turns in self._turns:
            turns.hold(name)
        return True

    def resume(self, name: str) -> bool:
        """End the tenant's pause. Returns whether there was one."""
        if name not in self.paused:
            return False
        del self.paused[name]
        self.on.pop(name, None)
        self.off[name] = None
        if self.running_max.get(name) != 0:
            self.stopped.discard(name)
        self._free(name)
        return True

    def ran(self, name: str, running: int) -> None:
        """So many jobs of a tenant with a `running_max` run now."""
        if running >= self.running_max[name]:
            if name not in self.full:
                self.full[name] = None
                for turns in self._turns:
                    turns.hold(name)
        elif name in self.full:
            del self.full[name]
            self._free(name)

    def most(self) -> dict[str, int]:
        """How many jobs of a tenant may run at once, for those who have a limit."""
        return self.running_max | dict.fromkeys(self.paused, 0)

    def _free(self, name: str) -> None:
        if name not in self.paused and name not in self.full:
            for turns in self._turns:
                turns.free(name)
