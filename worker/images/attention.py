"""Samples what a cut needs to know of a picture: how much its parts draw attention, and their lumas.

Owns the measure of attention: edges, strong colours, and the colours of skin where there is light enough. The weights
were chosen with 17 photographs, beside sharp's `attention`. jobs/recipes/values/attention.py chooses the cut.
"""

from collections.abc import Collection
from typing import Any

from PIL import Image, ImageChops, ImageFilter

from jobs.images.turns import Box, Size, Turn
from jobs.recipes.keys import Crop
from jobs.recipes.measured import Sought
from jobs.recipes.shapes import inside
from jobs.recipes.values.attention import GRID_SIDE, Grid
from worker.images import planar
from worker.images.looks.scaling import scaled, turned
from worker.images.planar import Planes

MIDDLE_SIDE = 4 * GRID_SIDE
"""A larger picture is scaled to this first, as it is stored. It is turned upright before the last step, so that all
orientations of a picture have the same samples."""
_GRAY = (128, 128, 128, 255)
"""Lies under transparent pixels: a figure has edges there, be it dark or light."""
_LAPLACE = ImageFilter.Kernel((3, 3), (0, -1, 0, -1, 4, -1, 0, -1, 0), scale=1)
_LAPLACE_BELOW = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1)
_EDGE = [min(255, 2 * value) // 3 for value in range(256)]
_STRONG = [value // 6 for value in range(256)]
_SKIN = [value // 6 for value in range(256)]
"""What an edge, a strong colour and skin count, before the sum is squared."""
_LIGHT = [255 if value >= 95 else 0 for value in range(256)]
_REDDER = [255 if 10 <= value <= 90 else 0 for value in range(256)]
_GREENER = [255 if 2 <= value <= 80 else 0 for value in range(256)]
"""Skin has light enough, more red than green, and more green than blue."""


def sampled(
    picture: Image.Image | Planes, wanted: Collection[Sought], stored: Size, upright: Turn
) -> dict[Sought, Grid]:
    """The samples of each wanted part of a picture, which may be decoded at a scale. `stored`: the sides of the
    original."""
    found = {}
    for kind, crop in wanted:
        part = _part(picture, _box(picture, crop, stored, upright), upright)
        small = part.resize(inside(Size(*part.size), Size(GRID_SIDE, GRID_SIDE)), Image.Resampling.BILINEAR)
        cells = drawing(small) if kind == "attention" else small.convert("L")
        found[kind, crop] = Grid(Size(*cells.size), cells.tobytes())
    return found


def drawing(image: Image.Image) -> Image.Image:
    """How much each pixel of an RGB `image` draws attention. The most that there is counts as 255."""
    red, green, blue = image.split()
    most, least = (each(each(red, green), blue) for each in (ImageChops.lighter, ImageChops.darker))
    skin = ImageChops.darker(ImageChops.subtract(red, green).point(_REDDER), red.point(_LIGHT))
    skin = ImageChops.darker(skin, ImageChops.subtract(green, blue).point(_GREENER))
    strong = ImageChops.subtract(most, least).point(_STRONG)
    total = ImageChops.add(ImageChops.add(edges(image.convert("L")).point(_EDGE), strong), skin.point(_SKIN))
    highest: Any = total.getextrema()[1] or 1
    return total.point([round(255 * min(1.0, value / highest) ** 2) for value in range(256)])


def edges(luma: Image.Image) -> Image.Image:
    """How much each pixel differs from the mean of its four neighbours, times 4. Those at the picture's edge have
    themselves for a neighbour."""
    width, height = luma.size
    around = luma.transform(
        (width + 2, height + 2), Image.Transform.EXTENT, (-1, -1, width + 1, height + 1), Image.Resampling.NEAREST
    )
    strips = (
        ((0, 0, width, 1), (1, 0)),
        ((0, height - 1, width, height), (1, height + 1)),
        ((0, 0, 1, height), (0, 1)),
        ((width - 1, 0, width, height), (width + 1, 1)),
    )
    for strip, at in strips:
        around.paste(luma.crop(strip), at)
    found = ImageChops.lighter(around.filter(_LAPLACE), around.filter(_LAPLACE_BELOW))
    return found.crop((1, 1, width + 1, height + 1))


def _box(picture: Image.Image | Planes, crop: Crop | None, stored: Size, upright: Turn) -> Box:
    """The pixels of `picture` that a crop of the upright original leaves."""
    sides = Size(*picture.size)
    if crop is None:
        return Box(0, 0, *sides)
    width, height = upright.size(stored)
    part = Box(
        crop.left / width, crop.top / height, (crop.left + crop.width) / width, (crop.top + crop.height) / height
    )
    return Box(0, 0, *sides).part(upright.undo(part))


def _part(picture: Image.Image | Planes, box: Box, upright: Turn) -> Image.Image:
    """The part `box`, upright, as RGB with sides of at most MIDDLE_SIDE."""
    natural = Size(max(1, round(box.right - box.left)), max(1, round(box.bottom - box.top)))
    size = inside(natural, Size(MIDDLE_SIDE, MIDDLE_SIDE))
    if isinstance(picture, Planes):
        return turned(planar.image(planar.resize(picture, box, size, full=True)), upright).convert("RGB")
    image = turned(scaled(picture, box, size), upright)
    if image.mode not in ("LA", "RGBA"):
        return image.convert("RGB")
    return Image.alpha_composite(Image.new("RGBA", image.size, _GRAY), image.convert("RGBA")).convert("RGB")
