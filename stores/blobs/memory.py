"""Blobs in memory, for tests: the same contract as LocalBlobs, without a disk."""

import os
import tempfile
import time
from typing import BinaryIO

from jobs.errors import BlobMissing, StoreFull
from stores.blobs.names import checked


class MemoryBlobs:
    """A blob store of `room` bytes. `blobs`: the published bytes, by name."""

    def __init__(self, room: int = 1 << 40) -> None:
        self.blobs: dict[str, bytes] = {}
        self.written: dict[str, float] = {}
        """Wall time of the last publish, by name."""
        self.room = room

    def writer(self, name: str, size: int = 0) -> "MemoryWriter":
        return MemoryWriter(self, checked(name))

    def put(self, name: str, data: bytes | bytearray) -> None:
        writer = self.writer(name)
        writer.write(data)
        writer.publish()

    def open(self, name: str) -> BinaryIO:
        """As Blobs.open: a real descriptor, of an unnamed file."""
        descriptor, path = tempfile.mkstemp()
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(self._bytes(name))
            return open(path, "rb")
        finally:
            os.unlink(path)

    def link(self, source: str, name: str) -> None:
        self.blobs[checked(name)] = self._bytes(source)
        self.written[name] = self.written[source]

    def delete(self, names: list[str]) -> None:
        for name in names:
            self.blobs.pop(checked(name), None)

    def holds(self, kind: str) -> bool:
        return any(name.startswith(f"{kind}/") for name in self.blobs)

    def names(self, after: str, limit: int, older_than_seconds: float) -> tuple[list[str], str | None]:
        found = sorted(name for name in self.blobs if name > after)[:limit]
        before = time.time() - older_than_seconds
        old = [name for name in found if self.written[name] <= before]
        return old, found[-1] if len(found) == limit else None

    def sweep_incoming(self, older_than_seconds: float) -> int:
        """As Blobs.sweep_incoming: dead writers leave nothing behind."""
        return 0

    def free_bytes(self) -> int:
        return self.room - sum({id(data): len(data) for data in self.blobs.values()}.values())

    def _bytes(self, name: str) -> bytes:
        try:
            return self.blobs[checked(name)]
        except KeyError:
            raise BlobMissing(f"there is no blob {name}") from None


class MemoryWriter:
    """A BlobWriter over a list of chunks."""

    def __init__(self, blobs: MemoryBlobs, name: str) -> None:
        self._blobs = blobs
        self._name = name
        self._chunks = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if len(self._chunks) + len(data) > self._blobs.free_bytes():
            raise StoreFull(f"blob {self._name}: no room left")
        self._chunks += data

    def publish(self, name: str = "") -> None:
        self._name = checked(name or self._name)
        self._blobs.blobs[self._name] = bytes(self._chunks)
        self._blobs.written[self._name] = time.time()

    def discard(self) -> None:
        self._chunks.clear()
