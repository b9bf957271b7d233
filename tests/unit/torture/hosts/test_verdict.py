"""Each promise of the torture of hosts, and the figure that breaks it."""

import pytest

from torture.hosts.verdict import broken, first

FINE = {
    "lost": 0, "ended_twice": 0, "unexpected": [], "accepting_after": 0.1, "working_after": 4.9, "accepted_before": 1,
    "late_messages": 0, "epochs": 2,
}  # fmt: skip


def test_the_first_time_after_the_healing_counts() -> None:
    assert first(10.0, [9.0, 12.0, 11.5]) == 1.5
    assert first(10.0, [9.0]) == float("inf")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lost", 1), ("ended_twice", 1), ("unexpected", [500]), ("accepting_after", 5.1), ("working_after", 5.1),
        ("accepted_before", 0), ("late_messages", 1), ("epochs", 1),
    ],
)  # fmt: skip
def test_each_promise_is_judged(name: str, value: object) -> None:
    assert list(broken("broker drop", FINE)) == []
    assert len(list(broken("broker drop", {**FINE, name: value}))) == 1
