"""worker/core/parking.py: which decoders are kept, and which go."""

from dataclasses import dataclass
from math import inf

import pytest

from worker.core.parking import FRESH_SECONDS, PARKED_SECONDS, Parking


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
    parking, later = Parking[One](2, 100), 2 * FRESH_SECONDS
    gone = [parking.park(tenant, One(pid), 1, later * pid) for pid, tenant in enumerate(["a", "b", "c"])]
    assert gone == [[], [], [One(0)]]
    assert parking.take("b") == One(1)
    assert parking.park("b", One(1), 1, later * 3) == []
    assert parking.park("d", One(3), 1, later * 3) == [One(2)]


def test_of_more_tenants_that_take_turns_than_there_is_room_for_some_find_their_decoders() -> None:
    parking, found = Parking[One](2, 100), 0
    for turn in range(100):
        tenant = f"tenant {turn % 5}"
        decoder = parking.take(tenant)
        found += decoder is not None
        parking.park(tenant, decoder or One(turn), 1, turn * 0.1)
    assert found == 38, "two of five, after their first turns"


def test_who_was_here_lately_makes_room_for_nobody() -> None:
    parking = Parking[One](1, 100)
    parking.park("a", One(1), 1, 0.0)
    assert parking.park("b", One(2), 1, FRESH_SECONDS - 0.1) == [One(2)]
    assert parking.park("b", One(3), 1, FRESH_SECONDS) == [One(1)]


@pytest.mark.parametrize(("size", "gone"), [(60, []), (61, [One(1)]), (101, [One(1), One(2)])])
def test_all_together_are_bounded_in_bytes(size: int, gone: list[One]) -> None:
    parking = Parking[One](5, 100)
    parking.park("a", One(1), 40, 0.0)
    assert parking.park("b", One(2), size, FRESH_SECONDS) == gone


def test_one_that_has_shrunk_makes_no_room_for_others() -> None:
    parking = Parking[One](5, 100)
    parking.park("a", One(1), -50, 0.0)
    assert parking.park("b", One(2), 101, FRESH_SECONDS) == [One(1), One(2)]


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
