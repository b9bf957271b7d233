"""The calls of one bucket, each with a deadline and a bounded number of tries. The one file that knows obstore.

Owns the deadlines, and translates what the client raises. Names are those of blobs; the client adds the prefix.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotSupportedError, PreconditionError
from obstore.store import S3Store

from host.settings.buckets import Bucket
from jobs.errors import BlobMissing, SetupFault, StoreAway, StoreFault
from stores.blobs.s3 import credentials, faults
from stores.blobs.s3.pause import Pause

if TYPE_CHECKING:
    from obstore.store import S3Config

CALL_SECONDS = 8.0
"""For one request with its body, which has at most PART_BYTES: 1 MB/s."""
RETRY_SECONDS = 4.0
"""No request is begun again after this time. So a call ends within 12 s, and a keeper's turn within its watchdog's
20 s."""
RETRIES = 3
LOOK_SECONDS = 2.0
"""For a look at whether the store is there."""
PART_BYTES = 8 * 1024 * 1024
"""Of one request. S3 wants 5 MiB or more of a part, and at most 10,000 parts: so a blob has at most 80 GB."""
PARTS_AT_ONCE = 2
PROBE = "probe/conditional-write"
"""A key beside blobs: a byte that tells whether the store keeps `If-None-Match: *`."""
MARK = "owner"
"""The other one: the name of the ledger whose blobs these are."""
MARK_BYTES_MAX = 64


class Found(NamedTuple):
    """One blob of a listing."""

    name: str
    written: datetime


class Driver:
    """The calls of one bucket. They may come from several threads. All raise StoreAway, StoreFault."""

    def __init__(self, bucket: Bucket) -> None:
        self.pause = Pause()
        self._store = _opened(bucket, CALL_SECONDS, RETRIES)
        self._looks = _opened(bucket, LOOK_SECONDS, 0)

    def put(self, name: str, data: bytes | bytearray) -> None:
        """Store whole bytes under the name, in one request."""
        with self._call(name):
            obstore.put(self._store, name, data, use_multipart=False)

    def put_file(self, name: str, file: BinaryIO) -> None:
        """Store all bytes of a file in parts. Nothing is visible before all are there."""
        with self._call(name):
            try:
                obstore.put(self._store, name, file, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)
            except FileNotFoundError as error:
                # The client repeats the last request of an upload. If only its answer was lost, there is none any more.
                if faults.answer(str(error)).code != faults.NO_UPLOAD or not self._has(name, file):
                    raise

    def _has(self, name: str, file: BinaryIO) -> bool:
        """Whether the blob is there, and has just the bytes of this file."""
        if obstore.head(self._store, name)["size"] != file.seek(0, os.SEEK_END):
            return False
        at = file.seek(0)
        while piece := file.read(PART_BYTES):
            if bytes(obstore.get_range(self._store, name, start=at, length=len(piece))) != piece:
                return False
            at += len(piece)
        return True

    def get_into(self, name: str, file: BinaryIO) -> None:
        """Write all bytes into the file, in parts. Raises BlobMissing."""
        with self._call(name):
            found = obstore.get(self._store, name)
            size = found.meta["size"]
            if size <= PART_BYTES:
                file.write(found.bytes())
                return
            for at in range(0, size, PART_BYTES):
                end = min(at + PART_BYTES, size)
                file.write(obstore.get_range(self._store, name, start=at, end=end))

    def read(self, name: str, start: int, end: int) -> bytes:
        """The bytes of a range that is not empty. Raises BlobMissing."""
        with self._call(name):
            return bytes(obstore.get_range(self._store, name, start=start, end=end))

    def pieces(self, name: str) -> Iterator[bytes]:
        """All bytes, in parts, of the one version that the first answer names. Raises BlobMissing, also if the object
        was replaced meanwhile."""
        with self._call(name):
            meta = obstore.head(self._store, name)
        for at in range(0, meta["size"], PART_BYTES):
            with self._call(name):
                asked = {"range": (at, min(at + PART_BYTES, meta["size"])), "if_match": meta["e_tag"]}
                try:
                    data = bytes(obstore.get(self._store, name, options=asked).bytes())  # type: ignore[arg-type]
                except PreconditionError:
                    raise BlobMissing(f"object {name} was replaced meanwhile") from None
            yield data

    def look_for(self, name: str) -> None:
        """Raises BlobMissing if there is no such blob."""
        with self._call(name):
            obstore.head(self._store, name)

    def copy(self, source: str, name: str) -> None:
        """Copy within the store. Raises BlobMissing for the source."""
        with self._call(source):
            obstore.copy(self._store, source, name)

    def delete(self, names: list[str]) -> None:
        """Remove these; a missing one is no error."""
        with self._call(names[0]):
            obstore.delete(self._store, names)

    def listed(self, kind: str, after: str, limit: int) -> list[Found]:
        """Up to `limit` blobs of the kind whose names come after `after` (empty: from the first), in order."""
        with self._call(f"of {kind}/"):
            pages = obstore.list(self._store, kind, offset=after or None, chunk_size=limit)
            return [Found(each["path"], each["last_modified"]) for each in next(pages, [])]

    def look(self) -> faults.Answer | None:
        """None if the store lists the bucket; else its answer, within LOOK_SECONDS. No pause holds this back."""
        return self._tried(lambda: next(obstore.list(self._looks, "raw", chunk_size=1), None))

    def mark(self) -> str | None:
        """What MARK holds, within LOOK_SECONDS; None if it is not there."""
        try:
            with self._call(MARK):
                found = bytes(obstore.get_range(self._looks, MARK, start=0, end=MARK_BYTES_MAX))
        except BlobMissing:
            return None
        return found.decode("ascii", "replace")

    def put_mark(self, text: str) -> None:
        """Write MARK, within LOOK_SECONDS."""
        with self._call(MARK):
            obstore.put(self._looks, MARK, text.encode(), use_multipart=False)

    def write_probe(self) -> faults.Answer | None:
        """None if the store took PROBE; else its answer."""
        return self._tried(lambda: obstore.put(self._store, PROBE, b"0", use_multipart=False))

    def keeps_conditions(self) -> bool:
        """Whether `If-None-Match: *` protects PROBE, which is there."""
        with self._call(PROBE):
            try:
                obstore.put(self._store, PROBE, b"1", use_multipart=False, mode="create")
            except (AlreadyExistsError, PreconditionError):
                return True
            except NotSupportedError:
                return False
            return False

    def _tried(self, call: Callable[[], object]) -> faults.Answer | None:
        try:
            call()
        except (FileNotFoundError, BaseError, ValueError) as error:
            found = faults.answer(str(error))
            self.pause.failed(found.sentence(), time.monotonic())
            return found
        self.pause.answered()
        return None

    @contextlib.contextmanager
    def _call(self, what: str) -> Iterator[None]:
        """Translate the client's errors of a call on `what`. During a pause no call begins."""
        if self.pause.holds(time.monotonic()):
            raise StoreAway(f"blob {what}: {self.pause.why} a moment ago")
        try:
            yield
        except FileNotFoundError as error:
            raise self._judged(what, error, missing=True) from None
        except (BaseError, ValueError) as error:
            raise self._judged(what, error, missing=False) from None
        self.pause.answered()

    def _judged(self, what: str, error: Exception, *, missing: bool) -> StoreFault:
        found = faults.answer(str(error))
        fault = faults.fault(what, found, missing=missing)
        if isinstance(fault, StoreAway):
            self.pause.failed(found.sentence(), time.monotonic())
        else:
            self.pause.answered()
        return fault


def _opened(bucket: Bucket, seconds: float, retries: int) -> S3Store:
    """The client of a bucket. It makes no request yet. Where the environment and its file have no keys, it asks the
    instance (EC2, ECS, EKS) for some. Raises SetupFault."""
    endpoint: S3Config = (
        {"endpoint": bucket.endpoint, "aws_endpoint_url_s3": bucket.endpoint} if bucket.endpoint else {}
    )
    try:
        return S3Store(
            bucket.name,
            prefix=bucket.prefix or None,
            config={"region": bucket.region, "virtual_hosted_style_request": False, **endpoint},
            client_options={
                "allow_http": bucket.endpoint.startswith("http:"),
                "timeout": timedelta(seconds=seconds),
                "connect_timeout": timedelta(seconds=LOOK_SECONDS),
            },
            retry_config={
                "max_retries": retries,
                "retry_timeout": timedelta(seconds=RETRY_SECONDS),
                "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=1), "base": 2},
            },
            credential_provider=credentials.FromFile() if credentials.reads_file(os.environ) else None,
        )
    except BaseError as error:
        why = str(error).partition("\n")[0]
        raise SetupFault(f"{bucket} cannot be opened ({why}): correct the variables AWS_...") from None
