"""recipes.toml: the presets, and the watermarks that recipes may name.

Owns the syntax of that file. Pure: opens no file; host/files/recipes.py reads it and the watermarks' images.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any, NamedTuple

from jobs.errors import BadRecipe, SetupFault
from jobs.recipes.recipe import Recipe, parse
from jobs.recipes.values.patterns import NAME_PATTERN, WORDS, refused

DEFAULT_PRESET = "default"


class Recipes(NamedTuple):
    """What uploads may ask for: `presets` by name, and `watermarks`, name to digest. `vips`: whether the extra of that
    name is there."""

    presets: dict[str, Recipe]
    watermarks: dict[str, str]
    vips: bool = False


_TABLES = ("presets", "watermarks")
_TEXTS = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'')
"""Matches whatever may be a string of TOML on one line."""


def watermark_paths(toml: str) -> dict[str, str]:
    """The image files of `[watermarks]` by name, relative to recipes.toml. Raises SetupFault."""
    watermarks = _tables(toml).get("watermarks", {})
    if not isinstance(watermarks, dict):
        raise SetupFault('recipes.toml: [watermarks] is a table, name = "file": correct it')
    for name, path in watermarks.items():
        _check_name(name, "watermark")
        if not isinstance(path, str):
            raise SetupFault(f"recipes.toml: the watermark {name!r} is the path of an image, not {path!r}: correct it")
    return watermarks


def moved(toml: str, to: Mapping[str, str]) -> str:
    """A recipes.toml in which each watermark's path in `to` is replaced by its value. All else stays, comments too.

    Raises SetupFault if a path is not written on one line.
    """
    written = _TEXTS.sub(lambda found: _retold(found[0], to), toml)
    paths = {name: to.get(path, path) for name, path in watermark_paths(toml).items()}
    if _tables(written) != _tables(toml) | ({"watermarks": paths} if paths else {}):
        raise SetupFault(f"recipes.toml: write the paths {sorted(to)} on one line, in one pair of quotes each")
    return written


def _retold(text: str, to: Mapping[str, str]) -> str:
    try:
        path = tomllib.loads(f"path = {text}")["path"]
    except tomllib.TOMLDecodeError:  # in a comment
        return text
    return json.dumps(to[path], ensure_ascii=False) if path in to else text


def load_presets(toml: str, watermarks: Mapping[str, str] | None = None, *, vips: bool = False) -> dict[str, Recipe]:
    """The presets in a recipes.toml, by name; `watermarks`: the digests of its images, by name; `vips`: whether the
    extra of that name is there.

    Raises SetupFault on any fault, or without `default`.
    """
    presets = _tables(toml).get("presets")
    if not isinstance(presets, dict) or "default" not in presets:
        raise SetupFault("recipes.toml has no preset `default`: add [[presets.default.renditions]]")
    return {name: _preset(name, preset, watermarks or {}, vips=vips) for name, preset in presets.items()}


def _tables(toml: str) -> dict[str, Any]:
    try:
        tables = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        raise SetupFault(f"recipes.toml is no TOML, {error}: correct it") from None
    if unknown := sorted(tables.keys() - set(_TABLES)):
        raise SetupFault(f"recipes.toml: only [presets.NAME] and [watermarks] are known, not {unknown}: correct it")
    return tables


def _preset(name: str, preset: object, watermarks: Mapping[str, str], *, vips: bool) -> Recipe:
    _check_name(name, "preset")
    try:
        return parse(preset, watermarks, vips=vips)
    except BadRecipe as fault:
        raise SetupFault(f"recipes.toml, preset {name!r}, {fault.detail}: correct it") from None


def _check_name(name: str, what: str) -> None:
    if not re.match(NAME_PATTERN, name):
        raise SetupFault(f"recipes.toml: a wrong name of a {what}: {refused(WORDS[NAME_PATTERN], name)}")
