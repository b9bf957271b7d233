"""The trace of an upload: which jobs have it, and where it is told."""

import logging

import pytest

from jobs.job import decode_spec
from tests.support.harnesses.web_harness import WebHarness, png, serve

ID, OTHER = "a" * 32, "b" * 32
IN_ONE = {"traceparent": f"00-{ID}-{'1' * 16}-01", "tracestate": "vendor=x"}
IN_ANOTHER = {"traceparent": f"00-{OTHER}-{'2' * 16}-00"}
KEY = {"Idempotency-Key": "order-7"}


async def traces(harness: WebHarness, *jobs: str) -> list[str | None]:
    """The trace of each job, as the API shows it."""
    return [(await harness.client.get(f"/jobs/{job}")).json()["trace"] for job in jobs]


def test_a_job_is_made_in_the_trace_of_its_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "web")

    async def scenario(harness: WebHarness) -> None:
        job = (await harness.upload(headers=IN_ONE)).json()["id"]
        row = harness.ledger.job(job)
        assert row is not None
        assert decode_spec(row.spec).trace == f"{IN_ONE['traceparent']} vendor=x"
        assert await traces(harness, job) == [ID]
        (line,) = [vars(record) for record in caplog.records if record.message == "uploaded"]
        assert line["trace"] == ID

    serve(scenario)


def test_a_job_without_a_trace_has_none(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "web")

    async def scenario(harness: WebHarness) -> None:
        for headers in ({}, {"traceparent": f"ff{IN_ONE['traceparent'][2:]}"}, {"tracestate": "vendor=x"}):
            job = (await harness.upload(headers=headers)).json()["id"]
            assert await traces(harness, job) == [None]
        assert not any("trace" in vars(record) for record in caplog.records)

    serve(scenario)


def test_two_traceparents_are_ignored() -> None:
    async def scenario(harness: WebHarness) -> None:
        twice = [*IN_ONE.items(), *IN_ANOTHER.items()]
        response = await harness.client.post("/upload", files={"image": ("a.png", png())}, headers=twice)
        assert response.status_code == 202
        assert await traces(harness, response.json()["id"]) == [None]

    serve(scenario)


def test_all_jobs_of_a_post_have_it() -> None:
    async def scenario(harness: WebHarness) -> None:
        answer = (await harness.upload(png(1), png(2), headers=IN_ONE)).json()
        assert await traces(harness, *(job["id"] for job in answer["jobs"])) == [ID, ID]

    serve(scenario)


def test_a_repeat_gets_the_first_job_and_its_trace() -> None:
    async def scenario(harness: WebHarness) -> None:
        first = (await harness.upload(headers=KEY | IN_ONE)).json()
        assert (await harness.upload(headers=KEY | IN_ANOTHER)).json() == first
        assert await traces(harness, first["id"]) == [ID]

    serve(scenario)


def test_a_requeue_keeps_it_and_another_recipe_has_its_own() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = (await harness.upload(headers=IN_ONE)).json()["id"]
        await harness.client.delete(f"/jobs/{job}")
        assert (await harness.client.post(f"/jobs/{job}/requeue", headers=IN_ANOTHER)).status_code == 202
        derived = await harness.client.post("/jobs", json={"originals": [job]}, headers=IN_ANOTHER)
        assert await traces(harness, job, derived.json()["jobs"][0]["id"]) == [ID, OTHER]

    serve(scenario)
