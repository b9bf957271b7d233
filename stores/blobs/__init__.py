"""Immutable bytes under names (`raw/ab/<job>`, `processed/ab/<job>.<rendition>...`). Owns no driver.

A name belongs to one job. A blob is visible only whole and synced: a writer gathers, `publish`
makes it last. Names are ours (jobs/ids.py), never a client's.
"""

from typing import BinaryIO, Protocol


class BlobWriter(Protocol):
    """Bytes on their way in; nothing is visible before `publish`."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append. Raises StoreFull."""

    def publish(self, name: str = "") -> None:
        """Sync, give the bytes their name (replacing what had it) and sync the name. It is `name` where one is given:
        who names bytes by their digest knows it only now. Raises StoreFault."""

    def discard(self) -> None:
        """Forget the bytes; harmless after `publish` or twice."""


class Blobs(Protocol):
    """A blob store."""

    def writer(self, name: str, size: int = 0) -> BlobWriter:
        """Start a blob, of `size` bytes where that is known. Raises StoreFull, StoreFault."""

    def put(self, name: str, data: bytes | bytearray) -> None:
        """Publish whole bytes at once."""

    def open(self, name: str) -> BinaryIO:
        """The bytes, seekable, with a real file descriptor, read-only. Raises BlobMissing."""

    def link(self, source: str, name: str) -> None:
        """Give the bytes of `source` also `name` (a hard link, else a copy), durably. Raises BlobMissing."""

    def delete(self, names: list[str]) -> None:
        """Remove these; a missing one is fine."""

    def holds(self, kind: str) -> bool:
        """Whether anything was published under `kind` (raw, processed)."""

    def names(self, after: str, limit: int, older_than_seconds: float) -> tuple[list[str], str | None]:
        """One step of a walk over all that is published, in an order of the store's: of the `limit`
        blobs past the name `after` (empty: from the first) those that were not written for so long, and
        the `after` of the next step, None at the end. Raises StoreFault."""

    def sweep_incoming(self, older_than_seconds: float) -> int:
        """Delete what writers that died left behind, if not written to for so long; how many.
        Raises StoreFault."""

    def free_bytes(self) -> int:
        """Room left. Raises StoreFault where nothing can be written at all."""
