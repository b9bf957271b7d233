"""The keys of a rendition, and of a whole recipe: their types, bounds and defaults.

`RenditionSpec` has those of a resolved recipe, and `AskedRendition` has in addition those that `jobs/recipes/expand.py`
resolves. Knows no text and no image: jobs/recipes/recipe.py parses.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from jobs.limits import RENDITIONS_MAX, SIDE_MAX
from jobs.recipes.values.formatted import Avif, Jpeg, Png, Webp
from jobs.recipes.values.patterns import (
    BACKGROUND_PATTERN,
    COLOUR_PATTERN,
    DIGEST_PATTERN,
    NAME_PATTERN,
    RATIO_PATTERN,
    TINT_PATTERN,
)

Fit = Literal["inside", "cover", "cover-down", "contain", "fill", "outside"]
Gravity = Literal[
    "center", "north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest"
]  # fmt: skip
Kept = Literal[
    "center", "north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest",
    "focus", "attention", "entropy",
]  # fmt: skip
"""What a cut keeps: the part at an edge, around the focus, or that the pixels tell."""
FINDS = ("focus", "attention", "entropy")
"""The gravities that only a cut has."""
InfoKind = Literal["location"]
PlaceholderKind = Literal["thumbhash", "blurhash", "lqip"]
OutputFormat = Literal["jpeg", "png", "webp", "avif", "gif", "original"]
FileFormat = Literal["jpeg", "png", "webp", "avif", "gif"]
Chroma = Literal[420, 444]
Median = Literal[3, 5, 7]
Profile = Literal["srgb", "p3", "keep"]
"""The colour space of a rendition: sRGB, Display P3, or the original's."""
Keep = Literal["copyright", "density", "exif", "iptc", "location", "xmp"]
"""What a rendition may keep of its original's metadata."""

ROTATE_DEGREES_MAX = 360
ROTATE_DIGITS = 6
"""Of an angle behind its point: less than that moves no pixel of a picture by a thousandth of its side."""
BLUR_SIGMA_MAX = 1000
"""sharp's bound."""
SHARPEN_SIGMA_MAX = 10
"""sharp's bound."""
PIXELATE_MAX = 1000
"""Pixels of the side of a block."""
PADDING_MAX = 10_000
"""Pixels at one edge. The limits of a rendition's sides hold with it."""
MARGIN_MAX = 10_000
"""Pixels that a trim leaves. What the picture does not have is not added."""
WATERMARKS_MAX, MARKS_MAX = 4, 16
"""Watermarks of one rendition, and different ones of a recipe: a decoder gets a descriptor for each."""
DPR_MIN, DPR_MAX = 0.1, 10.0
"""Screens have 1 to 4 pixels for one of CSS; `dpr` below 1 is for previews."""
PAGE_MAX = 9999
"""The last page or frame that can be named: more than FRAMES_MAX may be."""
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
_Distance = Annotated[float, Meta(ge=-PADDING_MAX, le=PADDING_MAX)]
_Dpr = Annotated[float, Meta(ge=DPR_MIN, le=DPR_MAX)]
Padding = _Pad | Annotated[tuple[_Pad, ...], Meta(min_length=2, max_length=4)]
"""Pixels at all edges; or above and below, left and right; or at the top, right, bottom and left."""
Focus = tuple[_Share, _Share]
"""A point, in fractions of the sides of the upright original."""
Ratio = Annotated[str, Meta(pattern=RATIO_PATTERN)]
"""Width and height, as 16:9 or 1.91:1."""

Colour = Annotated[str, Meta(pattern=COLOUR_PATTERN)]
"""#rrggbb or #rrggbbaa."""
Tint = Annotated[str, Meta(pattern=TINT_PATTERN)]
BARS = ("blur", "mirror")
"""The backgrounds that only bars and padding have."""
Background = Annotated[str, Meta(pattern=BACKGROUND_PATTERN)]
"""A colour; or the picture itself, blurred or mirrored; or its dominant colour."""
Corner = Annotated[int, Meta(ge=0, le=SIDE_MAX)] | str
Radius = Corner | Annotated[tuple[Corner, ...], Meta(min_length=4, max_length=4)]
"""Of all corners, or of the left upper, right upper, right lower and left lower one: pixels, or a part of the smaller
side."""
CORNER_PATTERN = r"\A(?:[1-9]|[1-4][0-9]|50)%\Z"
"""It is not in the type: msgspec 0.22.0 corrupts memory where a union has a list with bounds and a text with a
pattern."""


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
    output is scaled down to fit. `digest`: SHA-256 (hex) of its file, filled in by `parse`. `scale`: of the largest
    that fits. `offset` is from the gravity's edge inwards: pixels, or (below 1) a fraction of the output's side. `tile`
    repeats it both ways, `spacing` pixels apart."""

    name: _Name
    gravity: Gravity = "center"
    opacity: Annotated[float, Meta(ge=0, le=1)] = 1.0
    digest: Annotated[str, Meta(pattern=DIGEST_PATTERN)] | None = None
    scale: Annotated[float, Meta(gt=0, le=1)] | None = None
    offset: tuple[_Distance, _Distance] = (0.0, 0.0)
    tile: bool = False
    spacing: tuple[_Pad, _Pad] = (0, 0)


Watermarks = Annotated[tuple[Watermark, ...], Meta(min_length=1, max_length=WATERMARKS_MAX)]
"""From the lowest to the highest."""


_Factor = Annotated[float, Meta(ge=0, le=10)]


class Modulate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lightness times `brightness`, plus `lightness`; chroma times `saturation`; hue plus `hue` degrees. (CIELAB.)"""

    brightness: _Factor = 1.0
    saturation: _Factor = 1.0
    hue: Annotated[float, Meta(ge=-360, le=360)] = 0.0
    lightness: Annotated[float, Meta(ge=-100, le=100)] = 0.0


_Slope = Annotated[float, Meta(ge=-100, le=100)]
_Level = Annotated[float, Meta(ge=-25_500, le=25_500)]
Slopes = _Slope | Annotated[tuple[_Slope, ...], Meta(min_length=3, max_length=3)]
Levels = _Level | Annotated[tuple[_Level, ...], Meta(min_length=3, max_length=3)]
"""Of all channels, or of red, green and blue."""


class Linear(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Each level, 0 to 255, times `a`, plus `b`."""

    a: Slopes = 1.0
    b: Levels = 0.0


class Normalise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Stretches lightness, so that these percentiles become black and white."""

    lower: Annotated[float, Meta(ge=0, le=99)] = 1.0
    upper: Annotated[float, Meta(ge=1, le=100)] = 99.0


COLOURS = ("median", "threshold", "modulate", "gamma", "linear", "normalise", "tint", "negate", "pixelate")
"""The keys that change colours, in their order. All are false or None by default."""


class RenditionSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One output of a recipe, with sharp's words. Sides in pixels, `rotate` in degrees clockwise.

    `page` is one of a TIFF or one frame, from 0. `animated` None: if the format is one of ANIMATED. `frames`: only the
    first ones. `trim` is resolved to False or a Trim. `ratio` is resolved to the other side if one side is named.
    `blur` and `sharpen` are sigmas in pixels of the output (0: none). `radius` rounds corners, up to half of the
    smaller side. `padding` are pixels around the finished picture. `background` None is the rule: white where the
    output has no alpha, else transparent. `quality` None is that of QUALITY. With `max_bytes` it goes down as far as
    `quality_min` (None: QUALITY_MIN, or `quality` if that is less). `keep` is sorted. With `original_if_smaller` it may
    be the original's file, without its metadata. jobs/recipes/encoding.py says which of these are of which formats.
    """

    name: _Name
    width: _Side | None = None
    height: _Side | None = None
    ratio: Ratio | None = None
    fit: Fit = "inside"
    gravity: Kept = "center"
    focus: Focus | None = None
    enlarge: bool = False
    page: Annotated[int, Meta(ge=0, le=PAGE_MAX)] | None = None
    animated: bool | None = None
    frames: Annotated[int, Meta(ge=1, le=PAGE_MAX)] | None = None
    trim: bool | Trim = False
    crop: Crop | None = None
    rotate: Annotated[float, Meta(ge=-ROTATE_DEGREES_MAX, le=ROTATE_DEGREES_MAX)] = 0.0
    flip: bool = False
    flop: bool = False
    grayscale: bool = False
    median: Median | None = None
    threshold: Annotated[int, Meta(ge=1, le=255)] | None = None
    blur: Annotated[float, Meta(ge=0, le=BLUR_SIGMA_MAX)] = 0.0
    modulate: Modulate | None = None
    sharpen: Annotated[float, Meta(ge=0, le=SHARPEN_SIGMA_MAX)] = 0.0
    gamma: Annotated[float, Meta(ge=0.1, le=10)] | None = None
    linear: Linear | None = None
    normalise: bool | Normalise = False
    tint: Tint | None = None
    negate: bool = False
    pixelate: Annotated[int, Meta(ge=2, le=PIXELATE_MAX)] | None = None
    radius: Radius = 0
    padding: Padding = 0
    background: Background | None = None
    watermark: Watermark | Watermarks | None = None
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
    """A rendition as it is asked for. `widths`, `formats` and a list of `dpr` make several of it. One `dpr` multiplies
    what is in pixels. `keep_metadata` is another word for `keep` with `exif`."""

    widths: Annotated[tuple[_Side, ...], Meta(min_length=1, max_length=RENDITIONS_MAX)] | None = None
    formats: Annotated[tuple[FileFormat, ...], Meta(min_length=1, max_length=5)] | None = None
    dpr: _Dpr | Annotated[tuple[_Dpr, ...], Meta(min_length=1, max_length=RENDITIONS_MAX)] = 1.0
    keep_metadata: bool = False


def marks(spec: RenditionSpec) -> tuple[Watermark, ...]:
    """The watermarks of a rendition, from the lowest to the highest."""
    asked = spec.watermark
    return asked if isinstance(asked, tuple) else (asked,) if asked else ()
