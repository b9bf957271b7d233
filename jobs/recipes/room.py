"""The memory that writing a rendition takes at least: what can never have it is refused, before anything is decoded.

Pure. Owns what each format's encoder takes, by its pixels. Of all but AVIF it is less than was measured of a plain
picture. Of AVIF, whose encoder ends the process where it runs short, it is more than of noise, and reserved before.
"""

from typing import NamedTuple

from jobs.errors import ImageFault
from jobs.images.formats import SPOKEN, output_format
from jobs.images.turns import Size
from jobs.limits import OUTPUT_PIXELS_MAX
from jobs.recipes.recipe import Recipe, RenditionSpec
from jobs.recipes.shapes import shape
from jobs.units import spoken_bytes

AVIF_BYTES = 16 * 1024 * 1024
"""Whatever the sides: noise of 300 a side took 5 MB more than its pixels, of 700 13 MB."""
AVIF_BYTES_A_PIXEL, AVIF_BYTES_A_FULL_PIXEL = 34, 54
"""Address space: libaom took 31 for a pixel, 50 where colours are not halved (1500 and 2600 a side)."""
_BYTES_A_PIXEL = {"webp": 4, "gif": 4}
_LOSSLESS_WEBP_BYTES_A_PIXEL = 10
_PICTURE_BYTES_A_PIXEL = 1
"""Of a gray one; nobody knows before whether it is."""
_SMALL_BYTES = 32 * 1024 * 1024
"""Half of the least that DECODER_BYTES_MAX may be."""
_ORIENTATIONS = (1, 6)
"""One of each kind: upright and on its side. Which one an original has, is not known before."""


class Need(NamedTuple):
    """What a rendition needs at least, as it would be written."""

    spec: RenditionSpec
    format: str
    sides: Size
    size_bytes: int

    def __str__(self) -> str:
        name, (width, height) = SPOKEN[self.format], self.sides
        return f"{name} of {width} x {height} pixels takes {spoken_bytes(self.size_bytes)} of memory to write"


def encoder_bytes(spec: RenditionSpec, format: str, pixels: int) -> int:
    """What the encoder takes beside the picture."""
    if format == "avif":
        full = spec.lossless or spec.chroma == 444
        return AVIF_BYTES + (AVIF_BYTES_A_FULL_PIXEL if full else AVIF_BYTES_A_PIXEL) * pixels
    if format == "webp" and spec.lossless:
        return _LOSSLESS_WEBP_BYTES_A_PIXEL * pixels
    return _BYTES_A_PIXEL.get(format, 0) * pixels


def most(recipe: Recipe, format: str, stored: Size) -> Need | None:
    """Of an original of this format and these sides, the rendition that needs most; None if all are small. One that an
    image which lies on its side is given otherwise needs the less of both."""
    found = [_need(spec, output_format(spec.format, format), stored) for spec in recipe.renditions]
    return max((each for each in found if each is not None), key=lambda each: each.size_bytes, default=None)


def _need(spec: RenditionSpec, format: str, stored: Size) -> Need | None:
    if _bytes(spec, format, _pixels_at_most(spec, stored)) <= _SMALL_BYTES:
        return None
    needs = []
    for orientation in _ORIENTATIONS:
        try:
            sides = shape(spec, stored, orientation).sides
        except ImageFault:  # the recipe asks what an image that lies so cannot give
            continue
        needs.append(Need(spec, format, sides, _bytes(spec, format, sides.width * sides.height)))
    return min(needs, key=lambda each: each.size_bytes, default=None)


def _bytes(spec: RenditionSpec, format: str, pixels: int) -> int:
    return _PICTURE_BYTES_A_PIXEL * pixels + encoder_bytes(spec, format, pixels)


def _pixels_at_most(spec: RenditionSpec, stored: Size) -> int:
    """Without its geometry: most jobs are small, and need not be looked at closer."""
    if not (spec.enlarge or spec.fit == "contain"):
        return min(OUTPUT_PIXELS_MAX, 2 * stored.width * stored.height)  # a tilted picture has up to twice as many
    if spec.width and spec.height and spec.fit != "outside":
        return spec.width * spec.height
    return OUTPUT_PIXELS_MAX
