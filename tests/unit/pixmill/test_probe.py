"""A probe against the stand-in: one picture goes through everything and is gone, and each fault is named."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from pixmill import Refused, Unreachable
from pixmill.client import Client
from pixmill.core.answers import Job, Rendition
from pixmill.core.calls import PAGE_JOBS
from pixmill.core.reading import read
from pixmill.probe import LEFT_MAX, REFERENCE, Probed, probe
from pixmill.testing import FakePixmill
from tests.unit.pixmill.core.samples import JOB


@pytest.fixture
def service() -> Iterator[FakePixmill]:
    made = FakePixmill()
    yield made
    made.close()


def probed(service: FakePixmill, **patched: Any) -> Probed:
    client = service.client()
    for name, value in patched.items():
        setattr(client, name, value)
    return probe(client, 20.0)


def paths(service: FakePixmill, method: str) -> list[str]:
    return [request.url.path for request in service.requests if request.method == method]


def test_a_picture_goes_through_everything_and_leaves_nothing(service: FakePixmill) -> None:
    found = probed(service)
    assert (found.fault, service.jobs) == (None, [])
    assert 0.0 < found.seconds < found.at
    assert any("/renditions/" in path for path in paths(service, "GET"))


def test_no_two_pictures_are_equal_so_no_cache_can_answer(service: FakePixmill) -> None:
    sent = []
    for _ in range(2):
        probed(service)
        (upload,) = [request for request in service.requests if request.url.path == "/upload"]
        sent.append(upload.content[upload.content.index(b"\x89PNG") :])
        service.requests.clear()
    assert sent[0] != sent[1]


def test_an_answer_of_the_result_cache_is_no_success(service: FakePixmill) -> None:
    def cached(job: Any) -> Job:
        return read(Job, JOB | {"id": job.id, "cached": True})

    found = probed(service, wait=cached)
    assert found.fault is not None and "lost" not in str(found.fault) and "cache" in str(found.fault)


@pytest.mark.parametrize(
    ("break_it", "code"),
    [
        (lambda service: service.fail("undecodable"), "drill_failed"),
        (lambda service: service.refuse("not_found"), "not_found"),
        (lambda service: service.refuse("broker_silent", times=1000), "broker_silent"),
    ],
)
def test_a_fault_is_told(service: FakePixmill, break_it: Callable[[FakePixmill], None], code: str) -> None:
    break_it(service)
    found = probed(service)
    assert found.fault is not None and found.fault.code == code


def test_a_rendition_with_other_bytes_is_a_fault(service: FakePixmill) -> None:
    def other(_what: Rendition) -> bytes:
        return b"other"

    found = probed(service, read=other)
    assert found.fault is not None and "digest" in str(found.fault)
    assert len(service.jobs) == 1, "what is wrong can be looked at"


def test_a_job_that_cannot_be_removed_is_a_fault(service: FakePixmill) -> None:
    def refused(_job: object) -> None:
        raise Refused(403, {"code": "forbidden"})

    found = probed(service, purge=refused)
    assert found.fault is not None and found.fault.code == "forbidden"


def test_a_probe_that_breaks_is_no_success(service: FakePixmill, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_job: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(threading, "excepthook", lambda _told: None)
    found = probed(service, purge=broken)
    assert found.fault is not None and found.fault.code == "drill_failed"


class Hanging:
    """A client that answers nothing from the call of that name on, until `go`."""

    def __init__(self, service: FakePixmill, name: str) -> None:
        self.hangs, self.go, self.client = threading.Event(), threading.Event(), service.client()
        setattr(self.client, name, self._hang)

    def _hang(self, *_asked: object, **_named: object) -> None:
        self.hangs.set()
        self.go.wait()
        raise Unreachable("at last")


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [("upload", Unreachable, "no_promise"), ("wait", None, "drill_late"), ("purge", None, "drill_late")],
)
def test_a_server_that_hangs_ends_the_probe_in_time(
    service: FakePixmill, monkeypatch: pytest.MonkeyPatch, name: str, kind: type | None, code: str
) -> None:
    hanging, waited = Hanging(service, name), list[float]()

    def join(_thread: threading.Thread, seconds: float) -> None:
        waited.append(seconds)
        hanging.hangs.wait()

    monkeypatch.setattr(threading.Thread, "join", join)  # the time is over once it hangs
    found = probe(hanging.client, 20.0)
    hanging.go.set()
    assert waited == [20.0]
    assert found.fault is not None and found.fault.code == code
    assert (type(found.fault) is Unreachable) == (kind is Unreachable)


def test_jobs_that_earlier_probes_left_are_removed_and_no_others(service: FakePixmill) -> None:
    client = service.client()
    service.hold()
    left = [client.upload(b"\x89PNG\r\n\x1a\n left", filename="a.png", reference=REFERENCE).id for _ in range(2)]
    other = client.upload(b"\x89PNG\r\n\x1a\n other", filename="b.png", reference="mine").id
    service.release()
    asked: list[dict[str, Any]] = []

    def jobs(**filters: Any) -> Iterator[Job]:
        asked.append(filters)
        yield from Client.jobs(client, reference=filters["reference"])

    client.jobs = jobs  # type: ignore[method-assign]  # the stand-in's clock stands still: all its jobs are young
    assert probe(client, 20.0).fault is None
    assert left and service.jobs == [other]
    assert asked[0]["accepted_before"].tzinfo is not None


def test_one_probe_removes_a_bounded_number(service: FakePixmill) -> None:
    assert LEFT_MAX < PAGE_JOBS, "so they are of one page"
    requests: list[httpx2.Request] = service.requests
    client = service.client()
    for _ in range(LEFT_MAX + 1):
        client.upload(b"\x89PNG\r\n\x1a\n left", filename="a.png", reference=REFERENCE)
    requests.clear()
    client.jobs = lambda **_: Client.jobs(client, reference=REFERENCE)  # type: ignore[method-assign]
    assert probe(client, 20.0).fault is None
    assert len(service.jobs) == 1
