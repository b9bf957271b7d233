"""The one spelling of each value that has several: equal outputs have one canonical text.

Pure; knows the keys of one rendition, which jobs/recipes/expand.py has written out.
"""

import math
from operator import attrgetter

import msgspec

from jobs.recipes.encoding import effort_of
from jobs.recipes.expand import as_asked, as_one, corners, edges
from jobs.recipes.keys import (
    COLOURS,
    QUALITY,
    QUALITY_MIN,
    ROTATE_DIGITS,
    Linear,
    Modulate,
    Normalise,
    Padding,
    RenditionSpec,
    Trim,
    Watermark,
    marks,
)
from jobs.recipes.values.formatted import BLOCKS

_CHANGES = attrgetter(*COLOURS)


def plain(spec: RenditionSpec) -> RenditionSpec:
    """`spec` with one spelling for each value that has several. (-0.0 is 0.0.)"""
    trim = Trim() if spec.trim is True else spec.trim
    if isinstance(trim, Trim):
        trim = msgspec.structs.replace(trim, background=_colour(trim.background), threshold=abs(trim.threshold))
    named = spec.format == "avif" and spec.avif is not None and spec.avif.speed is not None
    blocks = {key: None for key, plain in BLOCKS.items() if getattr(spec, key) == plain or (key == "avif" and named)}
    quality = None if spec.quality == QUALITY.get(spec.format) else spec.quality
    quality_min = None if spec.quality_min == min(QUALITY_MIN, spec.quality or QUALITY_MIN) else spec.quality_min
    rotate = round(spec.rotate % 360, ROTATE_DIGITS) % 360  # a tiny negative angle % 360 is 360.0 itself
    top, right, bottom, left = edges(spec.padding)
    padding: Padding = (top, right, bottom, left)
    if (top, right) == (bottom, left):
        padding = top if top == right else (top, right)
    return msgspec.structs.replace(
        _plain_colours(spec),
        rotate=rotate,
        background=_colour(spec.background),
        blur=abs(spec.blur),
        sharpen=abs(spec.sharpen),
        radius=as_one(corners(spec.radius)),
        padding=padding,
        focus=spec.focus and (abs(spec.focus[0]), abs(spec.focus[1])),
        trim=trim,
        watermark=as_asked([_plain_mark(mark) for mark in marks(spec)]),
        quality=quality,
        quality_min=quality_min,
        effort=effort_of(spec, "avif") if named else spec.effort,
        **blocks,
    )


def _plain_mark(mark: Watermark) -> Watermark:
    """A watermark whose offsets are whole pixels, or fractions below 1."""
    x, y = ((each if abs(each) < 1 else float(math.floor(each + 0.5))) + 0.0 for each in mark.offset)
    return msgspec.structs.replace(mark, opacity=abs(mark.opacity), offset=(x, y))


def _plain_colours(spec: RenditionSpec) -> RenditionSpec:
    """`spec` without changes of colours that change nothing, and with one spelling of the others."""
    if not any(_CHANGES(spec)):
        return spec
    modulate, linear = spec.modulate, spec.linear
    if modulate is not None:
        factors = {"brightness": abs(modulate.brightness), "saturation": abs(modulate.saturation)}
        modulate = Modulate(**factors, hue=modulate.hue % 360 % 360, lightness=modulate.lightness + 0.0)
    if linear is not None:
        linear = Linear(*(_alike(each) for each in (linear.a, linear.b)))
    return msgspec.structs.replace(
        spec,
        modulate=None if modulate == Modulate() else modulate,
        gamma=None if spec.gamma == 1 else spec.gamma,
        linear=None if linear == Linear() else linear,
        normalise=Normalise() if spec.normalise is True else spec.normalise,
        tint=_colour(spec.tint),
    )


def _alike(numbers: float | tuple[float, ...]) -> float | tuple[float, ...]:
    """Numbers of the three channels: one alone if they are alike. -0.0 is 0.0."""
    if not isinstance(numbers, tuple):
        return numbers + 0.0
    return numbers[0] + 0.0 if len({*numbers}) == 1 else tuple(each + 0.0 for each in numbers)


def _colour(colour: str | None) -> str | None:
    colour = colour.lower() if colour else None
    return colour.removesuffix("ff") if colour and len(colour) == len("#rrggbbaa") else colour
