"""A few short runs of the simulation; `make sim SEED=7` is a long one."""

import pytest

from tests.simulation.simulation import Simulation


@pytest.mark.parametrize("seed", range(1, 9))
def test_whatever_fails_every_promised_job_ends_once(seed: int) -> None:
    summary = Simulation(seed).run()
    assert summary["jobs"] == 150
    assert summary["workers killed"] > 0


def test_a_seed_replays_the_very_same_run() -> None:
    assert Simulation(3, jobs=40, chaos_seconds=8.0).run() == Simulation(3, jobs=40, chaos_seconds=8.0).run()
    assert Simulation(3, jobs=40, chaos_seconds=8.0).run() != Simulation(4, jobs=40, chaos_seconds=8.0).run()
