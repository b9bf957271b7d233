"""bench/peers/load/watch.py: which jobs are complete by the names that appeared."""

import struct

from bench.peers.load.watch import Appearances, names


def event(name: str) -> bytes:
    padded = name.encode().ljust(32, b"\0")
    return struct.pack("iIII", 1, 0x80, 0, len(padded)) + padded


def test_the_names_of_several_events_are_read() -> None:
    assert names(event("a.one.jpeg") + event("b.two.webp")) == ["a.one.jpeg", "b.two.webp"]
    assert names(b"") == []


def test_a_job_ends_with_its_last_rendition_and_at_its_time() -> None:
    seen = Appearances(2)
    assert seen.appeared("a.large.1234.webp", 1.0) is None
    assert seen.appeared("b.large.1234.webp", 2.0) is None
    assert seen.appeared("a.thumb.1234.jpeg", 3.0) == "a"
    assert seen.ended == {"a": 3.0}


def test_the_same_rendition_made_twice_is_one() -> None:
    seen = Appearances(2)
    seen.appeared("a.large.webp", 1.0)
    assert seen.appeared("a.large.webp", 2.0) is None
    assert seen.appeared("a.thumb.jpeg", 3.0) == "a"
    assert seen.appeared("a.thumb.jpeg", 4.0) is None
    assert seen.ended == {"a": 3.0}


def test_unfinished_files_and_other_names_do_not_count() -> None:
    seen = Appearances(1)
    assert seen.appeared(".a.large.webp", 1.0) is None
    assert seen.appeared("folder", 1.0) is None
    assert seen.ended == {}
