"""Wrappers of a keeper's stores: a caller may wait for the disk, and counts as away meanwhile
(worker/keeper/beats.py).

Owns no file. Every method of the contracts is here, because any of them may stall: a read as well as a sync.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import BinaryIO

from stores.blobs import BlobReader, Blobs, BlobWriter
from stores.cache import Cache

Away = AbstractContextManager[None]


class WaitingBlobs:
    """Blobs with each call within `away`."""

    def __init__(self, blobs: Blobs, away: Away) -> None:
        self._blobs, self._away = blobs, away

    def writer(self, name: str, size: int = 0) -> "WaitingWriter":
        with self._away:
            return WaitingWriter(self._blobs.writer(name, size), self._away)

    def put(self, name: str, data: bytes | bytearray) -> None:
        with self._away:
            self._blobs.put(name, data)

    def open(self, name: str) -> BinaryIO:
        with self._away:
            return self._blobs.open(name)

    def reader(self, name: str, start: int, end: int) -> BlobReader:
        with self._away:
            return self._blobs.reader(name, start, end)

    def link(self, source: str, name: str) -> None:
        with self._away:
            self._blobs.link(source, name)

    def delete(self, names: list[str]) -> None:
        with self._away:
            self._blobs.delete(names)

    def holds(self, kind: str) -> bool:
        with self._away:
            return self._blobs.holds(kind)

    def names(self, after: str, limit: int, older_than_seconds: float) -> tuple[list[str], str | None]:
        with self._away:
            return self._blobs.names(after, limit, older_than_seconds)

    def sweep_incoming(self, older_than_seconds: float) -> int:
        with self._away:
            return self._blobs.sweep_incoming(older_than_seconds)

    def free_bytes(self) -> int:
        with self._away:
            return self._blobs.free_bytes()

    def address(self, name: str, now: float, headers: Mapping[str, str]) -> tuple[str, int] | None:
        with self._away:
            return self._blobs.address(name, now, headers)

    def look(self) -> None:
        with self._away:
            self._blobs.look()

    def claim(self, owner: str) -> None:
        with self._away:
            self._blobs.claim(owner)

    def prove(self) -> str:
        with self._away:
            return self._blobs.prove()


class WaitingWriter:
    """A BlobWriter with each call within `away`."""

    def __init__(self, writer: BlobWriter, away: Away) -> None:
        self._writer, self._away = writer, away

    def write(self, data: bytes | bytearray | memoryview) -> None:
        with self._away:
            self._writer.write(data)

    def publish(self, name: str = "") -> None:
        with self._away:
            self._writer.publish(name)

    def discard(self) -> None:
        with self._away:
            self._writer.discard()


class WaitingCache:
    """A Cache with each call within `away`. `changed` is told why the cache fails, when that changes; it is called by
    the keeper's own thread, which is back by then."""

    def __init__(self, cache: Cache, away: Away, changed: Callable[[str], None]) -> None:
        self._cache, self._away, self._changed = cache, away, changed
        self._why = ""

    def get(self, key: str) -> bytes | None:
        with self._looking():
            return self._cache.get(key)

    def put(self, key: str, value: bytes) -> None:
        with self._looking():
            self._cache.put(key, value)

    def drop(self, key: str) -> None:
        with self._looking():
            self._cache.drop(key)

    def failing(self) -> str:
        with self._away:
            return self._cache.failing()

    @contextmanager
    def _looking(self) -> Iterator[None]:
        with self._away:
            yield
            why = self._cache.failing()
        if why != self._why:
            self._why = why
            self._changed(why)
