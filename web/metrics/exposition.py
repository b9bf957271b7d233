"""A scrape's answer: all families in the text format of Prometheus or in OpenMetrics.

The one file that knows prometheus-client, of which it uses the formats only: no registry, no multiprocess mode.
"""

from collections.abc import Iterable, Sequence
from math import inf as INFINITE
from typing import NamedTuple

from prometheus_client import openmetrics
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from jobs.figures.layout import COUNTER, HISTOGRAM, INFO, MARK, Family, Histogram, Layout, histogram

OPENMETRICS = "application/openmetrics-text"
SUFFIX = {COUNTER: "_total", INFO: "_info"}
"""What a query has behind the name of a family."""


class Told(NamedTuple):
    """One family with its values, in the order of the family's. A series whose value is None is left out."""

    family: Family
    values: Sequence[float | Histogram | None]


class _Collected(Collector):
    """The one collector of a scrape."""

    def __init__(self, told: Iterable[Told]) -> None:
        self._told = told

    def collect(self) -> Iterable[Metric]:
        return map(_metric, self._told)


def encoded(accept: str, told: Iterable[Told]) -> tuple[bytes, str]:
    """The body and the Content-Type of an answer to a scraper that sent this Accept: OpenMetrics 1.0.0 where it is
    named, else the text format 0.0.4. prometheus-client's own choice raises for a version that is no number."""
    if OPENMETRICS in accept:
        body: bytes = openmetrics.exposition.generate_latest(_Collected(told))  # type: ignore[no-untyped-call]
        return body, openmetrics.exposition.CONTENT_TYPE_LATEST
    return generate_latest(_Collected(told)), CONTENT_TYPE_PLAIN_0_0_4


def told_of(layout: Layout, totals: Sequence[int]) -> list[Told]:
    """The families of these cells."""
    told = []
    for family in layout.families:
        places = layout.places(family.name).values()
        if family.kind == HISTOGRAM:
            found = (histogram(totals, at, family) for at in places)
            told.append(Told(family, [None if family.is_sparse and not any(one.counts) else one for one in found]))
        elif family.kind != MARK:
            told.append(Told(family, [totals[at] or (None if family.is_sparse else 0) for at in places]))
    return told


def _metric(told: Told) -> Metric:
    family, values = told
    metric = Metric(family.name, family.help, family.kind)
    for labels, value in zip(family.values, values, strict=True):
        if value is None:
            continue
        named = dict(zip(family.labels, labels, strict=True))
        if isinstance(value, Histogram):
            _add_histogram(metric, family, named, value)
        else:
            metric.add_sample(family.name + SUFFIX.get(family.kind, ""), named, value)
    return metric


def _add_histogram(metric: Metric, family: Family, named: dict[str, str], value: Histogram) -> None:
    """Buckets are cumulative where they are told, and single where they are counted."""
    sum_ = 0
    for bound, count in zip((*family.buckets, INFINITE), value.counts, strict=True):
        sum_ += count
        metric.add_sample(family.name + "_bucket", {**named, "le": "+Inf" if bound == INFINITE else str(bound)}, sum_)
    metric.add_sample(family.name + "_count", named, sum_)
    metric.add_sample(family.name + "_sum", named, value.sum)
