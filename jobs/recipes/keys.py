"""The keys of a rendition: their types, bounds and defaults.

`RenditionSpec` has those of a resolved recipe, and `AskedRendition` has in addition those that `jobs/recipes/expand.py`
resolves. Knows no text and no image: jobs/recipes/recipe.py parses.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from jobs.limits import RENDITIONS_MAX, SIDE_MAX
from jobs.recipes.formatted import Avif, Jpeg, Png, Webp

Fit = Literal["inside", "cover", "cover-down", "contain", "fill", "outside"]
Gravity = Literal[
    "center", "north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest"
]  # fmt: skip
Kept = Literal[
    "center", "north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest", "focus"
]  # fmt: skip
"""What a cut keeps: the part at an edge, or around the focus."""
OutputFormat = Literal["jpeg", "png", "webp", "avif", "gif", "original"]
Chroma = Literal[420, 444]
Profile = Literal["srgb", "p3", "keep"]
"""The colour space of a rendition: sRGB, Display P3, or the original's."""
Keep = Literal["copyright", "density", "exif", "iptc", "location", "xmp"]
"""What a rendition may keep of its original's metadata."""

NAME_PATTERN = r"\A[a-z0-9][a-z0-9_-]{0,31}\Z"
"""Of renditions and presets: safe in an address and in a file name."""
ROTATE_DEGREES_MAX = 360
ROTATE_DIGITS = 6
"""Of an angle behind its point: less than that moves no pixel of a picture by a thousandth of its side."""
BLUR_SIGMA_MAX = 1000
"""sharp's bound."""
SHARPEN_SIGMA_MAX = 10
"""sharp's bound."""
PADDING_MAX = 10_000
"""Pixels at one edge. The limits of a rendition's sides hold with it."""
MARGIN_MAX = 10_000
"""Pixels that a trim leaves. What the picture does not have is not added."""
DPR_MIN, DPR_MAX = 0.1, 10.0
"""Screens have 1 to 4 pixels for one of CSS; `dpr` below 1 is for previews."""
QUALITY = {"jpeg": 80, "webp": 80, "avif": 60}
"""The quality of each format that has one, if none is asked for. On sample.jpg an AVIF of 60 has half the bytes of a
JPEG of 80. Its SSIM (0.965) lies between those of a WebP (0.938) and of a JPEG (0.974) of 80."""
QUALITY_MIN = 30
"""How far the quality may go down for `max_bytes`, if nothing else is said."""
ENCODES_MAX = 6
"""Of one rendition with `max_bytes`. From the quality 80 down to 30 the found one is within 2 of the best."""
CUTS = ("cover", "cover-down")
"""The fits that cut a part off."""
_OFFSET_MAX = 2**31 - 1
"""The widest side that any input format can claim (PNG)."""

_Name = Annotated[str, Meta(pattern=NAME_PATTERN)]
_Side = Annotated[int, Meta(ge=1, le=SIDE_MAX)]
_Offset = Annotated[int, Meta(ge=0, le=_OFFSET_MAX)]
_Extent = Annotated[int, Meta(ge=1, le=_OFFSET_MAX)]
_Pad = Annotated[int, Meta(ge=0, le=PADDING_MAX)]
_Share = Annotated[float, Meta(ge=0, le=1)]
_Quality = Annotated[int, Meta(ge=1, le=100)]
_Dpr = Annotated[float, Meta(ge=DPR_MIN, le=DPR_MAX)]
Padding = _Pad | Annotated[tuple[_Pad, ...], Meta(min_length=2, max_length=4)]
"""Pixels at all edges; or above and below, left and right; or at the top, right, bottom and left."""
Focus = tuple[_Share, _Share]
"""A point, in fractions of the sides of the upright original."""
RATIO_DIGITS = 9
_PART = rf"(?:[0-9]{{1,{RATIO_DIGITS}}}|[0-9]{{1,5}}\.[0-9]{{1,4}})"
Ratio = Annotated[str, Meta(pattern=rf"\A{_PART}:{_PART}\Z")]
"""Width and height, as 16:9 or 1.91:1."""

Colour = Annotated[str, Meta(pattern=r"\A#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{8})\Z")]
"""#rrggbb or #rrggbbaa."""


class Crop(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A box in pixels of the original, after its orientation was applied."""

    left: _Offset
    top: _Offset
    width: _Extent
    height: _Extent


class Trim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cuts off borders of one colour: pixels that differ from `background` (None: the left upper pixel) by at most
    `threshold` levels of 255. `margin` pixels of it are left. `line_art`: single pixels count, too. `equal`: opposite
    sides lose the same."""

    threshold: Annotated[float, Meta(ge=0, le=255)] = 10.0
    background: Colour | None = None
    margin: Annotated[int, Meta(ge=0, le=MARGIN_MAX)] = 0
    line_art: bool = False
    equal: bool = False


class Watermark(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """An image of `[watermarks]` in recipes.toml, laid over the output; one that is larger than the
    output is scaled down to fit. `digest`: SHA-256 (hex) of its file, filled in by `parse`."""

    name: _Name
    gravity: Gravity = "center"
    opacity: Annotated[float, Meta(ge=0, le=1)] = 1.0
    digest: Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")] | None = None


class RenditionSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One output of a recipe, with sharp's words. Sides in pixels, `rotate` in degrees clockwise.

    `trim` is resolved to False or a Trim. `ratio` is resolved to the other side if one side is named. `blur` and
    `sharpen` are sigmas in pixels of the output (0: none). `padding` are pixels around the finished picture.
    `background` None is the rule: white where the output has no alpha, else transparent. `quality` None is that of
    QUALITY. With `max_bytes` it goes down as far as `quality_min` (None: QUALITY_MIN, or `quality` if that is less).
    `keep` is sorted. With `original_if_smaller` it may be the original's file, without its metadata.
    jobs/recipes/encoding.py says which of these are of which formats.
    """

    name: _Name
    width: _Side | None = None
    height: _Side | None = None
    ratio: Ratio | None = None
    fit: Fit = "inside"
    gravity: Kept = "center"
    focus: Focus | None = None
    enlarge: bool = False
    trim: bool | Trim = False
    crop: Crop | None = None
    rotate: Annotated[float, Meta(ge=-ROTATE_DEGREES_MAX, le=ROTATE_DEGREES_MAX)] = 0.0
    flip: bool = False
    flop: bool = False
    grayscale: bool = False
    blur: Annotated[float, Meta(ge=0, le=BLUR_SIGMA_MAX)] = 0.0
    sharpen: Annotated[float, Meta(ge=0, le=SHARPEN_SIGMA_MAX)] = 0.0
    padding: Padding = 0
    background: Colour | None = None
    watermark: Watermark | None = None
    format: OutputFormat = "original"
    quality: _Quality | None = None
    max_bytes: Annotated[int, Meta(ge=1, le=2**31)] | None = None
    quality_min: _Quality | None = None
    effort: Annotated[int, Meta(ge=0, le=9)] | None = None
    progressive: bool = False
    lossless: bool = False
    chroma: Chroma = 420
    jpeg: Jpeg | None = None
    png: Png | None = None
    webp: Webp | None = None
    avif: Avif | None = None
    profile: Profile = "srgb"
    keep: Annotated[tuple[Keep, ...], Meta(max_length=6)] = ()
    original_if_smaller: bool = False


class AskedRendition(RenditionSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rendition as it is asked for. `widths` and a list of `dpr` make several of it. One `dpr` multiplies its sides
    and its padding. `keep_metadata` is another word for `keep` with `exif`."""

    widths: Annotated[tuple[_Side, ...], Meta(min_length=1, max_length=RENDITIONS_MAX)] | None = None
    dpr: _Dpr | Annotated[tuple[_Dpr, ...], Meta(min_length=1, max_length=RENDITIONS_MAX)] = 1.0
    keep_metadata: bool = False
