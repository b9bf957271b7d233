"""Reads an image's head: its format and sides. A bounded, pure reader that never raises.

Owns what counts as an image type of ours. Must not know Pillow: web judges uploads by this alone, and
the decoder opens with exactly the plugin of the format named here. The sides may lie anywhere in a file (behind a depth
map, at the end of a TIFF): the reader asks for the bytes that it wants next, and its caller has the file or the stream.
Sides that cannot be read are 0; they are accepted here and judged by the decoder.
"""

import struct
from collections.abc import Callable, Sequence
from typing import BinaryIO, NamedTuple

from jobs.images import boxes
from jobs.images.pieces import Passing, Reading, found_in, found_in_file, reader_of
from jobs.images.segments import FRAMES, SCAN, first_directory, segment

HEAD_BYTES = 128 * 1024
"""Most heads lie within these first bytes: a JPEG's EXIF takes up to 64 KiB, then come its ICC and XMP."""
TYPE_BYTES = 512
"""This many first bytes tell the type of every image of ours (an AVIF's brands come last)."""


class Head(NamedTuple):
    """A format of ours, and the sides in pixels as stored (before orientation); 0 where unknown."""

    format: str
    width: int
    height: int


Sides = tuple[int, int]
UNKNOWN = (0, 0)


_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257


def read_head(data: bytes) -> Head | None:
    """The head of an image; `data` is its first bytes, or all. None if it is no image type of ours."""
    return _head(data, lambda at, length: data[at : at + length])


def read_head_of(file: BinaryIO) -> Head | None:
    """The head of the image in a file. The file's position afterwards is not defined."""
    file.seek(0)
    return _head(file.read(TYPE_BYTES), reader_of(file))


def _head(start: bytes, read: Callable[[int, int], bytes]) -> Head | None:
    format = format_of(start)
    return None if format is None else Head(format, *(found_in(_SIDES[format](), read) or UNKNOWN))


def picture_properties_of(file: BinaryIO) -> Sequence[boxes.Property]:
    """The picture's properties in an AVIF or HEIC file; () if it is damaged."""
    return found_in_file(boxes.reading_properties(HEAD_BYTES), file) or ()


def format_of(start: bytes) -> str | None:
    """The format by the first TYPE_BYTES; None if it is none of ours."""
    for prefix, name in _STARTS:
        if start.startswith(prefix):
            return name
    if start.startswith(b"RIFF"):
        return "webp" if start[8:12] == b"WEBP" else None
    if start.startswith(b"BM"):
        return "bmp" if int.from_bytes(start[14:18], "little") in _BMP_HEADERS or len(start) < 18 else None
    return _heif_format(start) if start[4:8] == b"ftyp" else None


class HeadReader:
    """Reads a head from a stream: `feed` it as it comes, then `end` it.

    `told`: further bytes cannot tell more. `head`: what is known so far. If it is None once `typed` is set, the file is
    no image type of ours, and `start` has its first bytes.
    """

    def __init__(self) -> None:
        self.head: Head | None = None
        self.typed = False
        self.start = b""
        self._passing = Passing(self._reading())
        self.feed, self.end = self._passing.feed, self._passing.end

    @property
    def told(self) -> bool:
        """As above."""
        return self._passing.over

    def _reading(self) -> Reading[None]:
        self.start = yield 0, TYPE_BYTES
        self.typed, format = True, format_of(self.start)
        if format is not None:
            self.head = Head(format, 0, 0)
            self.head = Head(format, *(yield from _SIDES[format]()))


def _jpeg() -> Reading[Sides]:
    at = 2
    while (found := (yield from segment(at))) is not None and found.marker != SCAN:
        if found.marker in FRAMES:
            height, width = struct.unpack(">HH", (yield found.at + 1, 4))
            return width, height
        at = found.behind
    return UNKNOWN


def _png() -> Reading[Sides]:
    name, width, height = struct.unpack(">4sII", (yield 12, 12))
    return (width, height) if name == b"IHDR" else UNKNOWN


def _gif() -> Reading[Sides]:
    width, height = struct.unpack("<HH", (yield 6, 4))
    return width, height


def _webp() -> Reading[Sides]:
    kind, body = struct.unpack("<4s4x10s", (yield 12, 18))
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and body[:1] == b"\x2f":
        (bits,) = struct.unpack_from("<I", body, 1)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        low, high = struct.unpack_from("<IH", body, 4)
        return (low & 0xFFFFFF) + 1, (low >> 24 | high << 8) + 1
    return UNKNOWN


def _bmp() -> Reading[Sides]:
    size, body = struct.unpack("<I8s", (yield 14, 12))
    width, height = struct.unpack_from("<HH" if size == 12 else "<Ii", body)
    return width, abs(height)  # a negative height: stored from the top down


def _tiff() -> Reading[Sides]:
    numbers = yield from first_directory((_TIFF_WIDTH, _TIFF_HEIGHT))
    sides = {number.tag: number.value for number in numbers}
    return sides.get(_TIFF_WIDTH, 0), sides.get(_TIFF_HEIGHT, 0)


def _heif_format(start: bytes) -> str | None:
    """AVIF or HEIC, by the brands: they have the same boxes."""
    length = int.from_bytes(start[:4], "big")
    brands = {start[at : at + 4] for at in range(8, min(length, len(start), 256), 4) if at != 12}
    if brands & _AVIF_BRANDS:
        return "avif"
    return "heic" if brands & _HEIC_BRANDS else None


def _heif() -> Reading[Sides]:
    found = yield from boxes.reading_properties(HEAD_BYTES)
    aperture = boxes.clean_aperture(found)
    return (aperture.width, aperture.height) if aperture else boxes.sides(found)


_STARTS = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
)
_SIDES: dict[str, Callable[[], Reading[Sides]]] = {
    "jpeg": _jpeg, "png": _png, "gif": _gif, "webp": _webp, "bmp": _bmp, "tiff": _tiff, "avif": _heif, "heic": _heif,
}  # fmt: skip
