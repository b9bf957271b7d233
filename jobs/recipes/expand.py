"""From a rendition as it is asked for to those that are made: `widths` and `dpr` are written out, `ratio` becomes the
side that is missing, and each value gets its one spelling.

Pure; knows no text. A fault is a BadRecipe with the place of its key.
"""

import math
import re
from collections.abc import Iterator
from fractions import Fraction

import msgspec

from jobs.errors import BadRecipe
from jobs.limits import SIDE_MAX
from jobs.recipes.encoding import effort_of
from jobs.recipes.formatted import BLOCKS
from jobs.recipes.keys import (
    CUTS,
    NAME_PATTERN,
    PADDING_MAX,
    QUALITY,
    QUALITY_MIN,
    RATIO_DIGITS,
    ROTATE_DIGITS,
    AskedRendition,
    Padding,
    RenditionSpec,
    Trim,
)

_UNASKED = ("widths", "dpr")


def expanded(asked: AskedRendition, path: str) -> Iterator[RenditionSpec]:
    """The renditions that `asked` (at `path` of the JSON) makes, in the order in which they are asked."""
    _check_together(asked, path)
    _check_several(asked, path)
    for of_width, width_suffix in _of_widths(asked):
        for dpr, suffix in _dprs(asked):
            name = asked.name + width_suffix + suffix
            if not re.match(NAME_PATTERN, name):
                raise BadRecipe(f"{path}.name", f"{name!r} is too long for a name")
            keys = {field: getattr(of_width, field) for field in RenditionSpec.__struct_fields__}
            keep = {*asked.keep, "exif"} if asked.keep_metadata else {*asked.keep}
            spec = RenditionSpec(**keys | {"name": name, "keep": tuple(sorted(keep))})
            written = _with_ratio(spec, f"{path}.ratio")
            yield _plain(written if dpr == 1 else _with_ratio(_times(spec, dpr, path), f"{path}.dpr"))


def ratio_of(ratio: str) -> Fraction:
    """Width by height. `ratio` is one of a resolved rendition."""
    width, height = ratio.split(":")
    return Fraction(width) / Fraction(height)


def edges(padding: Padding) -> tuple[int, int, int, int]:
    """Pixels at the top, right, bottom and left."""
    if isinstance(padding, int):
        return padding, padding, padding, padding
    top, right, *others = padding
    return (top, right, *others) if len(others) == 2 else (top, right, top, right)  # type: ignore[return-value]


def _check_together(asked: AskedRendition, path: str) -> None:
    """Raises BadRecipe for keys that exclude each other, or that need another."""
    if asked.widths and asked.width:
        raise BadRecipe(f"{path}.widths", "give a width or widths, not both")
    if asked.ratio:
        if not all(Fraction(part) for part in asked.ratio.split(":")):
            raise BadRecipe(f"{path}.ratio", "neither part of a ratio is 0")
        if (asked.width or asked.widths) and asked.height:
            raise BadRecipe(f"{path}.ratio", "give one side and a ratio, or both sides")
        if not (asked.width or asked.widths or asked.height or asked.fit in (*CUTS, "contain")):
            needs = "`ratio` needs `width` or `height`, or one of the fits cover, cover-down and contain"
            raise BadRecipe(f"{path}.ratio", needs)
    if asked.gravity == "focus" and asked.fit not in CUTS:
        raise BadRecipe(f"{path}.gravity", "`focus` needs one of the fits cover and cover-down")
    if asked.focus and asked.gravity != "focus":
        raise BadRecipe(f"{path}.focus", "`focus` needs the gravity focus")
    if asked.trim and asked.crop:
        raise BadRecipe(f"{path}.crop", "give a crop or a trim: nobody knows the pixels that a trim leaves")
    if asked.max_bytes and (asked.lossless or asked.format in ("png", "gif")):
        raise BadRecipe(f"{path}.max_bytes", "only JPEG, WebP and AVIF with losses have a quality to go down with")
    most = asked.quality or QUALITY.get(asked.format, min(QUALITY.values()))
    if asked.max_bytes and asked.quality_min and asked.quality_min > most:
        raise BadRecipe(f"{path}.quality_min", "`quality_min` is above the quality itself")
    if not isinstance(asked.padding, int) and len(asked.padding) == 3:
        raise BadRecipe(f"{path}.padding", "`padding` is a number, or a list of 2 or 4 numbers")


def _check_several(asked: AskedRendition, path: str) -> None:
    """Raises BadRecipe for `widths` and `dpr` that make equal renditions, or a `dpr` without anything to multiply."""
    several = (("widths", [width for width, _ in _of_widths(asked)]), ("dpr", [suffix for _, suffix in _dprs(asked)]))
    for key, made in several:
        if len(set(made)) < len(made):
            raise BadRecipe(f"{path}.{key}", "the same value is in the list twice")
    multiplies = asked.width or asked.height or asked.widths or any(edges(asked.padding))
    if not multiplies and any(dpr != 1 for dpr, _ in _dprs(asked)):
        raise BadRecipe(f"{path}.dpr", "`dpr` needs a side or a padding to multiply")


def _of_widths(asked: AskedRendition) -> Iterator[tuple[AskedRendition, str]]:
    if asked.widths is None:
        yield asked, ""
    for width in asked.widths or ():
        yield msgspec.structs.replace(asked, width=width), f"-{width}w"


def _dprs(asked: AskedRendition) -> Iterator[tuple[float, str]]:
    if not isinstance(asked.dpr, tuple):
        yield asked.dpr, ""
        return
    for dpr in asked.dpr:
        yield dpr, f"-{dpr:g}x".replace(".", "_")


def _with_ratio(spec: RenditionSpec, blamed: str) -> RenditionSpec:
    """`spec` with the side that its ratio gives; with neither side the ratio stays, as two whole numbers. `blamed`: the
    path of the key that makes a side too long."""
    if spec.ratio is None:
        return spec
    ratio = ratio_of(spec.ratio)
    if not (spec.width or spec.height):
        if max(ratio.numerator, ratio.denominator) >= 10**RATIO_DIGITS:
            whole = f"{ratio.numerator}:{ratio.denominator} in whole numbers"
            raise BadRecipe(blamed, f"the ratio is {whole}, at most {RATIO_DIGITS} digits are allowed")
        return msgspec.structs.replace(spec, ratio=f"{ratio.numerator}:{ratio.denominator}")
    width = spec.width or _side(spec.height * ratio if spec.height else 0, blamed)
    height = spec.height or _side(width / ratio, blamed)
    return msgspec.structs.replace(spec, ratio=None, width=width, height=height)


def _times(spec: RenditionSpec, dpr: float, path: str) -> RenditionSpec:
    """`spec` with sides and padding `dpr` times as large. Blur and sharpening stay, as with imgproxy."""
    if dpr == 1:
        return spec
    by = Fraction(f"{dpr:g}")
    width, height = (side and _side(side * by, f"{path}.dpr") for side in (spec.width, spec.height))
    top, right, bottom, left = (_half_up(edge * by) for edge in edges(spec.padding))
    if max(top, right, bottom, left) > PADDING_MAX:
        raise BadRecipe(f"{path}.dpr", f"a padding has at most {PADDING_MAX} pixels")
    return msgspec.structs.replace(spec, width=width, height=height, padding=(top, right, bottom, left))


def _side(side: Fraction | int, path: str) -> int:
    pixels = max(1, _half_up(Fraction(side)))
    if pixels > SIDE_MAX:
        raise BadRecipe(path, f"a side of {pixels} pixels is asked, {SIDE_MAX} are allowed")
    return pixels


def _half_up(number: Fraction) -> int:
    return math.floor(number + Fraction(1, 2))


def _plain(spec: RenditionSpec) -> RenditionSpec:
    """`spec` with one spelling for each value that has several. (-0.0 is 0.0.)"""
    trim = Trim() if spec.trim is True else spec.trim
    if isinstance(trim, Trim):
        trim = msgspec.structs.replace(trim, background=_colour(trim.background), threshold=abs(trim.threshold))
    mark = spec.watermark and msgspec.structs.replace(spec.watermark, opacity=abs(spec.watermark.opacity))
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
        spec,
        rotate=rotate,
        background=_colour(spec.background),
        blur=abs(spec.blur),
        sharpen=abs(spec.sharpen),
        padding=padding,
        focus=spec.focus and (abs(spec.focus[0]), abs(spec.focus[1])),
        trim=trim,
        watermark=mark,
        quality=quality,
        quality_min=quality_min,
        effort=effort_of(spec, "avif") if named else spec.effort,
        **blocks,
    )


def _colour(colour: str | None) -> str | None:
    colour = colour.lower() if colour else None
    return colour.removesuffix("ff") if colour and len(colour) == len("#rrggbbaa") else colour
