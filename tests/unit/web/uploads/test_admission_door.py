"""What is refused at the door of an upload, before its body, and what is not."""

import asyncio

from jobs.errors import LedgerBusy
from jobs.limits import SPENT_GRANTS_MAX, UNACKNOWLEDGED_MAX
from jobs.records import KeyEntry
from jobs.wire import Pause
from stores.ledger.memory import MemoryLedger
from tests.support.harnesses.web_harness import WebHarness, granted, png, reads_of, serve, turns
from tests.unit.web.broker.test_waiting import LARGE, beat
from tests.unit.web.uploads.test_admission import JPEG, KEYS, MEBIBYTE, never_read, told
from web.broker.requests import nowhere

KEY = {"Idempotency-Key": "order-7"}


def test_a_size_that_no_upload_may_have_is_too_large_and_no_matter_of_the_disk() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.blobs.room = 2 * MEBIBYTE
        headers = JPEG | {"Content-Length": str(1 << 40)}
        assert told(await harness.client.post("/upload", content=never_read(), headers=headers)) == "upload_too_large"

    serve(scenario, upload_bytes_max=MEBIBYTE)


def test_a_full_line_to_the_broker_refuses_before_the_body() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.takes = False
        pauses = [Pause("w", str(number)) for number in range(UNACKNOWLEDGED_MAX)]
        waiting = [asyncio.ensure_future(harness.requests.settle(pause, nowhere, 5)) for pause in pauses]
        await turns()
        assert told(await harness.client.post("/upload", content=never_read(), headers=JPEG)) == "queue_full"
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    serve(scenario)


class Locked(MemoryLedger):
    """A ledger whose keys nobody can read now."""

    def keys(self, keys: list[bytes]) -> dict[bytes, KeyEntry]:
        raise LedgerBusy("a broker recovers")


def test_while_the_ledger_is_locked_any_key_may_be_a_repeat_and_the_broker_decides() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.beat(over={"": 1e11})
        assert told(await harness.client.post("/upload", content=png(), headers=JPEG | KEY)) == "rate_limited"
        harness.web.reads = reads_of(Locked())
        assert told(await harness.client.post("/upload", content=png(), headers=JPEG | KEY)) == 202

    serve(scenario, rate_per_minute=100)


def test_a_repeat_of_a_large_image_adds_no_job_however_long_its_lane_is() -> None:
    async def scenario(harness: WebHarness) -> None:
        large = png(6000, 5000)
        first = await harness.upload(large, headers=KEY)
        beat(harness, queued=30, lane=LARGE)
        again = await harness.upload(large, headers=KEY)
        assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
        assert told(await harness.upload(large)) == "wait_too_long"

    serve(scenario, eta_seconds_max=5.0)


def test_a_wait_of_just_what_is_allowed_is_no_refusal() -> None:
    async def scenario(harness: WebHarness) -> None:
        beat(harness, queued=2, seconds=2.0)
        assert harness.feed.forecast.seconds(None) == 4.0
        assert told(await harness.upload()) == 202

    serve(scenario, eta_seconds_max=4.0)


def test_another_tenant_over_the_rate_is_nothing_to_this_one() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.beat(over={"bolt": 1e11})
        assert told(await harness.upload(headers={"Authorization": "Bearer w"})) == 202
        assert told(await harness.upload(headers={"Authorization": "Bearer b"})) == "rate_limited"

    serve(scenario, api_keys=KEYS, rate_per_minute=100)


def test_more_images_than_a_grant_has_uses_are_its_refusal_although_they_are_a_minutes_rate() -> None:
    async def scenario(harness: WebHarness) -> None:
        refused = await harness.upload(*[png()] * 3, headers=granted(harness, count=2, bytes_max=10**6))
        assert told(refused) == "grant_used_up"

    serve(scenario, api_keys=KEYS, rate_per_minute=3)


def test_grants_that_are_used_up_are_remembered_within_a_bound() -> None:
    async def scenario(harness: WebHarness) -> None:
        headers = granted(harness, count=1)
        harness.web.spent.update(str(number) for number in range(SPENT_GRANTS_MAX))
        assert told(await harness.upload(headers=headers)) == 202
        assert told(await harness.upload(headers=headers)) == "grant_used_up"
        assert len(harness.web.spent) == 1
        assert (
            told(await harness.client.post("/upload", content=never_read(), headers=headers | JPEG)) == "grant_used_up"
        )

    serve(scenario, api_keys=KEYS)


def test_one_quote_alone_is_a_key() -> None:
    async def scenario(harness: WebHarness) -> None:
        first, again = [await harness.upload(headers={"Idempotency-Key": '"'}) for _ in range(2)]
        assert (told(first), again.json()["id"]) == (202, first.json()["id"])

    serve(scenario)
