"""Animations made byte by byte by their formats' specifications, and the pixels that they must show, by arithmetic.

Pillow can write neither frames beyond the canvas, nor any disposal that a test wants, nor damage.
"""

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from PIL import Image

from worker.images import motion

Pixel = tuple[int, ...]
NONE, CLEAR, PREVIOUS = 0, 1, 2
SOURCE, OVER = 0, 1
NOTHING = (0, 0, 0, 0)
GIF_PALETTE = bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255])
"""Red, green, blue, white."""
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""By a PNG's colour type."""


class Laid(NamedTuple):
    """A frame of one colour: `pixel` is its bytes in a PNG, or (GIF) its index."""

    left: int
    top: int
    width: int
    height: int
    pixel: bytes | int
    disposal: int = NONE
    blend: int = SOURCE
    delay: tuple[int, int] = (1, 10)
    clear: int | None = None
    table: bytes = b""
    interlaced: bool = False


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def still_png(
    colour_type: int, width: int, rows: list[bytes], depth: int = 8, extra: bytes = b"", *, interlaced: int = 0
) -> bytes:
    """A PNG whose rows are packed already."""
    head = struct.pack(">2I5B", width, len(rows), depth, colour_type, 0, 0, interlaced)
    code = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", code) + chunk(b"IEND", b"")


def apng(
    colour_type: int, sides: tuple[int, int], frames: list[Laid], extra: bytes = b"", *,
    plays: int = 0, promised: int | None = None, apart: bytes | None = None, depth: int = 8,
) -> bytes:  # fmt: skip
    """`apart`: the pixel of a default image that is no frame."""
    head = struct.pack(">2I5B", *sides, depth, colour_type, 0, 0, 0)
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra
    out += chunk(b"acTL", struct.pack(">2I", len(frames) if promised is None else promised, plays))
    if apart is not None:
        out += chunk(b"IDAT", zlib.compress((b"\0" + apart * sides[0]) * sides[1]))
    sequence = 0
    for number, frame in enumerate(frames):
        place = frame.width, frame.height, frame.left, frame.top
        out += chunk(b"fcTL", struct.pack(">5I2H2B", sequence, *place, *frame.delay, frame.disposal, frame.blend))
        assert isinstance(frame.pixel, bytes)
        rows = zlib.compress((b"\0" + frame.pixel * frame.width) * frame.height)
        sequence += 1
        for piece in (rows[:5], rows[5:]):  # in two chunks: as many as a writer likes
            if number == 0 and apart is None:
                out += chunk(b"IDAT", piece)
            else:
                out += chunk(b"fdAT", struct.pack(">I", sequence) + piece)
                sequence += 1
    return out + chunk(b"IEND", b"")


def lzw(indices: Iterable[int]) -> bytes:
    """LZW codes for pixels of two bits. A clear code always comes before the codes would need more than three bits."""
    codes, value, at, out = [], 0, 0, bytearray()
    for number, index in enumerate(indices):
        codes += ([4] if number % 2 == 0 else []) + [index]
    for code in [*codes, 5]:
        value |= code << at
        at += 3
        while at >= 8:
            out.append(value & 255)
            value, at = value >> 8, at - 8
    out += bytes([value]) if at else b""
    return b"\2" + b"".join(bytes([len(out[i : i + 255])]) + out[i : i + 255] for i in range(0, len(out), 255)) + b"\0"


def gif(sides: tuple[int, int], frames: list[Laid], *, loop: int | None = None, table: bytes = GIF_PALETTE) -> bytes:
    """`disposal` is the file's number, `delay` its hundredths (the first of the two)."""
    out = b"GIF89a" + struct.pack("<2H3B", *sides, 0x80 | _power(table), 0, 0) + table
    if loop is not None:
        out += b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", loop) + b"\0"
    for frame in frames:
        flags = frame.disposal << 2 | (frame.clear is not None)
        out += b"\x21\xf9\x04" + struct.pack("<BHB", flags, frame.delay[0], frame.clear or 0) + b"\0"
        bits = (0x80 | _power(frame.table) if frame.table else 0) | 0x40 * frame.interlaced
        out += b"\x2c" + struct.pack("<4HB", frame.left, frame.top, frame.width, frame.height, bits) + frame.table
        assert isinstance(frame.pixel, int)
        out += lzw([frame.pixel] * (frame.width * frame.height))
    return out + b";"


def _power(table: bytes) -> int:
    return (len(table) // 3).bit_length() - 2


def expected(sides: tuple[int, int], frames: list[tuple[Laid, Pixel]]) -> Iterator[list[list[Pixel]]]:
    """The RGBA pixels that each frame must show, row by row, by the rules of the PNG specification only. The frames of
    a GIF are blended over the canvas (OVER)."""
    width, height = sides
    canvas: list[list[Pixel]] = [[NOTHING] * width for _ in range(height)]
    for frame, pixel in frames:
        before = [list(row) for row in canvas]
        places = [
            (x, y)
            for y in range(frame.top, min(frame.top + frame.height, height))
            for x in range(frame.left, min(frame.left + frame.width, width))
        ]
        for x, y in places:
            canvas[y][x] = over(canvas[y][x], pixel) if frame.blend == OVER else pixel
        yield [list(row) for row in canvas]
        for x, y in places:
            canvas[y][x] = {NONE: canvas[y][x], CLEAR: NOTHING, PREVIOUS: before[y][x]}[frame.disposal]


def over(below: Pixel, above: Pixel) -> Pixel:
    """Alpha composition (PNG specification, 13.16)."""
    top, under = above[3] / 255, below[3] / 255
    alpha = top + under * (1 - top)
    if not alpha:
        return NOTHING
    return (
        *(round((a * top + b * under * (1 - top)) / alpha) for a, b in zip(above[:3], below[:3], strict=True)),
        round(255 * alpha),
    )


def rows(image: Image.Image) -> list[list[Pixel]]:
    """The pixels, RGBA."""
    data = image.convert("RGBA").tobytes()
    flat = [tuple(data[at : at + 4]) for at in range(0, len(data), 4)]
    return [flat[at : at + image.width] for at in range(0, len(flat), image.width)]


def alike(one: Pixel, other: Pixel, tolerance: int = 0) -> bool:
    """Whether two pixels look equal: the colour of transparent ones does not count."""
    if one[3] == other[3] == 0:
        return True
    return all(abs(a - b) <= tolerance for a, b in zip(one, other, strict=True))


def shown(data: bytes, format: str) -> list[Image.Image]:
    """The pictures of an animation, or the one picture of a still image."""
    stream = io.BytesIO(data)
    if not Image.open(stream).is_animated:  # type: ignore[attr-defined]
        return [Image.open(stream).convert("RGBA")]
    return [image for image, _ in motion.shown(format, Image.open(stream), stream, ())]
