"""Converts any mode and any declared colours (ICC profiles, or numbers) to sRGB. Also finds the dominant colour.

Owns the four modes that the rest of the image pipeline knows: L, LA, RGB and RGBA, in sRGB with 8 bits a channel.
"""

import io
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from PIL import Image, ImageCms

from jobs.job import Unmet
from worker.images.colours import icc
from worker.images.colours.clear import MASK
from worker.images.colours.colourspaces import Numbers
from worker.images.colours.declared import Declarations

_GRAY_16 = frozenset({"I;16", "I;16B", "I;16L", "I;16N", "I"})
_GRAYS, _COLOURED = _GRAY_16 | {"1", "L", "LA"}, frozenset({"P", "PA", "RGB", "RGBA"})
_BITS_PER_SAMPLE = 258
"""A TIFF's tag."""
_WAYS_KEPT = 16
"""A CMYK profile takes tens of milliseconds to prepare, and the pictures of a shop share one."""
SAMPLED_SIDE = 32
"""The dominant colour is found among 1,024 pixels. That takes less than a millisecond; shares are right within 3 %."""
_BIN, _BIN_LEVELS = b"\xf0\xf0\xf0\x80", 16
"""The bits of a pixel that choose its bin (for alpha: opaque or not), and how many levels of a channel a bin holds."""
_WHERE_0 = b"\xff" + bytes(255)
_SRGB = ImageCms.createProfile("sRGB")


def to_srgb(image: Image.Image, declarations: Declarations) -> Image.Image:
    """The decoded `image` in sRGB, as L, LA, RGB or RGBA, with an empty `info`."""
    return converted(image, declarations)[0]


def converted(image: Image.Image, declarations: Declarations) -> tuple[Image.Image, Unmet]:
    """As `to_srgb`, and the loss of colours in a rendition: `colours` if no declaration is usable, `hdr`.

    It uses the first usable declaration in `declarations`. A profile that is malformed, or of another colour space than
    the pixels, is ignored, as browsers do. The intent is perceptual, as sharp's.
    """
    image = eight_bits(image)
    ways = ((said, _way(said, image.mode.removesuffix("A"))) for said in declarations)
    said, way = next((one for one in ways if one[1]), (None, None))
    if way:
        image = _applied(way, image)
    if image.mode == "CMYK":
        image = image.convert("RGB")
    image.info = {}
    if isinstance(said, Numbers) and said.are_bright:
        return image, ("hdr",)
    return image, ("colours",) if declarations and not way else ()


def keeps_colours(image: Image.Image, declarations: Declarations) -> bool:
    """Whether the pixels of a JPEG, of which Pillow has read the header, are in sRGB as they are."""
    return image.mode in ("L", "RGB") and are_srgb(image.mode, declarations)


def usable(declarations: Declarations, mode: str) -> bytes | Numbers | None:
    """The declaration that is applied to pixels of `mode` (L, LA, RGB, RGBA or CMYK). None: there is no usable one."""
    plain = mode.removesuffix("A")
    return next((said for said in declarations if _way(said, plain)), None)


def are_srgb(mode: str, declarations: Declarations) -> bool:
    """Whether colours of a mode of Pillow's are in sRGB as a file has them."""
    space = "L" if mode in _GRAYS else "RGB" if mode in _COLOURED else None
    return space is not None and all(_way(said, space) is _unchanged for said in declarations)


def dominant_colour(image: Image.Image) -> str | None:
    """The most frequent colour (#rrggbb) of an sRGB image. None: it is transparent.

    As in sharp, it is the fullest of 4096 bins of equal size. Unlike sharp, only a grid of pixels is counted, and the
    result is the mean of the bin. The pixels are handled as one long integer with four bytes each: a lookup table of
    Pillow would cost twice as much as all the rest.
    """
    sides = min(SAMPLED_SIDE, image.width), min(SAMPLED_SIDE, image.height)
    sampled = image.resize(sides, Image.Resampling.NEAREST).convert("RGBA")
    data = sampled.tobytes()
    number = len(data) // len(_BIN)
    within = _number(data) & _number(_BIN * number)
    bins: Any = Image.frombytes("RGBA", sides, _bytes(within, len(data))).getcolors(number)
    pixels, fullest = max((one for one in bins if one[1][3]), default=(0, None))
    if fullest is None:
        return None
    others = within ^ _number(bytes(fullest) * number)
    others |= others >> 16
    others |= others >> 8  # now each pixel's first byte is 0 if all of its bytes are
    mask = Image.frombytes("L", sides, _bytes(others, len(data))[:: len(_BIN)].translate(_WHERE_0))
    counts = sampled.histogram(mask)
    means = []
    for channel, least in enumerate(fullest[:3]):
        within_bin = counts[256 * channel + least :][:_BIN_LEVELS]
        means.append(round(sum(level * count for level, count in enumerate(within_bin, least)) / pixels))
    return "#" + bytes(means).hex()


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _bytes(number: int, size: int) -> bytes:
    return number.to_bytes(size, "little")


def eight_bits(image: Image.Image) -> Image.Image:
    """`image` as L, LA, RGB, RGBA or CMYK."""
    if (mask := image.info.pop(MASK, None)) is not None:
        image = eight_bits(image)
        image.putalpha(mask)
        return image
    if image.mode in _GRAY_16:
        wide = image if image.mode == "I;16" else image.convert("I")
        white = 4095 if getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE) == (12,) else 65535
        return wide.point(lambda value: value * (255 / white) + 0.5).convert("L")
    if "transparency" in image.info and image.mode in ("L", "P"):
        return image.convert("RGBA")
    if image.mode in ("1", "F"):
        return image.convert("L")
    if image.mode == "La":
        return image.convert("LA")
    if image.mode in ("RGBa", "PA"):
        return image.convert("RGBA")
    return image if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK") else image.convert("RGB")


_Way = Callable[[Image.Image], Image.Image]


@lru_cache(maxsize=_WAYS_KEPT)
def _way(said: bytes | Numbers, mode: str) -> _Way | None:
    """The conversion of pixels of `mode`, without alpha, to sRGB by this declaration; None if it does not fit them."""
    if isinstance(said, Numbers):
        return _by_numbers(said, mode)
    if mode == "L":
        curve = icc.gray_curve(said)
        return _by_curve(curve) if curve else _by_lcms(said, mode)
    return _unchanged if mode == "RGB" and icc.is_srgb(said) else _by_lcms(said, mode)


def _by_numbers(numbers: Numbers, mode: str) -> _Way | None:
    if numbers.are_srgb:
        return _unchanged
    if mode == "L":
        return _by_curve(numbers.curves[0])
    try:
        return _by_lcms(icc.rgb_profile(numbers.primaries, numbers.curves), mode)
    except ValueError:  # primaries that span nothing
        return None


def _by_lcms(profile: bytes, mode: str) -> _Way | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.buildTransform(source, _SRGB, mode, "RGB").apply
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _by_curve(curve: icc.Curve) -> _Way:
    """The conversion of one channel by a table. (LittleCMS interpolates between few points: linear light was wrong by
    10 of 255.)"""
    lights = (min(1.0, max(0.0, curve(value / 255))) for value in range(256))
    table = [round(255 * icc.srgb_encoded(light)) for light in lights]
    return _unchanged if table == list(range(256)) else lambda image: image.point(table)


def _unchanged(image: Image.Image) -> Image.Image:
    return image


def _applied(way: _Way, image: Image.Image) -> Image.Image:
    if way is _unchanged or not image.mode.endswith("A"):
        return way(image)
    opaque = way(image.convert(image.mode.removesuffix("A")))
    opaque.putalpha(image.getchannel("A"))
    return opaque
