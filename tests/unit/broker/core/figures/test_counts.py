"""What the core counts for /metrics: ends, waits, losses, tries and costs, told once a second and never more often."""

from typing import Any

import pytest

from broker.core.books.events import LoopRead, PeerLost
from broker.core.figures.counts import NOTED_MAX
from broker.core.figures.counts import Figures as Counting
from jobs import wire
from jobs.figures.cluster import (
    ACCEPTED,
    CACHE,
    CODES,
    COMMIT_ROWS,
    JOBS_ENDED,
    LAYOUT,
    LOOP_SIZE,
    LOST,
    OTHER,
    PRESETS_MAX,
    PROCESSING,
    QUEUE,
    RETRIES,
    STAGES,
)
from jobs.figures.layout import histogram
from jobs.job import Code, Cost, Rendition, TimelineEntry
from jobs.lanes import lane_of
from jobs.tenants import TenantLimits
from jobs.wire import Failed, Failure, Figures, Finish, Finished, Start, Started, Times
from tests.properties.harness import DispatcherHarness, leases_in, new_job, ready

A = b"A"


class Bench(DispatcherHarness):
    """A broker's core with one worker."""

    def __init__(self, **policy: Any) -> None:
        super().__init__(**policy)
        self.receive(A, ready("A", 10))
        self.turn(tick=True)

    def assigned(self, job: str, **named: Any) -> int:
        """A job is accepted and assigned; its lease."""
        self.submit(new_job(job, **named))
        return self.lease(job)

    def lease(self, job: str) -> int:
        return next(lease for _, name, lease in leases_in(self.turn(tick=True), wire.Assign) if name == job)

    def figures(self) -> Figures:
        """Those of the next second's beat."""
        self.now += 1.0
        self.turn(tick=True)
        found = [effects.beat.figures for effects in self.last if effects.beat and effects.beat.figures]
        assert len(found) == 1
        return found[0]

    def count(self, name: str, *labels: str) -> int:
        return self.figures().cells[LAYOUT.places(name)[labels]]

    def waits(self, *labels: str) -> tuple[int, float]:
        """How many jobs waited, and how long together."""
        found = histogram(self.figures().cells, LAYOUT.places(QUEUE)[labels], LAYOUT.family(QUEUE))
        return sum(found.counts), found.sum


def test_a_job_is_counted_from_its_acceptance_to_its_end() -> None:
    bench = Bench()
    lease = bench.assigned("a", preset="web", priority=1)
    bench.now += 2.0
    at = bench.now + bench.offset
    times = Times("jpeg", [0.001, 0.02, 0.03, 0.04, 0.005])
    finish = Finish("a", lease, [], Cost(90.5, 1), began_at=at - 1.0, ended_at=at, times=times)
    bench.receive(A, Finished([finish]))
    assert bench.count(ACCEPTED) == 1
    assert bench.count(JOBS_ENDED, "done", "") == 1
    assert bench.count(CACHE, "miss") == 1
    assert bench.figures().cpu_ms == {"web": 90.5}
    count, seconds = bench.waits("small", "normal")
    assert (count, round(seconds, 1)) == (1, 1.0)
    cells, family = bench.figures().cells, LAYOUT.family(PROCESSING)
    sums = [histogram(cells, LAYOUT.places(PROCESSING)[stage, "jpeg"], family).sum for stage in STAGES]
    assert sums == times.seconds


def test_a_job_of_the_cache_waited_and_cost_nothing() -> None:
    bench = Bench()
    bench.submit(new_job("a"))
    bench.now += 1.5
    lease = bench.lease("a")
    made = [Rendition(name, f"processed/a/a.{name}", "png", 1, 1, 1, "d" * 64) for name in ("s", "m", "l")]
    bench.receive(A, Finished([Finish("a", lease, made, cached=True)]))
    assert bench.count(CACHE, "hit") == 1
    assert bench.figures().cpu_ms == {}
    count, seconds = bench.waits("small", "normal")
    assert (count, 1.4 < seconds < 1.6) == (1, True)


def test_the_delay_before_a_retry_is_no_wait() -> None:
    bench = Bench()
    lease = bench.assigned("a")
    bench.receive(A, Started([Start("a", lease, bench.now + bench.offset)]))
    bench.receive(A, Failed([Failure("a", lease, Code.STORE_ERROR.value, "away")]))
    bench.turn(tick=True)
    failed_at = bench.now
    while not (sent := leases_in(bench.turn(tick=True), wire.Assign)):
        bench.now += 0.01
    assert bench.now - failed_at > 0.2, "it was delayed"
    [(_, _, lease)] = sent
    bench.receive(A, Started([Start("a", lease, bench.now + bench.offset)]))
    count, seconds = bench.waits("small", "normal")
    assert (count, seconds < 0.1) == (2, True)
    assert bench.count(RETRIES, "store_error") == 1


def test_a_worker_that_gave_it_back_unbegun_does_not_shorten_its_wait() -> None:
    bench = Bench()
    lease = bench.assigned("a")
    for _ in range(2):
        bench.now += 2.0
        bench.receive(A, wire.Returned([wire.LeaseRef("a", lease)]))
        lease = bench.lease("a")
    bench.receive(A, Started([Start("a", lease, bench.now + bench.offset)]))
    count, seconds = bench.waits("small", "normal")
    assert (count, 4.0 <= seconds < 4.1) == (1, True)


@pytest.mark.parametrize(
    ("why", "reason"), [("unheard for too long", "silence"), ("its process died", "died"), ("a new reason", OTHER)]
)
def test_a_lost_lease_counts_by_its_reason(why: str, reason: str) -> None:
    bench = Bench()
    bench.assigned("a")
    if reason == "silence":
        for _ in range(int(bench.policy.silence_seconds) + 1):  # this process runs all the time
            bench.now += 1.0
            bench.turn(tick=True)
    else:
        bench.dispatcher.handle(PeerLost(A, why), bench.now)
        bench.turn()
    assert bench.count(LOST, reason) == 1


def test_an_end_counts_by_state_and_code() -> None:
    bench = Bench()
    lease = bench.assigned("a")
    bench.receive(A, Failed([Failure("a", lease, Code.UNDECODABLE.value, "no pixels")]))
    assert bench.count(JOBS_ENDED, "failed", "undecodable") == 1


def test_figures_ride_in_the_beat_of_each_second_and_in_no_other() -> None:
    bench = Bench()
    first = bench.figures().number
    bench.receive(b"B", ready("B", 1))
    bench.turn()
    (beat,) = [effects.beat for effects in bench.last if effects.beat]
    assert beat.figures is None, "the roster changed"
    assert bench.figures().number == first + 1


def test_nothing_is_counted_where_metrics_are_off() -> None:
    bench = Bench(metrics=False)
    lease = bench.assigned("a")
    bench.receive(A, Failed([Failure("a", lease, Code.UNDECODABLE.value, "no pixels")]))
    bench.dispatcher.handle(LoopRead([1] * LOOP_SIZE), bench.now)
    bench.now += 1.0
    bench.turn(tick=True)
    assert [effects.beat.figures for effects in bench.last if effects.beat] == [None]


def test_what_the_loop_measured_is_told() -> None:
    bench = Bench()
    bench.dispatcher.handle(LoopRead([*range(LOOP_SIZE)]), bench.now)
    figures = bench.figures()
    assert figures.layout == LAYOUT.digest
    assert figures.cells[:LOOP_SIZE] == [*range(LOOP_SIZE)]
    assert figures.cells[LAYOUT.places(COMMIT_ROWS)[()]] == LAYOUT.places(COMMIT_ROWS)[()]


def test_the_oldest_job_is_of_a_tenant_who_may_run_one() -> None:
    bench = Bench(tenants={"none": TenantLimits(running_max=0)})
    bench.order(wire.Pause("w", "p", tenant="paused"))
    bench.dispatcher.handle(PeerLost(A, ""), bench.now)
    for tenant, seconds in (("none", 0.0), ("paused", 0.0), ("another", 10.0)):
        bench.submit(new_job(tenant, tenant=tenant))
        bench.turn()
        bench.now += 9.0
        assert bench.figures().oldest_queued_seconds == pytest.approx(seconds, abs=0.1)
    bench.order(wire.Resume("w", "p", tenant="paused"))
    assert bench.figures().oldest_queued_seconds == pytest.approx(21.0, abs=0.1)


def test_no_more_than_so_many_seconds_are_noted() -> None:
    ended, begun = Counting(), Counting()
    timeline = [TimelineEntry(5.0, "accepted", 0, None, None), TimelineEntry(6.0, "assigned", 1, "w", None)]
    for _ in range(NOTED_MAX):
        ended.finished(None, None, Times("jpeg", [0.5]), cached=False)
        begun.began(lane_of(1, "t", 0.0), timeline, 0.0, 7.0, 0.0)
    for counting, name, labels in ((ended, PROCESSING, ("read", "jpeg")), (begun, QUEUE, ("small", "normal"))):
        counted = histogram(counting.cells, LAYOUT.places(name)[labels], LAYOUT.family(name))
        assert sum(counted.counts) == NOTED_MAX, name


def test_noted_seconds_are_counted_once() -> None:
    counting = Counting()
    for _ in range(NOTED_MAX + 7):
        counting.finished(None, None, Times("jpeg", [0.5, 0.25]), cached=False)
    counting.finished(None, None, Times("jpeg", [0.5]), cached=False)  # of a worker that knows fewer stages
    family, places = LAYOUT.family(PROCESSING), LAYOUT.places(PROCESSING)
    for _ in range(2):
        told = counting.told(0, {}, 0.0, 0.0)
        assert told is not None
        read, decode = (histogram(told.cells, places[stage, "jpeg"], family) for stage in STAGES[:2])
        assert (sum(read.counts), read.sum) == (NOTED_MAX + 8, (NOTED_MAX + 8) * 0.5)
        assert (sum(decode.counts), decode.sum) == (NOTED_MAX + 7, (NOTED_MAX + 7) * 0.25)


def test_values_from_outside_are_bounded() -> None:
    counting = Counting()
    for number in range(PRESETS_MAX + 5):
        counting.finished(f"preset-{number}", 1.0, None, cached=False)
    counting.finished(None, 1.0, Times("pcx", [1.0, 1e9, -1.0, float("nan")]), cached=False)
    counting.retried("what")
    told = counting.told(0, {}, 0.0, 0.0)
    assert told is not None
    assert len(told.cpu_ms) == PRESETS_MAX + 1
    assert told.cpu_ms[OTHER] == 6.0
    family = LAYOUT.family(PROCESSING)
    observed = {place: sum(histogram(told.cells, at, family).counts) for place, at in LAYOUT.places(PROCESSING).items()}
    assert {place for place, count in observed.items() if count} == {("read", OTHER)}
    assert told.cells[LAYOUT.places(RETRIES)[OTHER,]] == 1
    assert OTHER in CODES
