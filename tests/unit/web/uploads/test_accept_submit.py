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
from tests.support.kits.web_kit import Kit, png, serve
from tests.unit.web.broker.test_waiting import beat

KEY = {"Idempotency-Key": "order-7"}
KEYS = f"{entry_of('acme', Scope.WRITE, 'w')},{entry_of('bolt', Scope.WRITE, 'b')}"


async def submitted(kit: Kit, *images: bytes, headers: dict[str, str] | None = None, **fields: str) -> Submit:
    """The Submit of this upload."""
    response = await kit.upload(*images, headers=headers, **fields)
    assert response.status_code == 202, response.text
    submit = kit.sent[-1]
    assert isinstance(submit, Submit)
    return submit


async def refused(kit: Kit, *images: bytes, headers: dict[str, str] | None = None, **ack: Any) -> httpx2.Response:
    """The answer to an upload that the broker refuses by these fields of its acknowledgement."""
    kit.works = False
    posted = asyncio.ensure_future(kit.upload(*images, headers=headers))
    before = len(kit.sent)
    while len(kit.sent) == before:
        await asyncio.sleep(0)
    request: str = kit.sent[-1].request
    kit.requests.received_acks(kit.broker.epoch, [Ack(request, REFUSED, **ack)])
    return await posted


def test_jobs_of_one_post_are_a_batch_that_knows_its_size_and_order() -> None:
    async def scenario(kit: Kit) -> None:
        two = await submitted(kit, png(1), png(2))
        assert two.jobs[0].batch is not None
        assert two.jobs[0].batch == two.jobs[1].batch
        assert [(decode_spec(job.spec).files, decode_spec(job.spec).index) for job in two.jobs] == [(2, 0), (2, 1)]
        assert (await submitted(kit)).jobs[0].batch is None

    serve(scenario)


def test_a_job_tells_its_pixels_and_what_it_will_cost() -> None:
    async def scenario(kit: Kit) -> None:
        (job,) = (await submitted(kit, png(4000, 3000))).jobs
        recipe = kit.web.recipes.presets["default"]
        assert (job.pixels, job.cost_ms) == (12_000_000, cost_ms(recipe, "png", 4000, 3000))

    serve(scenario)


def test_equal_content_is_the_same_bytes_of_the_same_tenant_by_the_same_recipe() -> None:
    """A quarantine bars content: it must bar no other tenant's, and no other recipe on these bytes."""

    async def scenario(kit: Kit) -> None:
        acme, bolt = {"Authorization": "Bearer w"}, {"Authorization": "Bearer b"}
        (first,) = (await submitted(kit, headers=acme)).jobs
        (again,) = (await submitted(kit, headers=acme, reference="another")).jobs
        assert again.content == first.content
        others = [
            (await submitted(kit, headers=bolt)).jobs[0],
            (await submitted(kit, headers=acme, preset="other")).jobs[0],
            (await submitted(kit, png(9), headers=acme)).jobs[0],
        ]
        assert len({first.content, *(job.content for job in others)}) == 4
        assert [job.tenant for job in others] == ["bolt", "acme", "acme"]

    serve(scenario, api_keys=KEYS)


def test_the_same_images_in_another_order_are_other_content_under_a_key() -> None:
    async def scenario(kit: Kit) -> None:
        await submitted(kit, png(1), png(2), headers=KEY)
        swapped = await kit.upload(png(2), png(1), headers=KEY)
        assert (swapped.status_code, swapped.json()["code"]) == (422, "idempotency_key_reused")

    serve(scenario)


def test_each_promised_job_is_in_the_log_and_a_batch_by_its_name(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "web")

    async def scenario(kit: Kit) -> None:
        submits = [await submitted(kit), await submitted(kit, png(1), png(2))]
        lines = [vars(record) for record in caplog.records if record.message == "uploaded"]
        assert [line["job"] for line in lines] == [job.id for submit in submits for job in submit.jobs]
        assert [line.get("batch", "none") for line in lines] == ["none", *[submits[1].jobs[0].batch] * 2]

    serve(scenario)


def test_a_row_that_answers_in_part_keeps_the_originals_of_its_jobs() -> None:
    """The acknowledgement was lost, and the first job of the batch is purged before the ledger is looked at: its
    siblings are found by their keys, and they are this very POST's."""

    async def scenario(kit: Kit) -> None:
        kit.answers = False
        posted = asyncio.ensure_future(kit.upload(png(1), png(2), headers=KEY))
        while not kit.sent:
            await asyncio.sleep(0)
        submit = kit.sent[0]
        assert isinstance(submit, Submit)
        first, second = (job.id for job in submit.jobs)
        kit.broker.handle(wire.encode(wire.Cancel("another", "1", first)))
        kit.broker.handle(wire.encode(wire.Purge("another", "2", first)))
        assert [each["id"] for each in (await posted).json()["jobs"]] == [second]
        assert set(kit.blobs.blobs) == {ids.original_name(second)}

    serve(scenario)


@pytest.mark.parametrize("code", ["broker_silent", "queue_full"])
def test_a_refusal_has_the_broker_s_own_code(code: str) -> None:
    async def scenario(kit: Kit) -> None:
        response = await refused(kit, code=code)
        assert (response.status_code, response.json()["code"]) == (503, code)
        assert "jobs" not in response.json()

    serve(scenario)


def test_a_full_queue_tells_to_come_when_a_tenth_of_it_is_done() -> None:
    async def scenario(kit: Kit) -> None:
        beat(kit, queued=600, seconds=2.0)
        response = await refused(kit, code="queue_full")
        assert response.headers["retry-after"] == "120"

    serve(scenario)


def test_a_grant_that_has_expired_meanwhile_needs_another_one() -> None:
    async def scenario(kit: Kit) -> None:
        response = await refused(kit, code="grant_expired")
        assert (response.status_code, response.json()["code"]) == (403, "grant_expired")
        assert "ask for another" in response.json()["detail"]

    serve(scenario)


def test_more_images_than_the_rate_under_a_key_that_nobody_could_look_up_are_refused_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(kit: Kit) -> None:
        def locked(_keys: list[bytes]) -> Any:
            raise LedgerBusy("a broker recovers")

        monkeypatch.setattr(kit.ledger, "keys", locked)
        many = await refused(kit, png(1), png(2), png(3), headers=KEY, code="rate_limited", retry_seconds=5.0)
        assert (many.status_code, many.json()["code"]) == (413, "too_many_parts")
        few = await refused(kit, png(1), png(2), headers=KEY, code="rate_limited", left=1, retry_seconds=5.0)
        assert (few.status_code, few.headers["retry-after"], few.json()["actual"]) == (429, "5", 3)
        soon = await refused(kit, headers=KEY, code="rate_limited", retry_seconds=0.0)
        assert soon.headers["retry-after"] == "1"

    serve(scenario, rate_per_minute=2)
