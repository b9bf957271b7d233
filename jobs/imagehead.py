"""What an image's first bytes tell: its format and sides. A bounded, pure reader that never raises.

Owns what counts as an image type of ours (API section 5); HEIC is one only where its extra is installed,
which host/extras.py knows. Must not know Pillow: web judges uploads by this alone, and the decoder opens
with exactly the plugin of the format named here. What the head cannot tell is 0, accepted, and judged by
the decoder.
"""

import struct
from collections.abc import Callable
from typing import NamedTuple

HEAD_BYTES = 128 * 1024
"""First bytes that `read_head` wants: a JPEG's EXIF takes up to 64 KiB, then come its ICC and XMP."""


class Head(NamedTuple):
    """A format of ours, and the sides in pixels as stored (before orientation); 0 where unknown."""

    format: str
    width: int
    height: int


_JPEG_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length: TEM, RST0 to RST7 and SOI."""
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
_TIFF_TYPES = {3: "H", 4: "I"}
_ENTRIES_MAX = 512
"""Tags of one TIFF directory that are looked at; real ones have some thirty, sorted by number."""


def read_head(data: bytes) -> Head | None:
    """The head of an image whose first bytes are `data`; None where it is no image type of ours."""
    for start, name, read in _READERS:
        if data.startswith(start):
            try:
                return read(data)
            except struct.error:  # the sides lie behind the bytes that we have
                return Head(name, 0, 0)
    return _heif(data) if data[4:8] == b"ftyp" else None


def _jpeg(data: bytes) -> Head:
    at = 2
    while True:
        lead, marker = struct.unpack_from(">BB", data, at)
        if lead != 0xFF:
            return Head("jpeg", 0, 0)
        if marker == 0xFF:  # padding
            at += 1
        elif marker in _JPEG_ALONE:
            at += 2
        elif marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return Head("jpeg", width, height)
        else:
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]


def _png(data: bytes) -> Head:
    width, height = struct.unpack_from(">II", data, 16)
    return Head("png", width, height) if data[12:16] == b"IHDR" else Head("png", 0, 0)


def _gif(data: bytes) -> Head:
    return Head("gif", *struct.unpack_from("<HH", data, 6))


def _riff(data: bytes) -> Head | None:
    if data[8:12] != b"WEBP":
        return None
    kind = data[12:16]
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return Head("webp", width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L" and data[20:21] == b"\x2f":
        (bits,) = struct.unpack_from("<I", data, 21)
        return Head("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8X":
        low, high = struct.unpack_from("<IH", data, 24)
        return Head("webp", (low & 0xFFFFFF) + 1, (low >> 24 | high << 8) + 1)
    return Head("webp", 0, 0)


def _bmp(data: bytes) -> Head | None:
    (size,) = struct.unpack_from("<I", data, 14)
    if size not in _BMP_HEADERS:
        return None
    width, height = struct.unpack_from("<HH" if size == 12 else "<Ii", data, 18)
    return Head("bmp", width, abs(height))  # a negative height: stored from the top down


def _tiff(data: bytes) -> Head:
    order = "<" if data[:1] == b"I" else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    (entries,) = struct.unpack_from(order + "H", data, at)
    sides = {_TIFF_WIDTH: 0, _TIFF_HEIGHT: 0}
    for entry in range(at + 2, at + 2 + 12 * min(entries, _ENTRIES_MAX), 12):
        tag, kind = struct.unpack_from(order + "HH", data, entry)
        if tag in sides and kind in _TIFF_TYPES:
            (sides[tag],) = struct.unpack_from(order + _TIFF_TYPES[kind], data, entry + 8)
    return Head("tiff", sides[_TIFF_WIDTH], sides[_TIFF_HEIGHT])


def _big_tiff(_data: bytes) -> Head:
    return Head("tiff", 0, 0)


def _heif(data: bytes) -> Head | None:
    """AVIF or HEIC, by the brands: they have the same boxes."""
    length = int.from_bytes(data[:4], "big")
    brands = {data[at : at + 4] for at in range(8, min(length, len(data), 256), 4) if at != 12}
    if not brands & (_AVIF_BRANDS | _HEIC_BRANDS):
        return None
    sides, at = (0, 0), 0
    while (at := data.find(b"ispe", at + 1)) >= 0 and len(data) >= at + 16:
        found = struct.unpack_from(">II", data, at + 8)
        sides = max(sides, found, key=lambda pair: pair[0] * pair[1])  # smaller: tiles, thumbnails
    return Head("avif" if brands & _AVIF_BRANDS else "heic", *sides)


_READERS: tuple[tuple[bytes, str, Callable[[bytes], Head | None]], ...] = (
    (b"\xff\xd8\xff", "jpeg", _jpeg),
    (b"\x89PNG\r\n\x1a\n", "png", _png),
    (b"GIF87a", "gif", _gif),
    (b"GIF89a", "gif", _gif),
    (b"RIFF", "webp", _riff),
    (b"II*\0", "tiff", _tiff),
    (b"MM\0*", "tiff", _tiff),
    (b"II+\0", "tiff", _big_tiff),
    (b"MM\0+", "tiff", _big_tiff),
    (b"BM", "bmp", _bmp),
)
"""First bytes, the format that they announce, and what reads its sides."""
