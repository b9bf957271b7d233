"""The one transparent value of a PNG's gray or RGB pixels (tRNS), as a mask at the full depth of the file.

Finds it in the pixels that Pillow decodes: Pillow compares the value at 8 bits or not at all. Knows no colours.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from PIL import Image, ImageChops

MASK = "clear"
"""Under this an image's info has its alpha (L), where it has one clear value; worker/images/colours/convert.py lays it
on."""
_SCALED = {"1": (1, 255), "L;2": (3, 85), "L;4": (15, 17), "L": (255, 1), "RGB": (255, 1)}
"""By the packing of a file's samples: their bits (only these of the value count), and Pillow's factor."""
_DEEP_GRAY, _DEEP_RGB = "I;16B", "RGB;16B"
_LOW_BYTES = "RGB;16L"
"""Of samples whose high byte comes first, Pillow takes the low ones under this name."""


class Value(NamedTuple):
    """What is clear: the value in each channel, and how the file packs its samples (Pillow's name)."""

    channels: tuple[int, ...]
    packing: str


def value(image: Image.Image) -> Value | None:
    """That of the PNG `image`, of which only the header is read; None where it has none."""
    clear, tiles = image.info.get("transparency"), getattr(image, "tile", ())
    if clear is None or image.mode == "P" or not tiles:
        return None
    channels = clear if isinstance(clear, tuple) else (clear,)
    if image.mode == "1":
        channels = tuple(each // 255 for each in channels)  # of this alone Pillow tells the scaled value
    return Value(channels, tiles[0].args)


def mask(image: Image.Image, clear: Value, reopened: Callable[[], Image.Image]) -> Image.Image:
    """The alpha of the decoded `image`; `reopened` is the same file, of which nothing is decoded."""
    if clear.packing == _DEEP_GRAY:
        return _unlike([*_bytes_of_gray(image)], _halves(clear.channels))
    if clear.packing == _DEEP_RGB:
        bands = [band for both in zip(image.split(), _low(reopened()).split(), strict=True) for band in both]
        return _unlike(bands, _halves(clear.channels))
    bits, factor = _SCALED[clear.packing]
    bands = list((image.convert("L") if image.mode == "1" else image).split())
    return _unlike(bands, [(each & bits) * factor for each in clear.channels])


def _unlike(bands: list[Image.Image], values: list[int]) -> Image.Image:
    """Clear where every one of `bands` (L) has its value."""
    made = None
    for band, clear in zip(bands, values, strict=True):
        other = band.point([0 if each == clear else 255 for each in range(256)])
        made = other if made is None else ImageChops.lighter(made, other)
    assert made is not None
    return made


def _halves(channels: tuple[int, ...]) -> list[int]:
    """High and low byte of each."""
    return [half for each in channels for half in (each >> 8, each & 255)]


def _bytes_of_gray(image: Image.Image) -> tuple[Image.Image, Image.Image]:
    """The high and the low bytes of a picture of 16 bits, which Pillow keeps with the low one first."""
    data = image.tobytes()
    return Image.frombytes("L", image.size, data[1::2]), Image.frombytes("L", image.size, data[::2])


def _low(image: Any) -> Image.Image:
    """The low bytes of an RGB picture of 16 bits, of which Pillow's own reading has the high ones."""
    image.tile = [tile._replace(args=_LOW_BYTES) for tile in image.tile]
    image.load()
    return image.copy()  # type: ignore[no-any-return]
