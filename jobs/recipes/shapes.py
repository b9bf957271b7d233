"""One rendition of an image: its sides, and its part of the stored pixels, whatever it derives from.

Pure geometry: knows a rendition's keys, the stored sides and the orientation, and no pixels. It uses the pixels as
stored wherever possible: only the small result is turned. jobs/recipes/plan.py combines the renditions.
"""

import math
from typing import NamedTuple

import msgspec

from jobs.errors import ImageFault
from jobs.images.turns import ORIENTATIONS, QUARTERS, WHOLE, Box, Size, Turn
from jobs.limits import OUTPUT_PIXELS_MAX, SIDE_MAX
from jobs.recipes.expand import edges, ratio_of
from jobs.recipes.keys import CUTS, RenditionSpec, Trim
from jobs.recipes.measured import UNMEASURED, Measured, seeking, trimmed
from jobs.recipes.values import attention
from jobs.recipes.values.attention import Grid


class Tilt(NamedTuple):
    """A rotation by another angle than right ones: it is done on the turned pixels, before the resize.

    Rotate by `degrees` clockwise (the corners transparent), which makes `canvas`, then `turn` (flip and flop), then
    make `window` (fractions of the canvas) `size` large.
    """

    degrees: float
    turn: Turn
    window: Box
    size: Size
    canvas: Size


class Canvas(NamedTuple):
    """The canvas of `contain`: its sides, and the picture's place in it."""

    size: Size
    left: int
    top: int


class Shape(NamedTuple):
    """The part of the stored pixels that one rendition shows, whatever it derives from.

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
        width, height = self.inner
        top, right, bottom, left = edges(self.spec.padding)
        return Size(left + width + right, top + height + bottom)

    @property
    def inner(self) -> Size:
        """The sides of the output without its padding."""
        if self.canvas:
            return self.canvas.size
        return self.tilt.size if self.tilt else self.turn.size(self.size)


def shape(spec: RenditionSpec, stored: Size, orientation: int, measured: Measured = UNMEASURED) -> Shape:
    """The shape of `spec` for an image of `stored` sides, of whose pixels this was `measured`."""
    if isinstance(spec.trim, Trim):
        spec = msgspec.structs.replace(spec, crop=trimmed(spec, measured))
    upright = ORIENTATIONS[orientation]
    region, sides = _region(spec, stored, upright)
    kind = seeking(spec) if measured.grids else None
    grid = measured.grids.get((kind, spec.crop)) if kind else None
    quarters, remainder = divmod(spec.rotate, 90)
    flips = Turn(mirror=spec.flop, flip=spec.flip)
    if remainder:
        return _tilted(spec, region, sides, upright.size(stored), upright, flips, grid)
    quarter = QUARTERS[int(quarters)]
    turn = upright.then(quarter).then(flips)
    spec = _with_sides(spec, quarter.size(sides))
    focus = quarter.then(flips).do(_focus(spec, seen=upright.size(stored))) if spec.focus else None
    grid = attention.turned(grid, quarter.then(flips)) if grid else None
    window, size, shrink = _fit(spec, quarter.size(sides), focus, grid)
    box = region.part(turn.undo(window))
    shrink = (shrink[1], shrink[0]) if turn.swap else shrink
    return _checked(Shape(spec, box, turn.size(size), turn, shrink, canvas=_canvas(spec, size)))


def tilted(one: Shape, size: Size) -> Shape:
    """The tilted `one`, made of pixels of this `size`. Raises ImageFault if they would fill too large a canvas."""
    assert one.tilt is not None
    width, height = canvas = _around(one.turn.size(size), one.tilt.degrees)
    if width * height > OUTPUT_PIXELS_MAX:
        filled = f"{size.width} x {size.height} pixels fill {width} x {height}"
        raise _fault(one.spec, f"turned by {one.tilt.degrees:g} degrees its {filled}, {OUTPUT_PIXELS_MAX} are allowed")
    return one._replace(size=size, tilt=one.tilt._replace(canvas=canvas))


def shown(one: Shape, stored: Size, orientation: int) -> tuple[float, float, float, float]:
    """The part of the upright image that a rendition shows: left, top, width and height in its pixels, to hundredths.
    Of a tilted picture: the part that was tilted."""
    upright = ORIENTATIONS[orientation]
    sides = upright.size(stored)
    (left, top, right, bottom), (x, y) = one.box, stored
    part = Box(0, 0, *sides).part(upright.do(Box(left / x, top / y, right / x, bottom / y)))
    left, top, right, bottom = (round(edge, 2) + 0.0 for edge in part)  # never -0.0
    return left, top, round(right - left, 2), round(bottom - top, 2)


def resized(spec: RenditionSpec, size: Size) -> tuple[Size, tuple[float, float]]:
    """The sides that `size` is scaled to before any cut or padding, and the shrink by axis.

    As sharp does it (its ResolveShrink): the shrink of the ruling side serves both, never below 1
    without `enlarge`, and sides round half up to at least 1.
    """
    x, y = size.width / (spec.width or size.width), size.height / (spec.height or size.height)
    if spec.fit != "fill":
        if not (spec.width and spec.height):
            x = y = x if spec.width else y
        elif spec.fit in (*CUTS, "outside"):
            x = y = min(x, y)
        else:
            x = y = max(x, y)
    if not spec.enlarge:
        x, y = max(1.0, x), max(1.0, y)
    x, y = min(x, size.width), min(y, size.height)
    return Size(_half_up(size.width / x), _half_up(size.height / y)), (x, y)


def place(gravity: str, free_x: int, free_y: int, *, round_up: int) -> tuple[int, int]:
    """Left and top of a part in a frame with this much free room; sharp's centre rounds up for a cut and an overlay."""
    left = 0 if "west" in gravity else free_x if "east" in gravity else (free_x + round_up) // 2
    top = 0 if "north" in gravity else free_y if "south" in gravity else (free_y + round_up) // 2
    return left, top


def inside(size: Size, frame: Size) -> Size:
    """`size`, scaled down where it does not fit into `frame`."""
    spec = RenditionSpec(name="inside", width=frame.width, height=frame.height)
    return resized(spec, size)[0]


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


def _tilted(
    spec: RenditionSpec, region: Box, sides: Size, seen: Size, upright: Turn, flips: Turn, grid: Grid | None
) -> Shape:
    canvas = _around(sides, spec.rotate)
    spec = _with_sides(spec, canvas)
    point = _tilted_point(_focus(spec, seen), sides, canvas, math.radians(spec.rotate)) if spec.focus else None
    grid = attention.turned(attention.tilted(grid, sides, canvas, spec.rotate), flips) if grid else None
    window, size, shrink = _fit(spec, canvas, point and flips.do(point), grid)
    tilt = Tilt(spec.rotate, flips, window, size, canvas)
    both = (min(shrink), min(shrink))
    return _checked(Shape(spec, region, upright.size(sides), upright, both, tilt, _canvas(spec, size)))


def _around(sides: Size, degrees: float) -> Size:
    """The sides of what a picture fills when it is turned by this angle."""
    radians = math.radians(degrees)
    cos, sin = abs(math.cos(radians)), abs(math.sin(radians))
    return Size(
        math.ceil(sides.width * cos + sides.height * sin - 1e-9),
        math.ceil(sides.width * sin + sides.height * cos - 1e-9),
    )


def has_ratio(made: Shape) -> bool:
    """Whether a picture has the ratio of the box that was asked, as near as whole pixels allow. One that is too small
    and not enlarged may lack it, by `cover` or `fill`."""
    spec, sides = made.spec, made.inner
    if spec.fit not in ("cover", "fill") or not (spec.width and spec.height):
        return True
    scale = min(sides.width / spec.width, sides.height / spec.height)
    return abs(sides.width - spec.width * scale) < 1 and abs(sides.height - spec.height * scale) < 1


def _with_sides(spec: RenditionSpec, size: Size) -> RenditionSpec:
    """`spec` with the sides that its ratio means for a picture of `size`: the largest part of it, or (with `contain`)
    the smallest canvas around it."""
    if spec.ratio is None:
        return spec
    ratio, grows = ratio_of(spec.ratio), spec.fit == "contain"
    wide = size.width > size.height * ratio
    if wide == grows:  # the width stays
        width, height = size.width, max(1, _half_up(float(size.width / ratio)))
    else:
        width, height = max(1, _half_up(float(size.height * ratio))), size.height
    return msgspec.structs.replace(spec, width=width, height=height)


def _focus(spec: RenditionSpec, seen: Size) -> Box:
    """The focus, as a box without sides, in fractions of what the crop leaves of the upright image of sides `seen`. A
    focus outside of it counts as its nearest point."""
    x, y = spec.focus or (0.5, 0.5)
    if spec.crop:
        x = min(1.0, max(0.0, (x * seen.width - spec.crop.left) / spec.crop.width))
        y = min(1.0, max(0.0, (y * seen.height - spec.crop.top) / spec.crop.height))
    return Box(x, y, x, y)


def _tilted_point(point: Box, sides: Size, tilted: Size, radians: float) -> Box:
    """Where a point of a picture is after the picture was turned around its middle, as fractions of the sides then."""
    x, y = (point.left - 0.5) * sides.width, (point.top - 0.5) * sides.height
    cos, sin = math.cos(radians), math.sin(radians)
    x, y = (x * cos - y * sin) / tilted.width + 0.5, (x * sin + y * cos) / tilted.height + 0.5
    return Box(x, y, x, y)


def _fit(
    spec: RenditionSpec, size: Size, focus: Box | None, grid: Grid | None
) -> tuple[Box, Size, tuple[float, float]]:
    """The part of `size` that a cut leaves (as fractions), the sides that it gets, and the shrink by axis. `grid`: its
    samples, if the cut looks for something."""
    whole, shrink = resized(spec, size)
    if spec.fit not in CUTS or not (spec.width and spec.height):
        return WHOLE, whole, shrink
    cut = _cut(spec, Size(spec.width, spec.height), whole)
    free = whole.width - cut.width, whole.height - cut.height
    if grid is not None and (kind := seeking(spec)):
        left, top = attention.best(kind, grid, whole, cut)
    elif focus is None:
        left, top = place(spec.gravity, *free, round_up=1)
    else:
        left = min(free[0], max(0, _half_up(focus.left * whole.width - cut.width / 2)))
        top = min(free[1], max(0, _half_up(focus.top * whole.height - cut.height / 2)))
    window = Box(
        left / whole.width, top / whole.height, (left + cut.width) / whole.width, (top + cut.height) / whole.height
    )
    return window, cut, shrink


def _cut(spec: RenditionSpec, asked: Size, whole: Size) -> Size:
    """The sides that a cut leaves of `whole`: those that are `asked`, as far as they are there. `cover-down` keeps
    their ratio."""
    scale = min(1.0, whole.width / asked.width, whole.height / asked.height) if spec.fit == "cover-down" else 1.0
    width, height = (max(1, _half_up(side * scale)) for side in asked)
    return Size(min(width, whole.width), min(height, whole.height))


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
    return math.floor(side + 0.5)


def _fault(spec: RenditionSpec, detail: str) -> ImageFault:
    return ImageFault(f"rendition {spec.name!r}: {detail}", code="operation_failed")
