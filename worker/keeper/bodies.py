"""A rendition's bytes on their way from a decoder into the blob store: small ones in memory, large ones to the disk.

Owns the number of bytes that the keeper holds at once. Knows no job and no socket; worker/keeper/checks.py judges
whether the bytes may come.
"""

import hashlib

from jobs.errors import StoreFault
from jobs.images.head import HEAD_BYTES, Head, read_head
from stores.blobs import Blobs, BlobWriter

HELD_BYTES_MAX = 1024 * 1024
"""Bytes of one rendition in memory: most renditions are smaller, and a task has at most 16."""


class Body:
    """The `size` bytes of one rendition. Either published or discarded. A fault of the store is raised only by
    `publish`, so that reading from a decoder never fails for it. `name` is for messages, until the bytes are known."""

    __slots__ = ("_blobs", "_digest", "_fault", "_head", "_held", "_writer", "size")

    def __init__(self, blobs: Blobs, name: str, size: int) -> None:
        self.size = size
        self._blobs = blobs
        self._held = bytearray()
        self._head = bytearray()
        self._digest = hashlib.sha256()
        self._writer: BlobWriter | None = None
        self._fault: StoreFault | None = None
        if size > HELD_BYTES_MAX:
            try:
                self._writer = blobs.writer(name, size)
            except StoreFault as fault:
                self._fault = fault

    def write(self, data: memoryview) -> None:
        """The next bytes."""
        if self.size <= HELD_BYTES_MAX:
            self._held += data
            return
        self._head += data[: HEAD_BYTES - len(self._head)]
        self._digest.update(data)
        if self._writer is not None:
            try:
                self._writer.write(data)
            except StoreFault as fault:
                self.discard()
                self._fault = fault

    def head(self) -> Head | None:
        """The image's head, once all bytes are there."""
        return read_head(bytes(memoryview(self._held or self._head)[:HEAD_BYTES]))

    def digest(self) -> str:
        """SHA-256 in hex, when all bytes are there."""
        return (hashlib.sha256(self._held) if self._held else self._digest).hexdigest()

    def publish(self, name: str) -> None:
        """Make them last under `name`. Raises StoreFault."""
        if self._fault is not None:
            raise self._fault
        if self._writer is not None:
            self._writer.publish(name)
        else:
            self._blobs.put(name, self._held)

    def discard(self) -> None:
        """Remove all bytes that are not published."""
        if self._writer is not None:
            self._writer.discard()
            self._writer = None
