"""A few short runs of the simulation; `make sim SEED=7` is a long one."""

import pytest

from tests.simulation.delivery_simulation import DeliverySimulation
from tests.simulation.simulation import Simulation


@pytest.mark.parametrize("seed", range(1, 9))
def test_whatever_fails_every_promised_job_ends_once(seed: int) -> None:
    summary = Simulation(seed, pairs=0.2).run()
    assert summary["jobs"] == 150 + summary["batches"] - summary.get("refused", 0)
    assert summary["batches ended"] >= summary["batches"] > 0
    assert summary["batches that nobody closed"] > 0
    assert summary["workers killed"] > 0


def test_a_seed_replays_the_very_same_run() -> None:
    assert Simulation(3, jobs=40, chaos_seconds=8.0).run() == Simulation(3, jobs=40, chaos_seconds=8.0).run()
    assert Simulation(3, jobs=40, chaos_seconds=8.0).run() != Simulation(4, jobs=40, chaos_seconds=8.0).run()


@pytest.mark.parametrize("seed", range(1, 9))
def test_whatever_fails_every_end_is_told_at_least_once_and_nothing_else(seed: int) -> None:
    counts = DeliverySimulation(seed).run()
    assert counts["brokers"] > 1
    assert counts["courier"] > 1
    assert counts["told"] >= counts["events"] / 3
