"""The least memory that it takes to write a rendition. A job that can never have it is refused before it is decoded.

Pure. Owns the memory of each format's encoder, by pixels. The figures are lower than those measured with a plain
picture, except for AVIF. AVIF's encoder ends the process when memory runs out: its figure is higher than that measured
with noise, and the memory is reserved before.
"""

from typing import Literal, NamedTuple

from jobs.errors import ImageFault
from jobs.images.formats import SPOKEN, output_format
from jobs.images.turns import Size
from jobs.limits import OUTPUT_PIXELS_MAX
from jobs.recipes.measured import asks_pixels
from jobs.recipes.plan import FULL_SCALE, JPEG_SCALES, plan
from jobs.recipes.recipe import Recipe, RenditionSpec
from jobs.recipes.shapes import Shape
from jobs.units import spoken_bytes

AVIF_BYTES = 16 * 1024 * 1024
"""For any sides: noise with sides of 300 took 5 MB more than its pixels, with sides of 700 it took 13 MB more."""
AVIF_BYTES_A_PIXEL, AVIF_BYTES_A_FULL_PIXEL = 34, 54
"""Bytes of address space for a pixel: libaom took 31, and 50 if colours are not subsampled (sides of 1500 and 2600)."""
_BYTES_A_PIXEL = {"webp": 4, "gif": 4}
_LOSSLESS_WEBP_BYTES_A_PIXEL = 10
_TILTED_BYTES_A_PIXEL = 8
"""For a pixel that a tilted picture fills, with its corners: it is there twice, with alpha."""
_PICTURE_BYTES_A_PIXEL = 1
"""Bytes for a pixel of a gray picture: it is not known before whether a picture is gray."""
_SMALL_BYTES = 32 * 1024 * 1024
"""Half of the least that DECODER_BYTES_MAX may be."""
_ORIENTATIONS = (1, 6)
"""One orientation of each kind: upright and on its side. The original's is not known before."""


class Need(NamedTuple):
    """The least memory that a rendition needs, and for what: to `write` it, or to `turn` it by its angle."""

    spec: RenditionSpec
    format: str
    sides: Size
    size_bytes: int
    what: Literal["write", "turn"] = "write"

    def __str__(self) -> str:
        name, (width, height) = SPOKEN[self.format], self.sides
        return f"{name} of {width} x {height} pixels takes {spoken_bytes(self.size_bytes)} of memory to {self.what}"


def encoder_bytes(spec: RenditionSpec, format: str, pixels: int) -> int:
    """The bytes that the encoder takes beside the picture."""
    if format == "avif":
        full = spec.lossless or spec.chroma == 444
        return AVIF_BYTES + (AVIF_BYTES_A_FULL_PIXEL if full else AVIF_BYTES_A_PIXEL) * pixels
    if format == "webp" and (spec.lossless or (spec.webp and spec.webp.near_lossless)):
        return _LOSSLESS_WEBP_BYTES_A_PIXEL * pixels
    return _BYTES_A_PIXEL.get(format, 0) * pixels


def most(recipe: Recipe, format: str, stored: Size) -> Need | None:
    """The rendition that needs most, for an original of this format and these sides; None if all are small. A rendition
    may differ for an image that lies on its side: it then counts with the lower need of the two."""
    scales = JPEG_SCALES if format == "jpeg" else FULL_SCALE
    found = [_need(spec, output_format(spec.format, format), stored, scales) for spec in recipe.renditions]
    return max((each for each in found if each is not None), key=lambda each: each.size_bytes, default=None)


def _need(spec: RenditionSpec, format: str, stored: Size, scales: tuple[int, ...]) -> Need | None:
    if asks_pixels(spec):
        return None  # a trim may leave little
    if _bytes(spec, format, _pixels_at_most(spec, stored)) <= _SMALL_BYTES:
        return None
    needs = []
    for orientation in _ORIENTATIONS:
        try:
            made = plan(Recipe((spec,)), stored, orientation, scales).steps[0].shape
        except ImageFault:  # the recipe asks what an image that lies so cannot give
            continue
        needs.append(_of_shape(made, format))
    return min(needs, key=lambda each: each.size_bytes, default=None)


def _of_shape(made: Shape, format: str) -> Need:
    width, height = made.sides
    need = Need(made.spec, format, made.sides, _bytes(made.spec, format, width * height))
    turned = _TILTED_BYTES_A_PIXEL * made.tilt.canvas.width * made.tilt.canvas.height if made.tilt else 0
    return need if turned <= need.size_bytes else need._replace(size_bytes=turned, what="turn")


def _bytes(spec: RenditionSpec, format: str, pixels: int) -> int:
    return _PICTURE_BYTES_A_PIXEL * pixels + encoder_bytes(spec, format, pixels)


def _pixels_at_most(spec: RenditionSpec, stored: Size) -> int:
    """An upper bound without the geometry: most jobs are small and need no closer look."""
    if spec.padding or spec.rotate % 90:
        return OUTPUT_PIXELS_MAX
    if not (spec.enlarge or spec.fit == "contain"):
        return min(OUTPUT_PIXELS_MAX, stored.width * stored.height)
    if spec.width and spec.height and spec.fit != "outside":
        return spec.width * spec.height
    return OUTPUT_PIXELS_MAX
