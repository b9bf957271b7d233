"""web/broker/forecast.py against brute force: what web says of a job at its acceptance, and when the real dispatcher,
with workers in simulated time, had it done."""

import random
import statistics
from typing import Any

import pytest

from jobs.records import Lane
from jobs.tenants import TenantLimits
from jobs.wire import LaneView, NewJob, Pause, Resume, Waiting
from tests.properties.harness import new_job
from tests.simulation.queue_simulation import QueueSimulation
from web.broker.forecast import Estimate, Forecast
from web.broker.waiting import Place

COST_MS = 900.0
SECONDS = {"s": 0.1, "l": 2.0}


def warm(workers: int, **policy: Any) -> QueueSimulation:
    """A queue simulation in which each class has been measured, and nothing waits."""
    queue = QueueSimulation(workers, SECONDS, **policy)
    queue.come(0.5, *(new_job(f"warm{number}", cost_ms=number % 2 * COST_MS) for number in range(2 * workers)))
    queue.run()
    queue.come(20.0, new_job("last"))
    queue.run()
    return queue


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_one_lane_is_foretold_to_a_service_time(workers: int) -> None:
    queue = warm(workers, window=64)
    jobs = [new_job(f"j{number:03}") for number in range(300)]
    queue.come(30.0, *jobs[:150])
    queue.come(31.7, *jobs[150:])
    queue.run()
    for job in jobs:
        assert abs(queue.error(job.id)) < SECONDS["s"] + 0.1 * queue.true(job.id), job.id
    positions = [queue.estimates[job.id].place.queue_position for job in jobs]
    assert [place for place in positions[:150] if place] == sorted(place for place in positions[:150] if place)


def mixed(seed: int, count: int, tenants: str = "t") -> list[NewJob]:
    rng = random.Random(seed)
    return [
        new_job(
            f"m{seed}-{number:04}",
            priority=rng.randrange(3),
            tenant=rng.choice(tenants),
            cost_ms=COST_MS * (rng.random() < 0.1),
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("seed", range(4))
def test_lanes_of_all_kinds_are_foretold(seed: int) -> None:
    queue = warm(2)
    jobs = mixed(seed, 200)
    queue.come(30.0, *jobs)
    queue.run()
    waited = [job.id for job in jobs if queue.estimates[job.id].place.queue_position]
    assert len(waited) > 150
    errors = [queue.error(job) / queue.true(job) for job in waited]
    assert statistics.median(map(abs, errors)) < 0.03
    assert sorted(map(abs, errors))[-len(errors) // 10] < 0.2


@pytest.mark.parametrize("seed", range(4))
def test_several_tenants_are_foretold_to_a_large_job_of_another(seed: int) -> None:
    queue = warm(2)
    jobs = mixed(seed, 400, "tttuv")
    queue.come(30.0, *jobs)
    queue.run()
    errors = [queue.error(job.id) for job in jobs if queue.estimates[job.id].place.queue_position]
    assert len(errors) > 300
    assert max(map(abs, errors)) < 0.2 * max(map(queue.true, queue.estimates))
    assert statistics.median(map(abs, errors)) < SECONDS["l"]


def test_what_is_not_known_is_not_said() -> None:
    queue = QueueSimulation(1, SECONDS)
    queue.come(1.0, new_job("a"), new_job("b"), new_job("c"))
    queue.come(10.0, new_job("d"), new_job("e"), new_job("f"))
    queue.come(10.05, new_job("big", cost_ms=COST_MS))
    queue.run()
    assert [queue.estimates[job].place for job in ("a", "b", "c", "big")] == [Place()] * 4
    assert queue.estimates["f"].place.queue_position == 1, "the second is prefetched"
    assert queue.estimates["f"].place.eta_seconds == pytest.approx(0.3, abs=0.02)
    assert queue.true("f") == pytest.approx(0.3, abs=0.02)


def test_paused_or_without_a_worker_nobody_knows() -> None:
    queue = warm(1)
    queue.harness.order(Pause("w", "p"))
    queue.turn()
    queue.harness.submit(new_job("j"))
    queue.turn()
    assert queue.place("j") == Place()
    queue.harness.order(Resume("w", "r"))
    queue.turn(tick=True)
    assert queue.place("j").eta_seconds is not None
    queue.harness.lose(b"w0")
    queue.turn(tick=True)
    assert queue.place("j") == Place()


def test_a_queue_longer_than_the_window_is_told_in_full() -> None:
    queue = warm(2, window=16)
    queue.come(30.0, *(new_job(f"j{number:03}") for number in range(200)))
    queue.run()
    assert queue.estimates["j199"].place.queue_position == pytest.approx(196, abs=4)
    assert abs(queue.error("j199")) < 0.1 * queue.true("j199")


def test_a_restarted_broker_has_measured_nothing_and_learns_with_the_first_end() -> None:
    queue = warm(1)
    queue.come(30.0, *(new_job(f"j{number}") for number in range(40)))
    queue.harness.now = 29.0
    queue.restart()
    queue.run()
    assert queue.estimates["j39"].place == Place()
    queue.come(queue.harness.now + 1.0, *(new_job(f"k{number}") for number in range(40)))
    queue.run()
    assert abs(queue.error("k39")) < 0.1 * queue.true("k39")


def test_a_class_whose_jobs_took_no_time_takes_none() -> None:
    """Two jobs that end in one breath: the second is measured as 0 s."""
    waiting = Waiting({"s": 1.0, "l": 0.0}, [LaneView(Lane(1, "l."), 5, [(0, 1), (4, 5)])], [0.0])
    assert Forecast(waiting, 0.0).of(Lane(1, "s."), None, 0.0) == Estimate(1, 0.0, 1.0)


@pytest.mark.parametrize("seed", range(2))
def test_tenants_of_several_weights_are_foretold(seed: int) -> None:
    queue = warm(2, tenants={"t": TenantLimits(weight=3.0), "v": TenantLimits(weight=0.5)})
    jobs = mixed(seed, 400, "tttuv")
    queue.come(30.0, *jobs)
    queue.run()
    errors = [queue.error(job.id) for job in jobs if queue.estimates[job.id].place.queue_position]
    assert len(errors) > 300
    assert statistics.median(map(abs, errors)) < SECONDS["l"]


def test_nothing_is_foretold_of_a_paused_tenant_and_others_do_not_wait_for_it() -> None:
    queue = warm(1)
    queue.harness.order(Pause("web", "p", tenant="t"))
    queue.turn()
    queue.come(30.0, *(new_job(f"t{number}") for number in range(50)))
    queue.come(31.0, *(new_job(f"u{number}", tenant="u") for number in range(10)))
    queue.run_until(31.5)
    assert [queue.place(f"t{number}") for number in (0, 49)] == [Place(), Place()]
    assert queue.forecast.of_new(1, "t", 0) is None
    assert queue.estimates["t0"].place == Place()
    queue.run_until(40.0)
    for number in range(10):
        assert abs(queue.error(f"u{number}")) < 2 * SECONDS["s"]
    queue.harness.order(Resume("web", "r", tenant="t"))
    queue.turn()
    eta = queue.place("t49").eta_seconds
    assert eta == pytest.approx(50 * SECONDS["s"], rel=0.1)


def test_nothing_is_foretold_of_a_tenant_with_as_many_jobs_as_it_may_run() -> None:
    queue = warm(2, tenants={"t": TenantLimits(running_max=1)})
    queue.come(30.0, *(new_job(f"t{number}") for number in range(20)))
    queue.run_until(31.05)
    held = [job for job in queue.estimates if job.startswith("t") and job not in queue.ended and job not in queue.began]
    assert held
    assert all(queue.place(job) == Place() for job in held)
    queue.run()


def test_a_tenant_that_is_held_back_is_told_nothing_false_and_nor_are_others() -> None:
    queue = warm(10, tenants={"a": TenantLimits(running_max=1)})
    queue.come(30.0, *(new_job(f"a{number}", tenant="a", cost_ms=COST_MS) for number in range(200)))
    queue.come(30.5, *(new_job(f"b{number}", tenant="b", cost_ms=COST_MS) for number in range(90)))
    told = set()
    for at in range(31, 45):
        queue.run_until(at + 0.05)
        told.add(queue.place("a199").eta_seconds)
    assert told == {None}
    assert queue.estimates["a199"].place == Place()
    queue.run()
    for number in range(40, 90):
        assert abs(queue.error(f"b{number}")) < SECONDS["l"], number
    assert queue.true("a199") > 300.0


def test_a_tenant_whose_share_is_below_its_limit_is_foretold() -> None:
    queue = warm(2, tenants={"u": TenantLimits(running_max=1)})
    jobs = mixed(1, 400, "tttuv")
    queue.come(30.0, *jobs[:1])
    queue.come(31.0, *jobs[1:])
    queue.run()
    errors = [queue.error(job.id) for job in jobs if queue.estimates[job.id].place.queue_position]
    assert len(errors) > 200
    assert statistics.median(map(abs, errors)) < SECONDS["l"]
