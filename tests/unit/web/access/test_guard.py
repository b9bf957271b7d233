"""Foreign origins, foreign hosts, addresses behind a proxy, and the answers of a process that ends."""

import logging
from typing import Any

import pytest

from host.settings.settings import Settings
from host.sockets.listener import is_loopback
from jobs.errors import SetupFault
from tests.support.harnesses.web_harness import WebHarness, serve
from web.access.parts import open_web

OURS = {"public_url": "https://pix.example/app", "cors_origins": "https://shop.example, http://localhost:8080"}


@pytest.mark.parametrize(
    ("origin", "settings", "status"),
    [
        ("http://localhost:3000", {}, 200),
        ("https://evil.example", {}, 403),
        ("null", {}, 403),
        ("http://[", {}, 403),
        ("http://localhost:3001", {}, 403),
        ("https://shop.example", OURS, 200),
        ("http://localhost:8080", OURS, 200),
        ("https://pix.example", OURS, 200),
        ("http://pix.example", OURS, 403),
    ],
)
def test_changes_come_from_our_origins_only(origin: str, settings: dict[str, Any], status: int) -> None:
    async def scenario(harness: WebHarness) -> None:
        changed = await harness.client.post("/queue/pause", headers={"Origin": origin})
        assert changed.status_code == status
        assert harness.broker.paused == (status == 200)
        if status == 403:
            assert changed.json()["code"] == "origin_not_allowed"
        assert (await harness.client.get("/presets", headers={"Origin": origin})).status_code == 200

    serve(scenario, **settings)


@pytest.mark.parametrize(
    ("host", "settings", "status"),
    [
        ("localhost", {}, 200),
        ("127.0.0.1:3000", {}, 200),
        ("127.9.9.9", {}, 200),
        ("[::1]:3000", {}, 200),
        ("evil.example:3000", {}, 421),
        ("localhost.evil.example", {}, 421),
        ("192.168.0.7", {}, 421),
        ("[::1", {}, 421),
        ("", {}, 421),
        ("pix.example", OURS, 200),
        ("evil.example", {"host": "0.0.0.0"}, 200),
    ],
)
def test_on_loopback_only_our_own_names(host: str, settings: dict[str, Any], status: int) -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await harness.client.get("/presets", headers={"Host": host})
        assert response.status_code == status
        if status == 421:
            assert response.json()["code"] == "wrong_host"

    serve(scenario, **settings)


@pytest.mark.parametrize(
    ("settings", "base"),
    [
        ({}, "http://localhost:3000"),
        ({"root_path": "/pix"}, "http://localhost:3000/pix"),
        ({"public_url": "https://pix.example/"}, "https://pix.example"),
        ({"public_url": "https://pix.example", "root_path": "pix/"}, "https://pix.example/pix"),
        ({"public_url": "https://pix.example/pix", "root_path": "/pix"}, "https://pix.example/pix"),
    ],
)
def test_addresses_start_with_what_the_client_uses(settings: dict[str, Any], base: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        answer = (await harness.upload()).json()
        assert answer["status_url"] == f"{base}/jobs/{answer['id']}"
        assert answer["url"] == f"{base}/jobs/{answer['id']}/original"
        for prefix in {"", "/pix"} if "root_path" in settings else {""}:
            assert (await harness.client.get(f"{prefix}/jobs/{answer['id']}")).status_code == 200

    serve(scenario, **settings)


def test_the_page_works_below_a_root_path_and_loads_nothing_from_elsewhere() -> None:
    async def scenario(harness: WebHarness) -> None:
        page = await harness.client.get("/pix/")
        assert page.status_code == 200
        assert '<base href="/pix/">' in page.text
        assert "://" not in page.text
        assert "default-src 'self'" in page.headers["content-security-policy"]
        for file in ("main.js", "page.css"):
            assert file in page.text
            assert (await harness.client.get(f"/pix/{file}")).status_code == 200

    serve(scenario, root_path="/pix")


def test_allowed_origins_may_read() -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await harness.client.get("/presets", headers={"Origin": "https://shop.example"})
        assert response.headers["access-control-allow-origin"] == "https://shop.example"
        asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
        assert (await harness.client.options("/upload", headers=asked)).status_code == 200

    serve(scenario, **OURS)


def test_answers_of_a_draining_process_close_their_connection() -> None:
    async def scenario(harness: WebHarness) -> None:
        assert "connection" not in (await harness.client.get("/presets")).headers
        harness.web.draining = True
        assert (await harness.client.get("/presets")).headers["connection"] == "close"

    serve(scenario)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("example.org", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) == loopback


def test_a_public_address_without_keys_is_refused() -> None:
    with pytest.raises(SetupFault, match="PIXMILL_PUBLIC_WITHOUT_KEYS=1"):
        open_web(Settings(host="0.0.0.0"), logging.getLogger("web"))


@pytest.mark.parametrize(
    ("scheme", "origin", "status"),
    [
        ("https", "https", 200),
        ("https", "http", 403),
        ("http", "http", 200),
        ("http", "https", 200),
        ("https", "ws", 403),
    ],
)
def test_a_page_that_came_in_plain_is_none_of_ours_by_https(scheme: str, origin: str, status: int) -> None:
    async def scenario(harness: WebHarness) -> None:
        headers = {"Origin": f"{origin}://localhost:3000"}
        changed = await harness.client.post(f"{scheme}://localhost:3000/queue/pause", headers=headers)
        assert changed.status_code == status

    serve(scenario)
