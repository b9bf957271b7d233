"""Who waits for whom, on the real dispatcher with workers in simulated time (bench/fairness.py: on a real cluster)."""

import pytest

from jobs.wire import NewJob
from tests.properties.harness import new_job
from tests.simulation.hall import Hall

SECONDS = {"s": 0.2, "l": 2.0, "h": 30.0}
SLACK = 0.1
"""Turns of the broker."""


def flooded(workers: int, flood: list[NewJob]) -> Hall:
    """A hall whose service times are known, then the flood."""
    hall = Hall(workers, SECONDS)
    hall.come(0.5, new_job("small"), new_job("large", pixels=50_000_000))
    hall.run()
    hall.come(10.0, *flood)
    return hall


def waited(hall: Hall, job: str, at: float) -> float:
    return hall.began[job] - at


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_a_small_job_in_a_flood_of_large_ones_waits_for_one_of_them_at_most(workers: int) -> None:
    hall = flooded(workers, [new_job(f"l{number}", pixels=50_000_000) for number in range(40)])
    times = [15.0 + 1.3 * number for number in range(10)]
    for at in times:
        hall.come(at, new_job(f"s{at}"))
    hall.run()
    assert max(waited(hall, f"s{at}", at) for at in times) < SECONDS["l"] + SLACK


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_a_large_job_in_a_flood_of_small_ones_waits_for_its_own_time_at_most(workers: int) -> None:
    hall = flooded(workers, [new_job(f"s{number}") for number in range(400)])
    hall.come(15.0, new_job("l", pixels=50_000_000))
    hall.run()
    assert waited(hall, "l", 15.0) < SECONDS["l"] / workers + SECONDS["s"] + SLACK


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_a_tenant_with_one_job_behind_a_thousand_waits_two_service_times_at_most(workers: int) -> None:
    hall = flooded(workers, [new_job(f"many{number}", tenant="many") for number in range(1000)])
    for number in range(5):
        hall.come(15.0 + number, new_job(f"one{number}", tenant="one"))
    hall.run()
    for number in range(5):
        assert waited(hall, f"one{number}", 15.0 + number) < 2 * SECONDS["s"] + SLACK


def test_priorities_hold_across_sizes() -> None:
    hall = flooded(1, [new_job(f"n{number}", pixels=50_000_000 * (number % 2)) for number in range(40)])
    hall.come(15.0, new_job("low", priority=2), new_job("high", priority=0, pixels=50_000_000))
    hall.run()
    assert waited(hall, "high", 15.0) < SECONDS["l"] + SLACK
    assert hall.began["low"] > max(hall.began[f"n{number}"] for number in range(40))


@pytest.mark.parametrize("priority", [0, 1])
@pytest.mark.parametrize("workers", [2, 4])
def test_small_jobs_beside_another_tenant_s_heaviest_wait_for_two_of_their_own_at_most(
    workers: int, priority: int
) -> None:
    hall = Hall(workers, SECONDS)
    hall.come(0.5, new_job("first", tenant="one"))
    heavy = [new_job(f"h{n}", tenant="many", cost_ms=60_000.0, priority=priority) for n in range(12)]
    hall.come(1.0, *heavy)
    times = [2.0 + 0.9 * number for number in range(100)]
    for at in times:
        hall.come(at, new_job(f"s{at}", tenant="one"))
    hall.run()
    waits = sorted(waited(hall, f"s{at}", at) for at in times)
    assert waits[int(0.95 * len(waits))] <= 2 * SECONDS["s"]
    assert all(f"h{n}" in hall.ended for n in range(12)), "and the heavy ones end"


def test_another_tenant_s_high_ones_do_not_keep_a_normal_one_waiting() -> None:
    hall = flooded(1, [new_job(f"n{number}", tenant="many", priority=0) for number in range(200)])
    hall.come(15.0, new_job("normal", tenant="one"))
    hall.run()
    assert waited(hall, "normal", 15.0) < 2 * SECONDS["s"] + SLACK
