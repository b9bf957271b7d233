"""courier/fetching.py: an original from its address into the blob store, or a code that tells nothing of the source."""

import hashlib
import socket
import threading
from collections.abc import Iterator

import pytest
from PIL import Image

from courier import fetching
from courier.fetching import Rules, fetch
from host.egress.addresses import parse_allowed
from host.egress.gate import Gate, Stop
from host.egress.sources import parse_sources
from jobs.errors import BlobMissing, StoreFull
from jobs.ids import original_name
from jobs.images.formats import READ
from jobs.wire import Failure, Source, SourceFetched
from stores.blobs import Objects
from stores.blobs.memory import MemoryBlobs
from tests.support.pictures.images import saved
from tests.support.servers.stranger import Heard, Script, Stranger, answers, endless, says, stranger

JOB = "01" * 13
NAME = original_name(JOB)


class Place:
    """A server of originals, and what becomes of fetches from it."""

    def __init__(self, server: Stranger, path: str = "/pics/", pixels_max: int = 10**6) -> None:
        self.server, self.blobs = server, MemoryBlobs()
        allowed = parse_allowed(f"127.0.0.1:{server.port}")
        self.gate = Gate(allowed)
        self.rules = Rules(parse_sources(f"{server.url}{path}"), allowed, READ, pixels_max)

    def fetch(self, path: str = "/pics/a.png?sig=secret", bytes_max: int = 10**6) -> SourceFetched | Failure:
        source = Source(JOB, 2, f"{self.server.url}{path}", 20.0, bytes_max)
        result, why = fetch(self.gate, self.blobs, self.rules, source, Stop())
        assert "secret" not in why
        return result


def fetched(script: Script, bytes_max: int = 10**6, pixels_max: int = 10**6) -> tuple[SourceFetched | Failure, bool]:
    with stranger(script) as server:
        place = Place(server, pixels_max=pixels_max)
        return place.fetch(bytes_max=bytes_max), place.blobs.holds("raw")


def picture() -> bytes:
    return saved(Image.new("RGB", (40, 30), "red"), "PNG")


def test_an_original_is_fetched_judged_and_published() -> None:
    data = picture()
    with stranger(answers("200 OK", body=data)) as server:
        place = Place(server)
        result = place.fetch()
        assert server.heard[0].line == "GET /pics/a.png?sig=secret HTTP/1.1"
        with place.blobs.open(NAME) as file:
            assert file.read() == data
    digest = hashlib.sha256(data).hexdigest()
    assert result == SourceFetched(JOB, 2, "png", 40, 30, len(data), digest, 1)


@pytest.mark.parametrize("status", ["400 Bad", "401 No", "403 No", "404 Not Found", "410 Gone", "304 Same", "300 Many"])
def test_a_refusal_of_its_server_is_final_and_not_told(status: str) -> None:
    result, stored = fetched(answers(status, body=b"the port is open"))
    assert isinstance(result, Failure) and result.code == "source_refused"
    assert status[:3] not in result.detail and "open" not in result.detail
    assert not stored


@pytest.mark.parametrize("status", ["408 Slow", "425 Early", "429 Many", "500 Oh", "502 Oh", "503 Later"])
def test_what_may_be_another_answer_later_is_tried_again_when_asked(status: str) -> None:
    result, stored = fetched(answers(status, "Retry-After: 7"))
    assert isinstance(result, Failure)
    assert (result.code, result.retry_after, stored) == ("source_unreachable", 7.0, False)


@pytest.mark.parametrize(
    "script",
    [
        says(b""),
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + picture()[:50]),
        says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n" + picture()[:9]),
        says(b"what\r\n\r\n"),
    ],
    ids=["nothing", "short", "chunk", "nonsense"],
)
def test_reset_silent_and_cut_off_are_one(script: Script) -> None:
    result, stored = fetched(script)
    assert isinstance(result, Failure)
    assert (result.code, result.detail) == ("source_unreachable", "this address did not give its original")
    assert not stored


@pytest.mark.parametrize("script", [
    answers("200 OK", body=bytes(2000)), endless(b"HTTP/1.1 200 OK\r\n\r\n" + picture()),
    endless(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n" + picture()),
], ids=["announced", "unannounced", "100 MB"])  # fmt: skip
def test_too_many_bytes_are_not_taken(script: Script) -> None:
    result, stored = fetched(script, bytes_max=1000)
    assert isinstance(result, Failure) and result.code == "upload_too_large"
    assert "1000" in result.detail or "1,000" in result.detail
    assert not stored


def test_what_is_no_image_and_what_is_too_large_have_an_upload_s_codes() -> None:
    for script, code in (
        (answers("200 OK", body=b"%PDF-1.7 " + bytes(900)), "unsupported_type"),
        (answers("204 No Content"), "unsupported_type"),
        (answers("200 OK", body=picture()), "pixels_over_limit"),
    ):
        result, stored = fetched(script, pixels_max=100)
        assert isinstance(result, Failure) and result.code == code
        assert not stored


def test_a_compressed_answer_is_refused() -> None:
    result, _ = fetched(answers("200 OK", "Content-Encoding: gzip", body=picture()))
    assert isinstance(result, Failure) and result.code == "source_refused"


def test_a_fetch_that_ends_after_another_one_of_its_job_replaces_nothing() -> None:
    early, late = picture(), saved(Image.new("RGB", (20, 10), "blue"), "PNG")
    places: list[Place] = []

    def script(opened: socket.socket, heard: Heard, over: threading.Event) -> None:
        places[0].blobs.put(NAME, early)  # the courier that has the lease now was faster
        answers("200 OK", body=late)(opened, heard, over)

    with stranger(script) as server:
        places.append(Place(server))
        result = places[0].fetch()
    assert isinstance(result, SourceFetched)
    assert places[0].blobs.blobs[NAME] == early
    assert (result.digest, result.width, result.bytes) == (hashlib.sha256(early).hexdigest(), 40, len(early))


def test_a_redirect_stays_below_the_prefixes_and_within_the_gate() -> None:
    def script(opened: object, heard: Heard, over: threading.Event) -> None:
        path = heard.line.split()[1]
        target = {
            "/pics/near": "/pics/a.png", "/pics/out": "/other/a.png", "/pics/inside": "http://127.0.0.1:1/pics/",
            "/pics/encoded": "/pics/..%2fother/a.png",
        }  # fmt: skip
        if path in target:
            answers("302 Found", f"Location: {target[path]}")(opened, heard, over)  # type: ignore[arg-type]
        else:
            answers("200 OK", body=picture())(opened, heard, over)  # type: ignore[arg-type]

    with stranger(script) as server:
        place = Place(server)
        assert isinstance(place.fetch("/pics/near"), SourceFetched)
        for path in ("/pics/out", "/pics/inside", "/pics/encoded"):
            result = place.fetch(path)
            assert isinstance(result, Failure) and result.code == "source_refused"
        assert "GET /other/a.png HTTP/1.1" not in [heard.line for heard in server.heard]


def test_what_is_not_below_a_prefix_is_not_called() -> None:
    with stranger(answers("200 OK", body=picture())) as server:
        place = Place(server)
        for path in ("/picsecret", "/", "/pics/../x"):
            result = place.fetch(path)
            assert isinstance(result, Failure) and result.code == "source_refused"
        assert not server.called


def objects_of(held: dict[tuple[str, str], bytes]) -> Objects:
    """Buckets with these objects, each in two pieces."""

    def pieces(bucket: str, key: str) -> Iterator[bytes]:
        if (bucket, key) not in held:
            raise BlobMissing("no such object")
        data = held[bucket, key]
        yield data[:20]
        yield data[20:]

    return pieces


def test_an_object_of_a_listed_bucket_is_copied_and_judged() -> None:
    objects = objects_of({("shop", "in/a.png"): picture(), ("shop", "in/b.txt"): b"text" * 200})
    blobs, rules = MemoryBlobs(), Rules(parse_sources("s3://shop/in/"), (), READ, 10**6)
    results = {}
    for key in ("in/a.png", "in/b.txt", "in/none.png", "out/a.png"):
        results[key], _ = fetch(Gate(), blobs, rules, Source(JOB, 2, f"s3://shop/{key}", 20.0, 10**6), Stop(), objects)
    assert isinstance(results["in/a.png"], SourceFetched)
    with blobs.open(NAME) as file:
        assert file.read() == picture()
    codes = [result.code for result in results.values() if isinstance(result, Failure)]
    assert codes == ["unsupported_type", "source_refused", "source_refused"]


def test_without_buckets_no_object_is_fetched() -> None:
    rules = Rules(parse_sources("s3://shop/in/"), (), READ, 10**6)
    result, _ = fetch(Gate(), MemoryBlobs(), rules, Source(JOB, 2, "s3://shop/in/a.png", 20.0, 10**6), Stop())
    assert isinstance(result, Failure) and result.code == "source_refused"


def test_an_object_that_is_too_slow_or_ended_is_given_up() -> None:
    objects = objects_of({("shop", "in/a.png"): picture()})
    rules = Rules(parse_sources("s3://shop/in/"), (), READ, 10**6)
    result, _ = fetch(Gate(), MemoryBlobs(), rules, Source(JOB, 2, "s3://shop/in/a.png", 0.0, 10**6), Stop(), objects)
    assert isinstance(result, Failure) and result.code == "source_unreachable"


def test_a_full_store_is_no_fault_of_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(name: str, size: int = 0) -> object:
        raise StoreFull("the disk is nearly full")

    with stranger(answers("200 OK", body=picture())) as server:
        place = Place(server)
        monkeypatch.setattr(place.blobs, "writer", full)
        result = place.fetch()
    assert isinstance(result, Failure) and result.code == "store_error"


def test_a_call_that_was_ended_publishes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = Stop()
    monkeypatch.setattr(fetching._Body, "end", lambda body: stop.set())
    with stranger(answers("200 OK", body=picture())) as server:
        place = Place(server)
        source = Source(JOB, 2, f"{server.url}/pics/a", 20.0, 10**6)
        fetch(place.gate, place.blobs, place.rules, source, stop)
        assert not place.blobs.holds("raw")
