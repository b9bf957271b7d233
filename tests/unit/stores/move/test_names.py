"""The move of blobs: each is proved by its digest, and a second pass copies only what the first one lacks."""

import itertools
import time
from pathlib import Path
from typing import BinaryIO

import pytest

from jobs.errors import SetupFault, StoreFault
from jobs.job import Row
from stores.blobs.local import LocalBlobs
from stores.blobs.memory import MemoryBlobs
from stores.move import names
from stores.move.names import pour, walk
from tests.contracts.filled import blobs_of, stored_row

JOBS = 150
ROWS = {row.id: row for row in map(stored_row, range(1, JOBS + 1))}


def rows_of(ids: list[str]) -> list[Row]:
    return [ROWS[job] for job in ids if job in ROWS]


def stored(jobs: int = JOBS) -> MemoryBlobs:
    blobs = MemoryBlobs()
    for seq in range(1, jobs + 1):
        for name, data in blobs_of(seq).items():
            blobs.put(name, data)
    return blobs


def silent(_: str) -> None:
    """No progress."""


def held(blobs: MemoryBlobs | LocalBlobs) -> dict[str, bytes]:
    found = {}
    for name in walk(blobs):
        with blobs.open(name) as file:
            found[name] = file.read()
    return found


def test_all_blobs_arrive_and_a_second_pass_copies_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "STEP", 7)
    source, target = stored(100), LocalBlobs(tmp_path)
    first = pour(source, target, rows_of, silent)
    assert (first.copied, first.there, first.gone, first.damaged) == (200, 0, 0, [])
    for name, data in itertools.chain.from_iterable(blobs_of(seq).items() for seq in range(101, JOBS + 1)):
        source.put(name, data)
    second = pour(source, target, rows_of, silent)
    assert (second.copied, second.there) == (100, 200)
    back = MemoryBlobs()
    assert pour(target, back, rows_of, silent).copied == 300
    assert held(back) == held(target) == held(source)


def test_other_bytes_than_the_row_says_are_named_and_not_copied() -> None:
    source, target = stored(5), MemoryBlobs()
    (original, _), (rendition, _) = blobs_of(2).items()
    source.put(original, b"rotten")
    source.put(rendition, b"rotten too")
    told: list[str] = []
    tally = pour(source, target, rows_of, told.append)
    assert (tally.copied, sorted(tally.damaged)) == (8, sorted([original, rendition]))
    assert len(told) == 2 and original in told[0] + told[1]
    assert not {original, rendition} & set(walk(target))


def test_without_a_row_a_rendition_s_name_is_its_digest() -> None:
    source, target = stored(2), MemoryBlobs()
    (original, _), (rendition, _) = blobs_of(2).items()
    source.put(original, b"not accepted yet")
    source.put(rendition, b"rotten")
    assert pour(source, target, lambda _: [], silent).damaged == [rendition]
    assert original in walk(target)


def test_originals_without_a_row_are_counted_because_nothing_proves_them() -> None:
    assert pour(stored(5), MemoryBlobs(), lambda _: [], silent).rowless == 5
    assert pour(stored(5), MemoryBlobs(), rows_of, silent).rowless == 0


def test_blobs_of_a_store_whose_clock_is_ahead_move_too() -> None:
    source = stored(3)
    source.written = dict.fromkeys(source.written, time.time() + 3600)
    assert pour(source, MemoryBlobs(), rows_of, silent).copied == 6


def test_a_blob_that_goes_meanwhile_is_no_fault() -> None:
    class Purged(MemoryBlobs):
        def open(self, name: str) -> BinaryIO:
            self.delete([name])
            return super().open(name)

    source = Purged()
    for name, data in blobs_of(1).items():
        source.put(name, data)
    assert pour(source, MemoryBlobs(), rows_of, silent).gone == 2


def test_a_store_that_gives_back_other_bytes_keeps_none_of_them() -> None:
    class Lying(MemoryBlobs):
        def put(self, name: str, data: bytes | bytearray) -> None:
            super().put(name, data)

        def open(self, name: str) -> BinaryIO:
            MemoryBlobs.put(self, name, b"other")
            return super().open(name)

    target = Lying()
    with pytest.raises(SetupFault, match="has other bytes at TO"):
        pour(stored(1), target, rows_of, silent)
    assert len(list(walk(target))) < 2


def test_a_store_that_fails_stops_the_move_and_the_next_one_goes_on() -> None:
    class Full(MemoryBlobs):
        left = 40

        def writer(self, name: str, size: int = 0):  # type: ignore[no-untyped-def]
            self.left -= 1
            if self.left < 0:
                raise StoreFault("away")
            return super().writer(name, size)

    source, target = stored(), Full()
    with pytest.raises(StoreFault):
        pour(source, target, rows_of, silent)
    assert 0 < len(list(walk(target))) <= 40
    target.left = 10**6
    pour(source, target, rows_of, silent)
    assert held(target) == held(source)
