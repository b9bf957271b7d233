"""The one transparent value of a PNG's gray or RGB pixels (tRNS), as a mask at the full depth of the file.

Finds it in the pixels that Pillow decodes: Pillow compares the value at 8 bits or not at all. Knows no colours.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from PIL import Image, ImageChops

MASK = "clear"
"""The key of an image's info for its alpha (L), if one value is transparent; worker/images/colours/convert.py applies
it."""
_SCALED = {"1": (1, 255), "L;2": (3, 85), "L;4": (15, 17), "L": (255, 1), "RGB": (255, 1)}
"""By the packing of a file's samples: the mask of their bits (other bits of the value do not count), and the factor by
which Pillow scales them."""
_DEEP_GRAY, _DEEP_RGB = "I;16B", "RGB;16B"
_LOW_BYTES = "RGB;16L"
"""With this packing Pillow reads the low bytes of big-endian samples."""


class Value(NamedTuple):
    """The transparent value: in each channel, and how the file packs its samples (Pillow's name)."""

    channels: tuple[int, ...]
    packing: str


def value(image: Image.Image) -> Value | None:
    """The transparent value of the PNG `image`, whose header is read; None: it has none."""
    clear, tiles = image.info.get("transparency"), getattr(image, "tile", ())
    if clear is None or image.mode == "P" or not tiles:
        return None
    channels = clear if isinstance(clear, tuple) else (clear,)
    if image.mode == "1":
        channels = tuple(each // 255 for each in channels)  # only for this mode Pillow scales the value
    return Value(channels, tiles[0].args)


def mask(image: Image.Image, clear: Value, reopened: Callable[[], Image.Image]) -> Image.Image:
    """The alpha of the decoded `image`. `reopened`: opens the same file again, not decoded."""
    if clear.packing == _DEEP_GRAY:
        return _unlike([*_bytes_of_gray(image)], _halves(clear.channels))
    if clear.packing == _DEEP_RGB:
        bands = [band for both in zip(image.split(), _low(reopened()).split(), strict=True) for band in both]
        return _unlike(bands, _halves(clear.channels))
    bits, factor = _SCALED[clear.packing]
    bands = list((image.convert("L") if image.mode == "1" else image).split())
    return _unlike(bands, [(each & bits) * factor for each in clear.channels])


def _unlike(bands: list[Image.Image], values: list[int]) -> Image.Image:
    """A mask that is transparent where each of `bands` (L) has its value."""
    made = None
    for band, clear in zip(bands, values, strict=True):
        other = band.point([0 if each == clear else 255 for each in range(256)])
        made = other if made is None else ImageChops.lighter(made, other)
    assert made is not None
    return made


def _halves(channels: tuple[int, ...]) -> list[int]:
    """The high and the low byte of each value."""
    return [half for each in channels for half in (each >> 8, each & 255)]


def _bytes_of_gray(image: Image.Image) -> tuple[Image.Image, Image.Image]:
    """The high and the low bytes of a picture of 16 bits, which Pillow keeps with the low one first."""
    data = image.tobytes()
    return Image.frombytes("L", image.size, data[1::2]), Image.frombytes("L", image.size, data[::2])


def _low(image: Any) -> Image.Image:
    """The low bytes of an RGB picture of 16 bits. Pillow by itself reads only the high ones."""
    image.tile = [tile._replace(args=_LOW_BYTES) for tile in image.tile]
    image.load()
    return image.copy()  # type: ignore[no-any-return]
