"""Scales and turns pixels, and applies filters to them without showing the colour of transparent ones.

Owns the choice of the filter; libvips scales where it is cheaper. Knows no recipe.
"""

from collections.abc import Callable

from PIL import Image

from jobs.images.turns import Box, Size, Turn
from jobs.recipes.libraries import REDUCING_GAP
from worker.images.formats import vips

MANY_PIXELS = 1_000_000
SHRINK_MIN = 1.3
"""From this many pixels and this shrink on the filter is HAMMING, else BICUBIC. HAMMING takes three fifths of the
time. On a photograph its SSIM is 0.001 (shrink 1.4) to 0.003 (shrink 2) lower, but 0.007 lower with hardly any
shrink; for few pixels there is no time to save. bench.images compares both with sharp's."""
CLEAR = (0, 0, 0, 0)

_PREMULTIPLIED = {"LA": "La", "RGBA": "RGBa"}
_TRANSPOSES = {
    Turn(False, True, False): Image.Transpose.FLIP_LEFT_RIGHT,
    Turn(False, True, True): Image.Transpose.ROTATE_180,
    Turn(False, False, True): Image.Transpose.FLIP_TOP_BOTTOM,
    Turn(True, False, False): Image.Transpose.TRANSPOSE,
    Turn(True, True, False): Image.Transpose.ROTATE_270,
    Turn(True, True, True): Image.Transpose.TRANSVERSE,
    Turn(True, False, True): Image.Transpose.ROTATE_90,
}


def scaled(image: Image.Image, box: Box, size: Size) -> Image.Image:
    """The part `box` of an image, within its edges, scaled to `size`."""
    width, height = image.size
    box = Box(max(0.0, box.left), max(0.0, box.top), min(box.right, width), min(box.bottom, height))
    if size == image.size and box == (0, 0, width, height):
        return image
    if vips.resizes(image, box, size):
        return premultiplied(image, lambda pixels: vips.resize(pixels, box, size))
    return premultiplied(image, lambda pixels: pixels.resize(size, filter_for(box, size), box, REDUCING_GAP))


def filter_for(box: Box, size: Size) -> Image.Resampling:
    """The filter by which Pillow makes `size` of `box`."""
    width, height = box.right - box.left, box.bottom - box.top
    costly = width * height >= MANY_PIXELS and min(width / size.width, height / size.height) >= SHRINK_MIN
    return Image.Resampling.HAMMING if costly else Image.Resampling.BICUBIC


def turned(image: Image.Image, how: Turn) -> Image.Image:
    """The image after this turn."""
    return image.transpose(_TRANSPOSES[how]) if how != Turn() else image


def with_alpha(image: Image.Image) -> Image.Image:
    """The image as RGBA."""
    return image if image.mode == "RGBA" else image.convert("RGBA")


def coloured(image: Image.Image, work: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Apply `work` to the colours (L or RGB); alpha stays as it is."""
    if image.mode not in _PREMULTIPLIED:
        return work(image)
    made = work(image.convert(image.mode.removesuffix("A")))
    made.putalpha(image.getchannel("A"))
    return made


def blocks(image: Image.Image, side: int) -> Image.Image:
    """Each block of `side` x `side` pixels, from the left upper corner on, as the mean of its pixels."""
    means = image.reduce(side)
    large = means.resize((means.width * side, means.height * side), Image.Resampling.NEAREST)
    return large.crop((0, 0, *image.size))


def premultiplied(image: Image.Image, work: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Apply `work` to pixels with premultiplied alpha, so that the colour of transparent pixels does not show."""
    if image.mode not in _PREMULTIPLIED:
        return work(image)
    return work(image.convert(_PREMULTIPLIED[image.mode])).convert(image.mode)
