"""A filter is read from a query: what it takes, and what it refuses by name."""

import pytest

from jobs.errors import ClientFault
from jobs.records import Where
from web.access.filters import filter_of, has_times


def test_all_filters_are_read() -> None:
    query = {"state": "dead", "code": "undecodable", "reference": "r", "preset": "web", "limit": "5"}
    assert filter_of(query, "shop") == Where("shop", "dead", "undecodable", "r", "web")
    assert filter_of({}, None) == Where()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T01:01:00+01:00", 60.0),
        ("1970-01-01T00:01:00.250Z", 60.25),
        ("1969-12-31T00:00:00Z", 0.0),
        ("9999-12-31T00:00:00Z", 1e11),
    ],
)
def test_a_time_has_its_zone(text: str, seconds: float) -> None:
    assert filter_of({"accepted_after": text}, None) == Where(accepted_after=seconds)
    assert filter_of({"accepted_before": text}, None) == Where(accepted_before=seconds)
    assert has_times(filter_of({"accepted_before": text}, None))
    assert not has_times(Where("shop", "dead"))


@pytest.mark.parametrize("name", ["accepted_after", "accepted_before"])
@pytest.mark.parametrize(
    "text", ["", "0", "now", "2026-11-30", "2026-11-30T09:00:00", "2026-11-30T09:00:00 01:00", "2026-13-01T00:00:00Z"]
)
def test_what_is_no_time_with_a_zone_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(ClientFault, match=name) as refused:
        filter_of({name: text}, None)
    assert refused.value.code == "bad_parameter"
    assert "2026-11-30T09:00:00Z" in str(refused.value)


@pytest.mark.parametrize("name", ["state", "code", "reference", "preset", "accepted_after", "accepted_before"])
def test_a_text_that_no_message_takes_is_refused(name: str) -> None:
    with pytest.raises(ClientFault, match="255"):
        filter_of({name: "x" * 256}, None)
