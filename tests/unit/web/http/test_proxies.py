"""Whose word about the client counts: a trusted proxy's, and nobody else's."""

import asyncio
from typing import Any

import httpx2
import pytest

from host.settings.settings import Settings, parse, trusted_proxies
from jobs.errors import SetupFault
from tests.support.harnesses.web_harness import BASE, WebHarness, png, serve
from web.http.proxies import Proxied

PROXY, OTHER = "10.0.0.7", "10.1.0.7"
TRUSTED: dict[str, Any] = {"trusted_proxies": "10.0.0.0/24, ::1"}
SAID = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "pix.example"}


async def base(harness: WebHarness, peer: str, headers: dict[str, str]) -> str:
    """What addresses begin with in the answer to `peer`; or the code of the refusal."""
    transport = httpx2.ASGITransport(harness.app, client=(peer, 50_000))
    async with httpx2.AsyncClient(transport=transport, base_url=BASE) as client:
        answer = await client.post("/upload", content=png(), headers={"Content-Type": "image/png", **headers})
    told: dict[str, Any] = answer.json()
    return str(told["status_url"].partition("/jobs/")[0] if answer.status_code == 202 else told["code"])


@pytest.mark.parametrize(
    ("peer", "settings", "said", "expected"),
    [
        (PROXY, TRUSTED, SAID, "https://pix.example"),
        ("::1", TRUSTED, SAID, "https://pix.example"),
        (PROXY, TRUSTED, {"X-Forwarded-Proto": "https"}, "https://localhost:3000"),
        (PROXY, TRUSTED, {"X-Forwarded-Host": "evil.example, pix.example"}, "http://pix.example"),
        (PROXY, TRUSTED, {"X-Forwarded-Proto": "javascript", "X-Forwarded-Host": ""}, BASE),
        (PROXY, TRUSTED | {"root_path": "/pix"}, SAID, "https://pix.example/pix"),
        (PROXY, {}, SAID, BASE),
        (OTHER, TRUSTED, SAID, BASE),
        (OTHER, TRUSTED, SAID | {"X-Forwarded-For": PROXY}, BASE),
    ],
)
def test_only_a_trusted_proxy_says_what_the_client_asked_for(
    peer: str, settings: dict[str, Any], said: dict[str, str], expected: str
) -> None:
    async def scenario(harness: WebHarness) -> None:
        assert await base(harness, peer, said) == expected

    serve(scenario, host="0.0.0.0", **settings)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"X-Forwarded-Host": "pix.example"}, "https://pix.example"),
        ({"X-Forwarded-Host": "evil.example"}, "wrong_host"),
        ({"Host": "evil.example", "X-Forwarded-Host": "pix.example"}, "wrong_host"),
        ({"X-Forwarded-Host": "pix.example", "Origin": "https://pix.example"}, "https://pix.example"),
        ({"X-Forwarded-Host": "pix.example", "Origin": "http://localhost:3000"}, "origin_not_allowed"),
    ],
)
def test_on_loopback_both_hosts_are_judged(said: dict[str, str], expected: str) -> None:
    """The third is a page whose name was bound anew to 127.0.0.1: its script sends what a proxy would."""

    async def scenario(harness: WebHarness) -> None:
        assert await base(harness, "127.0.0.1", said) == expected

    serve(scenario, trusted_proxies="127.0.0.1", public_url="https://pix.example")


@pytest.mark.parametrize(
    ("peer", "said", "expected"),
    [
        (PROXY, "192.0.2.1", "192.0.2.1"),
        (PROXY, "192.0.2.1, 192.0.2.2", "192.0.2.2"),
        (PROXY, "192.0.2.1, 192.0.2.2, 10.0.0.8", "192.0.2.2"),
        (OTHER, "192.0.2.1", OTHER),
    ],
)
def test_the_client_is_the_last_address_that_no_trusted_proxy_has(peer: str, said: str, expected: str) -> None:
    seen: list[str] = []

    async def inner(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["client"][0])

    proxied = Proxied(inner, trusted_proxies(Settings(**TRUSTED)))
    scope = {"client": (peer, 1), "scheme": "http", "headers": [(b"x-forwarded-for", said.encode())], "type": "http"}
    asyncio.run(proxied(scope, None, None))
    assert seen == [expected]


@pytest.mark.parametrize(("trusted", "expected"), [("unix", "192.0.2.1"), ("127.0.0.1", "unix")])
def test_a_proxy_at_the_unix_socket_is_trusted_by_name_only(trusted: str, expected: str) -> None:
    """A connection by a unix socket has no address."""
    seen: list[str] = []

    async def inner(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["client"][0])

    proxied = Proxied(inner, trusted_proxies(Settings(trusted_proxies=trusted)))
    headers = [(b"x-forwarded-for", b"192.0.2.9, 192.0.2.1"), (b"x-forwarded-host", b"pix.example")]
    asyncio.run(proxied({"client": None, "scheme": "http", "headers": headers, "type": "http"}, None, None))
    assert seen == [expected]


@pytest.mark.parametrize("value", ["*", "proxy.example", "10.0.0.1/8", "10.0.0.0/24, localhost"])
def test_a_trusted_proxy_is_an_address_or_a_network(value: str) -> None:
    with pytest.raises(SetupFault, match="PIXMILL_TRUSTED_PROXIES"):
        parse({"PIXMILL_TRUSTED_PROXIES": value})
