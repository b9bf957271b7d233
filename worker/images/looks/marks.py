"""Watermarks: where each lies on a picture, and how its pixels get there.

The geometry (`placed`) is in pixels of the finished picture, and needs no image.
"""

import math
from typing import NamedTuple

from PIL import Image

from jobs.images.turns import Box, Size
from jobs.recipes.keys import Watermark
from jobs.recipes.shapes import inside, place
from worker.images.looks.scaling import CLEAR, scaled


class Laid(NamedTuple):
    """A watermark on a picture: the sides to which it is scaled, and the left edges and tops of its copies. A copy may
    reach outside of the picture."""

    size: Size
    lefts: range
    tops: range


def laid(image: Image.Image, asked: Watermark, mark: Image.Image) -> Image.Image:
    """The image with a watermark (RGBA) over it."""
    where = placed(asked, Size(*mark.size), Size(*image.size))
    mark = _faint(scaled(mark, Box(0, 0, *mark.size), where.size), asked.opacity)
    if asked.tile:
        mark = _repeated(mark, where, image.size)
        where = Laid(Size(*image.size), range(1), range(1))
    marked = image.convert("RGBA")
    _lay(marked, mark, where.lefts[0], where.tops[0])
    return marked if image.mode in ("LA", "RGBA") else marked.convert("RGB")


def placed(asked: Watermark, mark: Size, picture: Size) -> Laid:
    """How a watermark with these sides lies on a picture of sides `picture`."""
    size = _scaled(asked, mark, picture)
    left, top = place(asked.gravity, picture.width - size.width, picture.height - size.height, round_up=1)
    x, y = (_pixels(distance, side) for distance, side in zip(asked.offset, picture, strict=True))
    left += -x if "east" in asked.gravity else x
    top += -y if "south" in asked.gravity else y
    if not asked.tile:
        return Laid(size, range(left, left + 1), range(top, top + 1))
    across, down = size.width + asked.spacing[0], size.height + asked.spacing[1]
    lefts = _tiles(left, across, picture.width, size.width)
    return Laid(size, lefts, _tiles(top, down, picture.height, size.height))


def _scaled(asked: Watermark, mark: Size, picture: Size) -> Size:
    """The sides of the mark: `scale` of the largest that fits, or its own, if these fit."""
    if asked.scale is None:
        return inside(mark, picture)
    by = asked.scale * min(picture.width / mark.width, picture.height / mark.height)
    width, height = (max(1, math.floor(side * by + 0.5)) for side in mark)
    return Size(min(width, picture.width), min(height, picture.height))


def _pixels(distance: float, side: int) -> int:
    """An offset in pixels: below 1 it is a fraction of the picture's side."""
    return math.floor(distance * (side if abs(distance) < 1 else 1) + 0.5)


def _tiles(start: int, step: int, end: int, length: int) -> range:
    """The places in steps from `start` both ways that show something between 0 and `end`."""
    first = start - (start + length - 1) // step * step
    return range(first, end, step)


def _faint(mark: Image.Image, opacity: float) -> Image.Image:
    if opacity == 1:
        return mark
    faint = mark.copy()
    faint.putalpha(mark.getchannel("A").point([round(value * opacity) for value in range(256)]))
    return faint


def _repeated(mark: Image.Image, where: Laid, size: tuple[int, int]) -> Image.Image:
    """A layer of this `size` with all copies of a mark: first a row of them, then rows."""
    row = Image.new("RGBA", (size[0], mark.height), CLEAR)
    for left in where.lefts:
        row.paste(mark, (left, 0))
    layer = Image.new("RGBA", size, CLEAR)
    for top in where.tops:
        layer.paste(row, (0, top))
    return layer


def _lay(image: Image.Image, mark: Image.Image, left: int, top: int) -> None:
    """Blend a mark over an RGBA image. What is outside of the image is cut off."""
    cut = max(0, -left), max(0, -top), min(mark.width, image.width - left), min(mark.height, image.height - top)
    if cut[2] > cut[0] and cut[3] > cut[1]:
        image.alpha_composite(mark, (max(0, left), max(0, top)), cut)
