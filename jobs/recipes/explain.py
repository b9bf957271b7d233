"""Explains what a recipe will do to an image, from its head alone: the plan, its cost, and possible surprises.

Pure: the same plan that the worker carries out (jobs/recipes/plan.py), in words. For an animation it covers one
frame. The costs are estimates: rates that were measured on one core, times pixels.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import msgspec

from jobs.errors import ImageFault
from jobs.images.formats import WITH_METADATA, output_format
from jobs.images.head import Head
from jobs.images.turns import Size
from jobs.recipes.encoding import effort_of, idle, is_lossless, quality_of, vips_key
from jobs.recipes.keys import BARS, ENCODES_MAX, marks
from jobs.recipes.libraries import REDUCING_GAP
from jobs.recipes.measured import asks_pixels, seeking
from jobs.recipes.plan import FULL_SCALE, JPEG_SCALES, Derivation, Plan, by_page, plan
from jobs.recipes.recipe import Recipe, RenditionSpec
from jobs.recipes.shapes import Shape, shape

DECODE_MS = {"jpeg": 2.5, "png": 20.0, "webp": 7.0, "avif": 10.5, "gif": 7.5, "tiff": 2.5, "bmp": 2.8, "heic": 15.0}
"""CPU milliseconds for a million stored pixels. The rates were measured with a photograph, by Pillow 13 in a
worker (large pages, memory kept), on one core of a 2 GHz server. The extra `vips` needs less."""
JPEG_SCALE_MS = {8: 0.9, 4: 1.1, 2: 1.5, 1: DECODE_MS["jpeg"]}
REDUCE_MS, RESIZE_IN_MS, RESIZE_OUT_MS = 0.9, 4.7, 5.0
"""CPU milliseconds for a million pixels: of the source, reduced by whole numbers; of the rest, filtered; of the
output."""
TRIM_MS = 11.0
"""To find the borders, for a million pixels of the original. With alpha it is twice that."""
P3_MS = 19.0
"""To convert a million decoded pixels into Display P3."""
SEEK_MS = 4.0
"""To find the cut of `attention` or `entropy` in the samples of a picture, however large it is."""
PLACEHOLDER_MS = {"thumbhash": 2.0, "blurhash": 0.8, "lqip": 1.0}
INFO_MS, COLOURS_MS = 1.5, 1.0
"""Whatever the sides of the original are."""
ENCODE_MS = {"jpeg": 2.3, "png": 77.0, "webp": 55.0, "avif": 215.0, "gif": 79.0}
"""For a million pixels of the output, at quality 80."""
PALETTE_MS, PALETTE_COST = 130.0, 0.25
"""To find a palette for a million pixels of a photograph, and to use it; what the encoder then takes of the usual."""
LOSSLESS_COST = {"webp": 10.0, "avif": 2.7}
PROGRESSIVE_COST = 3.8
"""What a lossless file and a progressive JPEG cost, by what the plain encoder costs. Measured on 0.5 and 2 megapixels
of photographs."""
EFFORT_COST = {
    "png": (1.0, 1.0, 1.0, 1.4, 1.5, 2.1, 4.4, 6.2, 13.0, 16.0),
    "webp": (0.2, 0.2, 0.3, 0.4, 0.4, 1.0, 1.0, 1.0, 1.1, 1.9),
    "lossless webp": (0.4, 0.4, 0.7, 0.8, 0.8, 0.9, 1.0, 1.1, 1.5, 1.5),
    "avif": (0.1, 0.2, 0.3, 0.6, 1.0, 5.7, 7.3, 21.0, 34.0, 41.0),
}
"""What the efforts 0 to 9 cost, by what the default costs. Measured on half a megapixel of sample.jpg."""
VIPS_COST: dict[str | None, float] = {"jpeg.trellis": 3.5, "webp.near_lossless": 23.0, "webp.smart_subsample": 2.3}
"""What these options cost, by what the plain encoder costs. Measured on an eighth of a megapixel of sample.jpg."""
DECODER_BYTES = 45_000_000
"""The memory of a warm, idle decoder."""
ANIMATIONS_READ = frozenset({"gif", "webp", "png", "avif"})
UNKNOWN_SIZE = Size(3000, 2000)
PIXEL_BYTES = 4
"""Of a picture in memory, whatever its mode but gray."""
ENCODER_BYTES = {"jpeg": 1, "png": 1, "webp": 6, "avif": 20, "gif": 4}
"""An encoder takes this much beside the picture, for each pixel."""
_KINDS = (1, 6)
"""One orientation of each kind: upright and on its side."""


class Rate(NamedTuple):
    """CPU milliseconds of an operation for a million of its `pixels`. `pixels`: None where it is not asked for."""

    ms: float
    pixels: Callable[[Shape], Size | None]


def _times(size: Size, number: int) -> Size | None:
    """So many times the pixels of `size`."""
    return Size(size.width * number, size.height) if number else None


OPERATION_RATES: dict[str, Rate | None] = {
    "turn": None,
    "tilt": Rate(75.0, lambda made: made.tilt.canvas if made.tilt else None),
    "pad": Rate(13.0, lambda made: made.inner if made.canvas and made.spec.background in BARS else None),
    "grayscale": None,
    "median": Rate(28.0, lambda made: _times(made.sides, (made.spec.median or 0) ** 2)),
    "threshold": None,
    "blur": Rate(44.0, lambda made: made.sides if made.spec.blur else None),
    "modulate": Rate(31.0, lambda made: made.sides if made.spec.modulate else None),
    "sharpen": Rate(38.0, lambda made: made.sides if made.spec.sharpen else None),
    "gamma": None,
    "linear": None,
    "normalise": Rate(45.0, lambda made: made.sides if made.spec.normalise else None),
    "tint": Rate(28.0, lambda made: made.sides if made.spec.tint else None),
    "negate": None,
    "pixelate": None,
    "radius": None,
    "padding": Rate(13.0, lambda made: made.sides if made.spec.padding and made.spec.background in BARS else None),
    "background": None,
    "watermark": Rate(
        16.0, lambda made: made.sides if any(each.tile or each.scale for each in marks(made.spec)) else None
    ),
}
"""A row for each operation of AFTER_RESIZE (worker/images/operations.py), in its order. None: a few milliseconds at
most, which are not counted. The rates belong to the machine of DECODE_MS. To measure a new one elsewhere, time its
function beside `blur` on an RGB photograph of a million pixels, and scale both so that `blur` has its rate here."""


class Expected(msgspec.Struct, frozen=True):
    """Estimates, in the words of a job's cost."""

    cpu_ms: float
    peak_bytes: int


class Decode(msgspec.Struct, frozen=True):
    """The size at which the original is decoded: 1/`scale` (for a JPEG in its inverse DCT)."""

    scale: int
    width: int
    height: int


class Part(msgspec.Struct, frozen=True):
    """A box in pixels of its source, as stored: before it is turned."""

    left: float
    top: float
    width: float
    height: float


class Warned(msgspec.Struct, frozen=True):
    """A possible surprise. `code`: would_enlarge, enlarged, key_without_effect."""

    rendition: str
    code: str
    detail: str


class Explained(msgspec.Struct, frozen=True):
    """One rendition; `derived_from` is another's name, or null: the decoded original. If only the pixels tell the box,
    or the sides too, they are null, and `measured` says why: trim, attention, entropy. The cost of a trimmed rendition
    is then that of the whole image."""

    name: str
    format: str
    width: int | None
    height: int | None
    derived_from: str | None
    box: Part | None
    cpu_ms: float
    measured: list[str] = []


class Explanation(msgspec.Struct, frozen=True):
    """The plan, in the order in which the renditions will land."""

    decode: Decode
    renditions: list[Explained]
    expected: Expected
    warnings: list[Warned]


def explain(recipe: Recipe, head: Head, orientation: int) -> Explanation:
    """The plan of `recipe` for an image of this head and EXIF orientation. Raises ImageFault as `plan` does."""
    stored = Size(head.width, head.height)
    parts = _planned(recipe, stored, orientation, head.format)
    steps = [step for part in parts for step in part.plan.steps]
    scale = int(parts[0].plan.scale)
    decoded = _decoded(stored, scale)
    renditions = [_explained(step, head.format) for step in steps]
    most = max((_working_bytes(step, head.format) for step in steps), default=0)
    peak_bytes = DECODER_BYTES + PIXEL_BYTES * decoded.width * decoded.height + most
    warnings = [found for spec in recipe.renditions for found in _warnings(spec, stored, orientation, head.format)]
    expected = Expected(round(_cpu_ms(parts, stored, head.format), 1), peak_bytes)
    return Explanation(Decode(scale, *decoded), renditions, expected, warnings)


@lru_cache(maxsize=4096)
def cost_ms(recipe: Recipe, format: str, width: int, height: int, orientation: int = 0) -> float:
    """The expected CPU milliseconds of a job. If the head did not tell the sides, those of a photograph are assumed. If
    nobody knows the orientation (0), it is the larger cost of both kinds. 0 if the recipe is impossible for this image:
    the job fails at once. Cached, since uploads have few recipes and sides."""
    stored = Size(width, height) if width and height else UNKNOWN_SIZE
    return max(_cost_ms(recipe, format, stored, each) for each in ((orientation,) if orientation else _KINDS))


def _cost_ms(recipe: Recipe, format: str, stored: Size, orientation: int) -> float:
    try:
        return _cpu_ms(_planned(recipe, stored, orientation, format), stored, format)
    except ImageFault:
        return 0.0


class _Planned(NamedTuple):
    """The plan of those renditions that show one picture of the file."""

    page: int | None
    recipe: Recipe
    plan: Plan


def _planned(recipe: Recipe, stored: Size, orientation: int, format: str) -> list[_Planned]:
    scales = JPEG_SCALES if format == "jpeg" else FULL_SCALE
    return [_Planned(page, part, plan(part, stored, orientation, scales)) for page, part in by_page(recipe)]


def _cpu_ms(parts: list[_Planned], stored: Size, format: str) -> float:
    return sum(_part_ms(part, stored, format) for part in parts)


def _part_ms(part: _Planned, stored: Size, format: str) -> float:
    """The milliseconds of the renditions of one picture. The frames before a page of an animation are decoded, too."""
    rate = JPEG_SCALE_MS[int(part.plan.scale)] if format == "jpeg" else DECODE_MS[format]
    if part.page and format in ANIMATIONS_READ:
        rate *= 1 + part.page
    made = sum(_explained(step, format).cpu_ms for step in part.plan.steps)
    decoded = _decoded(stored, part.plan.scale)
    made += _facts_ms(part.recipe, decoded) + _space_ms(part.recipe) * _millions(decoded)
    return rate * _millions(stored) + _measure_ms(part.recipe, stored, part.plan.scale) + made


def _measure_ms(recipe: Recipe, stored: Size, scale: int) -> float:
    """The milliseconds to measure the pixels, decoded at 1/`scale`: equal trims are measured once, and parts that are
    equal are sampled once."""
    specs = recipe.renditions
    trims = len({spec.trim for spec in specs if spec.trim})
    parts = [(kind, spec.crop, spec.trim) for spec in specs if (kind := seeking(spec))]
    sampled = REDUCE_MS * _millions(stored) / scale**2 * len({*parts})
    return TRIM_MS * _millions(stored) * trims + sampled + SEEK_MS * len(parts)


def _space_ms(recipe: Recipe) -> float:
    """The milliseconds to convert the colours of a million decoded pixels."""
    return P3_MS if any(spec.profile == "p3" for spec in recipe.renditions) else 0.0


def _facts_ms(recipe: Recipe, decoded: Size) -> float:
    """The milliseconds of the facts: a small picture of the decoded one, and what is made of it."""
    if not recipe.asks_facts:
        return 0.0
    small = sum(PLACEHOLDER_MS[kind] for kind in recipe.placeholder) + (INFO_MS if recipe.info else 0)
    small += COLOURS_MS if recipe.palette else 0
    return REDUCE_MS * _millions(decoded) + small


def _decoded(stored: Size, scale: int) -> Size:
    return Size(*(-(-side // scale) for side in stored))


def _explained(step: Derivation, original: str) -> Explained:
    spec, box, sides = step.shape.spec, step.box, step.shape.sides
    part = Part(*(round(edge, 2) for edge in (box.left, box.top, box.right - box.left, box.bottom - box.top)))
    cpu_ms = _resize_in_ms(part, step.shape.size) + _operations_ms(step.shape)
    cpu_ms += _encode_ms(spec, output_format(spec.format, original)) * _millions(sides)
    format, cost = output_format(spec.format, original), round(max(0.1, cpu_ms), 1)
    asked = [*(["trim"] if asks_pixels(spec) else []), *([kind] if (kind := seeking(spec)) else [])]
    asked += ["page"] if _hides_sides(spec, original) else []
    if asks_pixels(spec) or _hides_sides(spec, original):
        return Explained(spec.name, format, None, None, step.parent, None, cost, asked)
    if asked:  # the cut may lie elsewhere
        return Explained(spec.name, format, *sides, step.parent, None, cost, asked)
    return Explained(spec.name, format, *sides, step.parent, part, cost)


def _hides_sides(spec: RenditionSpec, original: str) -> bool:
    """Whether a rendition is of a page with sides of its own."""
    return original == "tiff" and bool(spec.page)


def _encode_ms(spec: RenditionSpec, format: str) -> float:
    """The milliseconds to encode a million pixels: with `max_bytes`, as often as may be."""
    tries = ENCODES_MAX if spec.max_bytes and quality_of(spec, format) else 1
    usual = ENCODE_MS[format] * _effort_cost(spec, format) * VIPS_COST.get(vips_key(spec, format), 1.0)
    if format == "png" and spec.png and spec.png.palette:
        return usual * PALETTE_COST + PALETTE_MS
    if is_lossless(spec, format):
        return usual * LOSSLESS_COST[format]
    return usual * tries * (PROGRESSIVE_COST if spec.progressive and format == "jpeg" else 1)


def _effort_cost(spec: RenditionSpec, format: str) -> float:
    """What the asked effort costs, by what the default costs."""
    asked = effort_of(spec, format)
    by_effort = EFFORT_COST.get(f"lossless {format}" if is_lossless(spec, format) else format, EFFORT_COST.get(format))
    return 1.0 if asked is None or by_effort is None else by_effort[asked]


def _resize_in_ms(part: Part, size: Size) -> float:
    """The milliseconds to resize `part` of the parent to `size`."""
    if (part.width, part.height) == size:
        return 0
    factors = [
        max(1, int(side / made / REDUCING_GAP)) for side, made in zip((part.width, part.height), size, strict=True)
    ]
    millions, reduced = part.width * part.height / 1e6, math.prod(factors)
    return RESIZE_IN_MS * millions / reduced + (REDUCE_MS * millions if reduced > 1 else 0)


def _operations_ms(made: Shape) -> float:
    """The milliseconds to make the resized pixels, and to apply each operation to them."""
    rates = [rate for rate in OPERATION_RATES.values() if rate is not None]
    asked = [(rate.ms, size) for rate in rates if (size := rate.pixels(made)) is not None]
    return RESIZE_OUT_MS * _millions(made.sides) + sum(ms * _millions(size) for ms, size in asked)


def _working_bytes(step: Derivation, original: str) -> int:
    width, height = step.shape.sides
    encoder = ENCODER_BYTES[output_format(step.shape.spec.format, original)]
    turned = step.shape.tilt.canvas if step.shape.tilt else Size(0, 0)
    return width * height * (2 * PIXEL_BYTES + encoder) + 2 * PIXEL_BYTES * turned.width * turned.height


def _warnings(spec: RenditionSpec, stored: Size, orientation: int, original: str) -> list[Warned]:
    found = []
    made = shape(spec, stored, orientation)
    larger = _enlarged(spec, stored, orientation)
    if asks_pixels(spec) or _hides_sides(spec, original):
        pass  # nobody knows the sides before
    elif spec.enlarge and min(made.shrink) < 1:
        detail = f"is scaled up {1 / min(made.shrink):.3g} times"
        found.append(Warned(spec.name, "enlarged", detail))
    elif larger != _inner(made):
        stays, would = _words(_inner(made)), f"it is {_words(larger)}" if larger else "it is too large"
        detail = f"would enlarge: the picture stays {stays}, with `enlarge` {would}"
        found.append(Warned(spec.name, "would_enlarge", detail))
    format = output_format(spec.format, original)
    found += [
        Warned(spec.name, "key_without_effect", f"`{key}` does nothing in {format}") for key in idle(spec, format)
    ]
    if original == "tiff" and format in WITH_METADATA and {"exif", "copyright", "location"} & {*spec.keep}:
        found.append(Warned(spec.name, "key_without_effect", "`keep` keeps nothing of a TIFF's own tags"))
    return found


def _enlarged(spec: RenditionSpec, stored: Size, orientation: int) -> Size | None:
    """The picture's sides with `enlarge`; None if they exceed those that a rendition may have."""
    try:
        return _inner(shape(msgspec.structs.replace(spec, enlarge=True), stored, orientation))
    except ImageFault:
        return None


def _inner(made: Shape) -> Size:
    """The sides of the picture itself, without the padding of `contain`."""
    return made.tilt.size if made.tilt else made.turn.size(made.size)


def _words(size: Size) -> str:
    return f"{size.width} x {size.height}"


def _millions(size: Size) -> float:
    return size.width * size.height / 1e6
