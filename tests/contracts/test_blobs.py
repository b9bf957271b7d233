"""What every blob store promises."""

import os
from pathlib import Path

import pytest

from host.settings.buckets import bucket
from jobs.errors import BlobMissing, StoreFault
from stores.blobs import Blobs
from stores.blobs.local import LocalBlobs
from stores.blobs.memory import MemoryBlobs
from stores.blobs.s3.store import S3Blobs
from tests.support.servers.seaweed import ENVIRON

NAME, OTHER = "raw/ab/one", "processed/cd/one.thumb.12345678.jpeg"


@pytest.fixture(params=["local", "memory", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Blobs:
    if request.param == "s3":
        for name, value in ENVIRON.items():
            monkeypatch.setenv(name, value)
        url = request.getfixturevalue("seaweed").url()
        return S3Blobs(bucket(url), tmp_path / "data")
    return LocalBlobs(tmp_path / "data") if request.param == "local" else MemoryBlobs()


def read(blobs: Blobs, name: str) -> bytes:
    with blobs.open(name) as file:
        return file.read()


def test_bytes_come_back_as_they_were(blobs: Blobs) -> None:
    blobs.put(NAME, b"\0bytes\xff" * 100_000)
    blobs.put(OTHER, b"")
    assert read(blobs, NAME) == b"\0bytes\xff" * 100_000
    assert read(blobs, OTHER) == b""


def test_nothing_is_visible_before_publish(blobs: Blobs) -> None:
    writer = blobs.writer(NAME)
    writer.write(b"one ")
    with pytest.raises(BlobMissing):
        blobs.open(NAME)
    writer.write(b"two")
    writer.publish()
    assert read(blobs, NAME) == b"one two"
    writer.discard()
    assert read(blobs, NAME) == b"one two"


def test_discarded_bytes_are_gone(blobs: Blobs) -> None:
    blobs.put(NAME, b"before")
    writer = blobs.writer(NAME)
    writer.write(b"after")
    writer.discard()
    writer.discard()
    assert read(blobs, NAME) == b"before"


def test_a_name_takes_the_newest_bytes_and_open_files_keep_theirs(blobs: Blobs) -> None:
    blobs.put(NAME, b"old")
    with blobs.open(NAME) as file:
        blobs.put(NAME, b"new")
        assert file.read() == b"old"
    assert read(blobs, NAME) == b"new"


def test_an_open_blob_has_a_descriptor_seeks_and_is_read_only(blobs: Blobs) -> None:
    blobs.put(NAME, b"0123456789")
    with blobs.open(NAME) as file:
        assert os.fstat(file.fileno()).st_size == 10
        file.seek(4)
        assert file.read(2) == b"45"
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.write(file.fileno(), b"x")


def test_a_link_outlives_its_source(blobs: Blobs) -> None:
    blobs.put(NAME, b"bytes")
    blobs.put(OTHER, b"what had the name")
    blobs.link(NAME, OTHER)
    blobs.link(NAME, OTHER)
    blobs.delete([NAME])
    assert read(blobs, OTHER) == b"bytes"
    with pytest.raises(BlobMissing):
        blobs.open(NAME)


def test_a_link_of_nothing_is_missing(blobs: Blobs) -> None:
    with pytest.raises(BlobMissing):
        blobs.link(NAME, OTHER)
    with pytest.raises(BlobMissing):
        blobs.open(OTHER)


def test_deleting_what_is_not_there_is_fine(blobs: Blobs) -> None:
    blobs.put(NAME, b"bytes")
    blobs.delete([OTHER, NAME, NAME])
    with pytest.raises(BlobMissing):
        blobs.open(NAME)


FOREIGN = ["", "one", "/etc/passwd", "raw/../../x", "raw/..", "raw//x", "a/b/c/d", "raw/.x", "r/\0", "raw/x\n"]


@pytest.mark.parametrize("name", FOREIGN)
def test_only_our_names_are_taken(blobs: Blobs, name: str) -> None:
    blobs.put(NAME, b"bytes")
    for call in (
        lambda: blobs.put(name, b""),
        lambda: blobs.open(name),
        lambda: blobs.link(name, OTHER),
        lambda: blobs.link(NAME, name),
        lambda: blobs.delete([name]),
    ):
        with pytest.raises(StoreFault, match="not a valid blob name"):
            call()


def test_room_is_told(blobs: Blobs) -> None:
    assert blobs.free_bytes() > 0


def scan(blobs: Blobs, limit: int, older_than_seconds: float = 0.0) -> list[list[str]]:
    """The steps of a whole orphan scan."""
    steps, after = [], ""
    while True:
        names, following = blobs.names(after, limit, older_than_seconds)
        steps.append(names)
        if following is None:
            return steps
        assert following > after, "an orphan scan that turns in circles"
        after = following


PLACED = sorted(f"{kind}/{fan}/{name}" for kind in ("raw", "processed") for fan in ("0a", "zz") for name in "abc")


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 11, 12, 13, 100])
def test_a_scan_in_steps_of_any_size_names_each_blob_once(blobs: Blobs, limit: int) -> None:
    for name in PLACED:
        blobs.put(name, b"")
    steps = scan(blobs, limit)
    assert [name for names in steps for name in names] == PLACED
    assert max(map(len, steps)) <= limit
    assert len(steps) == len(PLACED) // limit + 1


def test_a_kind_holds_what_was_published_and_not_what_is_written(blobs: Blobs) -> None:
    writer = blobs.writer("raw/ab/one")
    assert not blobs.holds("raw")
    writer.publish()
    assert blobs.holds("raw")
    assert not blobs.holds("processed")
    blobs.delete(["raw/ab/one"])
    assert not blobs.holds("raw")


def test_a_scan_goes_on_past_what_is_deleted_and_names_what_is_old(blobs: Blobs) -> None:
    for name in PLACED:
        blobs.put(name, b"")
    following = blobs.names("", 5, 0.0)[1]
    assert following == PLACED[4]
    blobs.delete(PLACED[3:6])
    assert blobs.names(following, 100, 0.0) == (PLACED[6:], None)
    assert scan(blobs, 4, older_than_seconds=3600.0) == [[], [], []]


def test_a_store_without_blobs_is_scanned(blobs: Blobs) -> None:
    assert scan(blobs, 10) == [[]]
    assert blobs.sweep_incoming(0.0) == 0


def pieces(blobs: Blobs, start: int, end: int, size: int) -> list[bytes]:
    reader = blobs.reader(NAME, start, end)
    try:
        return list(iter(lambda: reader.read(size), b""))
    finally:
        reader.close()


@pytest.mark.parametrize("size", [1, 3, 4, 100])
def test_a_reader_hands_out_its_part_and_nothing_else(blobs: Blobs, size: int) -> None:
    blobs.put(NAME, b"0123456789")
    assert b"".join(pieces(blobs, 0, 10, size)) == b"0123456789"
    assert b"".join(pieces(blobs, 3, 8, size)) == b"34567"
    assert max(map(len, pieces(blobs, 3, 8, size))) <= size
    assert pieces(blobs, 10, 10, size) == []


def test_a_reader_of_many_pieces_brings_all_bytes_in_order(blobs: Blobs) -> None:
    data = bytes(range(251)) * 12_000
    blobs.put(NAME, data)
    assert b"".join(pieces(blobs, 0, len(data), 256 * 1024)) == data
    assert b"".join(pieces(blobs, 1_500_000, 2_700_001, 99_999)) == data[1_500_000:2_700_001]


def test_a_reader_of_a_missing_or_short_blob_says_so(blobs: Blobs) -> None:
    for end in (0, 10):
        with pytest.raises(BlobMissing):
            blobs.reader(NAME, 0, end)
    blobs.put(NAME, b"0123")
    with pytest.raises(StoreFault):
        pieces(blobs, 0, 10, 3)


def test_many_bytes_come_back_whole(blobs: Blobs) -> None:
    writer = blobs.writer(NAME)
    parts = [bytes([number]) * 1_000_003 for number in range(20)]
    for part in parts:
        writer.write(part)
    writer.publish(OTHER)
    assert read(blobs, OTHER) == b"".join(parts)
    with pytest.raises(BlobMissing):
        blobs.open(NAME)


def test_a_store_that_is_there_says_what_it_is(blobs: Blobs) -> None:
    blobs.look()
    assert blobs.prove()
    assert scan(blobs, 10) == [[]], "a proof leaves no blob"
