"""PNG files as Pillow reads them, but for what is at fault beside the picture.

Owns what becomes of an ancillary chunk that is damaged or too large: it is passed over, as browsers and libpng do (PNG
specification, 13.1: an error in an ancillary chunk need not end a decode). What the picture is made of stays Pillow's
to judge.
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
"""Under this an image's info has what its cICP holds."""
_ANIMATION = frozenset({b"fcTL", b"fdAT"})
"""Ancillary by their names, but part of the picture."""
_TEXT = frozenset({b"tEXt", b"zTXt", b"iTXt"})
"""Nothing here reads them, and inflating them costs time and memory."""
_ANCILLARY = 0x20
"""The bit of a chunk's first letter that says so (PNG specification, 5.4)."""


class Chunks(PngImagePlugin.PngStream):
    """The chunks of one PNG. Of the ancillary ones those that are whole have an effect."""

    _has_palette = False

    def chunk_PLTE(self, pos: int, length: int) -> bytes:
        """As PngStream's."""
        self._has_palette = True
        return super().chunk_PLTE(pos, length)

    def chunk_cICP(self, _pos: int, length: int) -> bytes:
        """As PngStream's of other kinds: the code points of the colours into the picture's info. Behind a palette or
        pixels they are out of place, and passed over (PNG specification, 5.6)."""
        assert self.fp is not None
        codes = ImageFile._safe_read(self.fp, length)
        if not (self._has_palette or self.im_tile):
            self.im_info.setdefault(CODE_POINTS, codes)
        return codes

    def call(self, cid: bytes, pos: int, length: int) -> bytes:
        """As PngStream.call: what the chunk holds, and b"" for one that is passed over."""
        if cid in _ANIMATION or not cid[0] & _ANCILLARY:
            return super().call(cid, pos, length)
        assert self.fp is not None
        if cid not in _TEXT and self._is_whole(cid, pos, length):
            try:
                return super().call(cid, pos, length)
            except AttributeError:
                raise  # a kind that Pillow does not know: its caller reads it
            except (ArithmeticError, LookupError, OSError, SyntaxError, ValueError, struct.error, zlib.error):
                pass
        self.fp.seek(pos + length)
        return b""

    def crc(self, cid: bytes, data: bytes) -> None:
        """As PngStream.crc; an ancillary chunk was judged before it had an effect."""
        if cid in _ANIMATION or not cid[0] & _ANCILLARY:
            super().crc(cid, data)
        else:
            self.crc_skip(cid, data)

    def _is_whole(self, cid: bytes, pos: int, length: int) -> bool:
        assert self.fp is not None
        try:
            data = ImageFile._safe_read(self.fp, length + 4)
        except OSError:  # the file ends within
            return False
        self.fp.seek(pos)
        return zlib.crc32(data[:length], zlib.crc32(cid)) == int.from_bytes(data[length:], "big")


def chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """The kind of each chunk of a PNG, where its body begins and how long that is. `file` may be moved between two."""
    at = len(SIGNATURE)
    while True:
        file.seek(at)
        if len(head := file.read(CHUNK_HEAD.size)) < CHUNK_HEAD.size:
            return
        length, kind = CHUNK_HEAD.unpack(head)
        yield kind, at + CHUNK_HEAD.size, length
        at += CHUNK_HEAD.size + length + CRC_BYTES
