"""The stand-in does as it is told: it fails, refuses, loses connections and holds jobs. Its contract is elsewhere."""

import asyncio
from pathlib import Path

import httpx2
import pytest

from pixmill import Client, Conflict, JobChanged, NoAccess, NotFound, RateLimited, Refused, Unreachable
from pixmill.testing import FakePixmill
from tests.support.harnesses.command import JPEG

pytest_plugins = ["pixmill.testing.plugin"]


def test_it_asks_for_a_key_if_it_has_any() -> None:
    service = FakePixmill(keys=["k1"])
    assert service.client(api_key="k1").upload(JPEG).id == service.jobs[0]
    for key, code in ((None, "key_missing"), ("k2", "key_wrong")):
        with pytest.raises(NoAccess) as refused:
            service.client(api_key=key).upload(JPEG)
        assert (refused.value.status, refused.value.code) == (401, code)


def test_it_knows_the_presets_of_a_recipes_toml(tmp_path: Path) -> None:
    own = tmp_path / "recipes.toml"
    own.write_text(
        '[watermarks]\nlogo = "logo.png"\n[[presets.default.renditions]]\nname = "a"\nwatermark = {name = "logo"}\n'
        '[[presets.card.renditions]]\nname = "small"\nwidth = 64\n'
    )
    job = FakePixmill(own).client().upload(JPEG, preset="card", wait=1)
    assert [each.name for each in job.renditions] == ["small"]
    with pytest.raises(Refused, match="use default, card"):
        FakePixmill(own).client().upload(JPEG, preset="web")
    own.write_text("[[presets.default.renditions]]\nwidht = 1\n")
    with pytest.raises(ValueError, match="widht"):
        FakePixmill(own)


def test_a_job_ends_at_once(pixmill_service: FakePixmill) -> None:
    job = pixmill_service.client().upload(JPEG, wait=1)
    assert (job.state, pixmill_service.jobs) == ("done", [job.id])


def test_it_fails_when_told(pixmill_service: FakePixmill) -> None:
    client = pixmill_service.client()
    pixmill_service.fail("undecodable", "cut short")
    pixmill_service.fail("decoder_crashed", state="dead")
    ended = [client.upload(JPEG + bytes([n]), wait=1) for n in range(3)]
    assert [(job.state, job.error and job.error.code) for job in ended] == [
        ("failed", "undecodable"), ("dead", "decoder_crashed"), ("done", None),
    ]  # fmt: skip


def test_a_lost_answer_makes_no_second_job(pixmill_service: FakePixmill) -> None:
    client = pixmill_service.client()
    pixmill_service.lose(3)
    promise = client.upload(JPEG)
    assert pixmill_service.jobs == [promise.id]
    assert len({request.headers["Idempotency-Key"] for request in pixmill_service.requests}) == 1
    pixmill_service.lose()
    client.purge(promise)
    assert pixmill_service.jobs == []
    assert [request.method for request in pixmill_service.requests].count("DELETE") == 2


def test_a_batch_whose_answer_was_lost_is_opened_once(pixmill_service: FakePixmill) -> None:
    client = pixmill_service.client()
    before = client.open_batch()
    pixmill_service.lose()
    opened = client.open_batch(webhook_url="https://app.example/hooks")
    numbers = [int(batch.id.removeprefix("0fake")) for batch in (before, opened)]
    assert numbers[1] == numbers[0] + 1, "the request that was sent twice took one number"
    _, first, again = (request.headers["Idempotency-Key"] for request in pixmill_service.requests)
    assert first == again


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({"originals": "abc"}, "originals"), ({"originals": [1]}, "originals"),
        ({"original": 1}, "original"), ({}, "original"),
        ({"originals": ["a"], "original": "a"}, "originals"), ({"originals": ["a"], "source_url": "x"}, "source_url"),
    ],
)  # fmt: skip
def test_originals_that_are_none_are_named(pixmill_service: FakePixmill, body: object, parameter: str) -> None:
    answer = pixmill_service.answer(httpx2.Request("POST", "http://pixmill.test/jobs", json=body))
    assert (answer.status_code, answer.json()["parameter"]) == (400, parameter)


def test_a_requeue_whose_answer_was_lost_is_done(pixmill_service: FakePixmill) -> None:
    client = pixmill_service.client()
    pixmill_service.fail()
    job = client.upload(JPEG, wait=1)
    pixmill_service.lose()
    assert client.requeue(job).state == "done"


def test_what_no_earlier_try_has_done_is_refused(pixmill_service: FakePixmill) -> None:
    client = pixmill_service.client()
    with pytest.raises(Conflict):
        client.requeue(client.upload(JPEG, wait=1))
    with pytest.raises(NotFound):
        client.purge("none")


def test_it_refuses_when_told(pixmill_service: FakePixmill) -> None:
    client = pixmill_service.client()
    pixmill_service.refuse("broker_silent", times=2)
    assert client.upload(JPEG).id == pixmill_service.jobs[0]
    pixmill_service.refuse("broker_silent", "nobody hears", times=100)
    with pytest.raises(Unreachable, match="nobody hears") as away:
        client.stats()
    assert away.value.code == "broker_silent"
    pixmill_service.accept()
    pixmill_service.refuse("rate_limited", times=1000)
    with pytest.raises(RateLimited):
        client.stats()


def test_held_jobs_wait_until_they_are_released(pixmill_service: FakePixmill) -> None:
    client = pixmill_service.client()
    pixmill_service.hold()
    promise = client.upload(JPEG)
    assert client.wait(promise, seconds=30).state == "queued"
    events = client.follow(promise)
    first = next(events)
    assert isinstance(first, JobChanged) and first.state == "queued"
    pixmill_service.release()
    assert [event.state for event in events if isinstance(event, JobChanged)] == ["done"]
    assert client.wait(promise).state == "done"


def test_a_wait_without_end_is_a_fault_of_the_test(pixmill_service: FakePixmill) -> None:
    client: Client = pixmill_service.client()
    pixmill_service.hold()
    promise = client.upload(JPEG)
    with pytest.raises(RuntimeError, match="does it hold jobs"):
        client.wait(promise)


def test_asyncio_has_it_too(pixmill_service: FakePixmill) -> None:
    async def scenario() -> None:
        async with pixmill_service.async_client() as client:
            pixmill_service.hold()
            promise = await client.upload(JPEG)
            waiting = asyncio.ensure_future(client.wait(promise))
            await asyncio.sleep(0)
            pixmill_service.release()
            assert (await waiting).state == "done"

    asyncio.run(scenario())
