"""The metrics of web: closed sets of label values, and the names that Prometheus asks for."""

import re

from jobs.figures.layout import COUNTER, HISTOGRAM, MARK
from jobs.limits import KEYS_MAX
from web.api.codes import CODES
from web.http import problems
from web.metrics.families import layout
from web.routes import TITLES

FAMILIES = layout(TITLES).families


def test_each_code_of_the_docs_has_a_series() -> None:
    assert set(problems.CODES) == set(CODES)
    assert len(problems.CODES) == len(set(problems.CODES))


def test_the_values_of_labels_are_different_and_few() -> None:
    for family in FAMILIES:
        assert len(set(family.values)) == len(family.values) < KEYS_MAX
        assert all(len(value) == len(family.labels) for value in family.values)


def test_names_are_those_of_prometheus() -> None:
    for family in FAMILIES:
        if family.kind != MARK:
            assert re.fullmatch(r"pixmill_web_[a-z_]+", family.name)
            assert not family.name.endswith("_total"), "the format adds it"
            assert family.name.endswith("_seconds") == (family.kind == HISTOGRAM)
            assert family.help.endswith(".")
        if family.kind == COUNTER:
            assert not family.buckets
