"""The plan of an image's renditions together: the scale to decode at, their order, and what derives from what.

Pure geometry: knows a recipe, the stored sides and the orientation, and no pixels. The worker carries it out, web
explains it. One decoded image, not yet turned, serves all renditions; jobs/recipes/shapes.py owns the part that each
of them takes.
"""

import math
from typing import NamedTuple

import msgspec

from jobs.images.facts import SAMPLE_SIDE
from jobs.images.turns import Box, Size
from jobs.recipes.measured import UNMEASURED, Measured, asks_pixels
from jobs.recipes.recipe import Recipe, RenditionSpec
from jobs.recipes.shapes import Shape, shape, tilted

DERIVE_RATIO_MIN = 1.4
"""A rendition derives from another one only if that is larger by this factor: a smaller factor would soften it
(SSIM 0.994 at 1.5 against full-size LANCZOS; a direct resize has 0.996)."""

JPEG_SCALES: tuple[int, ...] = (8, 4, 2, 1)
"""The decoder scales a JPEG to 1/8, 1/4 or 1/2 in its inverse DCT. Sides are rounded up, never down."""
FULL_SCALE: tuple[int, ...] = (1,)


def by_page(recipe: Recipe) -> list[tuple[int | None, Recipe]]:
    """The parts of a recipe that share a picture, each with its page (None: the file's main picture). Facts are of the
    main picture."""
    pages = dict.fromkeys(spec.page for spec in recipe.renditions)
    if len(pages) <= 1 and not (recipe.asks_facts and None not in pages):
        return [(next(iter(pages), None), recipe)]
    parts = [(None, msgspec.structs.replace(recipe, renditions=_of_page(recipe, None)))]
    others = [(page, Recipe(_of_page(recipe, page))) for page in pages if page is not None]
    return [*(parts if recipe.asks_facts or None in pages else ()), *others]


def _of_page(recipe: Recipe, page: int | None) -> tuple[RenditionSpec, ...]:
    return tuple(spec for spec in recipe.renditions if spec.page == page)


class Derivation(NamedTuple):
    """One step: `box` of the pixels of `parent` (a name; None: the decoded image) become the shape."""

    shape: Shape
    parent: str | None
    box: Box


class Plan(NamedTuple):
    """Decode at 1/`scale`, then derive in this order: largest first, parents before children."""

    scale: int
    steps: tuple[Derivation, ...]


def plan(
    recipe: Recipe,
    stored: Size,
    orientation: int,
    scales: tuple[int, ...] = FULL_SCALE,
    measured: Measured = UNMEASURED,
    *,
    chained: bool = True,
) -> Plan:
    """The plan for an image of `stored` sides and EXIF `orientation` (0 to 8).

    `scales` are those that the decoder offers, largest first. `measured` is what the pixels told. An image whose pixels
    are asked is decoded in full, and for facts not too small. If not `chained`, each rendition is made from the decoded
    image; an animation needs this, because its frames pass one by one. Raises ImageFault `operation_failed` if the
    recipe is impossible for this image.
    """
    shapes = [shape(spec, stored, orientation, measured) for spec in recipe.renditions]
    if any(asks_pixels(spec) for spec in recipe.renditions):
        scales = FULL_SCALE
    if recipe.asks_facts:
        scales = tuple(scale for scale in scales if scale * SAMPLE_SIDE <= max(stored))
    scale = decode_scale(shapes, tuple(scale for scale in scales if scale <= min(stored)))
    shapes.sort(key=lambda one: -one.size.width * one.size.height)
    steps = tuple(_derive(one, shapes[:index] if chained else [], scale) for index, one in enumerate(shapes))
    return Plan(scale, steps)


def decode_scale(shapes: list[Shape], scales: tuple[int, ...]) -> int:
    """The largest of `scales` at which no rendition has to be enlarged from the decoded pixels."""
    least = min((min(one.shrink) for one in shapes), default=math.inf)
    return next((scale for scale in scales if scale <= least), 1)


def _derive(one: Shape, larger: list[Shape], scale: int) -> Derivation:
    """The step of `one` from the smallest of `larger` that serves it, or from the image decoded at 1/`scale`."""
    decoded = Box(*(edge / scale for edge in one.box))
    if one.tilt:
        natural = Size(_whole(decoded.right - decoded.left), _whole(decoded.bottom - decoded.top))
        return Derivation(tilted(one, natural), None, decoded)
    able = [other for other in larger if _serves(other, one, scale)]
    if not able:
        return Derivation(one, None, decoded)
    parent = min(able, key=lambda other: other.size.width * other.size.height)
    x = parent.size.width / (parent.box.right - parent.box.left)
    y = parent.size.height / (parent.box.bottom - parent.box.top)
    left, top = parent.box.left, parent.box.top
    box = Box(
        (one.box.left - left) * x, (one.box.top - top) * y, (one.box.right - left) * x, (one.box.bottom - top) * y
    )
    return Derivation(one, parent.spec.name, box)


def _whole(side: float) -> int:
    """The pixels of a side, rounded up; but 61.00000000000001, from the arithmetic of a mirrored box, is 61."""
    return math.ceil(round(side, 6))


def _serves(parent: Shape, child: Shape, scale: int) -> bool:
    """Whether `child`, which is not tilted, may be made from the pixels of `parent` without visible loss."""
    if parent.tilt or parent.spec.profile != child.spec.profile or not parent.box.contains(child.box):
        return False
    if parent.box == child.box and parent.size == child.size:
        return True
    unlarged = min(parent.shrink) >= scale
    return unlarged and all(
        small / large >= DERIVE_RATIO_MIN for small, large in zip(child.shrink, parent.shrink, strict=True)
    )
