"""Blobs in a bucket, through unlinked temporary files on this machine's disk.

Owns these files (they are in DATA/incoming, and no crash leaves one), and when bytes go into one: what is being
received waits there, because a slow upload would otherwise hold a part of 8 MiB in memory. The bucket gets a blob's
bytes at `publish`, whole.
"""

import contextlib
import errno
import io
import os
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from host.settings.buckets import Bucket
from jobs.errors import SetupFault, StoreAway, StoreFault, StoreFull
from jobs.ids import is_blob
from stores.blobs import KINDS
from stores.blobs.names import checked
from stores.blobs.s3 import credentials, faults, sign
from stores.blobs.s3.driver import MARK, PART_BYTES, Driver, Found

HELD_BYTES_MAX = 1024 * 1024
"""Bytes of one writer in memory. More go into a file."""
AHEAD_BYTES = 1024 * 1024
"""One range request of a reader, at most."""
INCOMING = "incoming"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class S3Blobs:
    """Blobs in `bucket`; temporary files are in `data`, whose disk keeps `kept_bytes` free. Several threads and
    processes may use it, on any number of machines."""

    def __init__(self, bucket: Bucket, data: Path, kept_bytes: int = 0) -> None:
        self.driver = Driver(bucket)
        self._bucket, self._incoming, self._kept_bytes = bucket, data / INCOMING, kept_bytes
        with _disk_faults():
            self._incoming.mkdir(parents=True, exist_ok=True)

    def writer(self, name: str, size: int = 0) -> "S3Writer":
        """Start a blob; its bytes are on this machine until `publish`."""
        return S3Writer(self, checked(name), size)

    def put(self, name: str, data: bytes | bytearray) -> None:
        self.driver.put(checked(name), data)

    def open(self, name: str) -> BinaryIO:
        """As Blobs.open: an unlinked copy on this machine's disk."""
        with _disk_faults(), self.spool() as file:
            self.driver.get_into(checked(name), file)
            file.flush()
            return io.FileIO(os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDONLY | os.O_CLOEXEC))

    def reader(self, name: str, start: int, end: int) -> "S3Reader":
        return S3Reader(self.driver, checked(name), start, end)

    def link(self, source: str, name: str) -> None:
        """As Blobs.link: a copy that the store makes. An older blob of the name is replaced atomically."""
        self.driver.copy(checked(source), checked(name))

    def delete(self, names: list[str]) -> None:
        if names:
            self.driver.delete([checked(name) for name in names])

    def holds(self, kind: str) -> bool:
        return bool(self.driver.listed(kind, "", 1))

    def names(self, after: str, limit: int, older_than_seconds: float) -> tuple[list[str], str | None]:
        """As Blobs.names. A copy's age counts from the copy."""
        before, found = datetime.now(UTC) - timedelta(seconds=older_than_seconds), list[Found]()
        for kind in KINDS:
            if len(found) < limit and (not after or after < f"{kind}0"):  # 0 comes after the slash
                past = after if after.startswith(f"{kind}/") else ""
                found += self.driver.listed(kind, past, limit - len(found))
        old = [each.name for each in found if is_blob(each.name) and each.written <= before]
        return old, found[-1].name if len(found) == limit else None

    def sweep_incoming(self, older_than_seconds: float) -> int:
        """As Blobs.sweep_incoming: dead writers leave no file. They may leave parts of a blob in the bucket, which only
        a lifecycle rule of the bucket removes (AbortIncompleteMultipartUpload)."""
        return 0

    def free_bytes(self) -> int:
        """Free bytes for temporary files on this machine. A bucket has no bound that could be asked for."""
        with _disk_faults():
            room = os.statvfs(self._incoming)
        return room.f_bavail * room.f_frsize

    def address(self, name: str, now: float, headers: Mapping[str, str]) -> tuple[str, int] | None:
        """As Blobs.address. An instance's keys are known to the client alone: so there are none with these."""
        keys = credentials.given(os.environ)
        return sign.address(self._bucket, checked(name), keys, now, headers) if keys else None

    def look(self) -> None:
        if found := self.driver.look():
            raise StoreAway(f"the bucket cannot be listed: {found.sentence()}")

    def claim(self, owner: str) -> None:
        """As Blobs.claim. Two that begin at the same moment may both find no mark; the next start of one is refused."""
        found = self.driver.mark()
        if found is None:
            self.driver.put_mark(owner)
            found = self.driver.mark()
        if found != owner:
            raise SetupFault(
                f"{self._bucket} belongs to the ledger {found!r}, and ours is {owner!r}: set PIXMILL_BLOBS_URL to "
                f"another prefix, or delete {MARK} in this one if that ledger is gone for good"
            )

    def prove(self) -> str:
        """As Blobs.prove. Whether conditional writes are kept is only said: nothing depends on it."""
        if found := self.driver.look() or self.driver.write_probe():
            if fix := faults.fix(found):
                raise SetupFault(f"{self._bucket} cannot be used ({found.sentence()}): {fix}")
            return f"{self._bucket}, which cannot be used yet: {found.sentence()}"
        try:
            kept = self.driver.keeps_conditions()
        except StoreFault as fault:
            return f"{self._bucket}; conditional writes: {fault.detail}"
        return f"{self._bucket}, conditional writes are {'kept' if kept else 'ignored'}"

    @contextlib.contextmanager
    def spool(self, size: int = 0) -> Iterator[BinaryIO]:
        """A new unlinked file, closed at the end. Raises StoreFull."""
        if self._kept_bytes and self.free_bytes() - size < self._kept_bytes:
            raise StoreFull("the disk for temporary files is nearly full")
        with tempfile.TemporaryFile(dir=self._incoming) as file:
            yield file


class S3Writer:
    """A BlobWriter: bytes wait in memory, or in a file if there are many."""

    def __init__(self, blobs: S3Blobs, name: str, size: int) -> None:
        self._blobs, self._name, self._size = blobs, name, size
        self._held = bytearray()
        self._files = contextlib.ExitStack()
        self._file: BinaryIO | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        with _disk_faults():
            if self._file is None and len(self._held) + len(data) <= HELD_BYTES_MAX:
                self._held += data
                return
            if self._file is None:
                self._file = self._files.enter_context(self._blobs.spool(self._size))
                self._file.write(self._held)
                self._held = bytearray()
            self._file.write(data)

    def publish(self, name: str = "") -> None:
        """As BlobWriter.publish. After a fault that passes, it may be called again."""
        name = checked(name) if name else self._name
        if self._file is None:
            self._blobs.driver.put(name, self._held)
        else:
            with _disk_faults():
                size = self._file.seek(0, os.SEEK_END)
                self._file.seek(0)
                if size <= PART_BYTES:
                    self._blobs.driver.put(name, self._file.read())
                else:
                    self._blobs.driver.put_file(name, self._file)
        self.discard()

    def discard(self) -> None:
        self._held = bytearray()
        self._files.close()
        self._file = None


class S3Reader:
    """A BlobReader that asks for up to AHEAD_BYTES in one request, and hands out what it has."""

    def __init__(self, driver: Driver, name: str, start: int, end: int) -> None:
        self._driver, self._name, self._at, self._end = driver, name, start, end
        self._ahead = memoryview(b"")
        if start < end:
            self._fetch()
        else:
            driver.look_for(name)

    def read(self, size: int) -> bytes:
        if not self._ahead and self._at < self._end:
            self._fetch()
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        return bytes(data)

    def close(self) -> None:
        self._ahead = memoryview(b"")

    def _fetch(self) -> None:
        end = min(self._at + AHEAD_BYTES, self._end)
        data = self._driver.read(self._name, self._at, end)
        if len(data) != end - self._at:
            raise StoreFault(f"blob {self._name} is shorter than its row says")
        self._ahead, self._at = memoryview(data), end


@contextlib.contextmanager
def _disk_faults() -> Iterator[None]:
    """Translate what this machine's disk says of a temporary file."""
    try:
        yield
    except OSError as error:
        kind = StoreFull if error.errno in _NO_ROOM else StoreFault
        raise kind(f"a temporary file of a blob: {error.strerror}") from error
