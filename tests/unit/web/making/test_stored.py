"""Jobs of many stored originals: one batch, all of them or none."""

import json
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from jobs.access.keys import Scope, entry_of
from jobs.ids import mint, original_name
from jobs.job import decode_spec
from jobs.limits import BATCH_JOBS_MAX
from jobs.tenants import TenantLimits
from jobs.wire import COURIERS_EDITION, Submit
from tests.support.harnesses.web_harness import WebHarness, png, serve
from web.making import stored

URL = "https://app.example/hooks"
NOBODY = mint(1.0, bytes(10))


async def many(harness: WebHarness, *originals: str, status: int = 202, **fields: Any) -> dict[str, Any]:
    """The answer to POST /jobs of these originals."""
    response = await harness.client.post("/jobs", json={"originals": originals, **fields})
    assert response.status_code == status, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_many_originals_are_one_batch_whose_end_is_told_once() -> None:
    async def scenario(harness: WebHarness) -> None:
        first, second = [await harness.accepted(png(3, 2)), await harness.accepted(png(4, 2))]
        answer = await many(harness, first, second, first, preset="default", webhook_url=URL)
        jobs = [job["id"] for job in answer["jobs"]]
        rows = harness.ledger.jobs(jobs)
        assert {row.batch for row in rows} == {answer["batch"]["id"]}
        sides = [decode_spec(row.spec).original.width for row in rows]
        assert sides == [3, 4, 3]
        assert {original_name(job) for job in jobs} <= harness.blobs.blobs.keys()
        for job in jobs:
            harness.finish(job)
        harness.beat()
        (told,) = [row for row in harness.ledger.delivery_rows.values() if row.type == "batch.ended"]
        assert json.loads(told.body)["data"]["total"] == 3

    serve(scenario)


def test_one_of_many_is_a_batch_too() -> None:
    async def scenario(harness: WebHarness) -> None:
        answer = await many(harness, await harness.accepted())
        assert answer["batch"]["id"] != answer["id"]
        assert (await harness.client.get(f"/batches/{answer['batch']['id']}")).json()["total"] == 1

    serve(scenario)


def test_a_key_of_one_original_is_none_of_a_batch_of_one() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        for key, first, second in (("a", {"original": job}, {"originals": [job]}),
                                   ("b", {"originals": [job]}, {"original": job})):  # fmt: skip
            sent = {"Idempotency-Key": key}
            made = await harness.client.post("/jobs", json=first, headers=sent)
            again = await harness.client.post("/jobs", json=first, headers=sent)
            other = await harness.client.post("/jobs", json=second, headers=sent)
            assert (made.status_code, again.json()["batch"]) == (202, made.json()["batch"])
            assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")

    serve(scenario)


def test_as_many_as_a_batch_has_room_for_are_one_message() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        sent = len(harness.sent)
        answer = await many(harness, *[job] * BATCH_JOBS_MAX)
        (submit,) = harness.sent[sent:]
        assert isinstance(submit, Submit)
        assert len(submit.jobs) == len(answer["jobs"]) == BATCH_JOBS_MAX
        shown = await harness.client.get(f"/batches/{answer['batch']['id']}")
        assert [each["id"] for each in shown.json()["jobs"]] == [each["id"] for each in answer["jobs"]]
        refused = await many(harness, *[job] * (BATCH_JOBS_MAX + 1), status=400)
        assert (refused["limit"], refused["allowed"], refused["actual"]) == (
            "batch_jobs_max", BATCH_JOBS_MAX, BATCH_JOBS_MAX + 1,
        )  # fmt: skip

    serve(scenario)


@pytest.mark.parametrize("originals", [[], "x", [1], {"a": 1}])
def test_originals_are_a_list_of_ids(originals: Any) -> None:
    async def scenario(harness: WebHarness) -> None:
        refused = await harness.client.post("/jobs", json={"originals": originals})
        assert (refused.status_code, refused.json()["parameter"]) == (400, "originals")
        both = await harness.client.post("/jobs", json={"originals": [NOBODY], "original": NOBODY})
        assert (both.status_code, both.json()["parameter"]) == (400, "originals")

    serve(scenario)


def test_all_are_made_or_none() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        rows, sent, blobs = len(harness.ledger.rows), len(harness.sent), set(harness.blobs.blobs)
        missing = await many(harness, job, NOBODY, "what", status=404)
        assert (missing["code"], missing["detail"]) == ("not_found", f"there is no job {NOBODY}, nor 1 others of these")
        assert len(harness.sent) == sent
        full = await many(harness, job, job, job, status=503)
        assert full["code"] == "queue_full"
        assert (len(harness.ledger.rows), set(harness.blobs.blobs)) == (rows, blobs)

    serve(scenario, queued_max=3)


@pytest.mark.parametrize("limit", ["rate_per_minute", "queued_max"])
def test_more_than_could_ever_be_accepted_get_no_names(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        sent, linked = len(harness.sent), Mock(wraps=harness.blobs.link)
        monkeypatch.setattr(harness.blobs, "link", linked)
        refused = await many(harness, *[job] * 4, status=413)
        assert {"code": "too_many_parts", "limit": limit, "allowed": 3, "actual": 4}.items() <= refused.items()
        assert (len(harness.sent), linked.call_count) == (sent, 0)

    serve(scenario, **{limit: 3})


def test_a_tenant_s_own_queue_bounds_one_post_but_no_repeat(tmp_path: Path) -> None:
    file = tmp_path / "tenants.toml"
    file.write_text("[acme]\nqueued_max = 3\n")

    async def scenario(harness: WebHarness) -> None:
        harness.client.headers["Authorization"] = "Bearer w"
        job = await harness.accepted()
        harness.finish(job)
        harness.client.headers["Idempotency-Key"] = "many"
        first = await many(harness, job, job, job)
        harness.web.limits = {"acme": TenantLimits(queued_max=2)}
        again = await many(harness, job, job, job)
        assert again["batch"] == first["batch"]
        harness.client.headers["Idempotency-Key"] = "more"
        refused = await many(harness, job, job, job, status=413)
        assert (refused["limit"], refused["allowed"], refused["actual"]) == ("queued_max", 2, 3)
        uploaded = await harness.upload(png(), png(5, 5), png(6, 6), png(7, 7))
        assert (uploaded.status_code, uploaded.json()["code"]) == (413, "too_many_parts")

    serve(scenario, api_keys=entry_of("acme", Scope.WRITE, "w"), tenants=str(file))


def test_a_tenant_that_may_have_no_job_is_told_of_a_full_queue(tmp_path: Path) -> None:
    file = tmp_path / "tenants.toml"
    file.write_text("[acme]\nqueued_max = 0\n")

    async def scenario(harness: WebHarness) -> None:
        refused = await harness.upload(headers={"Authorization": "Bearer w"})
        assert (refused.status_code, refused.json()["code"]) == (503, "queue_full")

    serve(scenario, api_keys=entry_of("acme", Scope.WRITE, "w"), tenants=str(file))


def test_as_many_as_the_queue_takes_are_taken() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        assert (await many(harness, *[job] * 3, status=503))["code"] == "queue_full"
        harness.broker.start(job)
        harness.finish(job)
        await many(harness, *[job] * 3)

    serve(scenario, queued_max=3)


def test_a_message_that_would_be_too_long_is_refused_before_anything_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "FRAME_BYTES_MAX", 2000)

    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        sent, blobs = len(harness.sent), set(harness.blobs.blobs)
        refused = await many(harness, *[job] * 20, status=413)
        assert (refused["code"], refused["limit"], refused["allowed"]) == ("too_many_parts", "frame_bytes_max", 2000)
        assert refused["actual"] > 2000
        assert (len(harness.sent), set(harness.blobs.blobs)) == (sent, blobs)

    serve(scenario)


def test_a_broker_of_the_release_before_gets_no_more_than_it_takes() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        harness.beat(edition=COURIERS_EDITION)
        assert (await many(harness, *[job] * 101, status=503))["code"] == "broker_silent"
        await many(harness, *[job] * 100)

    serve(scenario)
