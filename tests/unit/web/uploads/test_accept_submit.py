"""What the Submit of an upload says to the broker, and how each refusal of the broker is told."""

import asyncio
import logging
from typing import Any

import httpx2
import pytest

from jobs import ids, wire
from jobs.access.keys import Scope, entry_of
from jobs.errors import LedgerBusy
from jobs.job import decode_spec
from jobs.recipes.explain import cost_ms
from jobs.wire import REFUSED, Ack, Submit
from tests.support.harnesses.web_harness import WebHarness, png, serve
from tests.unit.web.broker.test_waiting import beat

KEY = {"Idempotency-Key": "order-7"}
KEYS = f"{entry_of('acme', Scope.WRITE, 'w')},{entry_of('bolt', Scope.WRITE, 'b')}"


async def submitted(
    harness: WebHarness, *images: bytes, headers: dict[str, str] | None = None, **fields: str
) -> Submit:
    """The Submit of this upload."""
    response = await harness.upload(*images, headers=headers, **fields)
    assert response.status_code == 202, response.text
    submit = harness.sent[-1]
    assert isinstance(submit, Submit)
    return submit


async def refused(
    harness: WebHarness, *images: bytes, headers: dict[str, str] | None = None, **ack: Any
) -> httpx2.Response:
    """The answer to an upload that the broker refuses by these fields of its acknowledgement."""
    harness.works = False
    posted = asyncio.ensure_future(harness.upload(*images, headers=headers))
    before = len(harness.sent)
    while len(harness.sent) == before:
        await asyncio.sleep(0)
    request: str = harness.sent[-1].request
    harness.requests.received_acks(harness.broker.epoch, [Ack(request, REFUSED, **ack)])
    return await posted


def test_jobs_of_one_post_are_a_batch_that_knows_its_size_and_order() -> None:
    async def scenario(harness: WebHarness) -> None:
        two = await submitted(harness, png(1), png(2))
        assert two.jobs[0].batch is not None
        assert two.jobs[0].batch == two.jobs[1].batch
        assert [(decode_spec(job.spec).files, decode_spec(job.spec).index) for job in two.jobs] == [(2, 0), (2, 1)]
        assert (await submitted(harness)).jobs[0].batch is None

    serve(scenario)


def test_a_job_tells_its_pixels_and_what_it_will_cost() -> None:
    async def scenario(harness: WebHarness) -> None:
        (job,) = (await submitted(harness, png(4000, 3000))).jobs
        recipe = harness.web.recipes.presets["default"]
        assert (job.pixels, job.cost_ms) == (12_000_000, cost_ms(recipe, "png", 4000, 3000))

    serve(scenario)


def test_equal_content_is_the_same_bytes_of_the_same_tenant_by_the_same_recipe() -> None:
    """A quarantine bars content: it must bar no other tenant's, and no other recipe on these bytes."""

    async def scenario(harness: WebHarness) -> None:
        acme, bolt = {"Authorization": "Bearer w"}, {"Authorization": "Bearer b"}
        (first,) = (await submitted(harness, headers=acme)).jobs
        (again,) = (await submitted(harness, headers=acme, reference="another")).jobs
        assert again.content == first.content
        others = [
            (await submitted(harness, headers=bolt)).jobs[0],
            (await submitted(harness, headers=acme, preset="other")).jobs[0],
            (await submitted(harness, png(9), headers=acme)).jobs[0],
        ]
        assert len({first.content, *(job.content for job in others)}) == 4
        assert [job.tenant for job in others] == ["bolt", "acme", "acme"]

    serve(scenario, api_keys=KEYS)


def test_the_same_images_in_another_order_are_other_content_under_a_key() -> None:
    async def scenario(harness: WebHarness) -> None:
        await submitted(harness, png(1), png(2), headers=KEY)
        swapped = await harness.upload(png(2), png(1), headers=KEY)
        assert (swapped.status_code, swapped.json()["code"]) == (422, "idempotency_key_reused")

    serve(scenario)


def test_each_promised_job_is_in_the_log_and_a_batch_by_its_name(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "web")

    async def scenario(harness: WebHarness) -> None:
        submits = [await submitted(harness), await submitted(harness, png(1), png(2))]
        lines = [vars(record) for record in caplog.records if record.message == "uploaded"]
        assert [line["job"] for line in lines] == [job.id for submit in submits for job in submit.jobs]
        assert [line.get("batch", "none") for line in lines] == ["none", *[submits[1].jobs[0].batch] * 2]

    serve(scenario)


def test_a_row_that_answers_in_part_keeps_the_originals_of_its_jobs() -> None:
    """The acknowledgement was lost, and the first job of the batch is purged before the ledger is looked at: its
    siblings are found by their keys, and they are this very POST's."""

    async def scenario(harness: WebHarness) -> None:
        harness.answers = False
        posted = asyncio.ensure_future(harness.upload(png(1), png(2), headers=KEY))
        while not harness.sent:
            await asyncio.sleep(0)
        submit = harness.sent[0]
        assert isinstance(submit, Submit)
        first, second = (job.id for job in submit.jobs)
        harness.broker.handle(wire.encode(wire.Cancel("another", "1", first)))
        harness.broker.handle(wire.encode(wire.Purge("another", "2", first)))
        assert [each["id"] for each in (await posted).json()["jobs"]] == [second]
        assert set(harness.blobs.blobs) == {ids.original_name(second)}

    serve(scenario)


@pytest.mark.parametrize("code", ["broker_silent", "queue_full"])
def test_a_refusal_has_the_broker_s_own_code(code: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await refused(harness, code=code)
        assert (response.status_code, response.json()["code"]) == (503, code)
        assert "jobs" not in response.json()

    serve(scenario)


def test_a_full_queue_tells_to_come_when_a_tenth_of_it_is_done() -> None:
    async def scenario(harness: WebHarness) -> None:
        beat(harness, queued=600, seconds=2.0)
        response = await refused(harness, code="queue_full")
        assert response.headers["retry-after"] == "120"

    serve(scenario)


def test_a_grant_that_has_expired_meanwhile_needs_another_one() -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await refused(harness, code="grant_expired")
        assert (response.status_code, response.json()["code"]) == (403, "grant_expired")
        assert "ask for another" in response.json()["detail"]

    serve(scenario)


def test_more_images_than_the_rate_under_a_key_that_nobody_could_look_up_are_refused_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(harness: WebHarness) -> None:
        def locked(_keys: list[bytes]) -> Any:
            raise LedgerBusy("a broker recovers")

        monkeypatch.setattr(harness.ledger, "keys", locked)
        many = await refused(harness, png(1), png(2), png(3), headers=KEY, code="rate_limited", retry_seconds=5.0)
        assert (many.status_code, many.json()["code"]) == (413, "too_many_parts")
        few = await refused(harness, png(1), png(2), headers=KEY, code="rate_limited", left=1, retry_seconds=5.0)
        assert (few.status_code, few.headers["retry-after"], few.json()["actual"]) == (429, "5", 3)
        soon = await refused(harness, headers=KEY, code="rate_limited", retry_seconds=0.0)
        assert soon.headers["retry-after"] == "1"

    serve(scenario, rate_per_minute=2)
