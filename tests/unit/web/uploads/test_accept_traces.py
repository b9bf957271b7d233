"""The trace of an upload: which jobs have it, and where it is told."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from host.tracing.tracer import Sending, Tracer
from jobs.job import decode_spec
from jobs.trace import written
from tests.support.harnesses.web_harness import WebHarness, png, serve
from web.broker.requests import NotPromised

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


class Heard(Tracer):
    """Gives each job a trace of its own, and hears what is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str | None, int, bool]] = []
        self.again: list[str] = []
        self.faults: list[str] = []

    @contextmanager
    def sending(self, trace: str | None, jobs: Sequence[str], *, is_batch: bool) -> Iterator[Sending]:
        self.told.append((trace, len(jobs), is_batch))
        heard = self

        class Repeated(Sending):
            def repeated(self, jobs: Sequence[str]) -> None:
                heard.again += jobs

        try:
            yield Repeated([written(f"{index + 1:032x}", "1" * 16, 1) for index in range(len(jobs))])
        except NotPromised as fault:
            self.faults.append(fault.code)
            raise


def test_a_tracer_gives_each_job_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "web")

    async def scenario(harness: WebHarness) -> None:
        harness.web.tracer = heard = Heard()
        answer = (await harness.upload(png(1), png(2), headers=IN_ANOTHER)).json()
        found = await traces(harness, *(job["id"] for job in answer["jobs"]))
        assert found == [f"{number:032x}" for number in (1, 2)]
        assert [vars(record)["trace"] for record in caplog.records if record.message == "uploaded"] == found
        assert heard.told == [(IN_ANOTHER["traceparent"], 2, False)]

    serve(scenario)


def test_a_tracer_is_told_of_a_repeat_of_a_batch_and_of_a_fault() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.web.tracer = heard = Heard()
        first = (await harness.upload(headers=KEY)).json()["id"]
        await harness.upload(headers=KEY)
        assert heard.again == [first]
        await harness.client.post("/jobs", json={"originals": [first]})
        harness.works = False
        assert (await harness.upload()).status_code == 503
        assert heard.told == [(None, 1, False), (None, 1, False), (None, 1, True), (None, 1, False)]
        assert heard.faults == ["broker_silent"]

    serve(scenario)
