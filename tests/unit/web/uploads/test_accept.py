"""The 202: given for an acknowledgement or a row, never for less; and what becomes of the blobs otherwise."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from jobs import ids, wire
from jobs.errors import StoreFault, StoreFull
from jobs.job import Code, Row, State
from jobs.limits import UNACKNOWLEDGED_MAX
from jobs.wire import COMMITTED, REFUSED, Ack, Pause
from stores.blobs.memory import MemoryBlobs, MemoryWriter
from tests.support.kits.web_kit import Kit, png, serve, turns
from web.broker import requests as submit
from web.broker.requests import Requests, Unanswered

KEY = {"Idempotency-Key": "order-7"}


def names(*jobs: str) -> set[str]:
    return {ids.original_name(job) for job in jobs}


def test_the_same_key_and_content_is_the_same_job() -> None:
    async def scenario(kit: Kit) -> None:
        first = await kit.upload(headers=KEY)
        renamed = await kit.client.post(
            "/upload", files={"image": ("else.png", png())}, headers={"Idempotency-Key": '"order-7"'}
        )
        assert (first.status_code, renamed.status_code) == (202, 202)
        assert first.json() == renamed.json()
        assert set(kit.blobs.blobs) == names(first.json()["id"])

    serve(scenario)


def test_a_batch_comes_back_in_file_order() -> None:
    async def scenario(kit: Kit) -> None:
        first, again = [await kit.upload(png(1), png(2), headers=KEY) for _ in range(2)]
        assert first.json() == again.json()
        assert len(kit.blobs.blobs) == 2

    serve(scenario)


def test_what_is_new_is_answered_without_a_look_at_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(kit: Kit) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(kit.web, "reader", None)
            first = await kit.upload(png(1), png(2), headers=KEY)
        assert first.status_code == 202
        assert first.json() == (await kit.upload(png(1), png(2), headers=KEY)).json()

    serve(scenario)


@pytest.mark.parametrize(
    ("images", "fields"),
    [((png(9),), {}), ((png(), png()), {}), ((png(),), {"preset": "other"}), ((png(),), {"reference": "r"})],
)
def test_a_key_used_for_other_content(images: tuple[bytes, ...], fields: dict[str, str]) -> None:
    async def scenario(kit: Kit) -> None:
        first = await kit.upload(headers=KEY)
        second = await kit.upload(*images, headers=KEY, **fields)
        assert (second.status_code, second.json()["code"]) == (422, "idempotency_key_reused")
        assert set(kit.blobs.blobs) == names(first.json()["id"])

    serve(scenario)


def test_metadata_in_another_order_is_the_same_content() -> None:
    async def scenario(kit: Kit) -> None:
        first = await kit.upload(headers=KEY, metadata='{"a":1,"b":2}')
        second = await kit.upload(headers=KEY, metadata='{"b": 2, "a": 1}')
        assert first.json()["id"] == second.json()["id"]

    serve(scenario)


@pytest.mark.parametrize("key", ["", '""', "k" * 256, "two words"])
def test_no_key(key: str) -> None:
    async def scenario(kit: Kit) -> None:
        response = await kit.upload(headers={"Idempotency-Key": key})
        assert (response.status_code, response.json()["code"]) == (400, "bad_key")
        assert not kit.blobs.blobs

    serve(scenario)


def test_refused_is_503_and_leaves_no_blob() -> None:
    async def scenario(kit: Kit) -> None:
        await kit.accepted()
        stored = set(kit.blobs.blobs)
        response = await kit.upload()
        assert (response.status_code, response.json()["code"]) == (503, "queue_full")
        assert int(response.headers["retry-after"]) > 0
        assert set(kit.blobs.blobs) == stored

    serve(scenario, queued_max=1)


def test_what_is_in_quarantine_is_promised_and_shown_as_failed() -> None:
    async def scenario(kit: Kit) -> None:
        kit.broker.come("worker")
        first = await kit.accepted()
        for _ in range(2):
            kit.broker.fail(first, Code.DECODER_CRASHED)
        again = await kit.upload(headers=KEY)
        assert (again.status_code, again.json()["state"]) == (202, "failed")
        repeated = await kit.upload(headers=KEY | {"Prefer": "wait=5"})
        assert (repeated.status_code, repeated.json()["id"]) == (200, again.json()["id"])
        assert repeated.json()["error"]["code"] == "quarantined"
        assert (await kit.accepted(png(9))) in kit.broker.workers[b"worker"].leases

    serve(scenario)


@pytest.mark.parametrize("repeated", [False, True])
def test_refused_after_a_repeat_keeps_the_blob_for_the_copy_that_may_be_accepted(repeated: bool) -> None:
    async def scenario(kit: Kit) -> None:
        kit.works = False
        posted = asyncio.ensure_future(kit.upload())
        while not kit.sent:
            await asyncio.sleep(0)
        request = kit.sent[0].request
        if repeated:
            kit.requests.received_hello(2)
        kit.requests.received_acks(2 if repeated else 0, [Ack(request, REFUSED, code="queue_full")])
        refused = await posted
        assert refused.status_code == 503
        assert len(kit.sent) == 1 + repeated
        assert set(kit.blobs.blobs) == names(*refused.json().get("jobs", []))
        assert bool(kit.blobs.blobs) is repeated

    serve(scenario)


def test_known_after_a_repeat_leaves_no_blob_of_its_own() -> None:
    async def scenario(kit: Kit) -> None:
        first = await kit.upload(headers=KEY)
        kit.works = False
        posted = asyncio.ensure_future(kit.upload(headers=KEY))
        while len(kit.sent) < 2:
            await asyncio.sleep(0)
        kit.works = True
        kit.restart_broker()
        again = await posted
        assert (again.status_code, again.json()["id"], len(kit.sent)) == (202, first.json()["id"], 3)
        assert set(kit.blobs.blobs) == names(first.json()["id"])

    serve(scenario)


def test_known_by_what_an_earlier_copy_left_keeps_the_blobs_of_that() -> None:
    """One of its jobs was purged before the broker read the second copy."""

    async def scenario(kit: Kit) -> None:
        kit.answers = False
        posted = asyncio.ensure_future(kit.upload(png(1), png(2), headers=KEY))
        while not kit.ledger.rows:
            await asyncio.sleep(0)
        purged, left = [row.id for row in kit.ledger.rows.values()]
        kit.broker.cancel(purged)
        kit.broker.purge(purged)
        kit.answers = True
        kit.restart_broker()
        answer = await posted
        assert (answer.status_code, [job["id"] for job in answer.json()["jobs"]]) == (202, [left])
        assert set(kit.blobs.blobs) == names(left)

    serve(scenario)


def test_a_lost_ack_is_answered_by_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submit, "LOOK_SECONDS", 0.01)

    async def scenario(kit: Kit) -> None:
        kit.answers = False
        response = await kit.upload()
        assert response.status_code == 202
        assert set(kit.blobs.blobs) == names(response.json()["id"])
        again = await kit.upload(headers=KEY)
        repeated = await kit.upload(headers=KEY)
        assert (again.status_code, again.json()["id"]) == (202, repeated.json()["id"])
        reused = await kit.upload(png(9), headers=KEY)
        assert reused.json()["code"] == "idempotency_key_reused"
        assert len(kit.blobs.blobs) == 2

    serve(scenario)


def test_the_row_is_looked_for_once_more_before_the_503() -> None:
    """Also where the whole time to wait is less than that between two looks."""

    async def scenario(kit: Kit) -> None:
        kit.works = False
        posted = asyncio.ensure_future(kit.upload())
        while not kit.sent:
            await asyncio.sleep(0)
        kit.answers = False
        # no time passes between the sending and this row: no timer can have ended
        kit.broker.handle(wire.encode(kit.sent[0]))
        assert (await posted).status_code == 202

    serve(scenario, accept_seconds=submit.LOOK_SECONDS / 100)


def test_a_silent_broker_is_503_with_the_ids_and_the_blobs_stay() -> None:
    async def scenario(kit: Kit) -> None:
        kit.works = False
        response = await kit.upload(png(1), png(2))
        problem = response.json()
        assert (response.status_code, problem["code"]) == (503, "broker_silent")
        assert int(response.headers["retry-after"]) > 0
        assert set(kit.blobs.blobs) == names(*problem["jobs"])
        assert len(problem["jobs"]) == 2

    serve(scenario, accept_seconds=0.1)


def test_a_new_epoch_is_sent_what_has_no_ack() -> None:
    async def scenario(kit: Kit) -> None:
        kit.works = False
        posted = asyncio.ensure_future(kit.upload())
        while not kit.sent:
            await asyncio.sleep(0)
        kit.works = True
        kit.requests.received_hello(2)
        assert (await posted).status_code == 202
        assert len(kit.sent) == 2
        assert kit.sent[0] == kit.sent[1]
        kit.requests.received_hello(3)
        assert len(kit.sent) == 2

    serve(scenario, accept_seconds=5)


def test_what_the_socket_does_not_take_is_offered_again() -> None:
    async def scenario(kit: Kit) -> None:
        kit.takes = False
        posted = asyncio.ensure_future(kit.upload())
        await turns(50)
        assert not posted.done()
        kit.takes = True
        kit.requests.flush()
        assert (await posted).status_code == 202
        assert len(kit.sent) == 1

    serve(scenario, accept_seconds=5)


def test_acks_of_an_unheard_epoch_are_a_hello() -> None:
    async def scenario() -> None:
        sent: list[bytes] = []

        def send(frame: bytes) -> bool:
            sent.append(frame)
            return True

        requests = Requests(send)
        first = asyncio.ensure_future(requests.settle(Pause("w", "a"), lambda: None, 5))
        second = asyncio.ensure_future(requests.settle(Pause("w", "b"), lambda: None, 5))
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
    async def scenario(kit: Kit) -> None:
        kit.takes = False
        waiting = [
            asyncio.ensure_future(kit.requests.settle(Pause(kit.web.id, str(number)), lambda: None, 5))
            for number in range(UNACKNOWLEDGED_MAX)
        ]
        await turns()
        with pytest.raises(Unanswered) as refused:
            await kit.requests.settle(Pause(kit.web.id, "more"), lambda: None, 5)
        assert refused.value.code == "queue_full"
        response = await kit.upload()
        assert (response.status_code, response.json()["code"]) == (503, "queue_full")
        assert not kit.blobs.blobs
        kit.takes = True
        kit.requests.flush()
        await asyncio.gather(*waiting)
        assert (await kit.upload()).status_code == 202

    serve(scenario)


def test_full_only_after_the_body_leaves_nothing_either() -> None:
    async def scenario(kit: Kit) -> None:
        kit.takes = False

        async def body() -> AsyncIterator[bytes]:
            yield png()
            pauses = [Pause("w", str(number)) for number in range(UNACKNOWLEDGED_MAX)]
            waiting.extend(asyncio.ensure_future(kit.requests.settle(pause, lambda: None, 5)) for pause in pauses)
            await turns()

        waiting: list[asyncio.Future[submit.Answer]] = []
        response = await kit.client.post("/upload", content=body(), headers={"Content-Type": "image/png"})
        assert (response.status_code, response.json()["code"]) == (503, "queue_full")
        assert not kit.blobs.blobs
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

    async def scenario(kit: Kit) -> None:
        kit.web.blobs = blobs
        response = await kit.upload(png(1), png(2))
        assert (response.status_code, response.json()["code"]) == (507, "disk_full")
        assert not blobs.blobs
        assert not kit.sent

    serve(scenario)


def test_prefer_wait_answers_the_whole_job_once_it_has_ended() -> None:
    async def scenario(kit: Kit) -> None:
        posted = asyncio.ensure_future(kit.upload(headers={"Prefer": "respond-async, wait=5"}))
        while not kit.ledger.rows:
            await asyncio.sleep(0)
        await turns(20)
        assert not posted.done()
        kit.finish(next(iter(kit.ledger.rows.values())).id)
        response = await posted
        assert (response.status_code, response.headers["preference-applied"]) == (200, "wait=5")
        assert (response.json()["state"], len(response.json()["renditions"])) == (State.DONE, 1)
        unfinished = await kit.upload(headers={"Prefer": "wait=0"})
        assert (unfinished.status_code, unfinished.headers["preference-applied"]) == (202, "wait=0")

    serve(scenario)


@pytest.mark.parametrize("images", [(png(1),), (png(1), png(2))])
def test_who_waited_is_told_what_a_202_tells(images: tuple[bytes, ...]) -> None:
    async def scenario(kit: Kit) -> None:
        promised = (await kit.upload(*images, headers=KEY, hue="blue")).json()
        for each in promised["jobs"]:
            kit.finish(each["id"])
        whole = await kit.upload(*images, headers=KEY | {"Prefer": "wait=5"}, hue="blue")
        ended = whole.json()
        receipts = [each["receipt"] for each in ended.get("jobs", [ended])]
        assert (whole.status_code, ended["ignored"]) == (200, promised["ignored"])
        assert (receipts, ended["ignored"]) == ([each["receipt"] for each in promised["jobs"]], ["hue"])

    serve(scenario)


def test_who_waits_for_a_job_that_cannot_be_read_is_promised_it_all_the_same() -> None:
    async def scenario(kit: Kit) -> None:
        def read(job: str) -> Row | None:
            raise StoreFault(f"{job} cannot be read")

        kit.ledger.job = read  # type: ignore[method-assign]
        response = await kit.upload(headers={"Prefer": "wait=5"})
        assert (response.status_code, response.json()["state"]) == (202, State.QUEUED)

    serve(scenario)


def test_what_cannot_be_removed_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_blobs: MemoryBlobs, _names: list[str]) -> None:
        raise StoreFault("the disk has gone")

    def full(_writer: MemoryWriter) -> None:
        raise StoreFull("full")

    async def scenario(kit: Kit) -> None:
        monkeypatch.setattr(MemoryBlobs, "delete", fail)
        first, again = [await kit.upload(headers=KEY) for _ in range(2)]
        assert (again.status_code, again.json()) == (202, first.json())
        assert (await kit.upload(png(9), headers=KEY)).status_code == 422
        monkeypatch.setattr(MemoryWriter, "publish", full)
        assert (await kit.upload()).status_code == 507

    serve(scenario)


def test_another_recipe_on_a_stored_original() -> None:
    async def scenario(kit: Kit) -> None:
        first = await kit.accepted()
        body = {"original": first, "preset": "other", "metadata": {"a": 1}}
        response = await kit.client.post("/jobs", json=body, headers=KEY)
        job = (await kit.client.get(response.json()["status_url"])).json()
        assert (response.status_code, job["preset"], job["metadata"]) == (202, "other", {"a": 1})
        assert set(kit.blobs.blobs) == names(first, job["id"])
        again = await kit.client.post("/jobs", json=body, headers=KEY)
        assert again.json()["id"] == job["id"]
        assert len(kit.blobs.blobs) == 2

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
    async def scenario(kit: Kit) -> None:
        response = await kit.client.post("/jobs", json=body)
        assert (response.status_code, response.json()["code"]) == (status, code)

    serve(scenario)
