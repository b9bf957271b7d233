"""A drill's judgement: each way to break a promise is seen, by one upload carried against a scripted client."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pixmill import Refused, Unreachable
from pixmill.client import Client
from pixmill.drill import PHASES, Result, Upload, carry, judge, percentile, strays

DIGEST = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"  # of b"x"


def job(**changed: Any) -> dict[str, Any]:
    rendition = {"name": "tiny", "digest": DIGEST, "url": "http://s/r"}
    whole = {
        "id": "j1", "state": "done", "error": None, "ended_at": "then", "renditions": [rendition],
        "timeline": [{"event": "accepted"}, {"event": "ended"}],
    }  # fmt: skip
    return whole | changed


class FakeClient(Client):
    """Promises `ids` in turn, shows `shown`, and gives `data` for every rendition; raises what is an exception."""

    def __init__(self, *ids: Any, shown: Any = None, data: bytes = b"x") -> None:
        self.ids, self.shown, self.data = list(ids), shown or job(), data
        self.keys: list[str | None] = []

    def upload(self, file: str | Path, **asked: Any) -> dict[str, Any]:
        self.keys.append(asked["key"])
        said = self.ids.pop(0)
        if isinstance(said, Exception):
            raise said
        return {"id": said}

    def follow(self, job: str) -> Iterator[dict[str, Any]]:
        if isinstance(self.shown, Exception):
            raise self.shown
        yield self.shown
        while not self.shown["ended_at"]:
            yield self.shown

    def download(self, url: str, path: Path, *, exclusive: bool = False) -> None:
        path.write_bytes(self.data)


def carried(client: FakeClient, folder: Path) -> Upload:
    upload, times = Upload(7, due=1.0), iter([1.5, *range(2, 1000, 100)])
    carry(client, upload, "drill-x", folder, lambda: next(times))
    return upload


def test_a_kept_promise_is_timed_from_when_it_was_due_and_its_key_sent_twice(tmp_path: Path) -> None:
    client = FakeClient("j1", "j1")
    upload = carried(client, tmp_path)
    assert (upload.broken, upload.detail, upload.promised) == ("", "", 0.5)
    assert upload.ended is not None and upload.ended > 0.5
    assert client.keys == ["drill-x-7"] * 2


@pytest.mark.parametrize(
    ("client", "broken"),
    [
        (FakeClient(Unreachable("away")), "unanswered"),
        (FakeClient("j1", shown=Refused(404, {"code": "not_found"})), "lost"),
        (FakeClient("j1", "j1", shown=job(state="dead", error={"code": "attempts_used_up"})), "lost"),
        (FakeClient("j1", "j1", shown=job(state="running", ended_at=None)), "lost"),
        (FakeClient("j1", "j2"), "doubled"),
        (FakeClient("j1", "j1", shown=job(timeline=[{"event": "ended"}] * 2)), "doubled"),
        (FakeClient("j1", "j1", data=b"y"), "wrong"),
        (FakeClient("j1", "j1", shown=job(renditions=[])), "wrong"),
        (FakeClient("j1", shown=Unreachable("away")), "unanswered"),
    ],
)
def test_what_is_broken_is_named(client: FakeClient, broken: str, tmp_path: Path) -> None:
    upload = carried(client, tmp_path)
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
