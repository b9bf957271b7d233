"""Streams of events: what is told over several connections, and when it is over."""

import json
from typing import Any

import pytest

from pixmill import Beat, Described, Event, JobChanged, RenditionMade, Reset
from pixmill.core.events import Following
from pixmill.core.named import Named
from tests.unit.pixmill.core.samples import RENDITION


def text(name: str, data: object, number: int | str | None = None) -> bytes:
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def job(job: str, state: str, change: int, **more: Any) -> bytes:
    return text("job", {"id": job, "state": state, "change": change, "attempts": 1, "error": None, **more}, change)


def rendition(job: str, change: int, **more: Any) -> bytes:
    return text("rendition", {"id": job, "change": change, "rendition": RENDITION | more}, change)


def short(events: list[Event]) -> list[str]:
    """The events in short."""
    return [_short(event) for event in events]


def _short(event: Event) -> str:
    if isinstance(event, JobChanged):
        return f"{event.id} {event.state or 'removed'}"
    return f"{event.id} {event.rendition.name}" if isinstance(event, RenditionMade) else type(event).__name__


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_events_come_whole_however_the_bytes_are_cut(size: int) -> None:
    sent = b": hello\n\n" + job("a", "running", 3) + b": still here\n\n" + rendition("a", 4) + job("a", "done", 5)
    following, told = Following([Named("a")]), list[Event]()
    for start in range(0, len(sent), size):
        told += following.received(sent[start : start + size])
    assert short(told) == ["a running", "a thumb", "a done"]
    assert following.over


def test_the_facts_of_a_job_are_told_once() -> None:
    found = {"dominant_colour": "#102030", "placeholder": {"thumbhash": "aa", "blurhash": None, "lqip": None}}
    sent = text("described", {"id": "a", "change": 3, **found}, 3)
    following = Following([Named("a")])
    (told,) = following.received(sent + text("described", {"id": "a", "change": 4, **found}, 4))
    assert isinstance(told, Described) and told.placeholder is not None
    assert (told.placeholder.thumbhash, told.dominant_colour) == ("aa", "#102030")
    assert len(following.received(text("reset", {}) + sent)) == 1
    assert len(Following([]).received(sent + sent)) == 2


def test_a_new_connection_goes_on_after_the_last_event_and_tells_nothing_twice() -> None:
    following = Following([Named("a"), Named("b")])
    first = following.request()
    assert (first.path, first.query, first.stream) == ("/events", (("job", "a"), ("job", "b")), True)
    assert "Last-Event-ID" not in first.headers
    following.received(rendition("a", 4) + job("a", "running", 4) + job("b", "queued", 5) + b"event: job\ndata: {")
    assert following.request().headers["Last-Event-ID"] == "5"
    again = rendition("a", 7) + rendition("a", 7, name="large") + job("a", "done", 7) + job("b", "queued", 5)
    assert short(following.received(again)) == ["a large", "a done"]
    assert not following.over
    following.received(b"id: 99\nevent: job\n")
    following.request()
    assert short(following.received(text("job", {"id": "b", "removed": True}))) == ["b removed"]
    assert following.over
    assert following.request().headers["Last-Event-ID"] == "5", "half an event of a lost connection is no event"


def test_a_job_that_is_requeued_is_open_again_and_makes_its_renditions_once_more() -> None:
    following = Following([Named("a"), Named("b")])
    following.received(rendition("a", 3) + job("a", "failed", 4))
    assert short(following.received(job("a", "queued", 5) + rendition("a", 6))) == ["a queued", "a thumb"]
    following.received(job("b", "done", 7))
    assert not following.over
    following.received(job("a", "done", 8))
    assert following.over


def test_of_all_jobs_every_event_is_told_and_it_is_never_over() -> None:
    following = Following([])
    stats = {"queue": {"depth": 0, "oldest_seconds": None, "paused": False}, "jobs": {}, "workers": [], "more": 1}
    stats["rates"] = {"accepted_per_minute": 0, "ended_per_minute": 0.5}
    told = following.received(text("beat", stats) + job("a", "done", 3) + job("a", "done", 3) + text("reset", {}, 9))
    assert short(told) == ["Beat", "a done", "a done", "Reset"]
    assert isinstance(told[0], Beat) and told[0].stats.rates.ended_per_minute == 0.5 and told[0]["more"] == 1
    assert isinstance(told[3], Reset)
    assert not following.over
    assert following.request().headers["Last-Event-ID"] == "9"


def test_what_this_client_does_not_know_is_passed_over() -> None:
    following = Following([Named("a")])
    odd = text("batch", {"id": "x"}, 3) + b"event: job\ndata: {]\n\n" + text("job", {"change": 1}) + b"id: 4\n\n"
    assert following.received(odd) == []
    assert short(following.received(job("a", "done", 5, news={"b": 1}))) == ["a done"]


def test_in_another_life_of_the_ledger_lower_numbers_are_news() -> None:
    def at(state: str, change: int, life: str = "") -> bytes:
        number = f"{change}.{life}" if life else None
        return text("job", {"id": "a", "state": state, "change": change}, number)

    following = Following([Named("a")])
    first = following.received(at("queued", 3, "a") + at("running", 9, "a") + at("running", 9, "a"))
    assert short(first) == ["a queued", "a running"]
    assert following.request().headers["Last-Event-ID"] == "9.a"
    assert short(following.received(at("queued", 3, "b") + at("done", 5, "b"))) == ["a queued", "a done"]
    assert following.over


def test_after_a_reset_jobs_are_told_anew_before_an_id_names_the_life() -> None:
    following = Following([Named("a"), Named("b")])
    following.received(job("a", "running", 9) + job("b", "queued", 8))
    again = text("reset", {}, 0) + text("job", {"id": "a", "state": "done", "change": 5}) + job("b", "done", 6)
    assert short(following.received(again)) == ["a done", "b done"]
    assert following.over


def test_the_first_id_begins_no_other_life() -> None:
    following = Following([Named("a"), Named("b")])
    waits = text("job", {"id": "a", "state": "queued", "change": 3})
    runs = text("job", {"id": "b", "state": "running", "change": 5}, "5.x")
    assert short(following.received(waits + runs + waits + runs)) == ["a queued", "b running"]
