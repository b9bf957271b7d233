"""A GIF's blocks: its frames one by one, each as a still GIF of its own, and the delays of one that was written.

Owns the layout of the format's blocks. Decodes no pixels. How frames are laid on the canvas is
worker/images/canvas.py's.
"""

import io
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from jobs.images.turns import Size
from worker.images.formats.animation import GIF_TICK, Disposal, Part

_IMAGE, _EXTENSION, _END = b"\x2c", b"\x21", b"\x3b"
_CONTROL = b"\xf9"
_TABLE, _INTERLACED, _HAS_CLEAR = 0x80, 0x40, 0x01
_SCREEN = struct.Struct("<HHBBB")
_DESCRIPTOR = struct.Struct("<4HB")
_CONTROLS = struct.Struct("<BHB")
_TICKS_MAX = 0xFFFF
_BLOCKS_READ = 4096
_DISPOSALS = {2: Disposal.CLEAR, 3: Disposal.RESTORE, 4: Disposal.RESTORE}
"""By the number in the file; 4 is what some writers mean by 3, as browsers know."""


class Frame(NamedTuple):
    """One image of a GIF: its place, its colour table as it is stored (b"": it has none), which index is clear, and
    where its delay and its pixels' code are in the file (delay_at 0: there is none)."""

    part: Part
    table: bytes
    clear: int | None
    interlaced: bool
    delay_at: int
    code_at: int
    code_end: int


class _Control(NamedTuple):
    """What the block before an image tells of it."""

    disposal: Disposal = Disposal.KEEP
    ticks: int = 0
    clear: int | None = None
    at: int = 0


def frames(file: BinaryIO) -> Iterator[Frame]:
    """The frames of the GIF in `file`, which is read from its beginning, and may be moved between two. Ends quietly
    where the file does."""
    file.seek(6)
    (*_, flags, _, _) = _SCREEN.unpack(file.read(_SCREEN.size))
    table, control = _table(file, flags), _Control()
    while (kind := file.read(1)) in (_IMAGE, _EXTENSION):
        if kind == _EXTENSION:
            control = _extension(file, control)
            continue
        descriptor = file.read(_DESCRIPTOR.size)
        if len(descriptor) < _DESCRIPTOR.size:
            return
        left, top, width, height, flags = _DESCRIPTOR.unpack(descriptor)
        own, at = _table(file, flags), file.tell()
        file.seek(1, io.SEEK_CUR)  # the code's size
        _skip_blocks(file)
        part = Part(left, top, Size(width, height), True, control.disposal, control.ticks * GIF_TICK)
        end = file.tell()
        yield Frame(part, own or table, control.clear, bool(flags & _INTERLACED), control.at, at, end)
        file.seek(end)
        control = _Control()


def still(file: BinaryIO, frame: Frame) -> bytes:
    """`frame` of the GIF in `file` as a GIF of its own, of the sides of the frame. It has pixels."""
    flags = _TABLE | (len(frame.table) // 3).bit_length() - 2 if frame.table else 0
    screen = b"GIF89a" + _SCREEN.pack(*frame.part.size, flags, 0, 0) + frame.table
    control = b"" if frame.clear is None else b"\x21\xf9\x04" + _CONTROLS.pack(_HAS_CLEAR, 0, frame.clear) + b"\0"
    image = _IMAGE + _DESCRIPTOR.pack(0, 0, *frame.part.size, _INTERLACED * frame.interlaced)
    file.seek(frame.code_at)
    return screen + control + image + file.read(frame.code_end - frame.code_at) + _END


def timed(data: bytes, delays: list[int]) -> tuple[bytes, bool]:
    """The GIF `data` with these delays, in ticks, and whether one of them had to be limited. Its writer was told one
    tick for each frame, and wrote one of several that are alike: its ticks tell of how many."""
    written, left, limited = bytearray(data), iter(delays), False
    for frame in frames(io.BytesIO(data)):
        merged = int(frame.part.seconds / GIF_TICK)
        total = sum(next(left) for _ in range(merged))
        limited = limited or total > _TICKS_MAX
        struct.pack_into("<H", written, frame.delay_at, min(total, _TICKS_MAX))
    return bytes(written), limited


def _extension(file: BinaryIO, control: _Control) -> _Control:
    """Read one; what is known of the next image, of which `control` was known."""
    label, at = file.read(1), file.tell()
    block = file.read(_CONTROLS.size + 2) if label == _CONTROL else b""
    if block[:1] == b"\x04" and len(block) > _CONTROLS.size:
        flags, ticks, clear = _CONTROLS.unpack_from(block, 1)
        disposal = _DISPOSALS.get(flags >> 2 & 7, Disposal.KEEP)
        control = _Control(disposal, ticks, clear if flags & _HAS_CLEAR else None, at + 2)
        at += 1 + _CONTROLS.size
        if block[-1:] == b"\0":  # its end: nearly always
            return control
    file.seek(at)
    _skip_blocks(file)
    return control


def _table(file: BinaryIO, flags: int) -> bytes:
    return file.read(3 << (flags & 7) + 1) if flags & _TABLE else b""


def _skip_blocks(file: BinaryIO) -> None:
    """To behind the next block of no bytes, or the end of the file. An image's blocks have 255 bytes each: a piece that
    is read holds many."""
    start = file.tell()
    while data := file.read(_BLOCKS_READ):
        at = 0
        while at < len(data):
            length = data[at]
            at += 1 + length
            if not length:
                file.seek(start + at)
                return
        start += at
        file.seek(start)
