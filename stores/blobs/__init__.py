"""Blobs: immutable bytes under names (`raw/ab/<job>`, `processed/ab/<job>.<rendition>...`). Owns no driver.

A name belongs to one job. A blob is visible only when it is complete and synced: a writer takes its bytes, and
`publish` makes them durable. jobs/ids.py makes the names; clients have no part in them.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, Protocol

KINDS = ("processed", "raw")
"""The first parts of all names, in the order of a scan."""


class BlobWriter(Protocol):
    """A blob that is being written. It is not visible before `publish`."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append. Raises StoreFull."""

    def publish(self, name: str = "") -> None:
        """Sync the bytes, give them their name (an older blob of that name is replaced), and sync the name. `name`
        overrides the writer's name, because a digest is known only at the end. Raises StoreFault."""

    def discard(self) -> None:
        """Remove the bytes. Harmless after `publish`, or when called twice."""


class BlobReader(Protocol):
    """A part of a blob, read from its beginning to its end."""

    def read(self, size: int) -> bytes:
        """The next bytes, at most so many; none at the end. Raises StoreFault, also if the blob is too short."""

    def close(self) -> None:
        """No more is read. Harmless when called twice."""


Objects = Callable[[str, str], Iterator[bytes]]
"""The bytes of an object of another bucket of the same store, by bucket and key, piece by piece: of one version. Raises
BlobMissing, StoreFault."""


class Blobs(Protocol):
    """A blob store."""

    def writer(self, name: str, size: int = 0) -> BlobWriter:
        """Start a blob, of `size` bytes if that is known. Raises StoreFull, StoreFault."""

    def put(self, name: str, data: bytes | bytearray) -> None:
        """Publish whole bytes at once."""

    def open(self, name: str) -> BinaryIO:
        """The bytes, seekable, with a real file descriptor, read-only. Raises BlobMissing."""

    def reader(self, name: str, start: int, end: int) -> BlobReader:
        """The bytes from `start` to `end` (exclusive), for a client that takes them piece by piece. No piece needs the
        whole blob. Raises BlobMissing, also if there are no bytes between."""

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

    def address(self, name: str, now: float, headers: Mapping[str, str]) -> tuple[str, int] | None:
        """An address at which everyone who has it gets the blob from the store itself, with these headers as far as it
        can, and the seconds from wall time `now` for which it works. None: the store has no addresses. Raises
        StoreFault."""

    def look(self) -> None:
        """Look whether the store is there, within a few seconds. Raises StoreFault if it is not."""

    def claim(self, owner: str) -> None:
        """Mark the store as that of the ledger `owner`, which alone may delete in it. Raises SetupFault if it has the
        mark of another one, StoreFault if that cannot be told. A store that no other machine reaches has no mark."""

    def prove(self) -> str:
        """Try the store at a start, and say in a few words what it is. A store that does not answer yet is no fault.
        Raises SetupFault for what only an operator can mend."""
