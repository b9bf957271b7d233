"""Blobs: immutable bytes under names (`raw/ab/<job>`, `processed/ab/<job>.<rendition>...`). Owns no driver.

A name belongs to one job. A blob is visible only when it is complete and synced: a writer takes its bytes, and
`publish` makes them durable. jobs/ids.py makes the names; clients have no part in them.
"""

from typing import BinaryIO, Protocol


class BlobWriter(Protocol):
    """A blob that is being written. It is not visible before `publish`."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append. Raises StoreFull."""

    def publish(self, name: str = "") -> None:
        """Sync the bytes, give them their name (an older blob of that name is replaced), and sync the name. `name`
        overrides the writer's name, because a digest is known only at the end. Raises StoreFault."""

    def discard(self) -> None:
        """Remove the bytes. Harmless after `publish`, or when called twice."""


class Blobs(Protocol):
    """A blob store."""

    def writer(self, name: str, size: int = 0) -> BlobWriter:
        """Start a blob, of `size` bytes if that is known. Raises StoreFull, StoreFault."""

    def put(self, name: str, data: bytes | bytearray) -> None:
        """Publish whole bytes at once."""

    def open(self, name: str) -> BinaryIO:
        """The bytes, seekable, with a real file descriptor, read-only. Raises BlobMissing."""

    def link(self, source: str, name: str) -> None:
        """Give the bytes of `source` also `name` (a hard link, else a copy), durably. Raises BlobMissing."""

    def delete(self, names: list[str]) -> None:
        """Remove these blobs. A missing one is no error."""

    def holds(self, kind: str) -> bool:
        """Whether anything was published under `kind` (raw, processed)."""

    def names(self, after: str, limit: int, older_than_seconds: float) -> tuple[list[str], str | None]:
        """One step of a scan over all published blobs, in the store's own order. It looks at the `limit`
        blobs after the name `after` (empty: from the first), and returns those that are older than
        `older_than_seconds`, and the `after` of the next step (None at the end). Raises StoreFault."""

    def sweep_incoming(self, older_than_seconds: float) -> int:
        """Delete the unfinished files of dead writers that were not written to for `older_than_seconds`. Returns their
        number. Raises StoreFault."""

    def free_bytes(self) -> int:
        """Free bytes. Raises StoreFault if nothing can be written at all."""
