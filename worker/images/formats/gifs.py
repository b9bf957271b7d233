"""Reads the blocks of a GIF: its frames one by one, each as a still GIF of its own. Also sets the delays of a GIF.

Owns the layout of the format's blocks. Decodes no pixels. worker/images/canvas.py lays frames on the canvas.
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
"""By the number in the file. Some writers use 4 for 3, and browsers accept that."""


class Frame(NamedTuple):
    """One image of a GIF: its place; its colour table as stored (b"": it has none); `clear`: the transparent index; and
    the offsets of its delay (0: it has none) and of its compressed pixels in the file."""

    part: Part
    table: bytes
    clear: int | None
    interlaced: bool
    delay_at: int
    code_at: int
    code_end: int


class _Control(NamedTuple):
    """The control block before an image."""

    disposal: Disposal = Disposal.KEEP
    ticks: int = 0
    clear: int | None = None
    at: int = 0


def frames(file: BinaryIO) -> Iterator[Frame]:
    """The frames of the GIF in `file`. It is read from its beginning; the caller may seek in it between two frames. A
    truncated file ends the frames without an error."""
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
        file.seek(1, io.SEEK_CUR)  # LZW's minimum code size
        _skip_blocks(file)
        part = Part(left, top, Size(width, height), True, control.disposal, control.ticks * GIF_TICK)
        end = file.tell()
        yield Frame(part, own or table, control.clear, bool(flags & _INTERLACED), control.at, at, end)
        file.seek(end)
        control = _Control()


def still(file: BinaryIO, frame: Frame) -> bytes:
    """`frame` of the GIF in `file` as a GIF of its own, with the frame's size. The frame must have pixels."""
    flags = _TABLE | (len(frame.table) // 3).bit_length() - 2 if frame.table else 0
    screen = b"GIF89a" + _SCREEN.pack(*frame.part.size, flags, 0, 0) + frame.table
    control = b"" if frame.clear is None else b"\x21\xf9\x04" + _CONTROLS.pack(_HAS_CLEAR, 0, frame.clear) + b"\0"
    image = _IMAGE + _DESCRIPTOR.pack(0, 0, *frame.part.size, _INTERLACED * frame.interlaced)
    file.seek(frame.code_at)
    return screen + control + image + file.read(frame.code_end - frame.code_at) + _END


def timed(data: bytes, delays: list[int]) -> tuple[bytes, bool]:
    """Set the delays, in ticks, of the GIF `data`, which Pillow wrote. Returns the new GIF, and whether a delay had to
    be limited.

    Pillow merges equal neighbours into one frame. It wrote `data` with a delay of one tick for each frame, so the delay
    of a written frame is the number of frames that it stands for. Its new delay is the sum of theirs."""
    written, left, limited = bytearray(data), iter(delays), False
    for frame in frames(io.BytesIO(data)):
        merged = int(frame.part.seconds / GIF_TICK)
        total = sum(next(left) for _ in range(merged))
        limited = limited or total > _TICKS_MAX
        struct.pack_into("<H", written, frame.delay_at, min(total, _TICKS_MAX))
    return bytes(written), limited


def _extension(file: BinaryIO, control: _Control) -> _Control:
    """Read one extension block. Returns the control of the next image: this block's if it is one, else `control`."""
    label, at = file.read(1), file.tell()
    block = file.read(_CONTROLS.size + 2) if label == _CONTROL else b""
    if block[:1] == b"\x04" and len(block) > _CONTROLS.size:
        flags, ticks, clear = _CONTROLS.unpack_from(block, 1)
        disposal = _DISPOSALS.get(flags >> 2 & 7, Disposal.KEEP)
        control = _Control(disposal, ticks, clear if flags & _HAS_CLEAR else None, at + 2)
        at += 1 + _CONTROLS.size
        if block[-1:] == b"\0":  # the block ends here, as nearly always
            return control
    file.seek(at)
    _skip_blocks(file)
    return control


def _table(file: BinaryIO, flags: int) -> bytes:
    return file.read(3 << (flags & 7) + 1) if flags & _TABLE else b""


def _skip_blocks(file: BinaryIO) -> None:
    """Seek to the byte after the next empty block, or to the end of the file. Blocks have at most 255 bytes, so one
    read holds many."""
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
