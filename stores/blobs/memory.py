"""Blobs in memory, for tests: the same contract as LocalBlobs, without a disk."""

import os
import tempfile
import time
from collections.abc import Mapping
from typing import BinaryIO

from jobs.errors import BlobMissing, StoreFault, StoreFull
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

    def reader(self, name: str, start: int, end: int) -> "MemoryReader":
        return MemoryReader(self._bytes(name), start, end)

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
        kept = list(self.blobs.values())  # other threads write meanwhile
        return self.room - sum({id(data): len(data) for data in kept}.values())

    def address(self, name: str, now: float, headers: Mapping[str, str]) -> None:
        """As Blobs.address: there are none."""

    def look(self) -> None:
        """As Blobs.look: it is always there."""

    def claim(self, owner: str) -> None:
        """As Blobs.claim: there is no mark."""

    def prove(self) -> str:
        return "memory"

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


class MemoryReader:
    """A BlobReader over bytes."""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self._data, self._at, self._end = data, start, end

    def read(self, size: int) -> bytes:
        data = self._data[self._at : min(self._at + size, self._end)]
        if not data and self._at < self._end:
            raise StoreFault("a blob is shorter than its row says")
        self._at += len(data)
        return data

    def close(self) -> None:
        self._at = self._end
