"""recipes.toml and the images beside it, as they are on disk now.

A fault in them refuses web's start; workers look the watermarks up; a back-up copies them. Decodes no image.
"""

import hashlib
from pathlib import Path

from host.process.launch import ROOT
from host.settings.extras import vips_installed
from host.settings.settings import RECIPES, Settings
from jobs.errors import SetupFault
from jobs.images.formats import READ, listed
from jobs.images.head import read_head
from jobs.limits import WATERMARK_PIXELS_MAX
from jobs.recipes.presets import Recipes, load_presets, moved, watermark_paths

PACKAGED = ROOT / RECIPES
"""The presets that pixmill comes with, for a working folder without such a file where RECIPES is not set."""
WATERMARK_BYTES_MAX = 1024 * 1024
"""Bytes of a watermark's file: every job that uses it reads it."""


def load_recipes(settings: Settings) -> Recipes:
    """The presets, and the digests of the watermarks. Raises SetupFault."""
    toml = _toml(settings)
    watermarks = {name: digest_of(data) for name, data in _images(settings, toml).items()}
    vips = vips_installed()
    return Recipes(load_presets(toml, watermarks, vips=vips), watermarks, vips)


def load_watermarks(settings: Settings) -> dict[str, bytes]:
    """The watermarks' image files, by digest. Raises SetupFault."""
    return {digest_of(data): data for data in _images(settings, _toml(settings)).values()}


def recipe_files(settings: Settings) -> dict[str, bytes]:
    """A copy of recipes.toml, under that name, and of its watermarks, by their paths in it. The copy works in any
    folder: a watermark outside of the recipes' folder gets a place in the copy, and its path is changed. Raises
    SetupFault."""
    toml = _toml(settings)
    images, paths = _images(settings, toml), watermark_paths(toml)
    inside = {path: _inside(path) for path in paths.values()}
    copied = moved(toml, {path: to for path, to in inside.items() if to != path})
    return {RECIPES: copied.encode()} | {inside[paths[name]]: data for name, data in images.items()}


def _inside(path: str) -> str:
    """The place of a watermark's file in a copy: its path; or, if that leads outside, a folder of its own, because
    others may have the same name."""
    if not Path(path).is_absolute() and ".." not in Path(path).parts:
        return path
    return f"elsewhere/{digest_of(path.encode())[:12]}/{Path(path).name}"


def digest_of(data: bytes) -> str:
    """The name of these bytes in a recipe: SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def recipes_path(settings: Settings) -> Path:
    """The file that RECIPES means."""
    path = Path(settings.recipes)
    try:
        path.lstat()  # a link to a file that is gone is there: its presets were meant
    except FileNotFoundError:
        return PACKAGED if settings.recipes == RECIPES else path
    except OSError:
        pass  # reading it tells why
    return path


def _toml(settings: Settings) -> str:
    try:
        return recipes_path(settings).read_text("utf-8")
    except UnicodeDecodeError:
        raise SetupFault(f"the presets {settings.recipes} are not in UTF-8: save them so") from None
    except OSError as error:
        raise SetupFault(
            f"the presets {settings.recipes} cannot be read ({error.strerror}): set PIXMILL_RECIPES to a recipes.toml"
        ) from None


def _images(settings: Settings, toml: str) -> dict[str, bytes]:
    folder = recipes_path(settings).parent
    return {name: _image(name, folder / path) for name, path in watermark_paths(toml).items()}


def _image(name: str, path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(WATERMARK_BYTES_MAX + 1)
    except OSError as error:
        raise SetupFault(
            f"recipes.toml: the watermark {name!r} cannot be read ({path}: {error.strerror}): correct it"
        ) from None
    head = read_head(data)
    if head is None or head.format not in READ:
        raise SetupFault(f"recipes.toml: the watermark {name!r} ({path}) is no image: make it one of {listed()}")
    if len(data) > WATERMARK_BYTES_MAX or head.width * head.height > WATERMARK_PIXELS_MAX:
        raise SetupFault(
            f"recipes.toml: the watermark {name!r} ({path}) is over {WATERMARK_BYTES_MAX} bytes"
            f" or {WATERMARK_PIXELS_MAX} pixels: make it smaller"
        )
    return data
