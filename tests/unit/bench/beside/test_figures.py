"""bench/beside/figures.py: medians, ratios and tables of alternating rounds."""

import pytest

from bench.beside.figures import Column, Rounds, Table, best, cells, markdown, medians, merged, ratio

ROUNDS: Rounds = {
    "ours": [{"rate": 10.0}, {"rate": 30.0}, {"rate": 50.0}],
    "theirs": [{"rate": 20.0}, {"rate": 10.0}, {}],
    "another": [{}, {}, {"other": 1.0}],
}
TABLE = Table("t", "Rates", (Column("rate", "jobs/s", 1), Column("other", "more")))


def test_a_median_is_over_the_rounds_that_have_the_figure() -> None:
    assert medians(ROUNDS["ours"]) == {"rate": 30.0}
    assert medians(ROUNDS["theirs"]) == {"rate": 15.0}
    assert medians([]) == {}


def test_a_ratio_is_of_figures_of_the_same_round() -> None:
    assert ratio(ROUNDS, "ours", "theirs", "rate") == pytest.approx((0.5 + 3.0) / 2)
    assert ratio(ROUNDS, "ours", "another", "rate") is None
    assert ratio(ROUNDS, "ours", "nobody", "rate") is None


def test_a_figure_that_was_measured_again_is_of_the_new_run_alone() -> None:
    before: Rounds = {"ours": [{"rate": 1.0, "other": 2.0}, {"rate": 3.0}], "theirs": [{"rate": 4.0, "other": 5.0}]}
    assert merged(before, {"ours": [{"rate": 9.0}]}) == {
        "ours": [{"rate": 9.0, "other": 2.0}, {}],
        "theirs": [{"other": 5.0}],
    }
    assert merged(before, {}) == before
    assert merged({}, before) == before


def test_the_best_one_has_the_highest_median() -> None:
    assert best(ROUNDS, ["theirs", "ours", "another", "nobody"], "rate") == "ours"
    assert best(ROUNDS, ["another"], "rate") is None


def test_a_table_leaves_out_who_has_none_of_its_figures() -> None:
    assert cells(TABLE, ROUNDS) == [["ours", "30.0", "-"], ["theirs", "15.0", "-"], ["another", "-", "1"]]
    assert cells(Table("t", "", (Column("no", "no"),)), ROUNDS) == []


def test_a_table_for_a_page() -> None:
    lines = markdown(TABLE, {"ours": [{"rate": 1234.56}]}).splitlines()
    assert lines == ["| | jobs/s | more |", "|---|---|---|", "| `ours` | 1,234.6 | - |"]
