"""Spans as they are printed, and the picture of them."""

import json
from typing import Any
from xml.etree import ElementTree

from tests.support.pictures.waterfall import BAR, LEFT, RIGHT, WIDTH, Span, printed, waterfall

SVG = "{http://www.w3.org/2000/svg}"


def span(
    name: str, number: int, trace: int, start: float, end: float, role: str = "web", **more: Any
) -> dict[str, Any]:
    """A span as ConsoleSpanExporter prints it, from second to second."""
    context = {"trace_id": f"0x{trace:032x}", "span_id": f"0x{number:016x}"}
    times = [f"2026-11-30T09:00:{each:09.6f}Z" for each in (start, end)]
    return {
        "name": name, "context": context, "kind": "SpanKind.CLIENT", "start_time": times[0], "end_time": times[1],
        "events": [], "links": [], "resource": {"attributes": {"service.name": f"pixmill-{role}"}}, **more,
    }  # fmt: skip


def linked(number: int) -> list[dict[str, Any]]:
    return [{"context": {"span_id": f"0x{number:016x}"}}]


def drawn(*spans: Span) -> ElementTree.Element:
    """The picture, which is well-formed XML."""
    return ElementTree.fromstring(waterfall(spans, 'a "title" & more'))


def bars(picture: ElementTree.Element) -> dict[str, tuple[float, float, float]]:
    """The place and width of each bar, by its role."""
    found = [each for each in picture.iter(f"{SVG}rect") if each.get("class") != "page"]
    return {str(each.get("class")): tuple(float(each.get(name, "")) for name in ("x", "y", "width")) for each in found}  # type: ignore[misc]


def test_spans_are_found_between_other_lines_in_the_order_of_their_starts() -> None:
    first, second = span("a", 1, 1, 1.0, 2.0), span("b", 2, 1, 0.5, 3.0)
    output = "\n".join(["09:00:00 web uploaded", json.dumps(first, indent=4), json.dumps(second, indent=4), "{x}", ""])
    assert printed(output) == [second, first]
    assert printed("no span") == []


def test_a_bar_is_as_long_as_its_span() -> None:
    found = bars(drawn(span("a", 1, 1, 0.0, 1.0), span("b", 2, 1, 1.0, 4.0, "worker")))
    room = WIDTH - LEFT - RIGHT
    assert found["web"][::2] == (LEFT, room / 4)
    assert found["worker"][::2] == (LEFT + room / 4, room * 3 / 4)
    assert found["worker"][1] > found["web"][1] + BAR


def test_spans_of_a_trace_are_together_and_a_link_leads_to_the_other_one() -> None:
    process = span("process", 2, 2, 1.0, 4.0, "worker", links=linked(1))
    picture = drawn(span("send", 1, 1, 0.0, 1.0), process, span("POST", 3, 1, 4.0, 5.0, "courier"))
    found = bars(picture)
    assert found["web"][1] < found["courier"][1] < found["worker"][1]
    (arrow,) = picture.iter(f"{SVG}path")
    assert str(arrow.get("d")).endswith(f"H{found['worker'][0]}")
    assert [text for text in map(str, picture.itertext()) if "linked to the one above" in text]


def test_names_of_events_do_not_touch() -> None:
    events = [
        {"timestamp": f"2026-11-30T09:00:{at:09.6f}Z", "attributes": {"pixmill.rendition.name": name}}
        for name, at in (("large", 2.0), ("card", 3.0), ("thumb", 3.05))
    ]
    picture = drawn(span("process", 1, 1, 0.0, 4.0, events=events))
    places = {each.text: float(each.get("y", "")) for each in picture.iter(f"{SVG}text")}
    assert places["large"] == places["card"] != places["thumb"]
