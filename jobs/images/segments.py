"""The parts of a JPEG's head and of a TIFF's first directory, one after another: where they are, not what they mean.

Owns the way from each part to the next. Readers ask for the bytes that they want (jobs/images/pieces.py). Pure bytes;
raises struct.error if the file ends within a part.
"""

import struct
from collections.abc import Collection
from typing import NamedTuple

from jobs.images.pieces import Reading

FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a frame's header (ITU-T T.81, B.1.1.3)."""
SCAN, END = 0xDA, 0xD9
ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length: TEM, RST0 to RST7 and SOI."""
_NUMBERS = {3: "H", 4: "I", 16: "Q"}
"""A TIFF's types of whole numbers: SHORT, LONG and LONG8."""
ENTRIES_MAX = 512
"""At most this many tags of a TIFF directory are read. Real ones have some thirty, sorted by number."""


class Segment(NamedTuple):
    """A segment of a JPEG: its marker, where its `length` bytes begin, and where the next one does."""

    marker: int
    at: int
    length: int
    behind: int


def segment(at: int) -> Reading[Segment | None]:
    """The JPEG segment with its marker at `at`, after padding and markers without a length. None at the end marker, and
    if there is no marker. The first segment is at 2."""
    while True:
        lead, marker, length = struct.unpack(">BBH", (yield at, 4))
        if lead != 0xFF or marker == END:
            return None
        if marker == 0xFF:  # padding
            at += 1
        elif marker in ALONE:
            at += 2
        else:
            return Segment(marker, at + 4, length - 2, at + 2 + length)


class Number(NamedTuple):
    """A whole number in a TIFF's directory: the first value of a field, and the field's type."""

    tag: int
    kind: int
    value: int


def first_directory(tags: Collection[int]) -> Reading[list[Number]]:
    """The numbers under these tags in the first directory of a TIFF or BigTIFF, in their order."""
    start = yield 0, 16
    order, big = ("<" if start[:1] == b"I" else ">"), start[2:4] in (b"+\0", b"\0+")
    entry_bytes, value_at = (20, 12) if big else (12, 8)
    (at,) = struct.unpack_from(order + ("Q" if big else "I"), start, 8 if big else 4)
    (entries,) = struct.unpack(order + ("Q" if big else "H"), (yield at, 8 if big else 2))
    directory = yield at + (8 if big else 2), entry_bytes * min(entries, ENTRIES_MAX)
    found = []
    for entry in range(0, len(directory) - entry_bytes + 1, entry_bytes):
        tag, kind = struct.unpack_from(order + "HH", directory, entry)
        if tag in tags and kind in _NUMBERS:
            (value,) = struct.unpack_from(order + _NUMBERS[kind], directory, entry + value_at)
            found.append(Number(tag, kind, value))
    return found
