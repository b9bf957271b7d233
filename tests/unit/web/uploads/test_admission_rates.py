"""A tenant over his rate, as web tells him: 429 with the fields of a rate limit."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2

from broker.core.books.rates import BUCKET_SECONDS
from tests.support.harnesses.web_harness import WebHarness, png, serve
from tests.unit.web.uploads.test_admission import KEYS

JPEG = {"Content-Type": "image/jpeg"}


async def never_read() -> AsyncIterator[bytes]:
    raise AssertionError("the body was read")
    yield b""


def limit_of(refused: httpx2.Response) -> tuple[str, int, int]:
    """What its problem says of the limit."""
    problem = refused.json()
    return problem["limit"], problem["allowed"], problem["actual"]


def test_whom_the_beat_names_is_refused_before_his_body() -> None:
    async def scenario(harness: WebHarness) -> None:
        first = await harness.upload(headers={"Idempotency-Key": "k"})
        await harness.upload(*[png()] * 6)
        harness.beat()
        refused = await harness.client.post("/upload", content=never_read(), headers=JPEG)
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        seconds = int(refused.headers["retry-after"])
        assert 50 < seconds <= BUCKET_SECONDS
        assert refused.headers["ratelimit-policy"] == '"uploads";q=7;w=60'
        assert refused.headers["ratelimit"] == f'"uploads";r=0;t={seconds}'
        assert limit_of(refused) == ("rate_per_minute", 7, 8)
        again = await harness.upload(headers={"Idempotency-Key": "k"})
        assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
        harness.now += BUCKET_SECONDS
        harness.beat()
        assert (await harness.client.post("/upload", content=png(), headers=JPEG)).status_code == 202

    serve(scenario, rate_per_minute=7)


def test_what_the_broker_refuses_leaves_no_original() -> None:
    async def scenario(harness: WebHarness) -> None:
        await harness.upload(*[png()] * 7)
        stored = set(harness.blobs.blobs)
        refused = await harness.upload()
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert refused.headers["retry-after"] == str(BUCKET_SECONDS)
        assert limit_of(refused) == ("rate_per_minute", 7, 8)
        assert set(harness.blobs.blobs) == stored

    serve(scenario, rate_per_minute=7)


def test_more_images_than_a_minute_allows_are_refused_for_good() -> None:
    async def scenario(harness: WebHarness) -> None:
        await harness.upload(png(1), png(2))
        few, many = await harness.upload(png(1), png(2)), await harness.upload(png(1), png(2), png(3))
        assert (few.status_code, limit_of(few)) == (429, ("rate_per_minute", 2, 4))
        assert (many.status_code, many.json()["code"]) == (413, "too_many_parts")
        assert limit_of(many) == ("rate_per_minute", 2, 3)
        assert "retry-after" not in many.headers

    serve(scenario, rate_per_minute=2)


def test_a_tenant_s_own_rate_is_told_to_him(tmp_path: Path) -> None:
    file = tmp_path / "tenants.toml"
    file.write_text("[acme]\nrate = 3\n")

    async def scenario(harness: WebHarness) -> None:
        acme, bolt = ({"Authorization": f"Bearer {key}"} for key in "wb")
        assert (await harness.upload(*[png()] * 3, headers=acme)).status_code == 202
        assert (await harness.upload(*[png()] * 5, headers=bolt)).status_code == 202
        refused = await harness.upload(headers=acme)
        assert (refused.status_code, limit_of(refused)) == (429, ("rate_per_minute", 3, 4))
        harness.beat()
        refused = await harness.client.post("/upload", content=never_read(), headers=JPEG | acme)
        assert refused.headers["ratelimit-policy"] == '"uploads";q=3;w=60'
        harness.now += BUCKET_SECONDS
        harness.beat()
        refused = await harness.upload(*[png()] * 4, headers=acme)
        assert (refused.status_code, limit_of(refused)) == (413, ("rate_per_minute", 3, 4))

    serve(scenario, api_keys=KEYS, tenants=str(file))
