"""The 202: given for an acknowledgement or a row, never for less; and what becomes of the blobs otherwise."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest

from jobs import ids, wire
from jobs.errors import StoreFault, StoreFull
from jobs.job import Code, Row, State
from jobs.limits import UNACKNOWLEDGED_MAX
from jobs.wire import COMMITTED, REFUSED, Ack, Pause
from stores.blobs.memory import MemoryBlobs, MemoryWriter
from stores.ledger import LedgerReader
from tests.support.harnesses.web_harness import WebHarness, png, reads_of, serve, turns
from web.broker import requests as submit
from web.broker.requests import NotPromised, Requests, nowhere

KEY = {"Idempotency-Key": "order-7"}


def names(*jobs: str) -> set[str]:
    return {ids.original_name(job) for job in jobs}


def test_the_same_key_and_content_is_the_same_job() -> None:
    async def scenario(harness: WebHarness) -> None:
        first = await harness.upload(headers=KEY)
        renamed = await harness.client.post(
            "/upload", files={"image": ("else.png", png())}, headers={"Idempotency-Key": '"order-7"'}
        )
        assert (first.status_code, renamed.status_code) == (202, 202)
        assert first.json() == renamed.json()
        assert set(harness.blobs.blobs) == names(first.json()["id"])

    serve(scenario)


def test_a_batch_comes_back_in_file_order() -> None:
    async def scenario(harness: WebHarness) -> None:
        first, again = [await harness.upload(png(1), png(2), headers=KEY) for _ in range(2)]
        assert first.json() == again.json()
        assert len(harness.blobs.blobs) == 2

    serve(scenario)


def test_what_is_new_is_answered_without_a_look_at_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(harness: WebHarness) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(harness.web, "reads", reads_of(cast(LedgerReader, None)))
            first = await harness.upload(png(1), png(2), headers=KEY)
        assert first.status_code == 202
        assert first.json() == (await harness.upload(png(1), png(2), headers=KEY)).json()

    serve(scenario)


@pytest.mark.parametrize(
    ("images", "fields"),
    [((png(9),), {}), ((png(), png()), {}), ((png(),), {"preset": "other"}), ((png(),), {"reference": "r"})],
)
def test_a_key_used_for_other_content(images: tuple[bytes, ...], fields: dict[str, str]) -> None:
    async def scenario(harness: WebHarness) -> None:
        first = await harness.upload(headers=KEY)
        second = await harness.upload(*images, headers=KEY, **fields)
        assert (second.status_code, second.json()["code"]) == (422, "idempotency_key_reused")
        assert set(harness.blobs.blobs) == names(first.json()["id"])

    serve(scenario)


def test_metadata_in_another_order_is_the_same_content() -> None:
    async def scenario(harness: WebHarness) -> None:
        first = await harness.upload(headers=KEY, metadata='{"a":1,"b":2}')
        second = await harness.upload(headers=KEY, metadata='{"b": 2, "a": 1}')
        assert first.json()["id"] == second.json()["id"]

    serve(scenario)


@pytest.mark.parametrize("key", ["", '""', "k" * 256, "two words"])
def test_no_key(key: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await harness.upload(headers={"Idempotency-Key": key})
        assert (response.status_code, response.json()["code"]) == (400, "bad_key")
        assert not harness.blobs.blobs

    serve(scenario)


def test_refused_is_503_and_leaves_no_blob() -> None:
    async def scenario(harness: WebHarness) -> None:
        await harness.accepted()
        stored = set(harness.blobs.blobs)
        response = await harness.upload()
        assert (response.status_code, response.json()["code"]) == (503, "queue_full")
        assert int(response.headers["retry-after"]) > 0
        assert set(harness.blobs.blobs) == stored

    serve(scenario, queued_max=1)


def test_what_is_in_quarantine_is_promised_and_shown_as_failed() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.broker.come("worker")
        first = await harness.accepted()
        for _ in range(2):
            harness.broker.fail(first, Code.DECODER_CRASHED)
        again = await harness.upload(headers=KEY)
        assert (again.status_code, again.json()["state"]) == (202, "failed")
        repeated = await harness.upload(headers=KEY | {"Prefer": "wait=5"})
        assert (repeated.status_code, repeated.json()["id"]) == (200, again.json()["id"])
        assert repeated.json()["error"]["code"] == "quarantined"
        assert (await harness.accepted(png(9))) in harness.broker.workers[b"worker"].leases

    serve(scenario)


@pytest.mark.parametrize("repeated", [False, True])
def test_refused_after_a_repeat_keeps_the_blob_for_the_copy_that_may_be_accepted(repeated: bool) -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.works = False
        posted = asyncio.ensure_future(harness.upload())
        while not harness.sent:
            await asyncio.sleep(0)
        request = harness.sent[0].request
        if repeated:
            harness.requests.received_hello(2)
        harness.requests.received_acks(2 if repeated else 0, [Ack(request, REFUSED, code="queue_full")])
        refused = await posted
        assert refused.status_code == 503
        assert len(harness.sent) == 1 + repeated
        assert set(harness.blobs.blobs) == names(*refused.json().get("jobs", []))
        assert bool(harness.blobs.blobs) is repeated

    serve(scenario)


def test_known_after_a_repeat_leaves_no_blob_of_its_own() -> None:
    async def scenario(harness: WebHarness) -> None:
        first = await harness.upload(headers=KEY)
        harness.works = False
        posted = asyncio.ensure_future(harness.upload(headers=KEY))
        while len(harness.sent) < 2:
            await asyncio.sleep(0)
        harness.works = True
        harness.restart_broker()
        again = await posted
        assert (again.status_code, again.json()["id"], len(harness.sent)) == (202, first.json()["id"], 3)
        assert set(harness.blobs.blobs) == names(first.json()["id"])

    serve(scenario)


def test_known_by_what_an_earlier_copy_left_keeps_the_blobs_of_that() -> None:
    """One of its jobs was purged before the broker read the second copy."""

    async def scenario(harness: WebHarness) -> None:
        harness.answers = False
        posted = asyncio.ensure_future(harness.upload(png(1), png(2), headers=KEY))
        while not harness.ledger.rows:
            await asyncio.sleep(0)
        purged, left = [row.id for row in harness.ledger.rows.values()]
        harness.broker.cancel(purged)
        harness.broker.purge(purged)
        harness.answers = True
        harness.restart_broker()
        answer = await posted
        assert (answer.status_code, [job["id"] for job in answer.json()["jobs"]]) == (202, [left])
        assert set(harness.blobs.blobs) == names(left)

    serve(scenario)


def test_a_lost_ack_is_answered_by_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submit, "LOOK_SECONDS", 0.01)

    async def scenario(harness: WebHarness) -> None:
        harness.answers = False
        response = await harness.upload()
        assert response.status_code == 202
        assert set(harness.blobs.blobs) == names(response.json()["id"])
        again = await harness.upload(headers=KEY)
        repeated = await harness.upload(headers=KEY)
        assert (again.status_code, again.json()["id"]) == (202, repeated.json()["id"])
        reused = await harness.upload(png(9), headers=KEY)
        assert reused.json()["code"] == "idempotency_key_reused"
        assert len(harness.blobs.blobs) == 2

    serve(scenario)


def test_the_row_is_looked_for_once_more_before_the_503() -> None:
    """Also where the whole time to wait is less than that between two looks."""

    async def scenario(harness: WebHarness) -> None:
        harness.works = False
        posted = asyncio.ensure_future(harness.upload())
        while not harness.sent:
            await asyncio.sleep(0)
        harness.answers = False
        # no time passes between the sending and this row: no timer can have ended
        harness.broker.handle(wire.encode(harness.sent[0]))
        assert (await posted).status_code == 202

    serve(scenario, accept_seconds=submit.LOOK_SECONDS / 100)


def test_a_silent_broker_is_503_with_the_ids_and_the_blobs_stay() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.works = False
        response = await harness.upload(png(1), png(2))
        problem = response.json()
        assert (response.status_code, problem["code"]) == (503, "broker_silent")
        assert int(response.headers["retry-after"]) > 0
        assert set(harness.blobs.blobs) == names(*problem["jobs"])
        assert len(problem["jobs"]) == 2

    serve(scenario, accept_seconds=0.1)


def test_a_new_epoch_is_sent_what_has_no_ack() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.works = False
        posted = asyncio.ensure_future(harness.upload())
        while not harness.sent:
            await asyncio.sleep(0)
        harness.works = True
        harness.requests.received_hello(2)
        assert (await posted).status_code == 202
        assert len(harness.sent) == 2
        assert harness.sent[0] == harness.sent[1]
        harness.requests.received_hello(3)
        assert len(harness.sent) == 2

    serve(scenario, accept_seconds=5)


def test_what_the_socket_does_not_take_is_offered_again() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.takes = False
        posted = asyncio.ensure_future(harness.upload())
        await turns(50)
        assert not posted.done()
        harness.takes = True
        harness.requests.flush()
        assert (await posted).status_code == 202
        assert len(harness.sent) == 1

    serve(scenario, accept_seconds=5)


def test_acks_of_an_unheard_epoch_are_a_hello() -> None:
    async def scenario() -> None:
        sent: list[bytes] = []

        def send(frame: bytes) -> bool:
            sent.append(frame)
            return True

        requests = Requests(send)
        first = asyncio.ensure_future(requests.settle(Pause("w", "a"), nowhere, 5))
        second = asyncio.ensure_future(requests.settle(Pause("w", "b"), nowhere, 5))
        await turns()
        requests.received_acks(1, [Ack("a", COMMITTED), Ack("unknown", COMMITTED)])
        assert (await first).ack.request == "a"
        assert len(sent) == 3
        requests.received_acks(0, [Ack("unknown", COMMITTED)])
        assert len(sent) == 3, "old mail of an earlier epoch"
        requests.received_acks(1, [Ack("b", COMMITTED), Ack("b", COMMITTED)])
        assert (await second).ack.request == "b"
        assert len(sent) == 3

    asyncio.run(scenario())


def test_so_many_without_an_ack_and_no_more() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.takes = False
        waiting = [
            asyncio.ensure_future(harness.requests.settle(Pause(harness.web.id, str(number)), nowhere, 5))
            for number in range(UNACKNOWLEDGED_MAX)
        ]
        await turns()
        with pytest.raises(NotPromised) as refused:
            await harness.requests.settle(Pause(harness.web.id, "more"), nowhere, 5)
        assert refused.value.code == "queue_full"
        response = await harness.upload()
        assert (response.status_code, response.json()["code"]) == (503, "queue_full")
        assert not harness.blobs.blobs
        harness.takes = True
        harness.requests.flush()
        await asyncio.gather(*waiting)
        assert (await harness.upload()).status_code == 202

    serve(scenario)


def test_full_only_after_the_body_leaves_nothing_either() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.takes = False

        async def body() -> AsyncIterator[bytes]:
            yield png()
            pauses = [Pause("w", str(number)) for number in range(UNACKNOWLEDGED_MAX)]
            waiting.extend(asyncio.ensure_future(harness.requests.settle(pause, nowhere, 5)) for pause in pauses)
            await turns()

        waiting: list[asyncio.Future[submit.Answer]] = []
        response = await harness.client.post("/upload", content=body(), headers={"Content-Type": "image/png"})
        assert (response.status_code, response.json()["code"]) == (503, "queue_full")
        assert not harness.blobs.blobs
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    serve(scenario)


def test_a_disk_that_fills_up_at_the_end_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = MemoryWriter.publish

    def publish(writer: MemoryWriter) -> None:
        if blobs.blobs:
            raise StoreFull("full")
        whole(writer)

    blobs = MemoryBlobs()
    monkeypatch.setattr(MemoryWriter, "publish", publish)

    async def scenario(harness: WebHarness) -> None:
        harness.web.blobs = blobs
        response = await harness.upload(png(1), png(2))
        assert (response.status_code, response.json()["code"]) == (507, "disk_full")
        assert not blobs.blobs
        assert not harness.sent

    serve(scenario)


def test_prefer_wait_answers_the_whole_job_once_it_has_ended() -> None:
    async def scenario(harness: WebHarness) -> None:
        posted = asyncio.ensure_future(harness.upload(headers={"Prefer": "respond-async, wait=5"}))
        while not harness.ledger.rows:
            await asyncio.sleep(0)
        await turns(20)
        assert not posted.done()
        harness.finish(next(iter(harness.ledger.rows.values())).id)
        response = await posted
        assert (response.status_code, response.headers["preference-applied"]) == (200, "wait=5")
        assert (response.json()["state"], len(response.json()["renditions"])) == (State.DONE, 1)
        unfinished = await harness.upload(headers={"Prefer": "wait=0"})
        assert (unfinished.status_code, unfinished.headers["preference-applied"]) == (202, "wait=0")

    serve(scenario)


@pytest.mark.parametrize("images", [(png(1),), (png(1), png(2))])
def test_who_waited_is_told_what_a_202_tells(images: tuple[bytes, ...]) -> None:
    async def scenario(harness: WebHarness) -> None:
        promised = (await harness.upload(*images, headers=KEY, hue="blue")).json()
        for each in promised["jobs"]:
            harness.finish(each["id"])
        whole = await harness.upload(*images, headers=KEY | {"Prefer": "wait=5"}, hue="blue")
        ended = whole.json()
        receipts = [each["receipt"] for each in ended.get("jobs", [ended])]
        assert (whole.status_code, ended["ignored"]) == (200, promised["ignored"])
        assert (receipts, ended["ignored"]) == ([each["receipt"] for each in promised["jobs"]], ["hue"])

    serve(scenario)


def test_who_waits_for_a_job_that_cannot_be_read_is_promised_it_all_the_same() -> None:
    async def scenario(harness: WebHarness) -> None:
        def read(job: str) -> Row | None:
            raise StoreFault(f"{job} cannot be read")

        harness.ledger.job = read  # type: ignore[method-assign]
        response = await harness.upload(headers={"Prefer": "wait=5"})
        assert (response.status_code, response.json()["state"]) == (202, State.QUEUED)

    serve(scenario)


def test_what_cannot_be_removed_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_blobs: MemoryBlobs, _names: list[str]) -> None:
        raise StoreFault("the disk has gone")

    def full(_writer: MemoryWriter) -> None:
        raise StoreFull("full")

    async def scenario(harness: WebHarness) -> None:
        monkeypatch.setattr(MemoryBlobs, "delete", fail)
        first, again = [await harness.upload(headers=KEY) for _ in range(2)]
        assert (again.status_code, again.json()) == (202, first.json())
        assert (await harness.upload(png(9), headers=KEY)).status_code == 422
        monkeypatch.setattr(MemoryWriter, "publish", full)
        assert (await harness.upload()).status_code == 507

    serve(scenario)


def test_another_recipe_on_a_stored_original() -> None:
    async def scenario(harness: WebHarness) -> None:
        first = await harness.accepted()
        body = {"original": first, "preset": "other", "metadata": {"a": 1}}
        response = await harness.client.post("/jobs", json=body, headers=KEY)
        job = (await harness.client.get(response.json()["status_url"])).json()
        assert (response.status_code, job["preset"], job["metadata"]) == (202, "other", {"a": 1})
        assert set(harness.blobs.blobs) == names(first, job["id"])
        again = await harness.client.post("/jobs", json=body, headers=KEY)
        assert again.json()["id"] == job["id"]
        assert len(harness.blobs.blobs) == 2

    serve(scenario)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"original": "0" * 26}, 404, "not_found"),
        ({"preset": "other"}, 400, "bad_parameter"),
        ({"original": "0" * 26, "presets": "other"}, 400, "bad_parameter"),
        ({"original": "0" * 26, "recipe": {"renditions": []}}, 422, "bad_recipe"),
        ({"original": "0" * 26, "priority": 1}, 400, "bad_parameter"),
        ([], 400, "bad_parameter"),
    ],
)
def test_another_recipe_at_fault(body: object, status: int, code: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await harness.client.post("/jobs", json=body)
        assert (response.status_code, response.json()["code"]) == (status, code)

    serve(scenario)
