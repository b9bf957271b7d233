"""A store that loses the answer to the last request of an upload in parts, and then knows the upload no more."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from host.settings.buckets import Bucket
from jobs.errors import StoreAway
from stores.blobs.s3.driver import PART_BYTES
from stores.blobs.s3.store import S3Blobs
from tests.support.servers.seaweed import ENVIRON

NAME = "raw/ab/large"
BYTES = b"0123456789abcdef" * (PART_BYTES // 8)


class Store(ThreadingHTTPServer):
    """`kept`: what a completed upload has, None before. `spoilt`: it keeps other bytes of the same length instead."""

    def __init__(self, *, spoilt: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.parts: dict[int, bytes] = {}
        self.kept: bytes | None = None
        self.spoilt = spoilt
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class Answers(BaseHTTPRequestHandler):
    """What one connection asks."""

    protocol_version = "HTTP/1.1"
    server: Store

    def do_POST(self) -> None:
        self._body()
        if self.path.endswith("?uploads="):
            self._answer(200, b"<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>")
        elif self.server.kept is None:
            whole = b"".join(self.server.parts[number] for number in sorted(self.server.parts))
            self.server.kept = whole[::-1] if self.server.spoilt else whole
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        else:
            self._answer(404, b"<Error><Code>NoSuchUpload</Code></Error>")

    def do_PUT(self) -> None:
        number = int(self.path.partition("partNumber=")[2].partition("&")[0])
        self.server.parts[number] = self._body()
        self._answer(200)

    def do_DELETE(self) -> None:
        self._answer(204)

    def do_HEAD(self) -> None:
        self._answer(200, self.server.kept or b"")

    def do_GET(self) -> None:
        first, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
        kept = self.server.kept or b""
        self._answer(206, kept[int(first) : int(last) + 1], f"bytes {first}-{last}/{len(kept)}")

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, status: int, body: bytes = b"", of: str = "") -> None:
        self.send_response(status)
        headers = {"Content-Length": str(len(body)), "ETag": '"x"', "Last-Modified": "Sun, 01 Nov 2026 00:00:00 GMT"}
        for name, value in {**headers, **({"Content-Range": of} if of else {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def stores() -> Iterator[list[Store]]:
    made = list[Store]()
    yield made
    for each in made:
        each.shutdown()
        each.server_close()


def publish(store: Store, folder: Path) -> None:
    blobs = S3Blobs(Bucket("pix", "", f"http://127.0.0.1:{store.server_port}", "us-east-1"), folder)
    writer: Any = blobs.writer(NAME)
    writer.write(BYTES)
    writer.publish()


def test_a_large_blob_whose_last_answer_was_lost_is_known_by_its_bytes(stores: list[Store], tmp_path: Path) -> None:
    stores.append(Store())
    publish(stores[0], tmp_path)
    assert stores[0].kept == BYTES


def test_other_bytes_after_a_lost_answer_are_not_taken_for_ours(stores: list[Store], tmp_path: Path) -> None:
    stores.append(Store(spoilt=True))
    with pytest.raises(StoreAway):
        publish(stores[0], tmp_path)
