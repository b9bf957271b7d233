"""What is asked of an image: recipes, their renditions and presets.

Owns parsing, the canonical text and its digest; jobs/recipes/keys.py has the keys and their defaults. Knows no image
and no pixels: jobs/recipes/shapes.py computes what depends on the image (the output's sides). jobs/recipes/presets.py
owns recipes.toml.
"""

import functools
import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Any, get_args

import msgspec
from msgspec import Meta

from jobs.errors import BadRecipe
from jobs.images.facts import PALETTE_MAX
from jobs.limits import OUTPUT_PIXELS_MAX, RECIPE_BYTES_MAX, RENDITIONS_MAX
from jobs.recipes.checks import check
from jobs.recipes.expand import as_asked, expanded, mark_paths
from jobs.recipes.keys import (
    MARKS_MAX,
    AskedRendition,
    Chroma,
    Crop,
    FileFormat,
    Fit,
    Focus,
    Gravity,
    InfoKind,
    Keep,
    Kept,
    Median,
    OutputFormat,
    PlaceholderKind,
    Profile,
    RenditionSpec,
    Watermark,
    marks,
)
from jobs.recipes.pages import check_pages
from jobs.recipes.spelling import plain
from jobs.recipes.values.formatted import Preset
from jobs.recipes.values.patterns import NAME_PATTERN, refused, value_at, words_of

__all__ = [
    "NAME_PATTERN",
    "AskedRecipe",
    "Crop",
    "Fit",
    "Focus",
    "Gravity",
    "Recipe",
    "RenditionSpec",
    "Watermark",
    "as_dict",
    "canonical",
    "content_of",
    "digest",
    "focused",
    "parse",
    "stored",
    "whole",
]  # fmt: skip
_CHOICES = {
    "fit": Fit, "gravity": Kept, "format": OutputFormat, "formats": FileFormat, "chroma": Chroma, "median": Median,
    "keep": Keep, "profile": Profile, "preset": Preset, "placeholder": PlaceholderKind, "info": InfoKind,
}  # fmt: skip
_Info = bool | Annotated[tuple[InfoKind, ...], Meta(min_length=1, max_length=1)]
_Palette = Annotated[int, Meta(ge=2, le=PALETTE_MAX)] | None
_Placeholders = Annotated[tuple[PlaceholderKind, ...], Meta(max_length=len(get_args(PlaceholderKind)))]
FEW = 4
"""So many renditions fit into RECIPE_BYTES_MAX, whatever their keys, if none has a list of watermarks."""


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of one image. Made by `parse` alone, so it is always valid and resolved. `placeholder`: the small
    pictures that its facts have. `info`: whether they tell of the original, and what more than is public of it.
    `palette`: the number of its colours. A recipe that asks for facts needs no rendition."""

    renditions: Annotated[tuple[RenditionSpec, ...], Meta(max_length=RENDITIONS_MAX)] = ()
    placeholder: _Placeholders = ()
    info: _Info = False
    palette: _Palette = None

    @property
    def asks_facts(self) -> bool:
        """Whether it asks for more than renditions."""
        return bool(self.placeholder or self.info)


class AskedRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A recipe as it is asked for. It has a rendition, or asks for facts."""

    renditions: Annotated[tuple[AskedRendition, ...], Meta(max_length=RENDITIONS_MAX)] = ()
    placeholder: _Placeholders = ()
    info: _Info = False
    palette: _Palette = None


def parse(source: object, watermarks: Mapping[str, str] | None = None, *, vips: bool = True) -> Recipe:
    """The resolved recipe in a JSON text (str, bytes), or in its decoded object. Raises BadRecipe, nothing else.

    `watermarks`: the digests of the known watermarks, by name; None if `source` is resolved already. `vips`: whether
    the extra of that name is there, without which some keys are refused.
    """
    return _made(_asked(source), watermarks, vips=vips, is_new=True)


def stored(text: str) -> Recipe:
    """The recipe of a job's canonical text. A release before accepted keys that `parse` refuses now, because they do
    nothing: its jobs are done all the same. Raises BadRecipe for what no release had."""
    return _made(_asked(text), None, vips=True, is_new=False)


def _asked(source: object) -> AskedRecipe:
    try:
        if not isinstance(source, str | bytes):
            return msgspec.convert(source, AskedRecipe)
        if len(source) > RECIPE_BYTES_MAX:
            raise BadRecipe("$", f"a recipe is at most {RECIPE_BYTES_MAX} bytes long")
        return msgspec.json.decode(source, type=AskedRecipe)
    except msgspec.ValidationError as error:
        raise _bad(str(error), source) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadRecipe("$", f"this is no JSON: {error}") from None


def _made(asked: AskedRecipe, watermarks: Mapping[str, str] | None, *, vips: bool, is_new: bool) -> Recipe:
    made: list[RenditionSpec] = []
    for index, each in enumerate(asked.renditions):
        path = f"$.renditions[{index}]"
        found = tuple(_resolved(mark, place, watermarks) for place, mark in mark_paths(each, path))
        each = msgspec.structs.replace(each, watermark=found if isinstance(each.watermark, tuple) else as_asked(found))
        for spec in map(plain, expanded(each, path)):
            _check(spec, made, path)
            if is_new:
                check(spec, each, path, vips=vips)
            check_pages(spec, path)
            made.append(spec)
    kinds = tuple(kind for kind in get_args(PlaceholderKind) if kind in asked.placeholder)
    recipe = Recipe(tuple(made), kinds, asked.info, asked.palette)
    if not (made or recipe.asks_facts):
        raise BadRecipe("$.renditions", "a recipe without renditions asks for `info` or `placeholder`")
    if asked.palette and not asked.info:
        raise BadRecipe("$.palette", "`palette` is a part of `info`: ask for both")
    _check_size(recipe)
    return recipe


def focused(recipe: Recipe, focus: Focus) -> Recipe:
    """The recipe for an image with this focus: each rendition whose gravity is the focus, and that names none, gets
    it."""
    point = abs(focus[0]), abs(focus[1])  # -0.0 is 0.0
    wanting = [spec.gravity == "focus" and spec.focus is None for spec in recipe.renditions]
    replaced = (msgspec.structs.replace(spec, focus=point) for spec in recipe.renditions)
    pairs = zip(wanting, recipe.renditions, replaced, strict=True)
    specs = tuple(new if wants else spec for wants, spec, new in pairs)
    return msgspec.structs.replace(recipe, renditions=specs)


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
        return as_dict(stored(text))
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
    made = {}
    for name, default in _defaults(type(value)):
        found = getattr(value, name)
        if found is not default and found != default:
            made[name] = _sparse(found) if isinstance(found, tuple | msgspec.Struct) else found
    return made


@functools.cache
def _defaults(kind: type[msgspec.Struct]) -> tuple[tuple[str, object], ...]:
    """The keys of a struct with their defaults."""
    return tuple((field.name, field.default) for field in msgspec.structs.fields(kind))


def _bad(message: str, source: object) -> BadRecipe:
    """The BadRecipe of a msgspec message about `source`: 'Expected … - at `$.renditions[0].width`'."""
    detail, _, place = message.partition(" - at `")
    path = place.rstrip("`") or "$"
    if key := re.fullmatch(r"Object (contains unknown|missing required) field `(.*)`", detail, re.DOTALL):
        detail = "no such key" if key[1] == "contains unknown" else "this key is needed"
        path = f"{path}.{key[2]}"
    elif detail.startswith("Invalid enum value"):
        kind = path.rpartition(".")[2].partition("[")[0]
        choices = get_args(Gravity if ".watermark" in path else _CHOICES[kind])
        detail += ", use one of " + ", ".join(map(str, choices))
    elif words := words_of(detail):
        detail = refused(words, _came(source, path))
    return BadRecipe(path, detail)


def _came(source: object, path: str) -> object:
    """The value at a JSON path. Behind it a text may be no JSON: then it is the whole text."""
    try:
        return value_at(path, msgspec.json.decode(source) if isinstance(source, str | bytes) else source)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return source


def _check(spec: RenditionSpec, before: list[RenditionSpec], path: str) -> None:
    """Raises BadRecipe for a rendition that must not follow those `before`."""
    if len(before) == RENDITIONS_MAX:
        raise BadRecipe(path, f"with `widths`, `dpr` and `formats` there are more than {RENDITIONS_MAX} renditions")
    if spec.name in {other.name for other in before}:
        raise BadRecipe(f"{path}.name", f"two renditions are named {spec.name!r}")
    if (pixels := (spec.width or 1) * (spec.height or 1)) > OUTPUT_PIXELS_MAX:
        raise BadRecipe(path, f"{pixels} pixels are asked, {OUTPUT_PIXELS_MAX} are allowed")


def _check_size(recipe: Recipe) -> None:
    """Raises BadRecipe for more watermarks than a decoder takes, or than its canonical text may tell of."""
    found = {mark.digest for spec in recipe.renditions for mark in marks(spec)}
    if len(found) > MARKS_MAX:
        raise BadRecipe("$", f"it names {len(found)} different watermarks, {MARKS_MAX} are allowed")
    large = len(recipe.renditions) > FEW or any(isinstance(spec.watermark, tuple) for spec in recipe.renditions)
    if large and (size := len(canonical(recipe))) > RECIPE_BYTES_MAX:
        raise BadRecipe("$", f"written out it has {size} bytes, {RECIPE_BYTES_MAX} are allowed")


def _resolved(asked: Watermark, path: str, known: Mapping[str, str] | None) -> Watermark:
    """A watermark with its digest. One that was resolved before must still have the same digest."""
    if known is None and asked.digest:
        return asked
    digest = (known or {}).get(asked.name)
    if digest is None:
        there = f"use {', '.join(known)}" if known else "recipes.toml has none"
        raise BadRecipe(f"{path}.name", f"there is no watermark {asked.name!r}: {there}")
    if asked.digest not in (None, digest):
        raise BadRecipe(f"{path}.digest", f"the watermark {asked.name!r} is another now: leave this out")
    return msgspec.structs.replace(asked, digest=digest)
