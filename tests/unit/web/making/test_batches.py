"""Batches over HTTP: opened, joined by uploads and by jobs of stored originals, shown, closed."""

import asyncio
import json
from typing import Any
from unittest.mock import Mock

import pytest

from broker.core import batches as core
from jobs.access.keys import Scope, entry_of
from jobs.errors import StoreFault
from jobs.ids import mint
from jobs.job import Hooks
from jobs.wire import COURIERS_EDITION, OpenBatch, Submit, SubmitToBatch
from stores.ledger.memory import MemoryLedger
from tests.support.harnesses.web_harness import BASE, WebHarness, granted, png, serve
from web.broker.reads import OnLoop
from web.uploads import accept

URL = "https://app.example/hooks"
KEYS = f"{entry_of('acme', Scope.WRITE, 'w')},{entry_of('other', Scope.WRITE, 'x')},{entry_of('o', Scope.OPERATE, 'o')}"
NOBODY = mint(1.0, bytes(10))


async def opened(harness: WebHarness, **values: Any) -> str:
    """The id of a batch that was opened."""
    response = await harness.client.post("/batches", json=values) if values else await harness.client.post("/batches")
    assert response.status_code == 201, response.text
    batch: str = response.json()["id"]
    assert response.json() == {"id": batch, "status_url": f"{BASE}/batches/{batch}"}
    assert response.headers["location"] == f"{BASE}/batches/{batch}"
    return batch


async def shown(harness: WebHarness, batch: str) -> dict[str, Any]:
    """The batch as it is shown."""
    response = await harness.client.get(f"/batches/{batch}")
    assert response.status_code == 200, response.text
    view: dict[str, Any] = response.json()
    return view


def test_uploads_join_an_open_batch_until_it_is_closed() -> None:
    async def scenario(harness: WebHarness) -> None:
        batch = await opened(harness, webhook_url=URL)
        view = await shown(harness, batch)
        assert (view["id"], view["open"], view["total"], view["jobs"], view["counts"]) == (batch, True, 0, [], {})
        assert view["events_url"] is None
        assert (await harness.client.get(f"/batches/{batch}/events")).status_code == 404
        first = await harness.accepted(batch=batch)
        await harness.accepted(png(), png(), batch=batch)
        again = await harness.client.post("/jobs", json={"original": first, "batch": batch})
        assert (again.status_code, again.json()["batch"]["id"]) == (202, batch)
        whole = await shown(harness, batch)
        assert whole["events_url"] == f"{BASE}/batches/{batch}/events"
        assert (whole["total"], len(whole.pop("jobs"))) == (4, 4)
        assert (await harness.client.get(f"/batches/{batch}", params={"jobs": "0"})).json() == whole
        closed = await harness.client.post(f"/batches/{batch}/close")
        assert (closed.status_code, closed.json()["open"], closed.json()["total"]) == (202, False, 4)
        late = await harness.upload(batch=batch)
        assert (late.status_code, late.json()["code"]) == (409, "batch_closed")
        for job in (await shown(harness, batch))["jobs"]:
            harness.finish(job["id"])
        harness.beat()
        (told,) = harness.ledger.delivery_rows.values()
        assert (told.type, json.loads(told.body)["data"]["counts"]) == ("batch.ended", {"done": 4})
        assert (await harness.client.post(f"/batches/{batch}/close")).status_code == 202

    serve(scenario)


def test_a_batch_is_opened_once_under_a_key() -> None:
    async def scenario(harness: WebHarness) -> None:
        async def status(who: str, key: str, **values: str) -> tuple[int, str | None, str | None]:
            sent = {"Authorization": f"Bearer {who}", "Idempotency-Key": key}
            answer = await harness.client.post("/batches", json=values, headers=sent)
            return answer.status_code, answer.json().get("id"), answer.json().get("code")

        first = await status("w", "k", webhook_url=URL)
        assert (first[0], await status("w", "k", webhook_url=URL)) == (201, first)
        assert await status("w", "k") == (422, None, "idempotency_key_reused")
        others = [await status("x", "k", webhook_url=URL), await status("w", "other")]
        assert len({each[1] for each in (first, *others)}) == 3
        assert (await status("w", "no key"))[2] == "bad_key"
        harness.client.headers["Authorization"] = "Bearer w"
        assert first[1]
        await harness.accepted(batch=first[1])
        await harness.client.post(f"/batches/{first[1]}/close")
        assert await status("w", "k", webhook_url=URL) == first
        assert (await shown(harness, first[1]))["open"] is False

    serve(scenario, api_keys=KEYS)


def test_a_large_batch_is_counted_without_its_rows_and_read_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(harness: WebHarness) -> None:
        job, batch = await harness.accepted(), await opened(harness)
        many = await harness.client.post("/jobs", json={"originals": [job] * 101, "batch": batch})
        assert many.status_code == 202
        harness.web.reads = harness.web.reads._replace(quick=OnLoop(Unread(harness.ledger)))
        counted = (await harness.client.get(f"/batches/{batch}", params={"jobs": "0"})).json()
        assert (counted["total"], counted["counts"], "jobs" in counted) == (101, {"queued": 101}, False)
        whole = await shown(harness, batch)
        closed = (await harness.client.post(f"/batches/{batch}/close")).json()
        assert len(whole["jobs"]) == len(closed["jobs"]) == 101

    serve(scenario)


class Unread:
    """A reader of the event loop, of which no batch's rows are asked."""

    def __init__(self, ledger: MemoryLedger) -> None:
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        assert name != "batch"
        return getattr(self._ledger, name)


def test_who_waits_for_several_files_is_told_the_truth_of_the_batch_that_they_joined() -> None:
    async def scenario(harness: WebHarness) -> None:
        batch = await opened(harness)
        other = await harness.accepted(batch=batch)
        waiting = asyncio.create_task(harness.upload(png(), png(5, 5), batch=batch, headers={"Prefer": "wait=9"}))
        while len(harness.ledger.rows) < 3:
            await asyncio.sleep(0)
        own = [row.id for row in harness.ledger.batch(batch) if row.id != other]
        for job in own:
            harness.finish(job)
        view = (await waiting).json()
        assert (view["id"], view["open"], view["total"], view["ended"]) == (batch, True, 3, 2)
        assert [(each["id"], bool(each["receipt"])) for each in view["jobs"]] == [(job, True) for job in own]

    serve(scenario)


def test_a_refused_file_leaves_nothing_behind() -> None:
    async def scenario(harness: WebHarness) -> None:
        for batch, status, code in ((NOBODY, 404, "not_found"), ("what", 400, "bad_parameter")):
            refused = await harness.upload(batch=batch)
            assert (refused.status_code, refused.json()["code"]) == (status, code)
        assert harness.ledger.rows == {}
        assert harness.blobs.blobs == {}

    serve(scenario)


def test_a_batch_that_is_full_says_how_much_room_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (core, accept):
        monkeypatch.setattr(module, "BATCH_JOBS_MAX", 3)

    async def scenario(harness: WebHarness) -> None:
        batch = await opened(harness)
        await harness.accepted(png(), png(), batch=batch)
        refused = await harness.upload(png(), png(), batch=batch)
        found = {name: refused.json()[name] for name in ("code", "limit", "allowed", "actual")}
        assert found == {"code": "too_many_parts", "limit": "batch_jobs_max", "allowed": 3, "actual": 4}
        await harness.accepted(batch=batch)

    serve(scenario)


def test_a_batch_is_its_tenant_s() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.client.headers["Authorization"] = "Bearer w"
        batch = await opened(harness)
        harness.client.headers["Authorization"] = "Bearer x"
        for refused in (
            await harness.client.get(f"/batches/{batch}"),
            await harness.client.post(f"/batches/{batch}/close"),
            await harness.client.post("/batches/what/close"),
            await harness.upload(batch=batch),
        ):
            assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
        harness.client.headers["Authorization"] = "Bearer o"
        assert (await harness.client.post(f"/batches/{batch}/close")).json()["open"] is False

    serve(scenario, api_keys=KEYS)


@pytest.mark.parametrize(
    "body", [b"[]", b'{"url": "x"}', b'{"webhook_url": 1}', b'{"webhook_url": "http://127.0.0.1/"}']
)
def test_a_batch_is_opened_by_nothing_or_a_receiver(body: bytes) -> None:
    async def scenario(harness: WebHarness) -> None:
        refused = await harness.client.post("/batches", content=body)
        assert (refused.status_code, refused.json()["code"]) in ((400, "bad_parameter"), (400, "malformed"))
        assert harness.sent == []
        await opened(harness, webhook_url=URL)
        (sent,) = harness.sent
        assert isinstance(sent, OpenBatch)
        assert sent.hooks == Hooks((URL,), BASE)

    serve(scenario)


def test_a_batch_beyond_the_rate_or_the_tenant_s_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(harness: WebHarness) -> None:
        await opened(harness)
        refused = await harness.client.post("/batches")
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert int(refused.headers["retry-after"]) > 50
        monkeypatch.setattr(core, "OPEN_BATCHES_MAX", 1)
        refused = await harness.client.post("/batches")
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_at_once")
        assert refused.json()["limit"] == "open_batches_max"

    serve(scenario, rate_per_minute=1)


def test_a_broker_that_knows_no_open_batches_gets_none() -> None:
    async def scenario(harness: WebHarness) -> None:
        batch = await opened(harness)
        sent = len(harness.sent)
        harness.beat(edition=COURIERS_EDITION)
        for refused in (
            await harness.client.post("/batches"),
            await harness.client.post(f"/batches/{batch}/close"),
            await harness.upload(batch=batch),
        ):
            assert (refused.status_code, refused.json()["code"]) == (503, "broker_silent")
        assert len(harness.sent) == sent
        await harness.accepted()
        harness.beat()
        await harness.accepted(batch=batch)
        assert [type(message) for message in harness.sent[sent:]] == [Submit, SubmitToBatch]

    serve(scenario)


def test_a_ledger_of_the_release_before_shows_its_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(harness: WebHarness) -> None:
        made = (await harness.upload(png(), png())).json()["batch"]["id"]
        harness.beat(edition=COURIERS_EDITION)
        monkeypatch.setattr(harness.ledger, "batch_entry", Mock(side_effect=StoreFault("no such column: open_until")))
        view = await shown(harness, made)
        assert (view["open"], view["total"]) == (False, 2)
        harness.beat()
        assert (await harness.client.get(f"/batches/{made}")).status_code == 503

    serve(scenario)


def test_a_grant_joins_no_batch() -> None:
    async def scenario(harness: WebHarness) -> None:
        refused = await harness.client.post(
            "/upload", files={"image": png()}, data={"batch": NOBODY}, headers=granted(harness)
        )
        assert (refused.status_code, refused.json()["parameter"]) == (403, "batch")

    serve(scenario, api_keys=KEYS, grant_secrets="0123456789abcdef0123")
