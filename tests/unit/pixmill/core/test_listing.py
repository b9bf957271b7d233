"""A list by lines: jobs come whole however the bytes are cut, and a lost stream goes on behind the last one."""

import json

import pytest

from pixmill import Refused
from pixmill.core.listing import MEDIA_TYPE, Listing
from pixmill.core.requests import Response
from tests.unit.pixmill.core.samples import JOB


def line(job: str) -> bytes:
    return json.dumps({**JOB, "id": job}).encode() + b"\n"


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_jobs_come_whole_however_the_bytes_are_cut(size: int) -> None:
    listing, sent = Listing({}, None, "http://server"), line("a") + line("b")
    assert not listing.over
    listing.request()
    told = [job.id for at in range(0, len(sent), size) for job in listing.received(sent[at : at + size])]
    assert told == ["a", "b"]
    assert listing.over


def test_a_lost_stream_goes_on_behind_the_last_whole_job() -> None:
    listing = Listing({"state": "dead"}, 5, "http://server")
    first = listing.request()
    assert (first.path, first.query, first.headers) == (
        "/jobs", (("state", "dead"), ("limit", "5")), {"Accept": MEDIA_TYPE},
    )  # fmt: skip
    assert first.stream
    assert len(listing.received(line("a") + line("b") + line("c")[:9])) == 2
    listing.lost()
    assert not listing.over
    assert listing.request().query == (("state", "dead"), ("limit", "3"), ("after", "b"))
    assert [job.id for job in listing.received(line("c") + line("d") + line("e"))] == ["c", "d", "e"]
    listing.lost()
    assert listing.over


def test_an_empty_line_is_no_job() -> None:
    listing = Listing({}, 2, "http://server")
    listing.request()
    assert listing.received(b"\n\n") == []
    assert [job.id for job in listing.received(line("a") + b"\n" + line("b"))] == ["a", "b"]
    listing.lost()
    assert listing.over


def test_none_are_asked_for() -> None:
    assert Listing({}, 0, "http://server").over


@pytest.mark.parametrize("text", [b"<html>\n", b"[]\n", b"{}\n", b" \n", b"\xff\n"])
def test_what_is_no_job_is_refused(text: bytes) -> None:
    with pytest.raises(Refused, match="does not answer as pixmill does"):
        Listing({}, None, "http://server").received(text)


def test_an_answer_of_another_type_is_refused() -> None:
    listing = Listing({}, None, "http://server")
    listing.opened(Response(200, {"content-type": f"{MEDIA_TYPE}; charset=utf-8"}, None, "http://server/jobs"))
    with pytest.raises(Refused, match="does not answer as pixmill does"):
        listing.opened(Response(200, {"content-type": "application/json"}, None, "http://server/jobs"))
