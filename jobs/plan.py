"""The plan of an image's renditions: sides, boxes, decode scale, and what derives from what.

Pure geometry: knows a recipe, the stored sides and the orientation, and no pixels. The worker carries
it out, web explains it. Everything that can be is said in the pixels as stored, so one decoded image,
not yet turned, serves all renditions and only the small results are turned.
"""

import math
from typing import NamedTuple

from jobs.errors import ImageFault
from jobs.limits import OUTPUT_PIXELS_MAX, SIDE_MAX
from jobs.recipe import Recipe, RenditionSpec
from jobs.turns import ORIENTATIONS, QUARTERS, WHOLE, Box, Size, Turn

DERIVE_RATIO_MIN = 1.4
"""A rendition derives from another that is larger by this at least: nearer ones would soften it
(SSIM 0.994 at 1.5 against full-size LANCZOS, where a direct resize has 0.996)."""

JPEG_SCALES: tuple[int, ...] = (8, 4, 2, 1)
"""The decoder makes a JPEG 1/8, 1/4, 1/2 in its inverse DCT, the sides rounded up."""
FULL_SCALE: tuple[int, ...] = (1,)
ANY_SCALE: tuple[int, ...] = ()
"""The decoder makes it exactly as small as the largest rendition is, the sides rounded."""
SCALE_MIN = 1.5
"""Nearer to its full size it averages too coarsely."""


class Tilt(NamedTuple):
    """A rotation that is not by right angles: done on the turned pixels, before the resize.

    Rotate by `degrees` clockwise (the corners transparent), then `turn` (flip and flop), then make
    `window` (fractions of the tilted sides) `size` large.
    """

    degrees: float
    turn: Turn
    window: Box
    size: Size


class Canvas(NamedTuple):
    """What `contain` pads to: sides, and where the picture lies in it."""

    size: Size
    left: int
    top: int


class Shape(NamedTuple):
    """What one rendition takes from the stored pixels, whatever it derives from.

    `box` of the stored pixels becomes `size`, then is turned. `shrink`: stored pixels per pixel of
    `size`, by axis, as asked (before the sides were rounded).
    """

    spec: RenditionSpec
    box: Box
    size: Size
    turn: Turn
    shrink: tuple[float, float]
    tilt: Tilt | None = None
    canvas: Canvas | None = None

    @property
    def sides(self) -> Size:
        """The sides of the output."""
        if self.canvas:
            return self.canvas.size
        return self.tilt.size if self.tilt else self.turn.size(self.size)


class Derivation(NamedTuple):
    """One step: `box` of the pixels of `parent` (a name; None: the decoded image) become the shape."""

    shape: Shape
    parent: str | None
    box: Box


class Plan(NamedTuple):
    """Decode at 1/`scale`, then derive in this order: largest first, parents before children."""

    scale: float
    steps: tuple[Derivation, ...]


def plan(
    recipe: Recipe, stored: Size, orientation: int, scales: tuple[int, ...] = FULL_SCALE, *, chained: bool = True
) -> Plan:
    """The plan for an image of `stored` sides and EXIF `orientation` (0 to 8).

    `scales` are those that the decoder offers, largest first, or ANY_SCALE. Not `chained`: each rendition is made of
    the decoded image, as those of an animation are, whose frames pass one by one. Raises ImageFault `operation_failed`
    where the recipe asks what this image cannot give.
    """
    shapes = [shape(spec, stored, orientation) for spec in recipe.renditions]
    scale = decode_scale(shapes, scales)
    shapes.sort(key=lambda one: -one.size.width * one.size.height)
    decoded = scaled(stored, scale)
    grid = (stored.width / decoded.width, stored.height / decoded.height) if scales == ANY_SCALE else (scale, scale)
    steps = tuple(_derive(one, shapes[:index] if chained else [], scale, grid) for index, one in enumerate(shapes))
    return Plan(scale, steps)


def shape(spec: RenditionSpec, stored: Size, orientation: int) -> Shape:
    """What `spec` takes from an image of `stored` sides."""
    upright = ORIENTATIONS[orientation]
    region, sides = _region(spec, stored, upright)
    quarters, remainder = divmod(spec.rotate, 90)
    flips = Turn(mirror=spec.flop, flip=spec.flip)
    if remainder:
        return _tilted(spec, region, sides, upright, flips)
    quarter = QUARTERS[int(quarters)]
    turn = upright.then(quarter).then(flips)
    window, size, shrink = _fit(spec, quarter.size(sides))
    box = region.part(turn.undo(window))
    shrink = (shrink[1], shrink[0]) if turn.swap else shrink
    return _checked(Shape(spec, box, turn.size(size), turn, shrink, canvas=_canvas(spec, size)))


def resized(spec: RenditionSpec, size: Size) -> tuple[Size, tuple[float, float]]:
    """The sides that `size` is scaled to before any cut or padding, and the shrink by axis.

    As sharp does it (its ResolveShrink): the shrink of the ruling side serves both, never below 1
    without `enlarge`, and sides round half up to at least 1.
    """
    x, y = size.width / (spec.width or size.width), size.height / (spec.height or size.height)
    if spec.fit != "fill":
        if not (spec.width and spec.height):
            x = y = x if spec.width else y
        elif spec.fit in ("cover", "outside"):
            x = y = min(x, y)
        else:
            x = y = max(x, y)
    if not spec.enlarge:
        x, y = max(1.0, x), max(1.0, y)
    x, y = min(x, size.width), min(y, size.height)
    return Size(_half_up(size.width / x), _half_up(size.height / y)), (x, y)


def place(gravity: str, free_x: int, free_y: int, *, round_up: int) -> tuple[int, int]:
    """Left and top of what lies in a frame with this much room; sharp's centre rounds up for a cut and an overlay."""
    left = 0 if "west" in gravity else free_x if "east" in gravity else (free_x + round_up) // 2
    top = 0 if "north" in gravity else free_y if "south" in gravity else (free_y + round_up) // 2
    return left, top


def inside(size: Size, frame: Size) -> Size:
    """`size`, scaled down where it does not fit into `frame`."""
    spec = RenditionSpec(name="inside", width=frame.width, height=frame.height)
    return resized(spec, size)[0]


def decode_scale(shapes: list[Shape], scales: tuple[int, ...]) -> float:
    """The largest of `scales` at which no rendition has to be enlarged from the decoded pixels."""
    shrinks = [min(one.shrink) for one in shapes]
    least = min(shrinks)
    if scales == ANY_SCALE:
        near = any(least < shrink < least * DERIVE_RATIO_MIN for shrink in shrinks)
        scale = least / DERIVE_RATIO_MIN if near else least
        return scale if scale >= SCALE_MIN else 1
    return next((scale for scale in scales if scale <= least), 1)


def scaled(stored: Size, scale: float) -> Size:
    """The sides that a decoder of any scale gives at 1/`scale`."""
    return Size(max(1, round(stored.width / scale)), max(1, round(stored.height / scale)))


def _derive(one: Shape, larger: list[Shape], scale: float, grid: tuple[float, float]) -> Derivation:
    """The step of `one` from the smallest of `larger` that serves it, or from the decoded image, of which a
    pixel is `grid` stored ones wide and high."""
    able = [other for other in larger if _serves(other, one, scale)]
    x, y = grid
    decoded = Box(one.box.left / x, one.box.top / y, one.box.right / x, one.box.bottom / y)
    if one.tilt:
        natural = Size(math.ceil(decoded.right - decoded.left), math.ceil(decoded.bottom - decoded.top))
        return Derivation(one._replace(size=natural), None, decoded)
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


def _serves(parent: Shape, child: Shape, scale: float) -> bool:
    """Whether `child` may be made from the pixels of `parent` without visible loss."""
    if parent.tilt or child.tilt or not parent.box.contains(child.box):
        return False
    if parent.box == child.box and parent.size == child.size:
        return True
    unlarged = min(parent.shrink) >= scale
    return unlarged and all(
        small / large >= DERIVE_RATIO_MIN for small, large in zip(child.shrink, parent.shrink, strict=True)
    )


def _region(spec: RenditionSpec, stored: Size, upright: Turn) -> tuple[Box, Size]:
    """The stored pixels that the crop leaves, and their sides when upright."""
    width, height = seen = upright.size(stored)
    if spec.crop is None:
        return Box(0, 0, *stored), seen
    crop = spec.crop
    if crop.left + crop.width > width or crop.top + crop.height > height:
        raise _fault(spec, f"its crop reaches outside of the image's {width} x {height} pixels")
    part = Box(
        crop.left / width, crop.top / height, (crop.left + crop.width) / width, (crop.top + crop.height) / height
    )
    return Box(0, 0, *stored).part(upright.undo(part)), Size(crop.width, crop.height)


def _tilted(spec: RenditionSpec, region: Box, sides: Size, upright: Turn, flips: Turn) -> Shape:
    radians = math.radians(spec.rotate)
    cos, sin = abs(math.cos(radians)), abs(math.sin(radians))
    tilted = Size(
        math.ceil(sides.width * cos + sides.height * sin - 1e-9),
        math.ceil(sides.width * sin + sides.height * cos - 1e-9),
    )
    window, size, shrink = _fit(spec, tilted)
    tilt = Tilt(spec.rotate, flips, window, size)
    both = (min(shrink), min(shrink))
    return _checked(Shape(spec, region, upright.size(sides), upright, both, tilt, _canvas(spec, size)))


def _fit(spec: RenditionSpec, size: Size) -> tuple[Box, Size, tuple[float, float]]:
    """What `cover` leaves of `size` (as fractions), the sides that it gets, and the shrink by axis."""
    whole, shrink = resized(spec, size)
    if spec.fit != "cover" or not (spec.width and spec.height):
        return WHOLE, whole, shrink
    cut = Size(min(spec.width, whole.width), min(spec.height, whole.height))
    left, top = place(spec.gravity, whole.width - cut.width, whole.height - cut.height, round_up=1)
    window = Box(
        left / whole.width, top / whole.height, (left + cut.width) / whole.width, (top + cut.height) / whole.height
    )
    return window, cut, shrink


def _canvas(spec: RenditionSpec, size: Size) -> Canvas | None:
    asked = Size(spec.width or size.width, spec.height or size.height)
    if spec.fit != "contain" or size == asked:
        return None
    left, top = place(spec.gravity, asked.width - size.width, asked.height - size.height, round_up=0)
    return Canvas(asked, left, top)


def _checked(one: Shape) -> Shape:
    width, height = one.sides
    if max(width, height) > SIDE_MAX or width * height > OUTPUT_PIXELS_MAX:
        raise _fault(one.spec, f"{width} x {height} pixels pass {SIDE_MAX} a side or {OUTPUT_PIXELS_MAX} in all")
    return one


def _half_up(side: float) -> int:
    return max(1, math.floor(side + 0.5))


def _fault(spec: RenditionSpec, detail: str) -> ImageFault:
    return ImageFault(f"rendition {spec.name!r}: {detail}", code="operation_failed")
