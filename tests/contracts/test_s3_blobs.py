"""What only blobs in a bucket can get wrong: lost answers, wrong keys, a store that stands still or dies, files on the
way, signed addresses."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from host.settings.buckets import Bucket, bucket
from host.settings.settings import Settings
from jobs.errors import BlobMissing, SetupFault, StoreAway, StoreFull
from stores.blobs.s3 import driver, store
from stores.blobs.s3.store import S3Blobs
from stores.opening import claim_blobs, open_blobs, open_ledger, open_objects, proven_blobs
from tests.support.clusters.cluster import wait_until
from tests.support.clusters.nginx import free_port
from tests.support.patience import stretched
from tests.support.servers.seaweed import ENVIRON, SeaweedServer, seaweed_or_skip

NAME, OTHER = "raw/ab/one", "processed/cd/one.thumb.12345678.jpeg"
FEW_SECONDS = 0.5


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> float:
    """Calls with short deadlines (these seconds), so that a test waits for half a second and not for eight."""
    return shorten(monkeypatch)


def shorten(monkeypatch: pytest.MonkeyPatch) -> float:
    """What is opened from now on has the deadlines of `quick`."""
    seconds = stretched(FEW_SECONDS)
    for name in ("CALL_SECONDS", "RETRY_SECONDS", "LOOK_SECONDS"):
        monkeypatch.setattr(driver, name, seconds)
    return seconds


@pytest.fixture
def blobs(seaweed: SeaweedServer, tmp_path: Path) -> S3Blobs:
    return S3Blobs(bucket(seaweed.url()), tmp_path)


def read(blobs: S3Blobs, name: str) -> bytes:
    with blobs.open(name) as file:
        return file.read()


def done(call: Callable[[], object]) -> bool:
    """Whether the store is there for this call now."""
    try:
        call()
    except StoreAway:
        return False
    return True


class Answers(BaseHTTPRequestHandler):
    """A store of one bucket in memory that can lose answers, and ignores conditions."""

    kept: dict[str, bytes] = {}
    lost = 0
    status = 200

    def do_PUT(self) -> None:
        self.kept[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.lost:  # type: ignore[attr-defined]
            self.server.lost -= 1  # type: ignore[attr-defined]
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.send_header("ETag", '"x"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        body = b"<ListBucketResult><Name>pix</Name><IsTruncated>false</IsTruncated></ListBucketResult>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def odd() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.lost, server.status = 0, 200  # type: ignore[attr-defined]
    Answers.kept = {}
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def at(server: ThreadingHTTPServer) -> Bucket:
    return Bucket("pix", "", f"http://127.0.0.1:{server.server_port}", "us-east-1")


def test_a_put_whose_answer_was_lost_is_repeated_and_leaves_one_blob(odd: ThreadingHTTPServer, tmp_path: Path) -> None:
    odd.lost = 2  # type: ignore[attr-defined]
    S3Blobs(at(odd), tmp_path).put(NAME, b"bytes")
    assert odd.lost == 0  # type: ignore[attr-defined]
    assert Answers.kept == {f"/pix/{NAME}": b"bytes"}


def test_a_store_that_ignores_conditions_is_told_from_one_that_keeps_them(
    odd: ThreadingHTTPServer, blobs: S3Blobs, tmp_path: Path
) -> None:
    assert S3Blobs(at(odd), tmp_path).prove().endswith("conditional writes are ignored")
    assert blobs.prove().endswith("conditional writes are kept")
    assert blobs.prove().endswith("conditional writes are kept"), "the second start finds the probe of the first"


def test_a_full_store_is_full(odd: ThreadingHTTPServer, tmp_path: Path) -> None:
    odd.status = 507  # type: ignore[attr-defined]
    with pytest.raises(StoreFull):
        S3Blobs(at(odd), tmp_path).put(NAME, b"bytes")


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("AWS_SECRET_ACCESS_KEY", "wrong", "(the store said 403 SignatureDoesNotMatch): correct AWS_SECRET_ACCESS_KEY"),
        ("AWS_ACCESS_KEY_ID", "wrong", "(the store said 403 InvalidAccessKeyId): correct AWS_ACCESS_KEY_ID"),
    ],
)
def test_wrong_keys_refuse_a_start_and_say_which(
    variable: str, value: str, says: str, seaweed: SeaweedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    blobs = S3Blobs(bucket(seaweed.url()), tmp_path)
    with pytest.raises(SetupFault) as fault:
        blobs.prove()
    assert fault.value.detail.endswith(says)
    for call in (lambda: blobs.put(NAME, b""), lambda: blobs.open(NAME), lambda: blobs.names("", 1, 0.0), blobs.look):
        with pytest.raises(StoreAway):
            call()


def test_keys_in_a_file_are_used(seaweed: SeaweedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRON:
        monkeypatch.delenv(name)
    file = tmp_path / "keys"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    lines = "[default]\naws_access_key_id={AWS_ACCESS_KEY_ID}\naws_secret_access_key={AWS_SECRET_ACCESS_KEY}\n"
    file.write_text(lines.format(**ENVIRON))
    blobs = S3Blobs(bucket(seaweed.url()), tmp_path)
    blobs.put(NAME, b"bytes")
    assert read(blobs, NAME) == b"bytes"
    file.write_text("[default]\n")
    with pytest.raises(SetupFault, match="there are no keys for the store"):
        S3Blobs(bucket(seaweed.url()), tmp_path).prove()
    blobs.put(OTHER, b"the keys of a minute ago are used")


def test_a_bucket_belongs_to_the_first_ledger_that_claims_it_and_to_no_other(
    seaweed: SeaweedServer, tmp_path: Path, quick: float
) -> None:
    settings = Settings(data=str(tmp_path), blobs_url=seaweed.url())
    blobs = open_blobs(settings)
    assert [claim_blobs(settings, owner) for owner in ("a", "a")] == ["", ""]
    with pytest.raises(SetupFault, match="belongs to the ledger 'a', and ours is 'b': set PIXMILL_BLOBS_URL"):
        claim_blobs(settings, "b")
    blobs.put(NAME, b"bytes")
    assert blobs.names("", 10, 0.0) == ([NAME], None), "the mark is no blob"
    assert isinstance(blobs, S3Blobs)
    blobs.driver.put_mark("x" * 1000)
    with pytest.raises(SetupFault, match=r"belongs to the ledger 'x{64}'"):
        claim_blobs(settings, "a")
    gone = Settings(data=str(tmp_path), blobs_url=f"s3://gone/x?endpoint=http://127.0.0.1:{free_port()}")
    assert "owner" in claim_blobs(gone, "a")
    assert claim_blobs(Settings(data=str(tmp_path)), "a") == ""


def test_a_missing_bucket_refuses_a_start(seaweed: SeaweedServer, tmp_path: Path) -> None:
    blobs = S3Blobs(bucket(seaweed.url_of("no-such-bucket", "x")), tmp_path)
    with pytest.raises(SetupFault, match=r"NoSuchBucket\): make the bucket, or correct PIXMILL_BLOBS_URL"):
        blobs.prove()


def test_a_store_that_nobody_serves_is_waited_for(tmp_path: Path, quick: float) -> None:
    settings = Settings(data=str(tmp_path), blobs_url="s3://pix?endpoint=http://127.0.0.1:1")
    blobs = open_blobs(settings)
    assert "which cannot be used yet: the store did not answer" in proven_blobs(settings, blobs)
    with pytest.raises(StoreAway, match="did not answer"):
        blobs.look()
    with pytest.raises(SetupFault, match="start again when the store"):
        open_ledger(settings, recorded=False)


def test_redirects_need_keys_that_we_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: float) -> None:
    settings = Settings(data=str(tmp_path), blobs_url="s3://pix?endpoint=http://127.0.0.1:1", blobs_redirect=True)
    assert proven_blobs(settings, open_blobs(settings))
    for name in ENVIRON:
        monkeypatch.delenv(name)
    with pytest.raises(SetupFault, match="BLOBS_REDIRECT"):
        proven_blobs(settings, open_blobs(settings))


def test_a_store_that_stands_still_holds_a_call_for_its_time_and_the_next_ones_not_at_all(
    tmp_path: Path, seaweed: SeaweedServer, quick: float
) -> None:
    blobs = S3Blobs(bucket(seaweed.url()), tmp_path)
    wait_until(lambda: done(lambda: blobs.put(NAME, b"bytes")), 60.0, "a put in a short time")
    with seaweed.stopped():
        began = time.monotonic()
        with pytest.raises(StoreAway, match="the store did not answer"):
            blobs.put(OTHER, b"bytes")
        first = time.monotonic() - began
        for call in (lambda: blobs.open(NAME), lambda: blobs.link(NAME, OTHER), lambda: blobs.delete([NAME])):
            with pytest.raises(StoreAway, match="a moment ago"):
                call()
        others = time.monotonic() - began - first
        with pytest.raises(StoreAway):
            blobs.look()
    assert quick <= first < 2 * quick + stretched(1)
    assert others < quick
    wait_until(lambda: done(blobs.look), 60.0, "the store to be back")
    seen: list[bytes] = []
    wait_until(lambda: done(lambda: seen.append(read(blobs, NAME))), 60.0, "a read in a short time")
    assert seen == [b"bytes"]


def test_a_killed_store_has_every_blob_when_it_is_back(tmp_path: Path) -> None:
    """Once it is back, a call has the time that it always has: a server that has just started is slow."""
    server = seaweed_or_skip("blobs in S3 after a kill")
    try:
        where = bucket(server.url())
        blobs = S3Blobs(where, tmp_path)
        with pytest.MonkeyPatch.context() as patch:
            shorten(patch)
            hasty = S3Blobs(where, tmp_path)
        blobs.put(NAME, b"bytes")
        server.kill()
        with pytest.raises(StoreAway):
            hasty.put(OTHER, b"bytes")
        server.start()
        wait_until(lambda: done(lambda: read(blobs, NAME)), 60.0, "a killed server to find its volumes")
        assert read(blobs, NAME) == b"bytes"
        with pytest.raises(BlobMissing):
            blobs.open(OTHER)
    finally:
        server.close()


def test_what_waits_on_the_local_disk_has_no_name_there_and_is_bounded(seaweed: SeaweedServer, tmp_path: Path) -> None:
    where = bucket(seaweed.url())
    writer = S3Blobs(where, tmp_path).writer(NAME)
    writer.write(bytes(2 * store.HELD_BYTES_MAX))
    assert os.listdir(tmp_path / "incoming") == []
    writer.publish()
    full = S3Blobs(where, tmp_path, kept_bytes=1 << 60)
    for call in (lambda: full.open(NAME), lambda: full.writer(OTHER).write(bytes(2 * store.HELD_BYTES_MAX))):
        with pytest.raises(StoreFull):
            call()
    full.put(OTHER, b"few bytes need no file")


def test_parts_of_a_blob_that_is_not_whole_are_not_seen(
    seaweed: SeaweedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: float
) -> None:
    blobs = S3Blobs(bucket(seaweed.url()), tmp_path)
    writer = blobs.writer(NAME)
    writer.write(bytes(3 * driver.PART_BYTES))
    with seaweed.stopped(), pytest.raises(StoreAway):
        writer.publish()
    wait_until(lambda: done(lambda: blobs.put(OTHER, b"bytes")), 60.0, "a stopped server to answer again")
    with pytest.raises(BlobMissing):
        blobs.open(NAME)
    wait_until(lambda: done(writer.publish), 60.0, "the same writer to publish")
    assert len(read(blobs, NAME)) == 3 * driver.PART_BYTES


def test_a_signed_address_brings_the_bytes_with_our_headers_and_to_nobody_else(blobs: S3Blobs) -> None:
    blobs.put(OTHER, b"0123456789")
    headers = {"Content-Type": "image/jpeg", "Content-Disposition": 'inline; filename="a b.jpeg"', "ETag": '"ours"'}
    found = blobs.address(OTHER, time.time(), {**headers, "Cache-Control": "private, max-age=9"})
    assert found is not None
    answer = httpx2.get(found[0], headers={"Range": "bytes=2-4"})
    assert (answer.status_code, answer.content) == (206, b"234")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"] == headers["Content-Disposition"]
    assert answer.headers["cache-control"] == "private, max-age=9"
    assert httpx2.get(found[0].replace("X-Amz-Expires=600", "X-Amz-Expires=601")).status_code == 403
    past = blobs.address(OTHER, time.time() - 3600, {})
    assert past is not None
    assert httpx2.get(past[0]).status_code == 403
    assert found[0].startswith(f"http://{urlsplit(found[0]).netloc}/")


def test_an_object_of_another_bucket_is_read_in_one_version(
    seaweed: SeaweedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "PART_BYTES", 1000)
    theirs = S3Blobs(bucket(seaweed.url()), tmp_path)
    theirs.put(NAME, b"x" * 2500)
    place = bucket(seaweed.url())
    objects = open_objects(Settings(blobs_url=seaweed.url()))
    assert objects is not None and place.name
    other, key = theirs._bucket.name, f"{theirs._bucket.prefix}/{NAME}".lstrip("/")
    assert list(map(len, objects(other, key))) == [1000, 1000, 500]
    with pytest.raises(BlobMissing):
        list(objects(other, f"{key}none"))
    pieces = objects(other, key)
    next(pieces)
    theirs.put(NAME, b"y" * 2500)
    with pytest.raises(BlobMissing, match="replaced"):
        list(pieces)
