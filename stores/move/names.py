"""Moves all blobs of one store into another, while both are in use.

Owns which blobs are missing, and what is proved of each: its bytes are those of its row's digest when they are read
from one store, and the same when they are read back from the other one. Knows no driver.
"""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO

from jobs.errors import BlobMissing, SetupFault
from jobs.ids import job_of, original_name
from jobs.job import Row, decode_outcome, decode_spec
from stores.blobs import Blobs

STEP = 1000
"""Names of one listing."""
BATCH = 64
"""Blobs whose rows are read at once."""
THREADS = 8
"""Blobs on their way at once: a bucket answers each after some milliseconds."""
_PIECE_BYTES = 1024 * 1024
_ANY_AGE_SECONDS = -366 * 86_400.0
"""A scan wants an age. A store whose clock is ahead says that its newest blobs are from the future: they move, too."""
RowsOf = Callable[[list[str]], list[Row]]


@dataclass(slots=True)
class Tally:
    """`copied` and `there` (before) count blobs. `rowless`: originals among the copied ones that no row describes, so
    that nothing tells what their bytes should be. `gone`: they were removed while their move began. `damaged`: names
    of blobs with other bytes than their row says. These are not copied."""

    copied: int = 0
    rowless: int = 0
    there: int = 0
    gone: int = 0
    damaged: list[str] = field(default_factory=list)


def pour(source: Blobs, target: Blobs, rows_of: RowsOf, told: Callable[[str], None]) -> Tally:
    """Copy what `target` lacks. Raises SetupFault if it gives back other bytes than it got; StoreFault."""
    tally = Tally()
    lacking = _lacking(source, target, tally)
    with ThreadPoolExecutor(THREADS) as threads:
        while names := list(islice(lacking, BATCH)):
            digests = _digests(names, rows_of)
            for name, how in zip(names, threads.map(_copier(source, target, digests), names), strict=True):
                if how == _DAMAGED:
                    tally.damaged.append(name)
                    told(f"{name} is damaged, and is not copied")
                tally.copied += how == _COPIED
                tally.rowless += how == _COPIED and name not in digests and name.startswith("raw/")
                tally.gone += how == _GONE
    return tally


_COPIED, _GONE, _DAMAGED = "copied", "gone", "damaged"


def walk(blobs: Blobs) -> Iterator[str]:
    """All names, in order."""
    after: str | None = ""
    while after is not None:
        names, after = blobs.names(after, STEP, _ANY_AGE_SECONDS)
        yield from names


def _lacking(source: Blobs, target: Blobs, tally: Tally) -> Iterator[str]:
    """The names of `source` that `target` lacks. Both are in the same order; if they were not, a blob would only be
    copied again."""
    there = walk(target)
    at = next(there, None)
    for name in walk(source):
        while at is not None and at < name:
            at = next(there, None)
        if at == name:
            tally.there += 1
        else:
            yield name


def _digests(names: list[str], rows_of: RowsOf) -> dict[str, str]:
    """The SHA-256 (hex) of each blob that a row names."""
    found = dict[str, str]()
    for row in rows_of(sorted({job_of(name) for name in names})):
        original = decode_spec(row.spec).original
        found[original_name(row.id)] = original.digest
        found |= {rendition.blob: rendition.digest for rendition in decode_outcome(row.outcome).renditions}
    return found


def _copier(source: Blobs, target: Blobs, digests: dict[str, str]) -> Callable[[str], str]:
    def copy(name: str) -> str:
        try:
            with source.open(name) as file:
                size = file.seek(0, 2)
                file.seek(0)
                writer = target.writer(name, size)
                try:
                    digest = _read(file, writer.write)
                    if not _fits(name, digest, digests):
                        return _DAMAGED
                    writer.publish()
                finally:
                    writer.discard()
        except BlobMissing:
            return _GONE
        with target.open(name) as copied:
            if _read(copied) != digest:
                target.delete([name])
                raise SetupFault(f"{name} has other bytes at TO than were written there: look at that store")
        return _COPIED

    return copy


def _read(file: BinaryIO, write: Callable[[bytes], object] | None = None) -> str:
    """The SHA-256 (hex) of the file; `write` gets its bytes."""
    digest = hashlib.sha256()
    while piece := file.read(_PIECE_BYTES):
        digest.update(piece)
        if write is not None:
            write(piece)
    return digest.hexdigest()


def _fits(name: str, digest: str, digests: dict[str, str]) -> bool:
    """Whether these are the bytes of that name: by its row, else by the digits in a rendition's name. An original
    without a row has no digest: its upload was not accepted yet, or never."""
    if name in digests:
        return digest == digests[name]
    parts = name.rpartition("/")[2].split(".")
    return name.startswith("raw/") or len(parts) < 3 or digest.startswith(parts[-2])
