"""EXIF blocks, as far as we need them: where they are, and the orientation. Pure bytes; never raises.

jobs/images/turns.py owns the meaning of an orientation, jobs/images/metadata.py what a rendition keeps of a block.
"""

import struct
import zlib

from jobs.images import boxes
from jobs.images.head import TYPE_BYTES, format_of
from jobs.images.pieces import Reading
from jobs.images.segments import ENTRIES_MAX, SCAN, first_directory, segment

_ORIENTATION = 0x0112
_SHORT = 3
EXIF_START = b"Exif\0\0"
"""The start of the block in a JPEG; the other formats may leave it out."""
_APP1 = 0xE1
_HAS_EXIF = 0x08
"""Of the flags of a WebP."""
BLOCK_BYTES_MAX = 1024 * 1024
"""Bytes of a PNG's or WebP's block with its previews, and of the boxes that tell the orientation."""


def orientation(block: bytes) -> int:
    """The EXIF orientation in IFD 0, 1 to 8; 1 where there is none to be found."""
    order, data = byte_order(block), block.removeprefix(EXIF_START)
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(order + "I", data, 4)
        (entries,) = struct.unpack_from(order + "H", data, at)
        for entry in range(at + 2, at + 2 + 12 * min(entries, ENTRIES_MAX), 12):
            tag, kind, _count, value = struct.unpack_from(order + "HHIH", data, entry)
            if tag == _ORIENTATION and kind == _SHORT and 1 <= value <= 8:
                return int(value)
    except struct.error:
        pass
    return 1


def byte_order(block: bytes) -> str | None:
    """The byte order of a block (with or without its start), as struct's sign. None if it is no EXIF block."""
    at = len(EXIF_START) if block.startswith(EXIF_START) else 0
    return {b"II*\0": "<", b"MM\0*": ">"}.get(block[at : at + 4])


def reading_block(format: str) -> Reading[bytes]:
    """Finds the first EXIF block of an image file; b"" where there is none. A JPEG's has its start."""
    return BLOCKS[format]() if format in BLOCKS else _none()


def reading_orientation() -> Reading[int]:
    """Finds how the picture of a file must be turned: by EXIF, a TIFF's own tag, or the boxes of AVIF and HEIC."""
    format = format_of((yield 0, TYPE_BYTES)) or ""
    if format in ("avif", "heic"):
        return boxes.orientation((yield from boxes.reading_properties(BLOCK_BYTES_MAX)))
    if format == "tiff":
        return (yield from _tiff())
    return orientation((yield from reading_block(format)))


def _none() -> Reading[bytes]:
    yield 0, 0
    return b""


def _jpeg() -> Reading[bytes]:
    at = 2
    while (found := (yield from segment(at))) is not None and found.marker != SCAN:
        if found.marker == _APP1 and (yield found.at, len(EXIF_START)) == EXIF_START:
            return (yield found.at, found.length)
        at = found.behind
    return b""


def _png() -> Reading[bytes]:
    at = 8
    while True:
        length, name = struct.unpack(">I4s", (yield at, 8))
        if name == b"eXIf":
            body = yield at + 8, min(length, BLOCK_BYTES_MAX)
            check = zlib.crc32(name + body).to_bytes(4, "big")
            return body if (yield at + 8 + length, 4) == check else b""
        if name == b"IEND":
            return b""
        at += 12 + length


def _webp() -> Reading[bytes]:
    kind, flags = struct.unpack("<4s4xB", (yield 12, 9))
    at = 12
    while kind == b"VP8X" and flags & _HAS_EXIF:
        name, length = struct.unpack("<4sI", (yield at, 8))
        if name == b"EXIF":
            return (yield at + 8, min(length, BLOCK_BYTES_MAX))
        at += 8 + length + (length & 1)
    return b""


def _tiff() -> Reading[int]:
    for _, kind, value in (yield from first_directory((_ORIENTATION,))):
        if kind == _SHORT and 1 <= value <= 8:
            return value
    return 1


BLOCKS = {"jpeg": _jpeg, "png": _png, "webp": _webp}
