"""From a rendition as it is asked for to those that are made: `widths`, `dpr` and `formats` are written out, and a
`ratio` becomes the side that is missing.

Pure; knows no text. A fault is a BadRecipe with the place of its key.
"""

import math
import re
from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction
from operator import attrgetter

import msgspec

from jobs.errors import BadRecipe
from jobs.images.formats import WITH_METADATA
from jobs.limits import SIDE_MAX
from jobs.recipes.encoding import DEFAULTS, idle
from jobs.recipes.keys import (
    CORNER_PATTERN,
    CUTS,
    FINDS,
    PADDING_MAX,
    QUALITY,
    AskedRendition,
    Corner,
    FileFormat,
    Normalise,
    Padding,
    Radius,
    RenditionSpec,
    Watermark,
    Watermarks,
    marks,
)
from jobs.recipes.values.formatted import BLOCKS
from jobs.recipes.values.patterns import NAME_CHARACTERS_MAX, NAME_PATTERN, RATIO_DIGITS

_VALUES = attrgetter(*RenditionSpec.__struct_fields__)


def expanded(asked: AskedRendition, path: str) -> Iterator[RenditionSpec]:
    """The renditions that `asked` (at `path` of the JSON) makes, in the order in which they are asked."""
    _check_together(asked, path)
    _check_several(asked, path)
    for of_width, width_suffix in _of_widths(asked):
        for dpr, suffix in _dprs(asked):
            keys = dict(zip(RenditionSpec.__struct_fields__, _VALUES(of_width), strict=True))
            keep = {*asked.keep, "exif"} if asked.keep_metadata else {*asked.keep}
            name = asked.name + width_suffix + suffix
            spec = RenditionSpec(**keys | {"name": name, "keep": tuple(sorted(keep))})
            written = _with_ratio(spec, f"{path}.ratio")
            made = written if dpr == 1 else _with_ratio(_times(spec, dpr, path), f"{path}.dpr")
            yield from _of_formats(made, asked.formats, path)


def _of_formats(spec: RenditionSpec, formats: Sequence[FileFormat] | None, path: str) -> Iterator[RenditionSpec]:
    """`spec` in each of the formats. A key that one of them has is left out where another does not have it."""
    made = [spec]
    if formats:
        others = [msgspec.structs.replace(spec, name=f"{spec.name}-{format}", format=format) for format in formats]
        useless = [_useless(each) for each in others]
        nowhere = set.intersection(*useless)
        for key in nowhere & BLOCKS.keys():
            raise BadRecipe(f"{path}.{key}", f"`{key}` does nothing in any of the formats: leave it out")
        made = [_without(each, keys - nowhere) for each, keys in zip(others, useless, strict=True)]
    for each in made:
        if not re.match(NAME_PATTERN, each.name):
            length = f"{each.name!r} has {len(each.name)} characters, {NAME_CHARACTERS_MAX} are allowed for a name"
            raise BadRecipe(f"{path}.name", length)
        yield each


def _without(spec: RenditionSpec, keys: Collection[str]) -> RenditionSpec:
    """`spec` with the defaults of these keys. Of `keep`, what the format has a place for stays."""
    gone = {*keys, *(("quality_min",) if "max_bytes" in keys else ())}
    plain = {key: getattr(DEFAULTS, key) for key in gone}
    if "keep" in gone and spec.format in WITH_METADATA:
        plain["keep"] = tuple(kind for kind in spec.keep if kind != "iptc")
    return msgspec.structs.replace(spec, **plain)


def _useless(spec: RenditionSpec) -> set[str]:
    """The keys of `spec` that do nothing in its format."""
    blocks = (key for key in BLOCKS if key != spec.format and getattr(spec, key) is not None)
    return {*idle(spec, spec.format), *blocks}


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


def mark_paths(spec: RenditionSpec, path: str) -> Iterator[tuple[str, Watermark]]:
    """Each watermark of `spec` with its place in the JSON."""
    for index, mark in enumerate(marks(spec)):
        yield f"{path}.watermark" + (f"[{index}]" if isinstance(spec.watermark, tuple) else ""), mark


def as_asked(made: Sequence[Watermark]) -> Watermark | Watermarks | None:
    """These watermarks as a rendition has them: one alone is not in a list."""
    return tuple(made) if len(made) > 1 else made[0] if made else None


def _check_together(asked: AskedRendition, path: str) -> None:
    """Raises BadRecipe for keys that exclude each other, or that need another."""
    if asked.widths and asked.width:
        raise BadRecipe(f"{path}.widths", "give a width or widths, not both")
    if asked.formats and asked.format != "original":
        raise BadRecipe(f"{path}.formats", "give a format or formats, not both")
    if asked.ratio:
        if not all(Fraction(part) for part in asked.ratio.split(":")):
            raise BadRecipe(f"{path}.ratio", "neither part of a ratio is 0")
        if (asked.width or asked.widths) and asked.height:
            raise BadRecipe(f"{path}.ratio", "give one side and a ratio, or both sides")
        if not (asked.width or asked.widths or asked.height or asked.fit in (*CUTS, "contain")):
            needs = "`ratio` needs `width` or `height`, or one of the fits cover, cover-down and contain"
            raise BadRecipe(f"{path}.ratio", needs)
    if asked.gravity in FINDS and asked.fit not in CUTS:
        raise BadRecipe(f"{path}.gravity", f"`{asked.gravity}` needs one of the fits cover and cover-down")
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
    if isinstance(asked.normalise, Normalise) and asked.normalise.lower >= asked.normalise.upper:
        raise BadRecipe(f"{path}.normalise.lower", "`lower` must be below `upper`")
    for index, each in enumerate(corners(asked.radius) if asked.radius else ()):
        if isinstance(each, str) and not re.match(CORNER_PATTERN, each):
            place = f"{path}.radius" + (f"[{index}]" if isinstance(asked.radius, tuple) else "")
            raise BadRecipe(place, f'{each[:20]!r} is no radius: give pixels, or "1%" to "50%" of the smaller side')
    for place, mark in mark_paths(asked, path):
        if any(mark.spacing) and not mark.tile:
            raise BadRecipe(f"{place}.spacing", "`spacing` needs `tile`")


def _check_several(asked: AskedRendition, path: str) -> None:
    """Raises BadRecipe for lists that make equal renditions, or a `dpr` without anything to multiply."""
    several = (
        ("widths", [width for width, _ in _of_widths(asked)]),
        ("dpr", [suffix for _, suffix in _dprs(asked)]),
        ("formats", asked.formats or ()),
    )
    for key, made in several:
        if len(set(made)) < len(made):
            raise BadRecipe(f"{path}.{key}", "the same value is in the list twice")
    if asked.dpr != 1 and any(dpr != 1 for dpr, _ in _dprs(asked)) and not _has_pixels(asked):
        raise BadRecipe(f"{path}.dpr", "`dpr` needs a side, a radius, a padding or a place of a watermark to multiply")


def _has_pixels(asked: AskedRendition) -> bool:
    """Whether anything is asked in pixels of the output."""
    if asked.width or asked.height or asked.widths or any(edges(asked.padding)):
        return True
    placed = (mark.spacing != (0, 0) or any(abs(each) >= 1 for each in mark.offset) for mark in marks(asked))
    return any(placed) or any(isinstance(each, int) and each > 0 for each in corners(asked.radius))


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
    """`spec` with sides, radii, padding and the places of watermarks `dpr` times as large. Blur and sharpening stay, as
    with imgproxy."""
    if dpr == 1:
        return spec
    by = Fraction(f"{dpr:g}")
    width, height = (side and _side(side * by, f"{path}.dpr") for side in (spec.width, spec.height))
    top, right, bottom, left = (_half_up(edge * by) for edge in edges(spec.padding))
    if max(top, right, bottom, left) > PADDING_MAX:
        raise BadRecipe(f"{path}.dpr", f"a padding has at most {PADDING_MAX} pixels")
    marks_made = as_asked([_mark_times(mark, by, place) for place, mark in mark_paths(spec, path)])
    radius = as_one([each if isinstance(each, str) else _half_up(each * by) for each in corners(spec.radius)])
    if any(not isinstance(each, str) and each > SIDE_MAX for each in corners(radius)):
        raise BadRecipe(f"{path}.dpr", f"a radius has at most {SIDE_MAX} pixels")
    return msgspec.structs.replace(
        spec, width=width, height=height, radius=radius, padding=(top, right, bottom, left), watermark=marks_made
    )


def _mark_times(mark: Watermark, by: Fraction, path: str) -> Watermark:
    """A watermark with offsets and spacing in pixels that are `by` times as large."""
    x, y = (each if abs(each) < 1 else float(_half_up(Fraction(each) * by)) for each in mark.offset)
    across, down = (_half_up(each * by) for each in mark.spacing)
    if max(abs(x), abs(y), across, down) > PADDING_MAX:
        raise BadRecipe(path, f"with its `dpr` it is more than {PADDING_MAX} pixels away")
    return msgspec.structs.replace(mark, offset=(x, y), spacing=(across, down))


def _side(side: Fraction | int, path: str) -> int:
    pixels = max(1, _half_up(Fraction(side)))
    if pixels > SIDE_MAX:
        raise BadRecipe(path, f"a side of {pixels} pixels is asked, {SIDE_MAX} are allowed")
    return pixels


def _half_up(number: Fraction) -> int:
    return math.floor(number + Fraction(1, 2))


def corners(radius: Radius) -> tuple[Corner, ...]:
    """The radii of the left upper, right upper, right lower and left lower corner, as they are asked for."""
    return radius if isinstance(radius, tuple) else (radius, radius, radius, radius)


def as_one(radii: Sequence[Corner]) -> Radius:
    """These radii; one alone if they are alike."""
    first, second, third, fourth = radii
    return first if first == second == third == fourth else (first, second, third, fourth)
