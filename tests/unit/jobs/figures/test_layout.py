"""The layout of a process's cells: each series has its own, and processes that disagree share no file."""

from jobs.figures.layout import (
    COUNTER,
    GAUGE,
    HISTOGRAM,
    Family,
    Histogram,
    Layout,
    histogram,
    observe,
    observe_all,
)
from web.metrics.families import layout

SECONDS = Family("seconds", HISTOGRAM, "", ("stage",), (("a",), ("b",)), (0.1, 1.0))
BYTES = Family("bytes", COUNTER, "")
OPEN = Family("open", GAUGE, "")


def test_each_series_has_cells_of_its_own() -> None:
    laid = Layout([BYTES, SECONDS, OPEN])
    assert laid.places("bytes") == {(): 0}
    assert laid.places("seconds") == {("a",): 1, ("b",): 5}
    assert laid.places("open") == {(): 9}
    assert laid.size == 10
    assert laid.is_summed() == [True] * 9 + [False]


def test_a_histogram_is_its_buckets_and_a_sum_in_microseconds() -> None:
    assert histogram([0, 1, 2, 3, 1_500_000], 1, SECONDS) == Histogram([1, 2, 3], 1.5)


def test_many_values_are_counted_as_each_would_be() -> None:
    values = [0.0, 0.1, 5.0, 0.1000001, 1.0, 0.05, 1.5]
    one, all_of_them = [0] * 9, [0] * 9
    for value in values:
        observe(one, 5, SECONDS, value)
    observe_all(all_of_them, 5, SECONDS, iter(values))
    assert one == all_of_them
    assert histogram(all_of_them, 5, SECONDS).counts == [3, 2, 2]


def test_the_digest_tells_layouts_apart() -> None:
    other = SECONDS._replace(buckets=(0.1, 2.0))
    assert len({Layout(each).digest for each in ([SECONDS, OPEN], [OPEN, SECONDS], [other, OPEN])}) == 3
    assert layout(["GET /a"]).digest == layout(["GET /a"]).digest != layout(["GET /b"]).digest
