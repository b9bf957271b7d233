"""Bodies: how slow, how long, in how large parts; what is refused by the head alone."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest
from starlette.requests import Request

from jobs.limits import BODY_BYTES_PER_SECOND_MIN, BODY_SILENCE_SECONDS
from tests.support.harnesses.web_harness import WebHarness, png, serve
from web.http import body

IMAGE = {"Content-Type": "image/png"}


@pytest.mark.parametrize("path", ["/upload", "/recipes/explain", "/jobs", "/receipts/audit"])
def test_a_silent_body_is_given_up(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(body, "BODY_SILENCE_SECONDS", 0.01)

    async def scenario(harness: WebHarness) -> None:
        async def stalls() -> AsyncIterator[bytes]:
            yield png()
            await asyncio.Event().wait()

        response = await harness.client.post(path, content=stalls(), headers=IMAGE)
        assert (response.status_code, response.json()["code"]) == (408, "too_slow")
        assert response.headers["connection"] == "close"
        assert not harness.blobs.blobs
        assert not harness.sent

    serve(scenario)


def dropped_after(pieces: Iterable[tuple[float, int]]) -> float | None:
    """When a body of which (time, bytes) came is given up; None if it ends before that."""
    due = BODY_SILENCE_SECONDS
    for now, size in pieces:
        if now > due:
            return due
        due = body.next_due(due, now, size)
    return None


@pytest.mark.parametrize(
    ("before", "every", "size", "dropped"),
    [
        (0, 1.0, 1, 30.0),
        (10**9, 1.0, 1, 30.0),
        (10**9, 1.0, BODY_BYTES_PER_SECOND_MIN // 2, 60.0),
        (0, 1.0, BODY_BYTES_PER_SECOND_MIN, None),
        (0, 29.0, 29 * BODY_BYTES_PER_SECOND_MIN, None),
        (0, 31.0, 10**9, 30.0),
    ],
)
def test_the_pace_of_a_body(before: int, every: float, size: int, dropped: float | None) -> None:
    """A trickle, and one after a gigabyte; half the rate; the rate, evenly and in bursts; a silence."""
    pieces = [(0.0, before), *((step * every, size) for step in range(1, 10_000))]
    at = dropped_after(pieces)
    assert at is None if dropped is None else at is not None and abs(at - dropped) < 1


@pytest.mark.parametrize(
    ("path", "limit", "length"),
    [
        ("/upload", "upload_bytes_max", 5_001),
        ("/recipes/explain", "upload_bytes_max", 5_001),
        ("/jobs", "field_bytes_max", 65_537),
        ("/receipts/audit", "audit_bytes_max", 10**30),
    ],
)
def test_a_length_over_the_limit_is_refused_before_the_body(path: str, limit: str, length: int) -> None:
    async def scenario(harness: WebHarness) -> None:
        async def unread() -> AsyncIterator[bytes]:
            pytest.fail("the body was read")
            yield b""

        response = await harness.client.post(path, content=unread(), headers=IMAGE | {"Content-Length": str(length)})
        assert (response.status_code, response.json()["limit"]) == (413, limit)

    serve(scenario, upload_bytes_max=5_000)


@pytest.mark.parametrize(("characters", "status"), [(10_240, 202), (20_000, 400)])
def test_a_parts_header_is_bounded_and_a_name_of_10_kb_is_cut(characters: int, status: int) -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await harness.client.post("/upload", files={"image": ("x" * characters, png())})
        assert response.status_code == status
        if status == 202:
            assert response.json()["jobs"][0]["filename"] == "x" * 255

    serve(scenario)


def test_a_part_has_few_headers() -> None:
    async def scenario(harness: WebHarness) -> None:
        for count, status in ((6, 202), (7, 400)):
            extra = {f"X-{number}": "y" for number in range(count)}
            files = {"image": ("a.png", png(), "image/png", extra)}
            assert (await harness.client.post("/upload", files=files)).status_code == status

    serve(scenario)


def test_the_names_of_ignored_parts_are_cut() -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await harness.upload(headers=None, **{"u" * 10_000: "x"})
        assert response.json()["ignored"] == ["u" * 255]

    serve(scenario)


def test_a_query_of_many_parameters_is_refused_before_it_is_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(harness: WebHarness) -> None:
        assert (await harness.client.get("/jobs?" + "&".join(["limit=1"] + [""] * 15))).status_code == 200
        monkeypatch.setattr(Request, "query_params", None)
        refused = await harness.client.get("/jobs?" + "a=b&" * 16)
        assert (refused.status_code, refused.json()["limit"], refused.json()["actual"]) == (400, "parameters_max", 17)

    serve(scenario)
