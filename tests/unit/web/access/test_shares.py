"""What one caller may hold of a web process at once: uploads, event streams, waits; and one address, connections."""

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace as Of
from typing import Any

import pytest

from jobs.access.grants import ViewGrant, sign
from jobs.limits import GRANT_UPLOADS_SPARE
from tests.support.harnesses.web_harness import WebHarness, granted, png, serve, turns
from tests.support.harnesses.web_readers import Reader
from tests.unit.web.http.test_connection import HEAD, Line
from tests.unit.web.uploads.test_admission import JPEG, KEYS, never_read, told
from web.access import shares
from web.http.counts import Addresses, Shares, TooMany, neighbourhood


def test_a_share_is_bounded_and_comes_back() -> None:
    held = Shares()
    with held.one("a", "x_max", 2), held.one("b", "x_max", 2):
        with held.one("a", "x_max", 2), pytest.raises(TooMany) as fault, held.one("a", "x_max", 2):
            pass
        assert fault.value.members == {"limit": "x_max", "allowed": 2, "actual": 3}
        with pytest.raises(ZeroDivisionError), held.one("a", "x_max", 2):
            raise ZeroDivisionError
        with held.one("a", "x_max", 2):
            pass


def test_a_caller_s_uploads_at_once_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "UPLOADS_AT_ONCE_MAX", 3)

    async def scenario(harness: WebHarness) -> None:
        more = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield png()
            await more.wait()

        async def post(headers: dict[str, str], body: Any = None) -> int | str:
            return told(await harness.client.post("/upload", content=body or slow(), headers=JPEG | headers))

        acme, bolt = ({"Authorization": f"Bearer {key}"} for key in "wb")
        first = (await harness.client.post("/upload", content=png(), headers=JPEG | acme)).json()["id"]
        grant = granted(harness, count=1)
        async with asyncio.TaskGroup() as group:
            by_key = [group.create_task(post(acme)) for _ in range(3)]
            by_grant = [group.create_task(post(grant)) for _ in range(1 + GRANT_UPLOADS_SPARE)]
            await turns(20)
            refused = await harness.client.post("/upload", content=never_read(), headers=JPEG | acme)
            assert (refused.status_code, refused.json()["code"]) == (429, "too_many_at_once")
            assert (refused.json()["limit"], refused.json()["allowed"]) == ("uploads_at_once_max", 3)
            assert refused.headers["retry-after"] == "1"
            again = await harness.client.post("/jobs", json={"original": first}, headers=acme)
            assert again.json()["limit"] == "uploads_at_once_max"
            assert await post(grant, never_read()) == "too_many_at_once"
            assert await post(granted(harness, id="v" * 16), png()) == 202
            assert await post(bolt, png()) == 202
            more.set()
        assert [task.result() for task in by_key] == [202] * 3
        answers = sorted(str(task.result()) for task in by_grant)
        assert answers == ["202", *["grant_used_up"] * GRANT_UPLOADS_SPARE]
        assert await post(acme, png()) == 202

    serve(scenario, api_keys=KEYS)


def test_a_caller_s_streams_are_bounded_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "STREAMS_AT_ONCE_MAX", 2)

    async def scenario(harness: WebHarness) -> None:
        first, second = Reader(harness, "/events", key="w"), Reader(harness, "/events", key="w")
        await turns()
        refused, other = Reader(harness, "/events", key="w"), Reader(harness, "/events", key="b")
        await turns()
        assert (first.status, second.status, refused.status, other.status) == (200, 200, 429, 200)
        problem = (await harness.client.get("/events", headers={"Authorization": "Bearer w"})).json()
        assert (problem["code"], problem["limit"]) == ("too_many_at_once", "streams_at_once_max")
        assert (problem["allowed"], problem["actual"]) == (2, 3)
        first.leave()
        await turns()
        again = Reader(harness, "/events", key="w")
        await turns()
        assert again.status == 200
        harness.hub.stop()
        await turns()

    serve(scenario, api_keys=KEYS)


def test_without_keys_each_address_has_a_share_of_its_own() -> None:
    web = Of(streams=Shares(), descriptors=4, keys=())

    def one(host: str) -> Any:
        client = Of(host=host)
        return shares.one_stream(Of(web=web, caller=Of(grant=None, tenant=""), request=Of(client=client)))  # type: ignore[arg-type]

    with one("10.0.0.7"), one("10.0.0.8"), pytest.raises(TooMany), one("10.0.0.7"):
        pass
    with one("10.0.0.7"):
        pass


def test_one_grant_to_look_holds_not_what_others_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor do all grants of a tenant hold what its keys have."""
    monkeypatch.setattr(shares, "STREAMS_AT_ONCE_MAX", 3)
    monkeypatch.setattr(shares, "VIEWERS_AT_ONCE_MAX", 2)

    async def scenario(harness: WebHarness) -> None:
        made = await harness.client.post(
            "/upload", files=[("image", ("x.png", png(filler=filler))) for filler in (b"1", b"2")],
            headers={"Authorization": "Bearer w"},
        )  # fmt: skip
        until = int(time.time()) + 60
        tried = []
        for job in [made.json()["jobs"][index]["id"] for index in (0, 0, 0, 1, 1)]:
            grant = sign(harness.web.grant_secrets[0], ViewGrant("acme", job, until))
            tried.append(Reader(harness, f"/events?grant={grant}"))
            await turns()
        assert [reader.status for reader in tried] == [200, 200, 429, 200, 429]
        keyed = Reader(harness, "/events", key="w")
        await turns()
        assert keyed.status == 200
        harness.hub.stop()
        await turns()

    serve(scenario, api_keys=KEYS)


def test_waits_of_a_caller_are_bounded_and_a_preference_for_one_is_no_condition() -> None:
    """Here by the process's descriptors, of which they may take a quarter."""

    async def scenario(harness: WebHarness) -> None:
        harness.web.descriptors = 8
        job = await harness.accepted()
        path = f"/jobs/{job}?wait=60"
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(harness.client.get(path)) for _ in range(2)]
            await turns()
            refused = await harness.client.get(path)
            assert (refused.status_code, refused.json()["limit"]) == (429, "waits_at_once_max")
            assert (refused.json()["allowed"], refused.json()["actual"]) == (2, 3)
            assert (await harness.client.get(f"/jobs/{job}")).status_code == 200
            told = await harness.upload(headers={"Prefer": "wait=60"})
            assert told.status_code == 202
            assert "preference-applied" not in told.headers
            harness.finish(job)
        assert [task.result().json()["state"] for task in waiting] == ["done"] * 2
        assert (await harness.client.get(path)).json()["state"] == "done"

    serve(scenario)


def test_an_address_has_no_more_than_half_of_the_connections() -> None:
    async def scenario() -> None:
        addresses = Addresses(4)
        first, second = Line(addresses, "10.0.0.7"), Line(addresses, "10.0.0.7")
        third, other = Line(addresses, "10.0.0.7"), Line(addresses, "10.0.0.8")
        assert third.wire.written.startswith(b"HTTP/1.1 429")
        assert b"retry-after: 1\r\n" in third.wire.written
        assert b'"limit":"connections_at_once_max","allowed":2,"actual":3' in third.wire.written
        assert third.wire.closed
        assert not first.wire.closed and not second.wire.closed and not other.wire.closed
        third.connection.connection_lost(None)  # it took nothing, and gives nothing back
        assert Line(addresses, "10.0.0.7").wire.closed
        second.connection.connection_lost(None)
        fourth = Line(addresses, "10.0.0.7")
        fourth.connection.data_received(HEAD)
        await turns()
        assert fourth.wire.written.startswith(b"HTTP/1.1 200")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("", ""),
        ("a socket's path", ""),
    ],
)
def test_whom_an_address_is_counted_for(address: str, expected: str) -> None:
    assert neighbourhood(address) == expected


def test_connections_of_a_trusted_proxy_and_of_no_address_are_everybody_s() -> None:
    addresses = Addresses(2, ["10.1.0.0/16", "unix"])
    for address in ("10.1.2.3", ""):
        for _ in range(9):
            addresses.come(address)
    left = addresses.come("10.2.0.1")
    with pytest.raises(TooMany):
        addresses.come("10.2.0.1")
    left()
    addresses.come("10.2.0.1")


def test_a_process_knows_its_trusted_proxies_when_clients_connect() -> None:
    async def scenario(harness: WebHarness) -> None:
        addresses = dataclasses.replace(harness.web, descriptors=2).addresses
        for _ in range(9):
            addresses.come("10.1.2.3")
        _held = addresses.come("10.2.0.1")
        with pytest.raises(TooMany):
            addresses.come("10.2.0.1")

    serve(scenario, trusted_proxies="10.1.0.0/16")
