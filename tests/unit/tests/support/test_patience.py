"""Waits on slow machines: they are stretched by what is measured, and they end."""

import pytest
from hypothesis import settings

from tests.support.patience import FRESH_SECONDS, STRETCH_MAX, WORK_SECONDS, Measure, Patience


class Machine:
    """A clock that tests set, and how long the piece of work takes now."""

    def __init__(self) -> None:
        self.now, self.slow, self.measured = 100.0, 1.0, 0
        self.measure = Measure(self.work, lambda: self.now)

    def work(self) -> float:
        self.measured += 1
        return self.slow * WORK_SECONDS


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_a_wait_that_ends_in_time_measures_nothing(machine: Machine) -> None:
    patience = Patience(2.0, machine.measure)
    machine.now += 1.9
    patience.check("it")
    assert machine.measured == 0


def test_a_wait_on_an_idle_machine_ends_after_its_seconds(machine: Machine) -> None:
    patience = Patience(2.0, machine.measure)
    machine.now += 2.1
    with pytest.raises(AssertionError, match=r"waited 2\.1 s for it \(2 s, on a machine that is 1\.0 times as slow\)"):
        patience.check("it")


def test_a_slow_machine_has_more_seconds_and_not_for_ever(machine: Machine) -> None:
    machine.slow = 4.0
    patience = Patience(2.0, machine.measure)
    for _ in range(7):
        machine.now += 1.0
        patience.check("it")
    machine.now += 1.1
    with pytest.raises(AssertionError):
        patience.check("it")


def test_load_that_went_a_moment_ago_counts_still(machine: Machine) -> None:
    machine.slow = 3.0
    patience = Patience(10.0, machine.measure)
    machine.now += 10.5
    patience.check("it")
    machine.slow = 1.0
    machine.now += 15.0
    patience.check("it")
    assert machine.measure.stretch() == pytest.approx(3.0)
    machine.now += FRESH_SECONDS + 1
    with pytest.raises(AssertionError):
        patience.check("it")


def test_a_stretch_is_between_one_and_the_most(machine: Machine) -> None:
    machine.slow = 0.2
    assert machine.measure.stretch() == 1.0
    machine.slow, machine.now = 1000.0, machine.now + 1.0
    assert machine.measure.stretch() == STRETCH_MAX


def test_a_fresh_measure_is_not_made_again(machine: Machine) -> None:
    machine.measure.stretch(fresh=5.0)
    machine.now += 4.0
    machine.measure.stretch(fresh=5.0)
    assert machine.measured == 1
    machine.now += 2.0
    machine.measure.stretch(fresh=5.0)
    assert machine.measured == 2


def test_an_example_of_hypothesis_has_no_bound_that_is_not_stretched() -> None:
    """A test has one, by tests/support/house/suite.py."""
    assert settings().deadline is None
