"""Which tenants get fewer workers than their share, and what is left for everyone else."""

from typing import Any

import pytest
from msgspec.structs import replace

from jobs.records import Lane
from jobs.wire import Beat, LaneView, Share, Waiting
from web.broker.caps import held_back, without


def heard(tenants: str, workers: int, full: str = "", **weights: float) -> Beat:
    """A beat in which a job of each of these tenants waits; those that are `full` are left out of the lanes."""
    lanes = [LaneView(Lane(1, f"s.{name}"), 1, [(0, 1)]) for name in tenants if name not in full]
    waiting = Waiting({"s": 1.0}, lanes, [float(number) for number in range(workers)], {}, weights)
    shares = {name: Share({"queued": 1}, None, 0.0, 0.0) for name in tenants}
    told: dict[str, Any] = {"paused": False, "counts": {}, "oldest_at": None, "workers": [], "workers_wanted": 0}
    return Beat(
        1, 0.0, 1, **told, accepted_per_minute=0.0, ended_per_minute=0.0, tenants=shares, waiting=waiting,
        full_tenants=list(full),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("caps", "beat", "found"),
    [
        ({}, heard("ab", 10), ""),
        ({"a": 1}, heard("ab", 10), "a"),
        ({"a": 1}, heard("ab", 10, full="a"), "a"),
        ({"a": 1}, heard("b", 10, full="a"), ""),
        ({"a": 5}, heard("ab", 10), ""),
        ({"a": 4}, heard("ab", 10), "a"),
        ({"a": 4}, heard("ab", 10, b=3.0), ""),
        ({"a": 1, "b": 4}, heard("abc", 10), "ab"),
        ({"a": 3, "b": 4}, heard("abc", 10), "a"),
        ({"a": 0}, heard("a", 1), "a"),
    ],
)
def test_who_is_held_back_is_the_same_with_full_running_and_without(
    caps: dict[str, int], beat: Beat, found: str
) -> None:
    assert held_back(caps, beat) == frozenset(found)


def test_before_a_worker_came_nobody_is() -> None:
    assert held_back({"a": 1}, heard("a", 0)) == frozenset()
    assert held_back({"a": 1}, replace(heard("a", 1), waiting=None)) == frozenset()


def test_the_others_get_the_workers_that_are_left() -> None:
    waiting = heard("ab", 4).waiting
    assert waiting is not None
    assert without(frozenset(), {"a": 1}, waiting) is waiting
    left = without(frozenset("a"), {"a": 1}, waiting)
    assert ([view.lane.name for view in left.lanes], left.free) == (["s.b"], [0.0, 1.0, 2.0])
    assert without(frozenset("a"), {"a": 9}, waiting).free == [0.0]
    unknown = replace(waiting, free=[None, 1.0])
    assert without(frozenset("a"), {"a": 1}, unknown).free == [None, 1.0]
