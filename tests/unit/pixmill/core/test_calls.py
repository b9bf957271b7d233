"""Procedures, driven by hand over a clock that only their pauses and the server's waits move."""

from typing import Any, cast

import pytest

from pixmill.core.answers import Batch
from pixmill.core.calls import Calls
from pixmill.core.errors import NotFound
from pixmill.core.named import Named
from pixmill.core.requests import Pause, Procedure, Reply, Request, Response, Send, Source
from tests.unit.pixmill.core.samples import JOB, RUNNING, UPLOAD, URL

GONE = 404, {"code": "not_found", "detail": "there is no such job"}


def batch(*jobs: dict[str, Any]) -> dict[str, Any]:
    ended = sum(job["ended_at"] is not None for job in jobs)
    counts = {"done": ended, "running": len(jobs) - ended}
    return {"id": "b1", "total": len(jobs), "ended": ended, "counts": counts, "events_url": URL, "jobs": list(jobs)}


class Server:
    """Answers in order. Each answer takes a second."""

    def __init__(self, *answers: tuple[int, dict[str, Any]]) -> None:
        self.answers, self.asked, self.now = list(answers), list[Request](), 0.0

    def run(self, procedure: Procedure[Any]) -> Any:
        reply: Reply | None = None
        try:
            while True:
                reply = self._done(procedure.send(reply))
        except StopIteration as end:
            return end.value

    def _done(self, step: Send | Pause) -> Reply | None:
        if isinstance(step, Pause):
            self.now += step.seconds
            return None
        self.asked.append(step.request)
        status, parsed = self.answers.pop(0)
        self.now += 1.0
        return Reply(self.now - 1.0, self.now, self.now, Response(status, {}, parsed, URL))

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.asked]


def waited(server: Server, seconds: float | None = None) -> Batch:
    found = server.run(Calls(URL).wait_batch("b1", seconds))
    assert isinstance(found, Batch)
    return found


FIRST, SECOND = RUNNING | {"id": "j1"}, RUNNING | {"id": "j2"}
DONE = [JOB | {"id": "j1"}, JOB | {"id": "j2"}]


def test_a_batch_is_awaited_by_its_last_job() -> None:
    server = Server((200, batch(FIRST, SECOND)), (200, DONE[1]), (200, batch(*DONE)))
    assert waited(server).counts == {"done": 2, "running": 0}
    assert server.paths == ["/batches/b1", "/jobs/j2", "/batches/b1"]
    assert server.asked[1].query == (("wait", "15"),)


def test_then_by_those_that_are_left() -> None:
    server = Server((200, batch(FIRST, SECOND)), (200, DONE[1]), (200, batch(FIRST, DONE[1])), (200, DONE[0]),
                    (200, batch(*DONE)))  # fmt: skip
    assert waited(server).ended == 2
    assert server.paths == ["/batches/b1", "/jobs/j2", "/batches/b1", "/jobs/j1", "/batches/b1"]


def test_a_wait_for_a_batch_may_have_an_end() -> None:
    server = Server((200, batch(FIRST)), (200, FIRST), (200, batch(FIRST)))
    assert waited(server, 2.0).ended == 0
    assert server.asked[1].query == (("wait", "1"),)
    assert waited(Server((200, batch(FIRST))), 0).ended == 0


def test_a_job_that_is_purged_meanwhile_is_no_fault() -> None:
    server = Server((200, batch(FIRST, SECOND)), GONE, (200, batch(DONE[0])))
    assert waited(server).total == 1
    assert server.now > 3.0, "it pauses before it asks again"
    with pytest.raises(NotFound):
        waited(Server((200, batch(FIRST)), GONE, GONE))


def test_an_open_batch_is_awaited_until_it_is_closed() -> None:
    opened = [{**batch(*jobs), "open": True} for jobs in ((), (FIRST,), (DONE[0],))]
    server = Server((200, opened[0]), (200, opened[1]), (200, DONE[0]), (200, opened[2]), (200, batch(DONE[0])))
    assert (waited(server).open, server.answers) == (False, [])
    assert server.paths == ["/batches/b1", "/batches/b1", "/jobs/j1", "/batches/b1", "/batches/b1"]
    assert server.now > 5.0, "it pauses before it looks again"
    server = Server((200, opened[0]), (200, opened[0]))
    assert waited(server, 1.1).open
    assert server.now == pytest.approx(2.1), "the pause is no longer than what is left"


def test_a_job_under_a_grant_is_asked_for_by_it() -> None:
    server = Server((200, JOB))
    server.run(Calls(URL).wait(Named("j1", "v1.x.y"), 5))
    assert server.asked[0].query == (("wait", "5"), ("grant", "v1.x.y"))


def test_the_terms_of_a_grant_are_those_that_are_named() -> None:
    server = Server(
        (201, {"grant": "g1.x.y", "id": "i", "preset": "web", "bytes_max": 9, "count": 2, "expires_at": ""})
    )
    server.run(Calls(URL).grant({"preset": "web", "count": 2, "origin": None}, 86_400.0))
    assert server.asked[0].json == {"preset": "web", "count": 2, "expires_at": "1970-01-02T00:00:00+00:00"}


def test_the_trace_goes_as_headers_and_is_no_field() -> None:
    source = cast(Source, object())  # nobody opens it
    server = Server((202, UPLOAD), (202, UPLOAD))
    trace = {"traceparent": "00-1", "tracestate": None, "preset": "web"}
    server.run(Calls(URL).derive("j1", "k", trace, None))
    server.run(Calls(URL).upload(source, "k", trace, None))
    derived, uploaded = server.asked
    assert derived.headers == uploaded.headers == {"Idempotency-Key": "k", "traceparent": "00-1"}
    assert derived.json == {"original": "j1", "preset": "web"}
    assert uploaded.form == {"preset": "web"}
