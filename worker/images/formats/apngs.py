"""Reads the chunks of an animated PNG: its frames one by one, each as a still PNG of its own.

Owns the layout of the animation's chunks. Decodes no pixels. worker/images/canvas.py lays frames on the canvas.
"""

import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO, NamedTuple

from jobs.errors import ImageFault
from jobs.images.turns import Size
from worker.images.formats.animation import Disposal, Part
from worker.images.formats.pngfile import CHUNK_HEAD, CRC_BYTES, SIGNATURE, chunks

_CONTROL = struct.Struct(">5I2H2B")
_NUMBER = struct.Struct(">I")
_OF_PIXELS = {b"PLTE": 3 * 256, b"tRNS": 256}
"""Chunks of the whole file that each frame needs to be decoded, with their largest size in bytes."""
_HUNDREDTHS = 100
"""The denominator of a delay if the file says 0."""


class Frame(NamedTuple):
    """One frame: its place; `head`: the chunks before its pixels, with palette and transparency; `pieces`: where its
    compressed pixels are in the file, as (offset, length)."""

    part: Part
    head: bytes
    pieces: list[tuple[int, int]]


class _Walk:
    """The state of a walk over the chunks of a file."""

    def __init__(self) -> None:
        self.header = b""
        self.shared: dict[bytes, bytes] = {}
        """The chunks that all frames need, by kind."""
        self.promised = 0
        """How many frames the file says that it has."""
        self.number = 0
        """The sequence number that the animation's next chunk must have."""
        self.frame: Frame | None = None

    def begin(self, body: bytes) -> None:
        """A frame's control chunk (fcTL)."""
        if len(body) != _CONTROL.size:
            raise _damaged("a frame's control is cut short")
        number, width, height, left, top, part_of, whole, disposal, blend = _CONTROL.unpack(body)
        self.count(number)
        canvas = Size(*struct.unpack_from(">2I", self.header))
        inside = 0 < width <= canvas.width - left and 0 < height <= canvas.height - top
        if not inside or disposal >= len(Disposal) or blend > 1:
            raise _damaged("a frame's control has a value that the format does not allow")
        seconds = Fraction(part_of, whole or _HUNDREDTHS)
        part = Part(left, top, Size(width, height), bool(blend), Disposal(disposal), seconds)
        header = struct.pack(">2I", width, height) + self.header[8:]
        self.frame = Frame(part, SIGNATURE + _chunk(b"IHDR", header) + b"".join(self.shared.values()), [])

    def add(self, at: int, length: int) -> None:
        """A piece of the current frame's pixels."""
        if self.frame is None:
            raise _damaged("pixels come before the first frame")
        self.frame.pieces.append((at, length))

    def count(self, number: int) -> None:
        """Check the sequence number of one of the animation's chunks."""
        if number != self.number:
            raise _damaged(f"chunk {number} of the animation is where chunk {self.number} should be")
        self.number += 1

    def ended(self) -> Frame:
        """The current frame, which is complete."""
        if self.frame is None or not self.frame.pieces:
            raise _damaged("a frame without pixels")
        return self.frame


def frames(file: BinaryIO) -> Iterator[Frame]:
    """The frames of the animated PNG in `file`. It is read from its beginning; the caller may seek in it between two
    frames. Raises ImageFault if it is damaged, or has fewer frames than it says. Surplus frames are ignored."""
    walk, told = _Walk(), 0
    for kind, at, length in chunks(file):
        if kind in (b"fcTL", b"IEND") and walk.frame is not None:
            yield walk.ended()
            told += 1
            if told == walk.promised:
                return
        if kind == b"fcTL":
            walk.begin(_body(file, at, length))
        elif kind == b"IDAT" and walk.frame is not None:
            walk.add(at, length)
        elif kind == b"fdAT" and length >= _NUMBER.size:
            walk.count(*_NUMBER.unpack(_body(file, at, _NUMBER.size)))
            walk.add(at + _NUMBER.size, length - _NUMBER.size)
        elif kind == b"IHDR":
            walk.header = _body(file, at, length)
        elif kind == b"acTL":
            walk.promised = int.from_bytes(_body(file, at, length)[: _NUMBER.size], "big")
        elif length <= _OF_PIXELS.get(kind, -1):
            walk.shared.setdefault(kind, _body(file, at - CHUNK_HEAD.size, CHUNK_HEAD.size + length + CRC_BYTES))
    raise _damaged(f"{told} of {walk.promised} frames")


def still(file: BinaryIO, frame: Frame) -> bytes:
    """`frame` of the animated PNG in `file` as a PNG of its own, with the frame's size. The checksum of its pixels is
    wrong, because Pillow does not check it."""
    code = [_body(file, at, length) for at, length in frame.pieces]
    begin = CHUNK_HEAD.pack(sum(map(len, code)), b"IDAT")
    return b"".join((frame.head, begin, *code, bytes(CRC_BYTES), _END))


def _body(file: BinaryIO, at: int, length: int) -> bytes:
    file.seek(at)
    if len(body := file.read(length)) < length:
        raise _damaged("the file ends within a chunk")
    return body


def _chunk(kind: bytes, body: bytes) -> bytes:
    return CHUNK_HEAD.pack(len(body), kind) + body + _NUMBER.pack(zlib.crc32(kind + body))


def _damaged(what: str) -> ImageFault:
    return ImageFault(f"the animated PNG is damaged: {what}", code="undecodable")


_END = _chunk(b"IEND", b"")
