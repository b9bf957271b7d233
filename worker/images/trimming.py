"""Finds the part of an image that its borders leave: those of one colour, or transparent ones.

Owns the meaning of `trim`. Works on strips, so it needs little memory beside the image. Knows no plan.
"""

from collections.abc import Collection, Iterable, Iterator

from PIL import Image, ImageChops, ImageColor, ImageFilter

from jobs.images.turns import Box, Size, Turn
from jobs.recipes.keys import Crop, Trim

STRIP_PIXELS = 500_000
"""Pixels that are looked at together: some 10 MB of memory."""
SIDE_MIN = 3
"""A picture with a smaller side is never trimmed, as with libvips."""
_MOST = [0] * 128 + [255] * 128
"""Of a mean over 3 x 3 pixels of 0 and 255: whether most are 255."""

Bounds = tuple[int, int, int, int]
"""Left, top, right and bottom."""


def measured(pictures: Iterable[Image.Image], trims: Collection[Trim], stored: Size, upright: Turn) -> dict[Trim, Crop]:
    """The part of the upright image that each trim leaves of all `pictures` together. The first one tells the colour of
    the corner. A trim is missing if it leaves nothing, or if the picture is too small."""
    found: dict[Trim, Bounds | None] = dict.fromkeys(trims)
    backgrounds: dict[Trim, tuple[int, int, int, int]] = {}
    for picture in pictures:
        for trim in trims:
            background = backgrounds.setdefault(trim, background_of(picture, trim, upright))
            found[trim] = united(found[trim], content(picture, trim, background))
    parts = ((trim, left_by(trim, bounds, stored, upright)) for trim, bounds in found.items())
    return {trim: part for trim, part in parts if part is not None}


def background_of(image: Image.Image, trim: Trim, upright: Turn) -> tuple[int, int, int, int]:
    """The colour that is cut off (RGBA): as asked, or that of the left upper corner of the upright picture."""
    if trim.background:
        colour = ImageColor.getcolor(trim.background, "RGBA")
        assert isinstance(colour, tuple)
        red, green, blue, alpha = colour
        return red, green, blue, alpha
    corner = upright.undo(Box(0, 0, 0, 0))
    at = int(corner.left) * (image.width - 1), int(corner.top) * (image.height - 1)
    red, green, blue, alpha = image.crop((*at, at[0] + 1, at[1] + 1)).convert("RGBA").tobytes()
    return red, green, blue, alpha


def content(image: Image.Image, trim: Trim, background: tuple[int, int, int, int]) -> Bounds | None:
    """The bounds of the pixels (as stored) that differ from the background; None if none does."""
    found: Bounds | None = None
    for top, bottom in _strips(image):
        above, below = min(top, 1), min(image.height - bottom, 1)
        strip = image.crop((0, top - above, image.width, bottom + below))
        mask = _differing(strip, trim, background).crop((0, above, image.width, above + bottom - top))
        if bounds := mask.getbbox():
            found = united(found, (bounds[0], bounds[1] + top, bounds[2], bounds[3] + top))
    return found


def united(one: Bounds | None, other: Bounds | None) -> Bounds | None:
    """The bounds of both."""
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def left_by(trim: Trim, found: Bounds | None, stored: Size, upright: Turn) -> Crop | None:
    """The part of the upright image that a trim leaves, if the content has these bounds in the stored pixels. None: the
    image stays whole, because it is empty, or too small."""
    if found is None or min(stored) < SIDE_MIN:
        return None
    sides = upright.size(stored)
    x, y = stored
    part = upright.do(Box(found[0] / x, found[1] / y, found[2] / x, found[3] / y))
    left, top, right, bottom = (round(edge) for edge in Box(0, 0, *sides).part(part))
    left, top = max(0, left - trim.margin), max(0, top - trim.margin)
    right, bottom = min(sides.width, right + trim.margin), min(sides.height, bottom + trim.margin)
    if trim.equal:
        left = min(left, sides.width - right)
        top = min(top, sides.height - bottom)
        right, bottom = sides.width - left, sides.height - top
    return Crop(left, top, right - left, bottom - top)


def _strips(image: Image.Image) -> Iterator[tuple[int, int]]:
    """The rows of the image in strips: the first of each, and that behind its last. (Each is looked at with the row
    above and the row below.)"""
    rows = max(1, STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield top, min(image.height, top + rows)


def _differing(strip: Image.Image, trim: Trim, background: tuple[int, int, int, int]) -> Image.Image:
    """A mask of the pixels that differ by more than the threshold. Unless it is line art, pixels that are alone in
    their neighbourhood of 3 x 3 do not count."""
    colours, masks = strip.convert("RGB"), []
    if strip.mode in ("LA", "RGBA"):
        whole = strip.convert("RGBA")
        flat = Image.new("RGBA", strip.size, (*background[:3], 255))
        colours = Image.alpha_composite(flat, whole).convert("RGB")
        masks.append(_beyond(whole.getchannel("A"), background[3], trim.threshold))
    masks += [
        _beyond(channel, level, trim.threshold) for channel, level in zip(colours.split(), background[:3], strict=True)
    ]
    mask = masks[0]
    for other in masks[1:]:
        mask = ImageChops.lighter(mask, other)
    return mask if trim.line_art else mask.filter(ImageFilter.BoxBlur(1)).point(_MOST)


def _beyond(channel: Image.Image, level: int, threshold: float) -> Image.Image:
    return channel.point([255 if abs(value - level) > threshold else 0 for value in range(256)])
