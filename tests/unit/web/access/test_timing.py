"""The stages of an accept: told in the 202 in milliseconds, counted once, and never those of a refusal."""

import re

import pytest

from tests.support.harnesses.web_harness import WebHarness, png, serve
from web.metrics.families import ACCEPT_BUCKETS, ACCEPT_SECONDS, STAGES, UPLOAD_BYTES

_TOLD = re.compile(r"([a-z]+);dur=(\d+\.\d)")


def stages_of(header: str) -> list[str]:
    """The names of the stages; the header has nothing else."""
    parts = [_TOLD.fullmatch(part) for part in header.split(", ")]
    assert all(parts), header
    return [part[1] for part in parts if part]


def observed(harness: WebHarness) -> dict[str, int]:
    """How many accepts were counted, by stage."""
    counts = harness.web.counts
    assert counts is not None
    cells, places = counts.seen().totals, counts.layout.places(ACCEPT_SECONDS)
    return {stage: sum(cells[at : at + len(ACCEPT_BUCKETS) + 1]) for (stage,), at in places.items()}


def test_the_202_tells_the_stages_and_they_are_counted() -> None:
    async def scenario(harness: WebHarness) -> None:
        image = png(filler=bytes(5000))
        response = await harness.upload(image)
        assert response.status_code == 202
        assert stages_of(response.headers["server-timing"]) == [*STAGES]
        assert observed(harness) == dict.fromkeys(STAGES, 1)
        counts = harness.web.counts
        assert counts is not None
        assert counts.seen().totals[counts.layout.places(UPLOAD_BYTES)[()]] == len(image)

    serve(scenario)


def test_a_wait_is_told_and_not_counted() -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await harness.upload(png(), headers={"Prefer": "wait=0.01"})
        assert stages_of(response.headers["server-timing"]) == [*STAGES, "wait"]
        assert observed(harness) == dict.fromkeys(STAGES, 1)

    serve(scenario)


def test_a_job_of_a_stored_original_has_no_body_to_read() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = (await harness.upload(png())).json()["id"]
        response = await harness.client.post("/jobs", json={"original": job, "preset": "other"})
        assert stages_of(response.headers["server-timing"]) == ["judge", "store", "promise"]
        assert observed(harness) == dict.fromkeys(STAGES, 1), "POST /jobs is no upload"

    serve(scenario)


def test_a_refusal_is_neither_told_nor_counted() -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await harness.upload(b"no image")
        assert response.status_code >= 400
        assert "server-timing" not in response.headers
        assert observed(harness) == dict.fromkeys(STAGES, 0)

    serve(scenario)


@pytest.mark.parametrize(("origin", "allowed"), [("https://shop.example", True), ("http://localhost:3000", False)])
def test_pages_of_allowed_origins_may_read_it(origin: str, allowed: bool) -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await harness.upload(png(), headers={"Origin": origin})
        assert response.status_code == 202
        assert response.headers.get("timing-allow-origin") == (origin if allowed else None)
        assert "Server-Timing" in response.headers["access-control-expose-headers"]

    serve(scenario, cors_origins="https://shop.example")
