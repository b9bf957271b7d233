"""The text of a scrape, as parsers of Prometheus read it."""

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from jobs.figures.layout import COUNTER, GAUGE, HISTOGRAM, INFO, MARK, Family, Layout
from web.metrics.exposition import Told, encoded, told_of

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
LAID = Layout(
    [
        Family("mark", MARK, "Hidden."),
        Family("pixmill_web_bytes", COUNTER, "Bytes."),
        Family(
            "pixmill_web_requests",
            COUNTER,
            "Requests.",
            ("route", "code"),
            (("GET /a", "200"), ("GET /a", "404")),
            is_sparse=True,
        ),
        Family("pixmill_web_ended", COUNTER, "Ends.", ("state", "code"), (("dead", "a"),)),
        Family("pixmill_web_waits", HISTOGRAM, "Waits.", ("size",), (("small",),), (1.0,), is_sparse=True),
        Family("pixmill_web_seconds", HISTOGRAM, "Seconds.", ("stage",), (("read",),), (0.1, 1.0)),
    ]
)
AGE = Family("pixmill_web_age_seconds", GAUGE, "Age.")
CELLS = [9, 0, 3, 0, 0, 0, 0, 0, 4, 2, 1, 2_500_000]


@pytest.mark.parametrize(("accept", "reads"), [("", parse), ("text/html", parse), (OPENMETRICS, parse_openmetrics)])
def test_both_formats_tell_the_same(accept: str, reads: object) -> None:
    told = [*told_of(LAID, CELLS), Told(AGE, [float("inf")])]
    told += [Told(Family("pixmill_build", INFO, "Build.", ("version",), (("1",),)), [1])]
    body, _ = encoded(accept, told)
    samples = {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in reads(body.decode())  # type: ignore[operator]
        for sample in family.samples
    }
    assert samples == {
        ("pixmill_web_bytes_total",): 0,
        ("pixmill_web_requests_total", "200", "GET /a"): 3,
        ("pixmill_web_ended_total", "a", "dead"): 0,
        ("pixmill_web_seconds_bucket", "0.1", "read"): 4,
        ("pixmill_web_seconds_bucket", "1.0", "read"): 6,
        ("pixmill_web_seconds_bucket", "+Inf", "read"): 7,
        ("pixmill_web_seconds_count", "read"): 7,
        ("pixmill_web_seconds_sum", "read"): 2.5,
        ("pixmill_web_age_seconds",): float("inf"),
        ("pixmill_build_info", "1"): 1,
    }


def test_the_type_of_the_answer_is_that_of_its_format() -> None:
    assert encoded("", [])[1].startswith("text/plain; version=0.0.4")
    assert encoded(OPENMETRICS, [])[1].startswith("application/openmetrics-text; version=1.0.0")
    for version in ("abc", "2", "1.0.0.a"):
        assert encoded(f"application/openmetrics-text; version={version}", [])[1] == encoded(OPENMETRICS, [])[1]
        assert encoded(f"text/plain; version={version}", [])[1] == encoded("", [])[1]


def test_a_gauge_that_is_unknown_is_left_out() -> None:
    assert next(iter(parse(encoded("", [Told(AGE, [None])])[0].decode()))).samples == []
