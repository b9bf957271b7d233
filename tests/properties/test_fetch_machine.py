"""Fetches under everything at once: a hypothesis machine of tenants, hosts and couriers.

After every step: whoever was given a fetch may have it, and no fetch waits that somebody may have.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from broker.core.strangers.fetches import FETCHES_PER_HOST, FETCHES_SHARE
from jobs import wire
from jobs.ids import original_name
from jobs.job import Original, Row, Spec, State, encode
from jobs.lanes import FETCH
from jobs.recipes.recipe import canonical, parse
from jobs.tenants import TenantLimits
from tests.properties.harness import DispatcherHarness, Done, courier, new_job, refs

TENANTS = ("t", "u", "v")
JOBS_MAX = 40
"""Fewer than a look goes past, and than a window holds."""
RECIPE = canonical(parse({"renditions": [{"name": "thumb", "width": 20}]}))
PICK = st.integers(0, 1_000_000)


@dataclass
class SimulatedCourier:
    """What a courier believes. `holding`: job -> lease."""

    name: str
    slots: int
    draining: bool = False
    holding: dict[str, int] = field(default_factory=dict)

    @property
    def peer(self) -> bytes:
        return self.name.encode()


class FetchMachine(RuleBasedStateMachine):
    @initialize(limits=st.dictionaries(st.sampled_from(TENANTS), st.integers(0, 3), max_size=2))
    def begin(self, limits: dict[str, int]) -> None:
        tenants = {name: TenantLimits(running_max=most) for name, most in limits.items()}
        self.harness = DispatcherHarness(window=2 * JOBS_MAX, tenants=tenants, silence_seconds=1e6)
        self.limits = limits
        self.couriers: list[SimulatedCourier] = []
        self.hosts: dict[str, str] = {}
        self.paused: set[str | None] = set()
        """The tenants that are paused; None: all are."""
        self.names = 0
        self.turn()

    def turn(self, tick: bool = False) -> None:
        """A turn of the broker, whose messages couriers hear."""
        done = self.harness.turn(tick)
        self.harness.dispatcher.check()
        for each in self.couriers:
            self.hear(each, done)

    def hear(self, each: SimulatedCourier, done: Done) -> None:
        for peer, message in done.sends:
            if peer != each.peer:
                continue
            if isinstance(message, wire.Settled):
                for job, lease in refs(message):
                    if each.holding.get(job) == lease:
                        del each.holding[job]
            elif isinstance(message, wire.Fetch):
                assert not each.draining, "a courier that drains is given a fetch"
                for source in message.jobs:
                    self.judge(each, source.job)
                    each.holding[source.job] = source.lease

    def judge(self, each: SimulatedCourier, job: str) -> None:
        """This fetch was given to this courier."""
        row = self.harness.row(job)
        assert not self.paused & {None, row.tenant}, f"{job} is given out while its tenant is paused"
        assert self.running(row.tenant) <= self.limits.get(row.tenant, JOBS_MAX), f"{row.tenant} has too many"
        assert self.takes(each, job), f"{each.name} has no room for {job}"

    def takes(self, each: SimulatedCourier, job: str) -> bool:
        """Whether the courier may have one more fetch, of this job's host."""
        hosts = Counter(self.hosts[held] for held in each.holding)
        room = len(each.holding) < max(1, each.slots // FETCHES_SHARE)
        return room and not each.draining and hosts[self.hosts[job]] < FETCHES_PER_HOST

    def rows(self, *states: State) -> list[Row]:
        return [row for row in self.harness.ledger.rows.values() if row.state in states]

    def running(self, tenant: str) -> int:
        return sum(row.tenant == tenant for row in self.rows(State.RUNNING))

    def held(self) -> list[tuple[SimulatedCourier, str, int]]:
        return [(each, job, lease) for each in self.couriers for job, lease in each.holding.items()]

    @rule(tenant=st.sampled_from(TENANTS), host=st.sampled_from(["slow", "fast", "other"]), count=st.integers(1, 7))
    def post(self, tenant: str, host: str, count: int) -> None:
        if len(self.rows(State.QUEUED, State.RUNNING, State.DELAYED)) + count > JOBS_MAX:
            return
        jobs = []
        for _ in range(count):
            self.names += 1
            job = f"{self.names:04}"
            self.hosts[job] = host
            original = Original(original_name(job), "", 0, 0, 0, "cd" * 32)
            url = f"https://{host}.example/{job}.png"
            spec = Spec("a.png", None, None, None, RECIPE, original, tenant, 1, 0, url)
            jobs.append(new_job(job, tenant=tenant, fetch=True, spec=encode(spec)))
        self.harness.submit(*jobs, request=jobs[0].id)
        self.turn()

    @rule(tenant=st.sampled_from([None, *TENANTS, *TENANTS]))
    def pause_or_resume(self, tenant: str | None) -> None:
        self.harness.order((wire.Resume if tenant in self.paused else wire.Pause)("w", "p", tenant=tenant))
        self.paused ^= {tenant}
        self.turn()

    @rule(tenant=st.sampled_from(TENANTS), other=st.sampled_from(TENANTS), resumes=st.booleans())
    def go_past_a_slow_host(self, tenant: str, other: str, resumes: bool) -> None:
        """The rare path: one tenant's next fetches are at a host that is full, and another one is paused."""
        if len(self.couriers) < 3:
            self.join(20)
        self.post(tenant, "slow", 6)
        if other not in self.paused:
            self.pause_or_resume(other)
        self.post(other, "fast", 2)
        if resumes:
            self.pause_or_resume(other)

    @precondition(lambda self: len(self.couriers) < 3)
    @rule(slots=st.sampled_from([1, 4, 20]))
    def join(self, slots: int) -> None:
        self.names += 1
        self.couriers.append(SimulatedCourier(f"c{self.names}", slots))
        self.introduce(self.couriers[-1])
        self.turn()

    def introduce(self, each: SimulatedCourier) -> None:
        holding = tuple(wire.Held(job, lease, False) for job, lease in each.holding.items())
        self.harness.receive(each.peer, courier(each.name, each.slots, holding, each.draining))

    @precondition(lambda self: self.couriers)
    @rule(pick=PICK, drains=st.booleans())
    def leave(self, pick: int, drains: bool) -> None:
        """A courier drains, or is gone with all that it has."""
        each = self.couriers[pick % len(self.couriers)]
        if drains:
            each.draining = True
            self.harness.receive(each.peer, wire.Draining())
        else:
            self.couriers.remove(each)
            self.harness.lose(each.peer)
        self.turn()

    @precondition(lambda self: self.held())
    @rule(pick=PICK, code=st.sampled_from([None, None, "source_refused", "source_unreachable", "store_error"]))
    def answer(self, pick: int, code: str | None) -> None:
        held = self.held()
        each, job, lease = held[pick % len(held)]
        message: Any = wire.Fetched([wire.SourceFetched(job, lease, "png", 40, 30, 99, "ab" * 32, 1)])
        if code is not None:
            message = wire.Failed([wire.Failure(job, lease, code, "why")])
        self.harness.receive(each.peer, message)
        self.turn()
        assert each.holding.get(job) != lease, "an answer is not settled"

    @precondition(lambda self: self.harness.ledger.rows)
    @rule(pick=PICK, kind=st.sampled_from([wire.Cancel, wire.Requeue]))
    def order(self, pick: int, kind: type[wire.Cancel | wire.Requeue]) -> None:
        rows = [*self.harness.ledger.rows.values()]
        self.harness.order(kind("w", "o", rows[pick % len(rows)].id))
        self.turn()

    @rule(seconds=st.sampled_from([0.5, 6.0, 30.0]))
    def wait(self, seconds: float) -> None:
        self.harness.now += seconds
        self.turn(tick=True)
        assert self.harness.dispatcher.deadline > self.harness.now, "a broker that turns in circles"

    @rule(back=st.integers(0, 3))
    def crash(self, back: int) -> None:
        """The broker dies; some couriers are back within its grace, the others are gone."""
        self.harness.start()
        del self.couriers[back:]
        for each in self.couriers:
            self.introduce(each)
            self.turn()
        self.wait(3.0)

    @invariant()
    def nothing_waits_for_nothing(self) -> None:
        if None in self.paused:
            return
        for row in self.rows(State.QUEUED):
            if row.lane[0] != FETCH or row.tenant in self.paused:
                continue
            if self.running(row.tenant) < self.limits.get(row.tenant, JOBS_MAX + 1):
                takers = [each.name for each in self.couriers if self.takes(each, row.id)]
                assert not takers, f"{row.id} waits, {takers} have room"


TestFetches = FetchMachine.TestCase
TestFetches.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
