"""Reads BMP files as Pillow does, and also those with any bit masks for their channels.

Owns the meaning of these masks. The format allows any (BITMAPV4HEADER), and Pillow knows ten. The rest of the format is
Pillow's.
"""

import struct

from PIL import BmpImagePlugin, Image, ImageChops, ImageFile

_BITFIELDS, _ALPHA_BITFIELDS = 3, 6
_INFO_HEADER, _V3_HEADER = 40, 56
"""Sizes of two headers. The masks of the colours follow the first one; from the second on, headers contain these and
the mask of alpha."""
_BANDS = {16: "LA", 32: "RGBA"}
"""A Pillow mode with a band for each byte of a pixel."""


class Bmp(BmpImagePlugin.BmpImageFile):
    """A bitmap with any masks. Its bytes are read as bands, and tables make the channels from these."""

    _masks: tuple[int, ...] = ()

    def _bitmap(self, header: int = 0, offset: int = 0) -> None:
        assert self.fp is not None
        start = self.fp.tell()
        head = self.fp.read(_INFO_HEADER + 16)
        self.fp.seek(start)
        if len(head) < _INFO_HEADER + 16 or not self._opened(head, offset):
            super()._bitmap(header, offset)

    def _opened(self, head: bytes, offset: int) -> bool:
        """Open this bitmap if it has masks. Returns whether it has."""
        size, width, height, bits, compression = struct.unpack_from("<IiixxHI", head)
        masks = struct.unpack_from("<4I", head, _INFO_HEADER)
        if size < _INFO_HEADER or compression not in (_BITFIELDS, _ALPHA_BITFIELDS) or bits not in _BANDS:
            return False
        if size < _V3_HEADER and compression == _BITFIELDS:
            masks = (*masks[:3], 0)
        if not all(masks[:3]) or any(mask >> bits for mask in masks) or width < 1 or not height:
            return False
        self._masks, self._size, self._mode = masks, (width, abs(height)), _BANDS[bits]
        layout = (self._mode, (width * bits + 31) // 32 * 4, 1 if height < 0 else -1)
        behind = 14 + size + (12 if size == _INFO_HEADER else 0)
        self.tile = [ImageFile._Tile("raw", (0, 0, *self._size), offset or behind, layout)]
        return True

    def load_end(self) -> None:
        """As ImageFile.load_end: the bytes are read, and are made into channels."""
        if self._masks:
            masks, self._masks = self._masks, ()
            bands = self.split()
            channels = [_channel(bands, each) for each in masks if each]
            if len(channels) == 4 and channels[3].getextrema() == (0, 0):  # browsers ignore alpha that is all 0
                del channels[3]
            made = Image.merge("RGBA" if len(channels) == 4 else "RGB", channels)
            self.im, self._mode = made.im, made.mode
        super().load_end()


def _channel(bands: tuple[Image.Image, ...], mask: int) -> Image.Image:
    """The channel of `mask` in eight bits: the sum of the parts from each byte of the pixel."""
    parts = [band.point(table) for number, band in enumerate(bands) if (table := _table(mask, number)) is not None]
    while len(parts) > 1:
        parts.append(ImageChops.add(parts.pop(0), parts.pop(0)))
    return parts[0]


def _table(mask: int, number: int) -> list[int] | None:
    """The part of the channel of `mask` for each value of the pixel's byte `number`; None if the mask has no bit in
    that byte."""
    if not mask >> 8 * number & 0xFF:
        return None
    lowest = mask & -mask
    return [round((value << 8 * number & mask) // lowest * 255 / (mask // lowest)) for value in range(256)]


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(b"BM")


Image.register_open(Bmp.format, Bmp, _accept)
