"""An interval's figures: what a histogram tells, and sums over intervals."""

import pytest

from jobs.intervals import (
    BOUNDS,
    INTERVALS_KEPT,
    SLOWEST_MAX,
    STEP_SECONDS,
    Figures,
    Slow,
    Times,
    codes_of,
    decode_figures,
    encode_figures,
    slowest_of,
)
from jobs.job import TEXT_CHARACTERS_MAX, Code, State


def times(*seconds: float) -> Times:
    made = Times()
    for each in seconds:
        made.add(each)
    return made


def test_a_day_has_so_many_intervals() -> None:
    assert INTERVALS_KEPT * STEP_SECONDS == 86_400
    assert list(BOUNDS) == sorted(set(BOUNDS))


def test_of_nothing_there_is_no_mean_and_no_share() -> None:
    assert (Times().count, Times().mean, Times().below(0.95)) == (0, None, None)


def test_a_mean_is_exact_and_a_share_lies_within_its_part() -> None:
    made = times(*[0.03] * 90, *[7.0] * 10)
    assert made.count == 100
    assert made.mean == pytest.approx(0.727)
    assert made.below(0.5) == pytest.approx(0.02 + 0.03 * 50 / 90)
    assert made.below(0.95) == pytest.approx(7.5), "half of the part from 5 to 10"
    assert made.below(0.9) == pytest.approx(0.05), "the bound of that part"
    assert times(0.001).below(0.5) == pytest.approx(0.005), "the first part begins at 0"


def test_what_is_longer_than_the_last_bound_is_told_as_that_bound() -> None:
    assert times(1e6).below(0.95) == BOUNDS[-1]
    assert times(BOUNDS[0]).parts[1] == 1, "a bound belongs to the part above it"


def test_the_slowest_are_the_slowest_of_all_lists_each_job_once() -> None:
    found = slowest_of([[Slow("a", "", 3.0), Slow("b", "", 1.0)], [Slow("a", "", 5.0), Slow("c", "t", 5.0)]])
    assert found == [Slow("a", "", 5.0), Slow("c", "t", 5.0), Slow("b", "", 1.0)]
    assert len(slowest_of([[Slow(str(n), "", n) for n in range(9)]])) == SLOWEST_MAX


def test_codes_are_added_and_the_most_frequent_comes_first() -> None:
    some = [Figures(codes={"cancelled": 1, "undecodable": 2}), Figures(codes={"undecodable": 1, "expired": 1})]
    assert list(codes_of(some).items()) == [("undecodable", 3), ("cancelled", 1), ("expired", 1)]


def test_the_largest_interval_has_less_than_2_kb_and_an_idle_one_is_small() -> None:
    full = Figures(
        300.0, 10**9, {state.value: 10**9 for state in State}, {code.value: 10**9 for code in Code}, 10**9, 1e9, 10, 10,
        Times(1e9, [10**9] * (len(BOUNDS) + 1)), Times(1e9, [10**9] * (len(BOUNDS) + 1)),
        [Slow("j" * 26, "t" * TEXT_CHARACTERS_MAX, 1e9)] * SLOWEST_MAX,
    )  # fmt: skip
    assert len(encode_figures(full)) < 2560
    assert len(encode_figures(Figures())) < 100


def test_figures_come_back_also_those_of_a_release_that_knew_fewer() -> None:
    figures = Figures(5.0, 2, {"done": 1}, slowest=[Slow("a", "t", 1.5)], runs=times(1.0))
    assert decode_figures(encode_figures(figures)) == figures
    assert decode_figures(b"\x92\x05\x02") == Figures(5.0, 2)
