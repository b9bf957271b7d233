"""BMP files as Pillow reads them, and those whose colours lie under masks of their own.

Owns what the masks of a bitmap mean: any are valid (BITMAPV4HEADER), of which Pillow knows ten. The rest of the format
stays Pillow's.
"""

import struct

from PIL import BmpImagePlugin, Image, ImageChops, ImageFile

_BITFIELDS, _ALPHA_BITFIELDS = 3, 6
_INFO_HEADER, _V3_HEADER = 40, 56
"""Sizes of the headers: behind the first follow the masks of the colours, the second and larger ones have alpha's."""
_BANDS = {16: "LA", 32: "RGBA"}
"""A Pillow mode with a band for each byte of a pixel."""


class Bmp(BmpImagePlugin.BmpImageFile):
    """A bitmap of any masks. Those that lie under masks are read byte by byte, and put together by tables."""

    _masks: tuple[int, ...] = ()

    def _bitmap(self, header: int = 0, offset: int = 0) -> None:
        assert self.fp is not None
        start = self.fp.tell()
        head = self.fp.read(_INFO_HEADER + 16)
        self.fp.seek(start)
        if len(head) < _INFO_HEADER + 16 or not self._opened(head, offset):
            super()._bitmap(header, offset)

    def _opened(self, head: bytes, offset: int) -> bool:
        """Whether this is a bitmap under masks, which is opened then."""
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
        """As ImageFile.load_end: the bytes are there, and become colours."""
        if self._masks:
            masks, self._masks = self._masks, ()
            bands = self.split()
            channels = [_channel(bands, each) for each in masks if each]
            if len(channels) == 4 and channels[3].getextrema() == (0, 0):  # as browsers take it: there is no alpha
                del channels[3]
            made = Image.merge("RGBA" if len(channels) == 4 else "RGB", channels)
            self.im, self._mode = made.im, made.mode
        super().load_end()


def _channel(bands: tuple[Image.Image, ...], mask: int) -> Image.Image:
    """The channel under `mask` in eight bits: the sum of what each byte of the pixel gives to it."""
    parts = [band.point(table) for number, band in enumerate(bands) if (table := _table(mask, number)) is not None]
    while len(parts) > 1:
        parts.append(ImageChops.add(parts.pop(0), parts.pop(0)))
    return parts[0]


def _table(mask: int, number: int) -> list[int] | None:
    """What each value of the pixel's byte `number` gives to the channel under `mask`; None if nothing."""
    if not mask >> 8 * number & 0xFF:
        return None
    lowest = mask & -mask
    return [round((value << 8 * number & mask) // lowest * 255 / (mask // lowest)) for value in range(256)]


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(b"BM")


Image.register_open(Bmp.format, Bmp, _accept)
