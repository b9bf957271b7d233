"""Reads PNG files as Pillow does, but ignores faults in ancillary chunks.

A damaged or too large ancillary chunk is skipped, as browsers and libpng do (PNG specification, 13.1: an error in an
ancillary chunk need not end a decode). Pillow judges the chunks of the picture itself.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from PIL import ImageFile, PngImagePlugin

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHUNK_HEAD = struct.Struct(">I4s")
CRC_BYTES = 4
CODE_POINTS = "cicp"
"""The key of an image's info for the content of its cICP chunk."""
_ANIMATION = frozenset({b"fcTL", b"fdAT"})
"""Chunks that are ancillary by their names, but are needed for the picture."""
_TEXT = frozenset({b"tEXt", b"zTXt", b"iTXt"})
"""Chunks of text. pixmill does not use them, and inflating them costs time and memory."""
_ANCILLARY = 0x20
"""The bit of a chunk name's first letter that marks ancillary chunks (PNG specification, 5.4)."""


class Chunks(PngImagePlugin.PngStream):
    """The chunks of one PNG. Ancillary ones have an effect only if they are undamaged."""

    _has_palette = False

    def chunk_PLTE(self, pos: int, length: int) -> bytes:
        """As PngStream.chunk_PLTE."""
        self._has_palette = True
        return super().chunk_PLTE(pos, length)

    def chunk_cICP(self, _pos: int, length: int) -> bytes:
        """Put the code points of the colours into the picture's info; PngStream has no such method. After the palette
        or the pixels the chunk is misplaced, and ignored (PNG specification, 5.6)."""
        assert self.fp is not None
        codes = ImageFile._safe_read(self.fp, length)
        if not (self._has_palette or self.im_tile):
            self.im_info.setdefault(CODE_POINTS, codes)
        return codes

    def call(self, cid: bytes, pos: int, length: int) -> bytes:
        """As PngStream.call: the content of the chunk; b"" for one that is skipped."""
        if cid in _ANIMATION or not cid[0] & _ANCILLARY:
            return super().call(cid, pos, length)
        assert self.fp is not None
        if cid not in _TEXT and self._is_whole(cid, pos, length):
            try:
                return super().call(cid, pos, length)
            except AttributeError:
                raise  # Pillow does not know this kind: the caller handles that
            except (ArithmeticError, LookupError, OSError, SyntaxError, ValueError, struct.error, zlib.error):
                pass
        self.fp.seek(pos + length)
        return b""

    def crc(self, cid: bytes, data: bytes) -> None:
        """As PngStream.crc. The checksum of an ancillary chunk was checked before, in `call`."""
        if cid in _ANIMATION or not cid[0] & _ANCILLARY:
            super().crc(cid, data)
        else:
            self.crc_skip(cid, data)

    def _is_whole(self, cid: bytes, pos: int, length: int) -> bool:
        assert self.fp is not None
        try:
            data = ImageFile._safe_read(self.fp, length + 4)
        except OSError:  # the file ends within the chunk
            return False
        self.fp.seek(pos)
        return zlib.crc32(data[:length], zlib.crc32(cid)) == int.from_bytes(data[length:], "big")


def chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """The chunks of a PNG: kind, offset of the body, length. The caller may seek in `file` between two."""
    at = len(SIGNATURE)
    while True:
        file.seek(at)
        if len(head := file.read(CHUNK_HEAD.size)) < CHUNK_HEAD.size:
            return
        length, kind = CHUNK_HEAD.unpack(head)
        yield kind, at + CHUNK_HEAD.size, length
        at += CHUNK_HEAD.size + length + CRC_BYTES
