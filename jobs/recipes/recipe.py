"""What is asked of an image: recipes, their renditions and presets.

Owns parsing, the defaults, the canonical text and its digest. Knows no image and no pixels: jobs/recipes/shapes.py
computes what depends on the image (the output's sides). jobs/recipes/presets.py owns recipes.toml.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from jobs.errors import BadRecipe
from jobs.limits import OUTPUT_PIXELS_MAX, RECIPE_BYTES_MAX, RENDITIONS_MAX, SIDE_MAX

Fit = Literal["inside", "cover", "contain", "fill", "outside"]
Gravity = Literal[
    "center", "north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest"
]  # fmt: skip
OutputFormat = Literal["jpeg", "png", "webp", "avif", "gif", "original"]
Chroma = Literal[420, 444]
_CHOICES = {"fit": Fit, "gravity": Gravity, "format": OutputFormat, "chroma": Chroma}

NAME_PATTERN = r"\A[a-z0-9][a-z0-9_-]{0,31}\Z"
"""Of renditions and presets: safe in an address and in a file name."""
ROTATE_DEGREES_MAX = 360
BLUR_SIGMA_MAX = 1000
"""sharp's bound."""
SHARPEN_SIGMA_MAX = 10
"""sharp's bound."""
_OFFSET_MAX = 2**31 - 1
"""The widest side that any input format can claim (PNG)."""

_Name = Annotated[str, Meta(pattern=NAME_PATTERN)]
_Side = Annotated[int, Meta(ge=1, le=SIDE_MAX)]
_Offset = Annotated[int, Meta(ge=0, le=_OFFSET_MAX)]
_Extent = Annotated[int, Meta(ge=1, le=_OFFSET_MAX)]


class Crop(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A box in pixels of the original, after its orientation was applied."""

    left: _Offset
    top: _Offset
    width: _Extent
    height: _Extent


class Watermark(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """An image of `[watermarks]` in recipes.toml, laid over the output; one that is larger than the
    output is scaled down to fit. `digest`: SHA-256 (hex) of its file, filled in by `parse`."""

    name: _Name
    gravity: Gravity = "center"
    opacity: Annotated[float, Meta(ge=0, le=1)] = 1.0
    digest: Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")] | None = None


class RenditionSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One output of a recipe, with sharp's words. Sides in pixels, `rotate` in degrees clockwise.

    `blur` and `sharpen` are sigmas in pixels of the output (0: none). `background` None is the
    rule: white where the output has no alpha, else transparent. `chroma` is of JPEG and AVIF,
    `progressive` of JPEG, `lossless` of WebP and AVIF, `quality` of all three. `keep_metadata`
    keeps EXIF.
    """

    name: _Name
    width: _Side | None = None
    height: _Side | None = None
    fit: Fit = "inside"
    gravity: Gravity = "center"
    enlarge: bool = False
    crop: Crop | None = None
    rotate: Annotated[float, Meta(ge=-ROTATE_DEGREES_MAX, le=ROTATE_DEGREES_MAX)] = 0.0
    flip: bool = False
    flop: bool = False
    grayscale: bool = False
    blur: Annotated[float, Meta(ge=0, le=BLUR_SIGMA_MAX)] = 0.0
    sharpen: Annotated[float, Meta(ge=0, le=SHARPEN_SIGMA_MAX)] = 0.0
    background: Annotated[str, Meta(pattern=r"\A#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{8})\Z")] | None = None
    watermark: Watermark | None = None
    format: OutputFormat = "original"
    quality: Annotated[int, Meta(ge=1, le=100)] = 80
    progressive: bool = False
    lossless: bool = False
    chroma: Chroma = 420
    keep_metadata: bool = False


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of one image. Made by `parse` alone, so it is always valid and resolved."""

    renditions: Annotated[tuple[RenditionSpec, ...], Meta(min_length=1, max_length=RENDITIONS_MAX)]


def parse(source: object, watermarks: Mapping[str, str] | None = None) -> Recipe:
    """The resolved recipe in a JSON text (str, bytes), or in its decoded object. Raises BadRecipe, nothing else.

    `watermarks`: the digests of the known watermarks, by name; None if `source` is resolved already.
    """
    try:
        if isinstance(source, str | bytes):
            if len(source) > RECIPE_BYTES_MAX:
                raise BadRecipe("$", f"a recipe is at most {RECIPE_BYTES_MAX} bytes long")
            recipe = msgspec.json.decode(source, type=Recipe)
        else:
            recipe = msgspec.convert(source, Recipe)
    except msgspec.ValidationError as error:
        raise _bad(str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadRecipe("$", f"this is no JSON: {error}") from None
    _check(recipe)
    named = ((spec, f"$.renditions[{index}]") for index, spec in enumerate(recipe.renditions))
    return Recipe(tuple(_resolved(spec, _watermark(spec, path, watermarks)) for spec, path in named))


def as_dict(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain values for a JSON answer: every key present."""
    plain: dict[str, Any] = msgspec.to_builtins(recipe)
    return plain


def canonical(recipe: Recipe) -> str:
    """The one JSON text of a recipe: keys sorted, and none that has its default. `parse` gives the recipe back.

    So a new key changes no text of a recipe without it: neither its digests, nor what an older worker understands."""
    return msgspec.json.encode(_sparse(recipe), order="sorted").decode()


def whole(text: str) -> dict[str, Any] | None:
    """The recipe of a canonical text as `as_dict` has it; None for one of a release that knew other recipes."""
    try:
        return as_dict(parse(text))
    except BadRecipe:
        return None


def digest(recipe: Recipe) -> str:
    """SHA-256 (64 hex digits) of the canonical text: equal exactly if the recipes ask for equal outputs."""
    return hashlib.sha256(canonical(recipe).encode()).hexdigest()


def content_of(tenant: str, digest: str, text: str) -> bytes:
    """What tells equal work of one tenant: SHA-256 of tenant, digest of the original (hex), and digest of the canonical
    `text` of the recipe."""
    recipe_digest = hashlib.sha256(text.encode()).hexdigest()
    return hashlib.sha256("\0".join((tenant, digest, recipe_digest)).encode()).digest()


def _sparse(value: Any) -> Any:
    """A struct as plain values, without the keys that have their default."""
    if isinstance(value, tuple):
        return [_sparse(each) for each in value]
    if not isinstance(value, msgspec.Struct):
        return value
    fields = ((field, getattr(value, field.name)) for field in msgspec.structs.fields(value))
    return {field.name: _sparse(found) for field, found in fields if found != field.default}


def _bad(message: str) -> BadRecipe:
    """The BadRecipe of a msgspec message: 'Expected … - at `$.renditions[0].width`'."""
    detail, _, place = message.partition(" - at `")
    path = place.rstrip("`") or "$"
    if key := re.fullmatch(r"Object (contains unknown|missing required) field `(.*)`", detail, re.DOTALL):
        detail = "no such key" if key[1] == "contains unknown" else "this key is needed"
        path = f"{path}.{key[2]}"
    elif detail.startswith("Invalid enum value"):
        choices = get_args(_CHOICES[path.rpartition(".")[2]])
        detail += ", use one of " + ", ".join(map(str, choices))
    return BadRecipe(path, detail)


def _check(recipe: Recipe) -> None:
    names: set[str] = set()
    for index, spec in enumerate(recipe.renditions):
        path = f"$.renditions[{index}]"
        if spec.name in names:
            raise BadRecipe(f"{path}.name", f"two renditions are named {spec.name!r}")
        if (pixels := (spec.width or 1) * (spec.height or 1)) > OUTPUT_PIXELS_MAX:
            raise BadRecipe(path, f"{pixels} pixels are asked, {OUTPUT_PIXELS_MAX} are allowed")
        names.add(spec.name)


def _watermark(spec: RenditionSpec, path: str, known: Mapping[str, str] | None) -> Watermark | None:
    """The watermark of `spec` with its digest. A watermark that was resolved before must still have the same digest."""
    asked = spec.watermark
    if asked is None or (known is None and asked.digest):
        return asked
    digest = (known or {}).get(asked.name)
    if digest is None:
        there = f"use {', '.join(known)}" if known else "recipes.toml has none"
        raise BadRecipe(f"{path}.watermark.name", f"there is no watermark {asked.name!r}: {there}")
    if asked.digest not in (None, digest):
        raise BadRecipe(f"{path}.watermark.digest", f"the watermark {asked.name!r} is another now: leave this out")
    return msgspec.structs.replace(asked, digest=digest)


def _resolved(spec: RenditionSpec, watermark: Watermark | None) -> RenditionSpec:
    """`spec` with one spelling for each value that has several."""
    background = spec.background.lower() if spec.background else None
    if background and len(background) == len("#rrggbbaa"):
        background = background.removesuffix("ff")
    rotate = spec.rotate % 360 % 360  # a tiny negative angle % 360 is 360.0 itself
    return msgspec.structs.replace(spec, rotate=rotate, background=background, watermark=watermark)
