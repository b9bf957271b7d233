"""The figures of the cluster: closed sets, names that Prometheus asks for, and cells that both sides agree on."""

import re

from jobs.figures.cluster import FORMATS, LAYOUT, LOOP_SIZE, OF_CORE, OF_LOOP, SIZES
from jobs.figures.layout import HISTOGRAM, Layout
from jobs.lanes import FETCH
from jobs.lanes import SIZES as LANE_SIZES
from jobs.wire import ITEMS_MAX


def test_names_are_those_of_prometheus() -> None:
    for family in LAYOUT.families:
        assert re.fullmatch(r"pixmill_cluster_[a-z_]+", family.name)
        assert not family.name.endswith(("_total", "_bucket", "_sum", "_count")), "the format adds it"
        assert family.help.endswith(".")
        assert len(set(family.values)) == len(family.values)
        assert all(len(value) == len(family.labels) for value in family.values)
        assert bool(family.buckets) == (family.kind == HISTOGRAM)
        assert [*family.buckets] == sorted(family.buckets)


def test_the_cells_of_the_loop_are_the_first_ones() -> None:
    assert [LAYOUT.places(family.name) for family in OF_LOOP] == [
        Layout(OF_LOOP).places(family.name) for family in OF_LOOP
    ]
    assert min(at for family in OF_CORE for at in LAYOUT.places(family.name).values()) == LOOP_SIZE


def test_all_cells_fit_a_message() -> None:
    assert LAYOUT.size < ITEMS_MAX


def test_each_size_class_and_format_has_a_series() -> None:
    assert {*SIZES} == {*LANE_SIZES} - {FETCH}
    assert len(set(FORMATS)) == len(FORMATS)
