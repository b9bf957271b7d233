"""The connections of a process are its own: a child of a fork never uses its parent's."""

import json
import os
import threading

import httpx2
import pytest

from pixmill import Client
from pixmill.core.listing import MEDIA_TYPE
from pixmill.testing import FakePixmill
from tests.support.harnesses.command import JPEG
from tests.unit.pixmill.core.samples import JOB


def test_after_a_fork_the_child_opens_connections_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with Client("http://server") as client:
        parents = client._connections._http
        assert client._connections._http is parents
        monkeypatch.setattr(os, "getpid", lambda: -1)
        childs = client._connections._http
        assert childs is not parents
        assert client._connections._http is childs
        parents.close()


def test_a_stream_that_is_left_is_closed() -> None:
    closed: list[bool] = []

    class Body(httpx2.SyncByteStream):
        def __iter__(self):  # type: ignore[no-untyped-def]
            while True:
                yield b'id: 1\nevent: job\ndata: {"id": "a", "state": "queued", "change": 1}\n\n'

        def close(self) -> None:
            closed.append(True)

    transport = httpx2.MockTransport(lambda _request: httpx2.Response(200, stream=Body()))
    with Client("http://server", transport=transport) as client:
        events = client.follow()
        assert next(events)["state"] == "queued"
        events.close()  # type: ignore[attr-defined]
    assert closed == [True]


def test_an_export_that_is_lost_goes_on_behind_its_last_job() -> None:
    asked: list[str] = []
    whole = {name: json.dumps({**JOB, "id": name}).encode() + b"\n" for name in "abc"}

    class Lost(httpx2.SyncByteStream):
        def __iter__(self):  # type: ignore[no-untyped-def]
            yield whole["a"] + whole["b"][:5]
            raise httpx2.ReadError("cut")

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.query.decode())
        given = {"stream": Lost()} if len(asked) == 1 else {"content": whole["b"] + whole["c"]}
        return httpx2.Response(200, headers={"Content-Type": MEDIA_TYPE}, **given)

    with Client("http://server", transport=httpx2.MockTransport(answer), pause=lambda _seconds: None) as client:
        assert [job.id for job in client.export(state="dead")] == ["a", "b", "c"]
    assert asked == ["state=dead", "state=dead&after=a"]


def test_threads_share_a_client() -> None:
    service = FakePixmill()
    client, made = service.client(), list[str]()
    threads = [threading.Thread(target=lambda n=n: made.append(client.upload(JPEG + bytes([n])).id)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == sorted(service.jobs) and len(made) == 20
