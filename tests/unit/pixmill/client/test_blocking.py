"""Both clients against a scripted server: what is repeated, under which key, and what is not."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from pixmill import Client, NoAccess, PixmillError, Refused, Unreachable
from tests.support.harnesses.awaited import Awaited
from tests.unit.pixmill.core.samples import JOB, RUNNING, UPLOAD

DATE = "Wed, 21 Oct 2015 07:28:00 GMT"
PROMISE = httpx2.Response(202, json=UPLOAD)
Kind = type[Client] | type[Awaited]
KINDS: tuple[Kind, ...] = (Client, Awaited)


class Script:
    """Answers requests in order (an exception is raised instead), on a clock that only pauses move."""

    kind: Kind = Client
    closing: list[Any] = []

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []
        self.bodies: list[bytes] = []
        self.pauses: list[float] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        assert len(self.requests) < 100, "this loop spins"
        self.bodies.append(request.read())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)

    def client(
        self,
        answer: Callable[[httpx2.Request], httpx2.Response] | None = None,
        url: str = "http://server/",
        **given: Any,
    ) -> Any:
        heard = answer or self

        async def awaited(request: httpx2.Request) -> httpx2.Response:
            await request.aread()
            return heard(request)

        given |= {"clock": lambda: sum(self.pauses), "pause": self.pauses.append}
        transport = httpx2.MockTransport(heard if Script.kind is Client else awaited)
        made = Script.kind(url, transport=transport, **given)
        Script.closing.append(made)
        return made


@pytest.fixture(autouse=True, params=KINDS, ids=["Client", "AsyncClient"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kind]:
    """Each test runs with each of the two clients."""
    monkeypatch.setattr(Script, "kind", request.param)
    yield request.param
    while Script.closing:
        Script.closing.pop().close()


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
        assert client.upload(image, preset="web").id == "j1"
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
        assert client.upload(image).id == "j1"
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


def running(retry_after: str | None = None, date: str | None = None) -> httpx2.Response:
    said = {"Retry-After": retry_after, "Date": date}
    headers = {name: value for name, value in said.items() if value is not None}
    return httpx2.Response(200, json=RUNNING, headers=headers)


def test_wait_asks_until_the_job_has_ended() -> None:
    script = Script(running(), httpx2.ReadError("reset"), running(), httpx2.Response(200, json=JOB))
    with script.client() as client:
        assert client.wait("j1").raw == JOB
    assert [request.url.params["wait"] for request in script.requests] == ["15"] * 4


def test_a_job_that_the_server_does_not_wait_for_is_asked_for_when_it_says() -> None:
    due = "Wed, 21 Oct 2015 07:28:07 GMT"
    answers = [running(), running("0"), running("3"), running(due, DATE), running("600"), running("soon")]
    script = Script(*answers, httpx2.Response(200, json=JOB))
    with script.client() as client:
        assert client.wait("j1").raw == JOB
    assert script.pauses == pytest.approx([0.2, 0.4, 3.0, 7.0, 15.0, 5.0])


def test_a_job_that_the_server_waited_for_is_asked_for_again_at_once() -> None:
    script = Script(running("9"), running("9"), httpx2.Response(200, json=JOB))
    held = iter([4.0, 9.0, 0.0])

    def answer(request: httpx2.Request) -> httpx2.Response:
        script.pauses.append(next(held))  # the clock moves while the server holds the request
        return script(request)

    with script.client(answer) as client:
        assert client.wait("j1").raw == JOB
    assert script.pauses == [4.0, 5.0, 9.0, 0.0]


def test_a_wait_may_have_an_end() -> None:
    script = Script(running("9"))
    with script.client() as client:
        assert client.wait("j1", seconds=20).state == "running"
    assert script.pauses == [9.0, 9.0, 2.0]
    assert [request.url.params.get("wait") for request in script.requests] == ["15", "11", "2", None]


def test_no_answer_makes_a_loop_that_spins(image: Path) -> None:
    script = Script(unavailable("0"))
    with script.client() as client, pytest.raises(Unreachable):
        client.upload(image)
    assert script.pauses[:5] == [0.2, 0.4, 0.8, 1.6, 3.2]


def test_a_date_says_when_to_come_again(image: Path) -> None:
    late = httpx2.Response(503, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:11 GMT", "Date": DATE})
    past = httpx2.Response(503, headers={"Retry-After": DATE})
    script = Script(late, past, PROMISE)
    with script.client() as client:
        client.upload(image)
    assert script.pauses == [11.0, 0.4]


def test_what_took_long_to_fail_is_tried_again(image: Path) -> None:
    """A large file on a slow line: the patience begins with the first failure, not with the call."""
    script = Script(unavailable("3"), PROMISE)

    def answer(request: httpx2.Request) -> httpx2.Response:
        script.pauses.append(90.0)
        return script(request)

    with script.client(answer) as client:
        assert client.upload(image).id == "j1"


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
        script = Script(httpx2.Response(200, json=JOB))
        with script.client(api_key=api_key) as client:
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


def keyed(url: str, answer: httpx2.Response) -> tuple[Script, Any]:
    script = Script(answer)
    return script, script.client(url=url, api_key="pm_one")


@pytest.mark.parametrize(
    ("url", "address", "carries"),
    [
        ("http://server", "http://server:80/r", True),
        ("https://server/root", "https://SERVER:443/root/r", True),
        ("http://server", "https://server/r", False),
        ("https://server", "http://server/r", False),
        ("http://server:3000", "http://server:3001/r", False),
        ("http://server", "http://elsewhere/r", False),
        ("http://server", "http://server.elsewhere/r", False),
        ("http://server", "http://server@elsewhere/r", False),
    ],
)
def test_the_key_goes_to_its_own_origin_only(url: str, address: str, carries: bool, tmp_path: Path) -> None:
    script, client = keyed(url, httpx2.Response(200, content=b"pixels"))
    with client:
        client.download(address, tmp_path / "r")
    assert (tmp_path / "r").read_bytes() == b"pixels"
    assert script.requests[0].headers.get("authorization") == ("Bearer pm_one" if carries else None)


def test_a_refusal_elsewhere_says_where_the_key_goes(tmp_path: Path) -> None:
    _, client = keyed("http://server", httpx2.Response(401, json={"code": "key_missing", "detail": "send a key"}))
    with (
        client,
        pytest.raises(NoAccess, match="http://elsewhere/r says: send a key; the API key is sent to http://ser"),
    ):
        client.download("http://elsewhere/r", tmp_path / "r")
    _, client = keyed("http://server", httpx2.Response(401, json={"code": "key_missing", "detail": "send a key"}))
    with client, pytest.raises(Refused, match=r"^send a key \(key_missing\)$"):
        client.download("http://server/r", tmp_path / "r")


def test_no_request_follows_a_redirect(image: Path) -> None:
    script, client = keyed("http://server", httpx2.Response(308, headers={"Location": "https://elsewhere/upload"}))
    with client, pytest.raises(Refused, match="http://server/upload sends on to https://elsewhere/upload"):
        client.upload(image)
    assert len(script.requests) == 1


@pytest.mark.parametrize("url", ["localhost:3000", "ftp://server", "http://", "http://[::1", "/srv/pixmill"])
def test_what_is_no_address_is_told_at_once(url: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no address of a server"):
        Client(url)
    script = Script(PROMISE)
    with script.client() as client, pytest.raises(PixmillError, match="no address of a server"):
        client.download(url, tmp_path / "r")
    assert (script.requests, script.pauses, list(tmp_path.iterdir())) == ([], [], [])


@pytest.mark.parametrize("key", ["caf\xe9", "one\ntwo"])
def test_what_can_be_no_key_is_told_at_once(key: str) -> None:
    with pytest.raises(ValueError, match="an API key has printable characters"):
        Client("http://server", api_key=key)


def test_a_name_that_is_not_utf_8_is_sent_as_one_that_stands_for_it(image: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(image.parent) + b"/caf\xe9.jpg"))
    image.rename(odd)
    script = Script(PROMISE)
    with script.client() as client:
        client.upload(odd)
    assert 'filename="caf\ufffd.jpg"'.encode() in script.bodies[0]


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with Script(PROMISE).client() as client, pytest.raises(OSError, match="no regular file"):
        client.upload(tmp_path / "pipe")


def test_a_download_that_must_be_new_replaces_nothing(tmp_path: Path) -> None:
    path = tmp_path / "thumb.jpg"
    path.write_bytes(b"mine")
    with Script(httpx2.Response(200, content=b"pixels")).client() as client:
        with pytest.raises(FileExistsError):
            client.download("http://server/r", path, exclusive=True)
        assert path.read_bytes() == b"mine"
        client.download("http://server/r", path)
        client.download("http://server/r", tmp_path / "new.jpg", exclusive=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "thumb.jpg": b"pixels",
        "new.jpg": b"pixels",
    }


@pytest.mark.parametrize("answer", [[], {}, {"id": "j1"}, None])
def test_an_answer_of_another_shape_is_a_refusal(answer: object, image: Path) -> None:
    script = Script(httpx2.Response(200, json=answer))
    with script.client() as client:
        for ask, what in ((client.upload, image), (client.wait, "j1"), (client.audit, ["r"])):
            with pytest.raises(Refused, match="as pixmill does"):
                ask(what)


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


def test_a_list_goes_on_where_a_page_ended() -> None:
    pages = [{"jobs": [JOB], "next": "a1"}, {"jobs": [], "next": "a2"}, {"jobs": [JOB, JOB], "next": None}]
    script = Script(*(httpx2.Response(200, json=page) for page in pages))
    with script.client() as client:
        assert [job.id for job in client.jobs(state="done", code="x")] == ["j1"] * 3
    assert [str(request.url.query, "ascii") for request in script.requests] == [
        "state=done&code=x&limit=500",
        "state=done&code=x&limit=500&after=a1",
        "state=done&code=x&limit=500&after=a2",
    ]
