"""Small pictures that show their own number: a drill tells by one whose pixels a rendition has.

Made with the standard library alone. PNG, square, 4 x 4 blocks of one colour each, whose channels are all or
nothing: 48 bits, the number and a check of it. They outlive being scaled down and any sane compression.
"""

import struct
import zlib
from collections.abc import Sequence

SIDE = 32
"""Pixels, unless asked otherwise; a multiple of BLOCKS."""
BLOCKS = 4
NUMBER_MAX = 2**32 - 1
RECIPE = '{"renditions":[{"name":"tiny","width":16,"format":"png"}]}'
"""One tiny rendition, 16 x 16, that still shows the number."""
Colour = tuple[int, int, int]


def numbered(number: int, side: int = SIDE) -> bytes:
    """The PNG of side x side pixels that shows `number` (0 to NUMBER_MAX)."""
    value = _checked(number)
    bits = [255 if value >> place & 1 else 0 for place in range(BLOCKS * BLOCKS * 3)]
    lines = []
    for row in range(BLOCKS):
        blocks = bytes(bits[row * BLOCKS * 3 : (row + 1) * BLOCKS * 3])
        line = b"\0" + b"".join(blocks[at : at + 3] * (side // BLOCKS) for at in range(0, len(blocks), 3))
        lines.append(line * (side // BLOCKS))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = zlib.compress(b"".join(lines), 1)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def shown_by(colours: Sequence[Colour]) -> int | None:
    """The number of a picture by the colours in the middle of its 16 blocks, row by row; None if it shows none."""
    bits = [channel > 127 for colour in colours for channel in colour]
    value = sum(bit << place for place, bit in enumerate(bits))
    number = value >> 16
    return number if len(bits) == BLOCKS * BLOCKS * 3 and _checked(number) == value else None


def _checked(number: int) -> int:
    check = ~zlib.crc32(number.to_bytes(4, "big")) & 0xFFFF  # inverted: all black and all white are no numbers
    return number << 16 | check


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
