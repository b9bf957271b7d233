"""What the head of an animated WebP says of alpha.

Owns that one bit. libwebp sets it where a frame as it is stored has alpha, and Pillow reads all as opaque without it.
But what no frame covers, or one has cleared, is clear all the same, as browsers show it.
"""

HEAD_BYTES = 21
_VP8X, _FLAGS = slice(12, 16), 20
_ALPHA, _ANIMATION = 0x10, 0x02


def hides_alpha(head: bytes) -> bool:
    """Whether a file of these first bytes is an animation that is said to have no alpha."""
    return head[_VP8X] == b"VP8X" and len(head) > _FLAGS and head[_FLAGS] & (_ALPHA | _ANIMATION) == _ANIMATION


def with_alpha(data: bytes) -> bytes:
    """The file `data`, said to have alpha if it is an animation."""
    if not hides_alpha(data):
        return data
    return data[:_FLAGS] + bytes((data[_FLAGS] | _ALPHA,)) + data[_FLAGS + 1 :]
