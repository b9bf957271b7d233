"""An animated PNG's chunks: its frames one by one, each as a still PNG of its own.

Owns the layout of the format's chunks and what of them is no animation. Decodes no pixels. How frames are laid on the
canvas is worker/images/canvas.py's.
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
"""What a frame's still needs of the whole file to be decoded, and the most bytes that it may have."""
_HUNDREDTHS = 100
"""What a delay is of where its denominator is 0."""


class Frame(NamedTuple):
    """One frame: its place, the chunks before its pixels (with the palette and what is clear), and where
    the pieces of its pixels' code are in the file, (offset, length) each."""

    part: Part
    head: bytes
    pieces: list[tuple[int, int]]


class _Walk:
    """What was seen so far of a file."""

    def __init__(self) -> None:
        self.header = b""
        self.shared: dict[bytes, bytes] = {}
        """The chunks of all frames, by kind."""
        self.promised = 0
        self.number = 0
        """Of the next chunk of the animation's."""
        self.frame: Frame | None = None

    def begin(self, body: bytes) -> None:
        """A frame's control (fcTL)."""
        if len(body) != _CONTROL.size:
            raise _damaged("a frame's control is cut short")
        number, width, height, left, top, part_of, whole, disposal, blend = _CONTROL.unpack(body)
        self.count(number)
        canvas = Size(*struct.unpack_from(">2I", self.header))
        inside = 0 < width <= canvas.width - left and 0 < height <= canvas.height - top
        if not inside or disposal >= len(Disposal) or blend > 1:
            raise _damaged("a frame's control is not as the format says")
        seconds = Fraction(part_of, whole or _HUNDREDTHS)
        part = Part(left, top, Size(width, height), bool(blend), Disposal(disposal), seconds)
        header = struct.pack(">2I", width, height) + self.header[8:]
        self.frame = Frame(part, SIGNATURE + _chunk(b"IHDR", header) + b"".join(self.shared.values()), [])

    def add(self, at: int, length: int) -> None:
        """A piece of the present frame's pixels."""
        if self.frame is None:
            raise _damaged("pixels of no frame")
        self.frame.pieces.append((at, length))

    def count(self, number: int) -> None:
        """The chunks of an animation are numbered."""
        if number != self.number:
            raise _damaged(f"chunk {number} of the animation comes where {self.number} should")
        self.number += 1

    def ended(self) -> Frame:
        """The present frame, whose last piece has come."""
        if self.frame is None or not self.frame.pieces:
            raise _damaged("a frame without pixels")
        return self.frame


def frames(file: BinaryIO) -> Iterator[Frame]:
    """The frames of the animated PNG in `file`, which is read from its beginning, and may be moved between two. Raises
    ImageFault where it is damaged or has fewer frames than it says; those beyond are passed over."""
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
    """`frame` of the animated PNG in `file` as a PNG of its own, of the sides of the frame. Its pixels have no check
    sum: Pillow looks at none."""
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
