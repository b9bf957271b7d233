"""The access log: who was refused, who changed what, and the id of each request."""

import asyncio
import logging
import re
from typing import Any

import httpx2
import pytest

from jobs.access import keys
from jobs.access.keys import Scope
from tests.support.harnesses.web_harness import WebHarness, granted, png, serve
from web.access import log
from web.access.call import Served
from web.routes import ROUTES

NAMES = ("write", "read", "operate")
KEYS = {name: f"pm_key-to-{name}-of-acme" for name in NAMES}
SETTINGS = {"api_keys": ",".join(keys.entry_of("acme", Scope(name), key) for name, key in KEYS.items())}
MEMBERS = (
    "request", "method", "path", "query", "status", "code", "tenant", "key", "client", "job", "worker", "batch", "ms",
)  # fmt: skip


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {KEYS[name]}"}


def digits(name: str) -> str:
    return keys.digest_of(KEYS[name].encode()).hex()[:8]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> "Lines":
    caplog.set_level("INFO", "web")
    return Lines(caplog)


class Lines:
    """What web has logged since the last look."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    def new(self) -> list[dict[str, Any]]:
        found = [
            {"event": record.message} | {name: vars(record)[name] for name in MEMBERS if name in vars(record)}
            for record in self._caplog.records
            if record.name == "web"
        ]
        self._caplog.clear()
        return found


def test_a_refusal_is_told_with_who_where_and_why(lines: Lines) -> None:
    async def scenario(harness: WebHarness) -> None:
        await harness.client.post("/queue/pause?tenant=x", headers=bearer("read") | {"X-Request-ID": "r-1"})
        (told,) = lines.new()
        assert isinstance(told.pop("ms"), int)
        assert told == {
            "event": "refused", "request": "r-1", "method": "POST", "path": "/queue/pause", "status": 403,
            "code": "forbidden", "tenant": "acme", "key": digits("read"), "client": "127.0.0.1",
        }  # fmt: skip
        await harness.client.get("/jobs", headers={"Authorization": "Bearer pm_wrong-wrong-wrong"})
        (told,) = lines.new()
        assert (told["status"], told["code"], told.get("key")) == (401, "key_wrong", None)
        assert "wrong-wrong" not in repr(told)

    serve(scenario, **SETTINGS)


@pytest.mark.parametrize(
    ("method", "path", "status", "is_told"),
    [
        ("GET", "/jobs", 200, False), ("GET", "/jobs/nobody", 404, False), ("GET", "/jobs?x=1", 400, False),
        ("GET", "/nothing", 404, False), ("POST", "/nothing", 404, True), ("DELETE", "/jobs/nobody", 404, True),
        ("POST", "/jobs/nobody/requeue", 404, True), ("PUT", "/jobs", 405, True), ("HEAD", "/health/live", 200, False),
    ],
)  # fmt: skip
def test_reads_are_told_if_all_is_asked_for_and_refused_changes_always(
    lines: Lines, method: str, path: str, status: int, is_told: bool
) -> None:
    async def scenario(harness: WebHarness) -> None:
        answer = await harness.client.request(method, path)
        assert answer.status_code == status
        told = lines.new()
        mode = harness.web.settings.access_log
        assert len(told) == (mode == "all" or (mode == "changes" and is_told))
        if told:
            assert told[0]["event"] == ("answered" if status < 400 else "refused")
            assert told[0]["request"] == answer.headers["x-request-id"]

    for mode in ("changes", "all", "off"):
        serve(scenario, access_log=mode)


def test_each_change_is_told_once_with_the_job_it_names(lines: Lines) -> None:
    async def scenario(harness: WebHarness) -> None:
        answer = await harness.client.post("/upload", content=png(), headers=bearer("write"))
        job = answer.json()["id"]
        (told,) = lines.new()
        assert (told["event"], told["job"], told["tenant"]) == ("uploaded", job, "acme")
        assert told["request"] == answer.headers["x-request-id"]
        await harness.client.delete(f"/jobs/{job}", headers=bearer("write"))
        (told,) = lines.new()
        assert (told["event"], told["job"], told["key"], told["status"]) == ("changed", job, digits("write"), 202)
        for path in ("/queue/pause", "/queue/resume"):
            await harness.client.post(path, headers=bearer("operate"))
            (told,) = lines.new()
            assert (told["event"], told["path"], told["key"]) == ("changed", path, digits("operate"))
        await harness.client.request("DELETE", "/jobs?state=done&purge=1", headers=bearer("operate"))
        (told,) = lines.new()
        assert (told["event"], told["query"]) == ("changed", "state=done&purge=1")

    serve(scenario, **SETTINGS)


def test_a_post_that_only_reads_is_no_change(lines: Lines) -> None:
    async def scenario(harness: WebHarness) -> None:
        answer = await harness.client.post("/recipes/explain?preset=default", content=png())
        assert answer.status_code == 200, answer.text
        assert lines.new() == []

    serve(scenario)


def test_a_session_is_told_with_its_key_and_never_with_the_key_itself(lines: Lines) -> None:
    async def scenario(harness: WebHarness) -> None:
        await harness.client.post("/session", json={"key": KEYS["write"]})
        (told,) = lines.new()
        assert (told["event"], told["tenant"], told["key"]) == ("changed", "acme", digits("write"))
        await harness.client.post("/session", json={"key": "pm_other-other-other"})
        (told,) = lines.new()
        assert (told["event"], told["code"]) == ("refused", "key_wrong")

    serve(scenario, **SETTINGS)


def test_no_field_of_a_refused_upload_is_in_a_line(lines: Lines) -> None:
    """They are its customer's, and in an encoded query no pattern finds a password."""

    async def scenario(harness: WebHarness) -> None:
        fields = {
            "webhook_url": "https://bob:hunter22@hooks.example/x?token=t0k3n",
            "metadata": '{"password":"s3cret"}',
        }
        headers = {"Content-Type": "image/png", **bearer("write")}
        answer = await harness.client.post("/upload", params=fields, content=b"no image", headers=headers)
        assert answer.status_code >= 400
        (told,) = lines.new()
        assert told["event"] == "refused"
        assert not [secret for secret in ("hunter22", "t0k3n", "s3cret") if secret in repr(told)]

    serve(scenario, **SETTINGS)


def test_no_grant_is_in_a_line(lines: Lines) -> None:
    async def scenario(harness: WebHarness) -> None:
        grant = granted(harness)["Authorization"].removeprefix("Bearer ")
        for query in (f"?grant={grant}", f"?grant={grant}x"):
            await harness.client.post(f"/upload{query}", content=png(), headers={"Content-Type": "image/png"})
        told = lines.new()
        assert [line["event"] for line in told] == ["uploaded", "refused"]
        assert grant[:20] not in repr(told)
        assert told[0]["tenant"] == "acme"

    serve(scenario, **SETTINGS)


def test_a_fault_of_ours_is_told_with_the_id_that_its_client_has(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(harness: WebHarness) -> None:
        def broken(_: object) -> None:
            raise RuntimeError("lost")

        monkeypatch.setattr(harness.web.feed.forecast, "places", broken)
        client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(harness.app, raise_app_exceptions=False), base_url="http://localhost:3000"
        )
        job = await harness.accepted()
        lines.new()
        async with client:
            answer = await client.get(f"/jobs/{job}")
        assert answer.status_code == 500
        assert [(line["event"], line["request"]) for line in lines.new()] == [
            (event, answer.headers["x-request-id"]) for event in ("internal_error", "refused")
        ]

    serve(scenario)


def test_the_client_is_the_one_that_a_trusted_proxy_names(lines: Lines) -> None:
    async def scenario(harness: WebHarness) -> None:
        for peer, client in (("10.0.0.1", "203.0.113.9"), ("192.0.2.1", "192.0.2.1")):
            transport = httpx2.ASGITransport(harness.app, client=(peer, 50_000))
            async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:3000") as through:
                await through.post("/nothing", headers={"X-Forwarded-For": "203.0.113.9"})
            assert [line["client"] for line in lines.new()] == [client]

    serve(scenario, trusted_proxies="10.0.0.1")


@pytest.mark.parametrize(("method", "told"), [("POST", ["unanswered"]), ("GET", [])])
def test_a_change_whose_client_left_before_its_answer_is_told(lines: Lines, method: str, told: list[str]) -> None:
    async def left(_scope: Any, _receive: Any, _send: Any) -> None:
        raise asyncio.CancelledError

    scope = {"type": "http", "method": method, "path": "/jobs", "headers": [], "client": ("192.0.2.1", 1)}
    unused: Any = None
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(log.AccessLog(left, logging.getLogger("web"), "changes")(scope, unused, unused))
    assert [line["event"] for line in lines.new()] == told


@pytest.mark.parametrize(("mode", "told"), [("changes", 1), ("all", 1), ("off", 0)])
def test_a_refusal_before_there_is_a_request_is_told(lines: Lines, mode: str, told: int) -> None:
    log.early(logging.getLogger("web"), mode)("head_too_large", "r", "192.0.2.1")
    line = {"event": "refused", "request": "r", "status": 431, "code": "head_too_large", "client": "192.0.2.1"}
    assert lines.new() == [line] * told


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.title)
def test_the_parts_of_each_path_have_names_that_a_line_can_hold(lines: Lines, route: Served) -> None:
    names = dict.fromkeys(re.findall(r"\{(\w+)\}", route.path), "told")

    async def answer(scope: Any, _receive: Any, send: Any) -> None:
        scope["pixmill.tally"].names = names
        await send({"type": "http.response.start", "status": 503})

    async def sent(_message: Any) -> None: ...

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "client": ("192.0.2.1", 1)}
    unused: Any = None
    asyncio.run(log.AccessLog(answer, logging.getLogger("web"), "changes")(scope, unused, sent))
    assert [line["status"] for line in lines.new()] == [503], "a name that a record has would raise"
