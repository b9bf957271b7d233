"""Grants at the door: how they are made, what an upload under one may ask, and how a browser follows its job."""

import asyncio
import json
import time
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

import pixmill
from jobs.access.grants import UploadGrant, ViewGrant, verify
from jobs.access.keys import Scope, entry_of
from jobs.wire import Submit, Use
from tests.support.harnesses.web_harness import BASE, WebHarness, granted, png, serve, turns

SHOP = "https://shop.example"
HOOK = "https://shop.example/hooks"
KEYS = ",".join(
    [entry_of("acme", Scope.WRITE, "w"), entry_of("bolt", Scope.WRITE, "b"), entry_of("ops", Scope.OPERATE, "o")]
)
SETTINGS = {"api_keys": KEYS, "cors_origins": SHOP}


def told(response: httpx2.Response) -> str | int:
    return response.status_code if response.status_code < 400 else str(response.json()["code"])


async def raw(harness: WebHarness, headers: dict[str, str], query: str = "", image: bytes = b"") -> httpx2.Response:
    return await harness.client.post(
        f"/upload{query}", content=image or png(), headers={"Content-Type": "image/png", **headers}
    )


async def made(harness: WebHarness, key: str = "w", **values: Any) -> httpx2.Response:
    return await harness.client.post("/grants", json=values, headers={"Authorization": f"Bearer {key}"})


def kept(harness: WebHarness) -> list[str]:
    return sorted(harness.blobs.blobs)


def at(seconds: float) -> str:
    return datetime.fromtimestamp(time.time() + seconds, UTC).isoformat()


def test_a_grant_is_made_of_the_caller_s_tenant() -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await made(
            harness, preset="other", bytes_max=5000, count=7, expires_at=at(90), reference="17", origin=SHOP,
            webhook_url=HOOK,
        )  # fmt: skip
        assert response.status_code == 201
        assert response.headers["cache-control"] == "no-store"
        view = response.json()
        grant = verify(harness.web.grant_secrets, view["grant"])
        assert grant == UploadGrant(view["id"], "acme", "other", 5000, 7, grant.expires_at, "17", SHOP, HOOK)  # type: ignore[union-attr]
        assert 85 < grant.expires_at - time.time() <= 90
        assert datetime.fromisoformat(view.pop("expires_at")).timestamp() == grant.expires_at
        assert view == {
            "grant": view["grant"], "id": view["id"], "preset": "other", "bytes_max": 5000, "count": 7,
            "reference": "17", "origin": SHOP, "webhook_url": HOOK,
        }  # fmt: skip

        plain = verify(harness.web.grant_secrets, (await made(harness, "b")).json()["grant"])
        assert isinstance(plain, UploadGrant)
        assert (plain.tenant, plain.preset, plain.count) == ("bolt", "default", 1)
        assert plain.bytes_max == harness.web.settings.upload_bytes_max
        assert 3590 < plain.expires_at - time.time() <= 3600

    serve(scenario, **SETTINGS)


@pytest.mark.parametrize(
    ("values", "code", "member"),
    [
        ({"preset": "none"}, "unknown_preset", {}),
        ({"preset": 1}, "unknown_preset", {}),
        ({"count": 0}, "bad_parameter", {"parameter": "count"}),
        ({"count": "5"}, "bad_parameter", {"parameter": "count"}),
        ({"count": True}, "bad_parameter", {"parameter": "count"}),
        ({"count": 10_001}, "bad_parameter", {"limit": "grant_count_max", "allowed": 10_000, "actual": 10_001}),
        ({"bytes_max": 1.5}, "bad_parameter", {"parameter": "bytes_max"}),
        ({"bytes_max": 2001}, "bad_parameter", {"limit": "upload_bytes_max", "allowed": 2000, "actual": 2001}),
        ({"expires_at": 2_000_000_000}, "bad_parameter", {"parameter": "expires_at"}),
        ({"expires_at": "tomorrow"}, "bad_parameter", {"parameter": "expires_at"}),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "bad_parameter", {"parameter": "expires_at"}),
        ({"expires_at": "2999-01-01T00:00:00"}, "bad_parameter", {"parameter": "expires_at"}),
        ({"expires_at": "2999-01-01T00:00:00Z"}, "bad_parameter", {"limit": "grant_seconds_max", "allowed": 604_800}),
        ({"expires_at": "0001-01-01T00:00:00+23:59"}, "bad_parameter", {"parameter": "expires_at"}),
        ({"reference": 17}, "bad_parameter", {"parameter": "reference"}),
        ({"reference": "r" * 201}, "bad_parameter", {"limit": "reference_characters_max", "actual": 201}),
        ({"origin": "shop.example"}, "bad_parameter", {"parameter": "origin"}),
        ({"origin": f"{SHOP}/"}, "bad_parameter", {"parameter": "origin"}),
        ({"tenant": "bolt"}, "bad_parameter", {"parameter": "tenant"}),
        ({"job": "0" * 26}, "not_found", {}),
        ({"job": 5}, "not_found", {}),
        ({"job": "JOB", "count": 2}, "bad_parameter", {"parameter": "count"}),
    ],
)
def test_a_grant_at_fault_is_refused_by_name(values: dict[str, Any], code: str, member: dict[str, Any]) -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await made(harness, **values)
        assert told(response) == code
        assert response.json() | member == response.json()

    serve(scenario, **SETTINGS, upload_bytes_max=2000)


def test_who_sees_a_job_may_show_it_to_others() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = (await raw(harness, {"Authorization": "Bearer w"})).json()["id"]
        view = (await made(harness, job=job)).json()
        assert isinstance(verify(harness.web.grant_secrets, view["grant"]), ViewGrant)
        assert (await harness.client.get(f"/jobs/{job}?grant={view['grant']}")).json()["id"] == job
        assert told(await made(harness, "b", job=job)) == "not_found"
        harness.web.tenants -= {"acme"}
        refused = await made(harness, "o", job=job)
        assert (told(refused), refused.json().get("parameter")) == ("bad_parameter", "job"), "no key of acme's is left"

    serve(scenario, **SETTINGS)


def test_the_grant_decides_preset_and_reference() -> None:
    async def scenario(harness: WebHarness) -> None:
        grant = granted(harness, preset="other", reference="17")
        job = (await raw(harness, grant)).json()["id"]
        also = (await harness.upload(headers=grant, preset="other", reference="17", priority="low")).json()["id"]
        for each in (job, also):
            row = harness.ledger.job(each)
            assert row
            assert (row.tenant, row.preset, row.reference) == ("acme", "other", "17")

        free = (await harness.upload(headers=granted(harness), reference="of the browser's own")).json()["id"]
        assert harness.ledger.job(free).reference == "of the browser's own"  # type: ignore[union-attr]

    serve(scenario, **SETTINGS)


@pytest.mark.parametrize(
    "fields",
    [
        {"preset": "default"},
        {"reference": "18"},
        {"recipe": json.dumps({"renditions": [{"name": "x", "width": 5}]})},
        {"priority": "high"},
    ],
)
def test_what_the_grant_does_not_allow_is_forbidden(fields: dict[str, str]) -> None:
    async def scenario(harness: WebHarness) -> None:
        grant = granted(harness, preset="other", reference="17")
        for response in (
            await harness.upload(headers=grant, **fields),
            await raw(harness, grant, f"?{httpx2.QueryParams(fields)}"),
        ):
            assert (told(response), response.json()["parameter"]) == ("forbidden", next(iter(fields)))
        assert not harness.sent
        assert not kept(harness)

    serve(scenario, **SETTINGS)


def test_the_grant_s_bytes_are_the_limit() -> None:
    async def scenario(harness: WebHarness) -> None:
        async def chunked() -> Any:
            for _ in range(11):
                yield png(filler=b"x" * 67)

        grant = granted(harness)
        limit = {"limit": "bytes_max", "allowed": 1000}
        for response in (
            await raw(harness, grant, image=png(filler=b"x" * 1000)),
            await harness.client.post("/upload", content=chunked(), headers={"Content-Type": "image/png", **grant}),
            await harness.upload(png(filler=b"x" * 500), png(filler=b"x" * 500), headers=grant),
        ):
            assert response.status_code == 413
            assert response.json() | limit == response.json()
        assert not harness.sent
        wide = await raw(harness, granted(harness, bytes_max=10**9), image=png(filler=b"x" * 3000))
        assert wide.json()["limit"] == "upload_bytes_max"

    serve(scenario, **SETTINGS, upload_bytes_max=2000)


def test_every_image_is_a_use_and_used_up_is_said_before_the_body() -> None:
    async def scenario(harness: WebHarness) -> None:
        grant = granted(harness, count=3)
        assert told(await harness.upload(png(), png(), headers=grant)) == 202
        use = next(message for message in harness.sent if isinstance(message, Submit)).grant
        assert use == Use("u" * 16, 3, use.expires_at)  # type: ignore[union-attr]
        two = await harness.upload(png(), png(), headers=grant)
        assert (told(two), two.status_code, two.json()["left"]) == ("grant_used_up", 403, 1)
        last = await raw(harness, {**grant, "Idempotency-Key": "k"})
        assert told(last) == 202
        assert told(await raw(harness, grant)) == "grant_used_up"
        assert len(kept(harness)) == 3

        async def body() -> Any:
            raise AssertionError("the body was read")
            yield b""

        headers = {"Content-Type": "image/png", **grant}
        assert told(await harness.client.post("/upload", content=body(), headers=headers)) == "grant_used_up"
        again = await raw(harness, {**grant, "Idempotency-Key": "k"})
        assert (again.status_code, again.json()["id"]) == (202, last.json()["id"])

    serve(scenario, **SETTINGS)


def test_a_grant_that_ends_on_the_way_is_refused_by_the_broker_s_clock() -> None:
    async def scenario(harness: WebHarness) -> None:
        grant = granted(harness)
        harness.now += 120
        response = await raw(harness, grant)
        assert (response.status_code, told(response)) == (403, "grant_expired")

    serve(scenario, **SETTINGS)


def test_idempotency_keys_are_the_grant_s_own() -> None:
    """Else one could learn by it what the tenant, or another page, has sent."""

    async def scenario(harness: WebHarness) -> None:
        callers = [{"Authorization": "Bearer w"}, granted(harness), granted(harness, id="v" * 16)]
        answers = [await raw(harness, {**caller, "Idempotency-Key": "k"}) for caller in callers]
        again = [await raw(harness, {**caller, "Idempotency-Key": "k"}) for caller in callers]
        jobs = [answer.json()["id"] for answer in answers]
        assert len(set(jobs)) == 3
        assert [answer.json()["id"] for answer in again] == jobs

    serve(scenario, **SETTINGS)


@pytest.mark.parametrize(
    ("origin", "expected"),
    [(SHOP, 202), ("https://evil.example", "origin_not_allowed"), (BASE, "origin_not_allowed"),
     ("null", "origin_not_allowed"), (None, "origin_not_allowed")],
)  # fmt: skip
def test_a_grant_is_for_pages_of_its_origin(origin: str | None, expected: str | int) -> None:
    async def scenario(harness: WebHarness) -> None:
        headers = granted(harness, origin=SHOP) | ({} if origin is None else {"Origin": origin})
        response = await raw(harness, headers)
        assert told(response) == expected
        assert response.status_code in (202, 403)
        assert told(await raw(harness, granted(harness) | ({} if origin != SHOP else {"Origin": origin}))) == 202

    serve(scenario, **SETTINGS)


def test_a_browser_follows_its_job_by_the_addresses_of_the_answer() -> None:
    """No header of ours: as an `<img>` and an EventSource ask."""

    async def scenario(harness: WebHarness) -> None:
        accepted = await raw(harness, granted(harness))
        view = accepted.json()
        assert accepted.headers["location"] == view["status_url"]
        harness.finish(view["id"])
        job = (await harness.client.get(view["status_url"])).json()
        assert job["state"] == "done"
        (rendition,) = job["renditions"]
        assert (await harness.client.get(rendition["url"])).content == b"pixels"
        assert (await harness.client.head(rendition["url"])).status_code == 200
        for events in (view["events_url"], job["events_url"]):
            assert rendition["url"] in (await harness.client.get(events)).text
        assert (
            told(await harness.client.get(view["url"]))
            == told(await harness.client.get(job["original"]["url"]))
            == "key_missing"
        )
        assert told(await harness.client.get(f"{view['url']}?{view['status_url'].partition('?')[2]}")) == "forbidden"

        other = (await raw(harness, granted(harness), image=png(9, 9))).json()
        shown = view["status_url"].partition("?")[2]
        assert told(await harness.client.get(f"{other['status_url'].partition('?')[0]}?{shown}")) == "not_found"
        assert told(await harness.client.get(f"{view['status_url']}&{shown}")) == "bad_parameter"

    serve(scenario, **SETTINGS)


def test_several_files_under_a_grant_and_an_answer_that_waited() -> None:
    async def scenario(harness: WebHarness) -> None:
        answer = (await harness.upload(png(), png(5, 5), headers=granted(harness))).json()
        for view in answer["jobs"]:
            assert (await harness.client.get(view["status_url"])).status_code == 200
            harness.finish(view["id"])
        again = await harness.upload(png(7, 7), headers={**granted(harness, id="k" * 16), "Idempotency-Key": "k"})
        harness.finish(again.json()["id"])
        headers = {**granted(harness, id="k" * 16), "Idempotency-Key": "k", "Prefer": "wait=5"}
        whole = await harness.upload(png(7, 7), headers=headers)
        assert whole.status_code == 200
        assert (await harness.client.get(whole.json()["renditions"][0]["url"])).content == b"pixels"

    serve(scenario, **SETTINGS)


def test_a_stream_that_is_open_carries_the_grant_on() -> None:
    async def scenario(harness: WebHarness) -> None:
        view = (await raw(harness, granted(harness))).json()
        reading = asyncio.ensure_future(harness.client.get(view["events_url"]))
        await turns(50)
        harness.publish(view["id"])
        harness.finish(view["id"])
        shown = view["status_url"].partition("?")[2]
        assert f"/renditions/thumb?{shown}" in (await reading).text

    serve(scenario, **SETTINGS)


def test_the_grant_of_a_job_lives_an_hour_or_as_long_as_the_one_that_sent_it() -> None:
    async def scenario(harness: WebHarness) -> None:
        now = int(time.time())
        for left, expected in ((60, 3600), (7200, 7200)):
            view = (await raw(harness, granted(harness, expires_at=now + left))).json()
            grant = verify(harness.web.grant_secrets, view["status_url"].partition("grant=")[2])
            assert isinstance(grant, ViewGrant)
            assert 0 <= grant.expires_at - now - expected < 10

    serve(scenario, **SETTINGS)


def test_a_grant_made_offline_opens_the_door() -> None:
    async def scenario(harness: WebHarness) -> None:
        text = pixmill.grant(harness.web.grant_secrets[1], tenant="acme", expires_at=time.time() + 60, origin=SHOP)
        response = await raw(harness, {"Origin": SHOP}, f"?grant={text}")
        assert response.status_code == 202
        job = response.json()["id"]
        shown = pixmill.view_grant(harness.web.grant_secrets[0], job, tenant="acme", expires_at=time.time() + 60)
        assert (
            await harness.client.get(f"/jobs/{job}", headers={"Authorization": f"Bearer {shown}"})
        ).status_code == 200

    serve(scenario, **SETTINGS)


def test_a_form_s_grant_may_be_in_the_query() -> None:
    async def scenario(harness: WebHarness) -> None:
        text = granted(harness)["Authorization"].partition(" ")[2]
        files = [("image", ("0.png", png()))]
        assert (await harness.client.post(f"/upload?grant={text}", files=files)).status_code == 202

    serve(scenario, **SETTINGS)


ASKED = ("Authorization", "Content-Type", "Idempotency-Key", "Prefer", "Content-Digest", "Last-Event-ID", "Range")


@pytest.mark.parametrize("origin", [SHOP, "https://evil.example"])
def test_a_preflight_allows_what_an_uploader_sends_from_our_origins_alone(origin: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        asked = {
            "Origin": origin, "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": ", ".join(ASKED).lower(),
        }  # fmt: skip
        response = await harness.client.options("/upload", headers=asked)
        allowed = response.headers.get("access-control-allow-origin")
        assert (response.status_code, allowed) == ((200, SHOP) if origin == SHOP else (403, None))
        if origin != SHOP:
            assert response.json()["code"] == "origin_not_allowed"
            assert "PIXMILL_CORS_ORIGINS" in response.json()["detail"]
        if origin == SHOP:
            headers = {name.strip() for name in response.headers["access-control-allow-headers"].lower().split(",")}
            assert {name.lower() for name in ASKED} <= headers
            assert "POST" in response.headers["access-control-allow-methods"]
            assert "access-control-allow-credentials" not in response.headers

    serve(scenario, **SETTINGS)


EXPOSED = {
    "location", "etag", "repr-digest", "retry-after", "ratelimit", "ratelimit-policy", "preference-applied",
    "content-disposition", "content-range", "accept-ranges", "allow", "www-authenticate", "server-timing",
    "x-request-id",
}  # fmt: skip


def test_a_page_elsewhere_reads_answers_and_refusals_with_their_headers() -> None:
    async def scenario(harness: WebHarness) -> None:
        grant = granted(harness, origin=SHOP) | {"Origin": SHOP}
        accepted = await raw(harness, grant)
        refused = await raw(harness, grant, "?preset=other")
        for response, status in ((accepted, 202), (refused, 403)):
            assert response.status_code == status
            assert response.headers["access-control-allow-origin"] == SHOP
            exposed = {name.strip().lower() for name in response.headers["access-control-expose-headers"].split(",")}
            assert exposed == EXPOSED
            assert "origin" in response.headers["vary"].lower()
        harness.finish(accepted.json()["id"])
        view = await harness.client.get(accepted.json()["status_url"], headers={"Origin": SHOP})
        assert view.headers["access-control-allow-origin"] == SHOP

    serve(scenario, **SETTINGS)
