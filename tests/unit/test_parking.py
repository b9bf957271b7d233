"""worker/core/parking.py: which decoders are kept, and which go."""

from dataclasses import dataclass
from math import inf

import pytest

from worker.core.parking import PARKED_SECONDS, Parking


@dataclass(frozen=True)
class One:
    pid: int


def test_each_tenant_gets_its_own_back_and_once() -> None:
    parking = Parking[One](5, 100)
    assert parking.park("acme", One(1), 10, 0.0) == []
    assert parking.park("other", One(2), 10, 0.0) == []
    assert parking.take("stranger") is None
    assert (parking.take("acme"), parking.take("acme"), parking.take("other")) == (One(1), None, One(2))


def test_the_least_recently_served_goes_first() -> None:
    parking = Parking[One](2, 100)
    gone = [parking.park(tenant, One(pid), 1, float(pid)) for pid, tenant in enumerate(["a", "b", "c"])]
    assert gone == [[], [], [One(0)]]
    assert parking.take("b") == One(1)
    assert parking.park("b", One(1), 1, 9.0) == []
    assert parking.park("d", One(3), 1, 9.0) == [One(2)]


@pytest.mark.parametrize(("size", "gone"), [(60, []), (61, [One(1)]), (101, [One(1), One(2)])])
def test_all_together_are_bounded_in_bytes(size: int, gone: list[One]) -> None:
    parking = Parking[One](5, 100)
    parking.park("a", One(1), 40, 0.0)
    assert parking.park("b", One(2), size, 0.0) == gone


def test_a_tenant_has_one_place() -> None:
    parking = Parking[One](5, 100)
    parking.park("a", One(1), 1, 0.0)
    assert parking.park("a", One(2), 1, 0.0) == [One(1)]
    assert parking.take("a") == One(2)


def test_time_ends_them_in_order() -> None:
    parking = Parking[One](5, 100)
    assert parking.deadline == inf
    for pid in (1, 2):
        parking.park(f"tenant {pid}", One(pid), 1, float(pid))
    assert parking.deadline == 1 + PARKED_SECONDS
    assert parking.expired(PARKED_SECONDS) == []
    assert parking.expired(1 + PARKED_SECONDS) == [One(1)]
    assert parking.deadline == 2 + PARKED_SECONDS
    assert (parking.empty(), parking.deadline) == ([One(2)], inf)


def test_one_that_ended_leaves_its_place() -> None:
    parking = Parking[One](5, 100)
    parking.park("a", One(1), 1, 0.0)
    assert (parking.ended(2), parking.ended(1), parking.take("a")) == (None, One(1), None)


def test_without_room_nothing_is_kept() -> None:
    assert Parking[One]().park("a", One(1), 0, 0.0) == [One(1)]
