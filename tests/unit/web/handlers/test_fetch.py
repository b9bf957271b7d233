"""POST /jobs with `source_url`: what is plain from the text is judged at the door, and the rest by the gate."""

import pytest

from jobs.access.keys import Scope, entry_of
from jobs.job import State, decode_spec
from jobs.wire import TIMES_EDITION, Submit, SubmitForCouriers
from tests.support.harnesses.web_harness import WebHarness, serve

KEYS = f"{entry_of('acme', Scope.WRITE, 'w')},{entry_of('acme', Scope.READ, 'r')}"
SOURCES = "https://cdn.example/pics/"
URL = f"{SOURCES}a%20b.png?sig=secret"


def test_a_job_is_promised_before_its_original_is_there_and_its_query_is_shown_to_nobody() -> None:
    async def talk(harness: WebHarness) -> None:
        response = await harness.client.post("/jobs", json={"source_url": URL, "reference": "r"})
        assert response.status_code == 202
        (submit,) = [message for message in harness.sent if isinstance(message, Submit)]
        assert type(submit) is SubmitForCouriers
        (job,) = submit.jobs
        assert job.fetch and job.pixels == 0
        assert decode_spec(job.spec).source == URL
        shown = await harness.client.get(f"/jobs/{job.id}")
        view = shown.json()
        assert (view["state"], view["filename"], view["reference"]) == (State.QUEUED, "a b.png", "r")
        assert view["source_url"] == f"{SOURCES}a%20b.png"
        assert view["original"]["bytes"] == 0 and view["original"]["digest"] == ""
        for path in ("/jobs", f"/jobs/{job.id}", f"/batches/{job.id}"):
            assert "secret" not in (await harness.client.get(path)).text
        assert (await harness.client.get(f"/jobs/{job.id}/original")).json()["code"] == "not_found"
        again = await harness.client.post("/jobs", json={"original": job.id})
        assert again.json()["code"] == "not_found"
        assert not harness.blobs.blobs

    serve(talk, sources=SOURCES)


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.example/other/a.png", "http://cdn.example/pics/a.png", "https://127.0.0.1/pics/a.png",
        "https://cdn.example:8443/pics/a.png", "https://cdn.example/pics/../a.png", "ftp://cdn.example/pics/a.png",
        "s3://bucket/a.png", "no address",
    ],
)  # fmt: skip
def test_what_must_not_be_fetched_is_refused_at_the_door(url: str) -> None:
    async def talk(harness: WebHarness) -> None:
        response = await harness.client.post("/jobs", json={"source_url": url})
        assert (response.status_code, response.json()["code"]) == (422, "source_refused")
        assert harness.sent == []

    serve(talk, sources=SOURCES)


def test_a_broker_that_knows_no_fetches_gets_none() -> None:
    async def talk(harness: WebHarness) -> None:
        harness.beat(edition=TIMES_EDITION)
        refused = await harness.client.post("/jobs", json={"source_url": URL})
        assert (refused.status_code, refused.json()["code"]) == (503, "broker_silent")
        assert harness.sent == []

    serve(talk, sources=SOURCES)


def test_without_sources_every_address_is_refused() -> None:
    async def talk(harness: WebHarness) -> None:
        assert (await harness.client.post("/jobs", json={"source_url": URL})).json()["code"] == "source_refused"

    serve(talk)


@pytest.mark.parametrize(
    "values",
    [
        {"source_url": 5},
        {"source_url": URL, "original": "x"},
        {"source_url": URL, "originals": ["x"]},
        {"source_url": URL, "x": 1},
    ],
)
def test_a_faulty_request_is_named(values: dict[str, object]) -> None:
    async def talk(harness: WebHarness) -> None:
        response = await harness.client.post("/jobs", json=values)
        assert (response.status_code, response.json()["code"]) == (400, "bad_parameter")

    serve(talk, sources=SOURCES)


def test_a_key_covers_the_address_and_not_the_bytes() -> None:
    async def talk(harness: WebHarness) -> None:
        first = await harness.client.post("/jobs", json={"source_url": URL}, headers={"Idempotency-Key": "k"})
        again = await harness.client.post("/jobs", json={"source_url": URL}, headers={"Idempotency-Key": "k"})
        other = await harness.client.post("/jobs", json={"source_url": f"{URL}x"}, headers={"Idempotency-Key": "k"})
        assert first.json()["id"] == again.json()["id"]
        assert other.json()["code"] == "idempotency_key_reused"

    serve(talk, sources=SOURCES)


def test_who_may_only_read_may_not_have_anything_fetched() -> None:
    async def talk(harness: WebHarness) -> None:
        for key, status in (("r", 403), ("w", 202)):
            response = await harness.client.post(
                "/jobs", json={"source_url": URL}, headers={"Authorization": f"Bearer {key}"}
            )
            assert response.status_code == status

    serve(talk, sources=SOURCES, api_keys=KEYS)
