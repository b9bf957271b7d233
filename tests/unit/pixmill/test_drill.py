"""A drill's judgement: each way to break a promise is seen, by one upload carried against a scripted client."""

from typing import Any

import pytest

from pixmill import Job, Refused, Unreachable
from pixmill import Upload as Promise
from pixmill.client import Client
from pixmill.core.reading import read
from pixmill.drill import PHASES, Result, Upload, carry, judge, percentile, strays
from tests.unit.pixmill.core.samples import JOB, RENDITION, UPLOAD

DIGEST = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"  # of b"x"


def job(**changed: Any) -> Job:
    timeline = [{"at": "then", "event": event, "lease": 0} for event in ("accepted", "ended")]
    whole = JOB | {"renditions": [RENDITION | {"name": "tiny", "digest": DIGEST}], "timeline": timeline}
    return read(Job, whole | changed)


class FakeClient(Client):
    """Promises `ids` in turn, shows `shown`, and gives `data` for every rendition; raises what is an exception."""

    def __init__(self, *ids: Any, shown: Any = None, data: bytes = b"x") -> None:
        self.ids, self.shown, self.data = list(ids), shown or job(), data
        self.keys: list[str | None] = []

    def upload(self, file: object, **asked: Any) -> Any:
        self.keys.append(asked["key"])
        said = self.ids.pop(0)
        if isinstance(said, Exception):
            raise said
        return read(Promise, UPLOAD | {"id": said})

    def wait(self, job: object, *, seconds: float | None = None) -> Job:
        assert seconds == 120.0
        if isinstance(self.shown, Exception):
            raise self.shown
        assert isinstance(self.shown, Job)
        return self.shown

    def read(self, what: object) -> bytes:
        return self.data


def carried(client: FakeClient) -> Upload:
    upload, times = Upload(7, due=1.0), iter([1.5, *range(2, 1000, 100)])
    carry(client, upload, "drill-x", lambda: next(times))
    return upload


def test_a_kept_promise_is_timed_from_when_it_was_due_and_its_key_sent_twice() -> None:
    client = FakeClient("j1", "j1")
    upload = carried(client)
    assert (upload.broken, upload.detail, upload.promised) == ("", "", 0.5)
    assert upload.ended is not None and upload.ended > 0.5
    assert client.keys == ["drill-x-7"] * 2


@pytest.mark.parametrize(
    ("client", "broken"),
    [
        (FakeClient(Unreachable("away")), "unanswered"),
        (FakeClient("j1", shown=Refused(404, {"code": "not_found"})), "lost"),
        (FakeClient("j1", "j1", shown=job(state="dead", error={"code": "attempts_used_up", "detail": "x"})), "lost"),
        (FakeClient("j1", "j1", shown=job(state="running", ended_at=None)), "lost"),
        (FakeClient("j1", "j2"), "doubled"),
        (FakeClient("j1", "j1", shown=job(timeline=[{"at": "t", "event": "ended", "lease": 1}] * 2)), "doubled"),
        (FakeClient("j1", "j1", data=b"y"), "wrong"),
        (FakeClient("j1", "j1", shown=job(renditions=[])), "wrong"),
        (FakeClient("j1", shown=Unreachable("away")), "unanswered"),
    ],
)
def test_what_is_broken_is_named(client: FakeClient, broken: str) -> None:
    upload = carried(client)
    assert upload.broken == broken
    assert upload.detail
    assert not Result(3.0, [upload]).kept


def test_a_good_job_is_judged_good() -> None:
    assert judge(job(), {"tiny": DIGEST}, "j1") == ("", "")


def test_jobs_that_nobody_was_promised_are_strays_but_for_unanswered_uploads() -> None:
    uploads = [Upload(1, 0.0, job="a"), Upload(2, 0.1, broken="unanswered")]
    assert strays(uploads, ["a", "b"]) == []
    assert strays(uploads, ["a", "b", "c"]) == ["c"]
    result = Result(3.0, uploads[:1], ["c"])
    assert (result.kept, result.count("doubled")) == (False, 1)


def test_uploads_are_counted_in_the_third_in_which_they_were_due() -> None:
    result = Result(9.0, [Upload(n, float(n)) for n in range(9)])
    assert [[upload.number for upload in result.phase(phase)] for phase in PHASES] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_a_percentile_of_nothing_is_none() -> None:
    assert percentile([], 0.99) is None
    assert percentile([3.0, 1.0, 2.0], 0.99) == 3.0
