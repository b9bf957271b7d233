"""The alpha flag in the head of an animated WebP, and the delays of its frames.

libwebp sets the flag only if a stored frame has alpha, and without it Pillow decodes every frame as opaque. But the
canvas is transparent where no frame covers it or where a frame was cleared, and browsers show it so. So the flag is set
before Pillow reads such a file, and in the files that are written.
"""

import struct
from fractions import Fraction
from typing import BinaryIO

HEAD_BYTES = 21
_VP8X, _FLAGS = slice(12, 16), 20
_FRAME_HEAD_BYTES, _DELAY = 24, slice(20, 23)
_CHUNKS_MAX = 10_000
_ALPHA, _ANIMATION = 0x10, 0x02


def hides_alpha(head: bytes) -> bool:
    """Whether a file with these first bytes is an animation without the alpha flag."""
    return head[_VP8X] == b"VP8X" and len(head) > _FLAGS and head[_FLAGS] & (_ALPHA | _ANIMATION) == _ANIMATION


def seconds(file: BinaryIO) -> Fraction:
    """The sum of the delays of an animation's frames."""
    at, milliseconds = 12, 0
    for _ in range(_CHUNKS_MAX):
        file.seek(at)
        head = file.read(_FRAME_HEAD_BYTES)
        if len(head) < 8:
            break
        kind, length = struct.unpack_from("<4sI", head)
        if kind == b"ANMF" and len(head) == _FRAME_HEAD_BYTES:
            milliseconds += int.from_bytes(head[_DELAY], "little")
        at += 8 + length + (length & 1)
    return Fraction(milliseconds, 1000)


def with_alpha(data: bytes) -> bytes:
    """The file `data`, with the alpha flag if it is an animation."""
    if not hides_alpha(data):
        return data
    return data[:_FLAGS] + bytes((data[_FLAGS] | _ALPHA,)) + data[_FLAGS + 1 :]
