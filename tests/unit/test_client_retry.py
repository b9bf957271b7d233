"""The client against a scripted server: what is repeated, under which key, and what is not."""

import json
from pathlib import Path

import httpx2
import pytest

from pixmill import Client, Refused, Unreachable

PROMISE = httpx2.Response(202, json={"id": "j1", "state": "queued", "filename": "a.jpg"})
JOB = {"id": "j1", "state": "done", "filename": "a.jpg", "ended_at": "2025-01-01T00:00:00.000Z", "renditions": []}


class Script:
    """Answers requests in order (an exception is raised instead), on a clock that only pauses move."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []
        self.bodies: list[bytes] = []
        self.pauses: list[float] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        self.bodies.append(request.read())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self) -> Client:
        return Client(
            "http://server/",
            transport=httpx2.MockTransport(self),
            clock=lambda: sum(self.pauses),
            pause=self.pauses.append,
        )


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\xff\xd8 an image")
    return path


def unavailable(retry_after: str | None = None) -> httpx2.Response:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return httpx2.Response(503, json={"code": "broker_silent", "detail": "not promised"}, headers=headers)


def test_an_upload_is_repeated_under_one_key_until_it_is_promised(image: Path) -> None:
    proxy = [httpx2.Response(status, text="<html>") for status in (502, 504)]
    script = Script(httpx2.ConnectError("refused"), unavailable("3"), httpx2.ReadError("reset"), *proxy, PROMISE)
    with script.client() as client:
        assert client.upload(image, preset="web")["id"] == "j1"
    assert len({request.headers["Idempotency-Key"] for request in script.requests}) == 1
    assert script.pauses == [0.2, 3.0, 0.8, 1.6, 3.2]
    assert all(b"an image" in body and b'name="preset"' in body for body in script.bodies)


def test_two_uploads_have_two_keys(image: Path) -> None:
    script = Script(PROMISE)
    with script.client() as client:
        client.upload(image)
        client.upload(image)
    first, second = script.requests
    assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"]


def test_patience_ends(image: Path) -> None:
    script = Script(unavailable("7"))
    with script.client() as client, pytest.raises(Unreachable, match="not promised"):
        client.upload(image)
    assert sum(script.pauses) <= 60


def rate_limited(retry_after: str) -> httpx2.Response:
    problem = {"code": "rate_limited", "detail": "12 uploads a minute are allowed, 0 are left now"}
    return httpx2.Response(429, json=problem, headers={"Retry-After": retry_after})


def test_an_upload_waits_for_its_turn_under_a_rate(image: Path) -> None:
    script = Script(rate_limited("61"), httpx2.ConnectError("refused"), rate_limited("40"), unavailable("50"), PROMISE)
    with script.client() as client:
        assert client.upload(image)["id"] == "j1"
    assert script.pauses == [61.0, 0.4, 40.0, 50.0]
    assert len({request.headers["Idempotency-Key"] for request in script.requests}) == 1


def test_who_never_gets_his_turn_is_told_why(image: Path) -> None:
    script = Script(rate_limited("61"))
    with script.client() as client, pytest.raises(Refused) as refused:
        client.upload(image)
    assert (refused.value.code, script.pauses) == ("rate_limited", [61.0, 61.0])


@pytest.mark.parametrize("status", [400, 404, 413, 415, 422, 500, 507])
def test_a_refusal_is_not_repeated(image: Path, status: int) -> None:
    problem = {"code": "bad_recipe", "detail": "$.x: unknown", "path": "$.x"}
    script = Script(httpx2.Response(status, json=problem))
    with script.client() as client, pytest.raises(Refused) as refused:
        client.upload(image)
    assert (refused.value.status, refused.value.code, refused.value.members["path"]) == (status, "bad_recipe", "$.x")
    assert str(refused.value) == "$.x: unknown (bad_recipe)"
    assert len(script.requests) == 1


def test_another_server_is_a_refusal_and_no_traceback(image: Path) -> None:
    with Script(httpx2.Response(404, text="<html>")).client() as client, pytest.raises(Refused, match="404"):
        client.upload(image)
    with (
        Script(httpx2.Response(200, text="<html>")).client() as client,
        pytest.raises(Refused, match="as pixmill does"),
    ):
        client.upload(image)


def test_wait_asks_until_the_job_has_ended() -> None:
    running = httpx2.Response(200, json=JOB | {"state": "running", "ended_at": None})
    script = Script(running, httpx2.ReadError("reset"), running, httpx2.Response(200, json=JOB))
    with script.client() as client:
        assert client.wait("j1") == JOB
    assert [request.url.params["wait"] for request in script.requests] == ["15"] * 4


def test_a_download_is_whole_or_not_there(tmp_path: Path) -> None:
    script = Script(httpx2.ReadError("reset"), httpx2.Response(200, content=b"pixels"))
    with script.client() as client:
        client.download("http://server/jobs/j1/renditions/thumb", tmp_path / "thumb.jpg")
    assert [path.name for path in tmp_path.iterdir()] == ["thumb.jpg"]
    assert (tmp_path / "thumb.jpg").read_bytes() == b"pixels"
    with Script(httpx2.Response(404, json={"code": "not_found"})).client() as client, pytest.raises(Refused):
        client.download("http://server/jobs/j1/renditions/other", tmp_path / "other.jpg")
    assert [path.name for path in tmp_path.iterdir()] == ["thumb.jpg"]


def test_the_address_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXMILL_URL", "http://elsewhere:1/")
    with Client() as client:
        assert client.url == "http://elsewhere:1"
    monkeypatch.delenv("PIXMILL_URL")
    with Client() as client:
        assert client.url == "http://localhost:3000"


def test_every_request_carries_the_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def sent(api_key: str | None) -> str | None:
        script = Script(httpx2.Response(200, json={}))
        with Client("http://server", api_key=api_key, transport=httpx2.MockTransport(script)) as client:
            client.job("j")
            client.download("http://server/jobs/j/original", tmp_path / "a")
        (said,) = {request.headers.get("authorization") for request in script.requests}
        return said

    monkeypatch.delenv("PIXMILL_API_KEY", raising=False)
    assert sent(None) is None
    assert sent("pm_one") == "Bearer pm_one"
    monkeypatch.setenv("PIXMILL_API_KEY", "pm_two")
    assert sent(None) == "Bearer pm_two"
    assert sent("pm_one") == "Bearer pm_one"


def test_a_recipe_is_sent_as_it_is(image: Path) -> None:
    recipe = json.dumps({"renditions": [{"name": "a", "width": 1}]})
    script = Script(PROMISE)
    with script.client() as client:
        client.upload(image, recipe=recipe)
    assert recipe.encode() in script.bodies[0]


def test_an_audit_asks_in_parts_and_joins_the_answers() -> None:
    script = Script(httpx2.Response(200, json=["ended"] * 1000), httpx2.Response(200, json=["lost"]))
    with script.client() as client:
        assert client.audit(["r"] * 1001) == ["ended"] * 1000 + ["lost"]
        assert [len(json.loads(body)) for body in script.bodies] == [1000, 1]
        assert {request.url.path for request in script.requests} == {"/receipts/audit"}
        assert client.audit([]) == []
