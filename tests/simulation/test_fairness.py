"""Who waits for whom, on the real dispatcher with workers in simulated time (bench/fairness.py: on a real cluster)."""

import pytest

from jobs.tenants import TenantLimits
from jobs.wire import NewJob
from tests.properties.harness import new_job
from tests.simulation.queue_simulation import QueueSimulation

SECONDS = {"s": 0.2, "l": 2.0, "h": 30.0}
SLACK = 0.1
"""Turns of the broker."""


def flooded(workers: int, flood: list[NewJob]) -> QueueSimulation:
    """A queue simulation whose service times are known, then the flood."""
    queue = QueueSimulation(workers, SECONDS)
    queue.come(0.5, new_job("small"), new_job("large", cost_ms=900.0))
    queue.run()
    queue.come(10.0, *flood)
    return queue


def waited(queue: QueueSimulation, job: str, at: float) -> float:
    return queue.began[job] - at


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_a_small_job_in_a_flood_of_large_ones_waits_for_one_of_them_at_most(workers: int) -> None:
    queue = flooded(workers, [new_job(f"l{number}", cost_ms=900.0) for number in range(40)])
    times = [15.0 + 1.3 * number for number in range(10)]
    for at in times:
        queue.come(at, new_job(f"s{at}"))
    queue.run()
    assert max(waited(queue, f"s{at}", at) for at in times) < SECONDS["l"] + SLACK


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_a_large_job_in_a_flood_of_small_ones_waits_for_its_own_time_at_most(workers: int) -> None:
    queue = flooded(workers, [new_job(f"s{number}") for number in range(400)])
    queue.come(15.0, new_job("l", cost_ms=900.0))
    queue.run()
    assert waited(queue, "l", 15.0) < SECONDS["l"] / workers + SECONDS["s"] + SLACK


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_a_tenant_with_one_job_behind_a_thousand_waits_two_service_times_at_most(workers: int) -> None:
    queue = flooded(workers, [new_job(f"many{number}", tenant="many") for number in range(1000)])
    for number in range(5):
        queue.come(15.0 + number, new_job(f"one{number}", tenant="one"))
    queue.run()
    for number in range(5):
        assert waited(queue, f"one{number}", 15.0 + number) < 2 * SECONDS["s"] + SLACK


def test_priorities_hold_across_sizes() -> None:
    queue = flooded(1, [new_job(f"n{number}", cost_ms=900.0 * (number % 2)) for number in range(40)])
    queue.come(15.0, new_job("low", priority=2), new_job("high", priority=0, cost_ms=900.0))
    queue.run()
    assert waited(queue, "high", 15.0) < SECONDS["l"] + SLACK
    assert queue.began["low"] > max(queue.began[f"n{number}"] for number in range(40))


@pytest.mark.parametrize("priority", [0, 1])
@pytest.mark.parametrize("workers", [2, 4])
def test_small_jobs_beside_another_tenant_s_heaviest_wait_for_two_of_their_own_at_most(
    workers: int, priority: int
) -> None:
    queue = QueueSimulation(workers, SECONDS)
    queue.come(0.5, new_job("first", tenant="one"))
    heavy = [new_job(f"h{n}", tenant="many", cost_ms=60_000.0, priority=priority) for n in range(12)]
    queue.come(1.0, *heavy)
    times = [2.0 + 0.9 * number for number in range(100)]
    for at in times:
        queue.come(at, new_job(f"s{at}", tenant="one"))
    queue.run()
    waits = sorted(waited(queue, f"s{at}", at) for at in times)
    assert waits[int(0.95 * len(waits))] <= 2 * SECONDS["s"]
    assert all(f"h{n}" in queue.ended for n in range(12)), "and the heavy ones end"


def test_another_tenant_s_high_ones_do_not_keep_a_normal_one_waiting() -> None:
    queue = flooded(1, [new_job(f"n{number}", tenant="many", priority=0) for number in range(200)])
    queue.come(15.0, new_job("normal", tenant="one"))
    queue.run()
    assert waited(queue, "normal", 15.0) < 2 * SECONDS["s"] + SLACK


@pytest.mark.parametrize("weight", [0.5, 2.0, 5.0])
@pytest.mark.parametrize("workers", [1, 4])
def test_tenants_share_the_workers_by_their_weights(workers: int, weight: float) -> None:
    """While both wait, whatever their jobs take: one has small jobs, the other has large ones."""
    queue = QueueSimulation(workers, SECONDS, tenants={"one": TenantLimits(weight=weight)})
    queue.come(0.5, new_job("small"), new_job("large", cost_ms=900.0))
    queue.run()
    large = [new_job(f"one{number}", tenant="one", cost_ms=900.0) for number in range(200)]
    queue.come(10.0, *large, *(new_job(f"other{number}", tenant="other") for number in range(2000)))
    queue.run()
    ends = [max(at for job, at in queue.ended.items() if job.startswith(name)) for name in ("one", "other")]
    until = min(ends)
    one, other = (
        sum(each for job, at in queue.ended.items() if job.startswith(name) and 10.0 < at <= until)
        for name, each in (("one", SECONDS["l"]), ("other", SECONDS["s"]))
    )
    assert one / other == pytest.approx(weight, rel=0.06)


def test_a_tenant_of_little_weight_waits_no_longer_than_its_share_says() -> None:
    queue = QueueSimulation(1, SECONDS, tenants={"one": TenantLimits(weight=0.25)})
    queue.come(0.5, new_job("small"))
    queue.run()
    queue.come(10.0, *(new_job(f"many{number}", tenant="many") for number in range(300)))
    queue.come(15.0, *(new_job(f"one{number}", tenant="one") for number in range(5)))
    queue.run()
    assert waited(queue, "one0", 15.0) < 2 * SECONDS["s"] + SLACK
    assert waited(queue, "one4", 15.0) == pytest.approx(5 * 4 * SECONDS["s"], abs=5 * SECONDS["s"])


def test_weight_counts_only_beside_others() -> None:
    """A tenant of little weight that is alone has all workers, and owes nobody for that later."""
    queue = QueueSimulation(2, SECONDS, tenants={"one": TenantLimits(weight=0.01)})
    queue.come(0.5, new_job("small"))
    queue.run()
    queue.come(10.0, *(new_job(f"one{number}", tenant="one") for number in range(100)))
    queue.run()
    assert max(queue.ended.values()) == pytest.approx(10.0 + 100 * SECONDS["s"] / 2, abs=1.0)
    queue.come(30.0, *(new_job(f"again{number}", tenant="one") for number in range(4)))
    queue.come(30.0, *(new_job(f"late{number}", tenant="late") for number in range(4)))
    queue.run()
    assert waited(queue, "again0", 30.0) < SECONDS["s"] + SLACK


def test_running_max_leaves_workers_to_others_and_its_tenant_is_not_starved() -> None:
    queue = QueueSimulation(4, SECONDS, tenants={"many": TenantLimits(running_max=1)})
    queue.come(0.5, new_job("small"))
    queue.run()
    queue.come(10.0, *(new_job(f"many{number}", tenant="many") for number in range(100)))
    queue.come(11.0, *(new_job(f"one{number}", tenant="one") for number in range(60)))
    queue.run()
    assert max(queue.ended[f"one{number}"] for number in range(60)) < 11.0 + 60 * SECONDS["s"] / 3 + 1.0
    assert max(queue.ended[f"many{number}"] for number in range(100)) == pytest.approx(30.0, abs=1.0)
