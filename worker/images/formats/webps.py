"""The alpha flag in the head of an animated WebP.

libwebp sets the flag only if a stored frame has alpha, and without it Pillow decodes every frame as opaque. But the
canvas is transparent where no frame covers it or where a frame was cleared, and browsers show it so. So the flag is set
before Pillow reads such a file, and in the files that are written.
"""

HEAD_BYTES = 21
_VP8X, _FLAGS = slice(12, 16), 20
_ALPHA, _ANIMATION = 0x10, 0x02


def hides_alpha(head: bytes) -> bool:
    """Whether a file with these first bytes is an animation without the alpha flag."""
    return head[_VP8X] == b"VP8X" and len(head) > _FLAGS and head[_FLAGS] & (_ALPHA | _ANIMATION) == _ANIMATION


def with_alpha(data: bytes) -> bytes:
    """The file `data`, with the alpha flag if it is an animation."""
    if not hides_alpha(data):
        return data
    return data[:_FLAGS] + bytes((data[_FLAGS] | _ALPHA,)) + data[_FLAGS + 1 :]
