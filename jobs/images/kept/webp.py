"""The place of a rendition's metadata and profile in a still WebP, where Pillow does not write the file. Pure."""

import struct

from jobs.images.exif import EXIF_START
from jobs.images.kept.blocks import NONE, Blocks

_PROFILE, _ALPHA, _EXIF, _XMP = 0x20, 0x10, 0x08, 0x04
_VP8X_BYTES = 10
_VP8L_ALPHA_AT = 12
"""In a file's body: the byte of a lossless picture's head whose bit 4 says that it has alpha."""


def in_webp(data: bytes, size: tuple[int, int], kept: Blocks) -> bytes:
    """The still WebP `data` of this `size`, which has no metadata, with these blocks and their profile."""
    if kept == NONE:
        return data
    body, alpha = data[12:], 0
    if body.startswith(b"VP8X"):
        alpha, body = body[8] & _ALPHA, body[8 + _VP8X_BYTES :]
    elif body.startswith(b"VP8L"):
        alpha = body[_VP8L_ALPHA_AT] & _ALPHA
    parts = {
        b"EXIF": (_EXIF, kept.exif.removeprefix(EXIF_START)),
        b"XMP ": (_XMP, kept.xmp),
        b"ICCP": (_PROFILE, kept.profile),
    }
    flags = alpha | sum(flag for flag, part in parts.values() if part)
    sides = b"".join((side - 1).to_bytes(3, "little") for side in size)
    made = _chunk(b"VP8X", struct.pack("<I", flags) + sides) + _chunk(b"ICCP", kept.profile) + body
    made += b"".join(_chunk(name, parts[name][1]) for name in (b"EXIF", b"XMP "))
    return b"RIFF" + struct.pack("<I", 4 + len(made)) + b"WEBP" + made


def _chunk(name: bytes, part: bytes) -> bytes:
    return name + struct.pack("<I", len(part)) + part + bytes(len(part) & 1) if part else b""
