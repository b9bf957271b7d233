"""Each promise of the torture of couriers, and the figure that breaks it."""

import pytest

from torture.courier.verdict import MUST_BE_0, Ended, Figures, Row, Told, broken, judge

JOBS = [Ended("j", "good", "done", 1, 1), Ended("k", "gone", "failed", 1, 0), Ended("never", "good", "queued", 0, 0)]
ROWS = [
    Row("d1", "good", "j", "delivered"), Row("d2", "good", "j", "delivered"), Row("d3", "gone", "k", "stopped"),
]  # fmt: skip
MADE, DONE = Told("d1", "good", "j", 4, None, b"1"), Told("d2", "good", "j", 5, "done", b"2")
FAILED = Told("d3", "gone", "k", 7, "failed", b"3")
TOLD = [MADE, DONE, DONE, FAILED]
OTHERS: Figures = {"kills": 3, "brokers_killed": 1, "couriers_killed": 2, "badly_signed": 0, "victim_called": 0}


def figures(jobs: list[Ended] = JOBS, rows: list[Row] = ROWS, told: list[Told] = TOLD) -> Figures:
    return {**OTHERS, **judge(jobs, rows, told, "gone")}


def faults(found: Figures) -> set[str]:
    return {name for name in MUST_BE_0 if found[name]}


def test_what_is_told_twice_is_fine() -> None:
    found = figures()
    assert list(broken("courier", found)) == []
    assert (found["jobs"], found["events"], found["requests"], found["repeats"]) == (3, 3, 4, 1)


@pytest.mark.parametrize(
    ("rows", "told", "fault"),
    [
        (ROWS[1:], TOLD[1:], {"not_written"}),
        (ROWS[1:], TOLD, {"not_written", "never_happened"}),
        ([*ROWS, Row("d4", "good", "never", "delivered")],
         [*TOLD, Told("d4", "good", "never", 9, "queued", b"4")], {"never_happened"}),
        (ROWS, [MADE, FAILED], {"untold", "wrong_order"}),
        (ROWS, [*TOLD, DONE._replace(kind="slow")], {"told_to_another"}),
        (ROWS, [*TOLD, DONE._replace(body=b"other")], {"bodies_changed"}),
        ([*ROWS[:2], ROWS[2]._replace(state="delivered")], TOLD, {"wrong_states"}),
        ([ROWS[0], ROWS[1]._replace(state="waiting"), ROWS[2]], TOLD, {"wrong_states"}),
        (ROWS, [MADE, DONE._replace(state="failed"), FAILED], {"wrong_order"}),
        (ROWS, [MADE._replace(change=6), DONE, FAILED], {"wrong_order"}),
        (ROWS, [MADE._replace(change=5), DONE, FAILED], {"wrong_order"}),
    ],
)  # fmt: skip
def test_each_promise_is_judged(rows: list[Row], told: list[Told], fault: set[str]) -> None:
    found = figures(rows=rows, told=told)
    assert faults(found) == fault
    assert len(list(broken("courier", found))) == len(fault)


@pytest.mark.parametrize("change", [{"badly_signed": 1}, {"victim_called": 1}, {"events": 0}, {"couriers_killed": 1}])
def test_the_other_figures_are_judged_too(change: Figures) -> None:
    assert len(list(broken("courier", figures() | change))) == 1
