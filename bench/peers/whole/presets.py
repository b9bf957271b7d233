"""What the contenders are asked to make: one photograph and three presets, for each of them in its own words."""

import json
import tomllib
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

PHOTO_BYTES = 829_183
"""The size of the photograph in sharp's own benchmark, to which ours is padded after its end."""
SIDES = (2725, 2225)
QUALITY_MAX = 95
DEFAULT = "default"
"""pixmill's own preset for uploads that name none."""

Wanted = list[dict[str, Any]]


def _jpegs(*wanted: dict[str, Any]) -> Wanted:
    return [{"name": f"r{index}", **one, "format": "jpeg"} for index, one in enumerate(wanted)]


def presets(recipes: Path) -> dict[str, Wanted]:
    """Renditions by preset. The default one is that of the file `recipes`."""
    return {
        "one": _jpegs({"width": 720, "height": 588}),
        "five": _jpegs(
            {"width": 1920},
            {"width": 1280},
            {"width": 640},
            {"width": 320, "height": 320, "fit": "cover"},
            {"width": 64, "blur": 2},
        ),
        DEFAULT: tomllib.loads(recipes.read_text())["presets"][DEFAULT]["renditions"],
    }


def as_recipes(wanted: dict[str, Wanted]) -> str:
    """A recipes.toml of these presets."""
    parts = []
    for preset, renditions in wanted.items():
        for one in renditions:
            lines = [f"{key} = {json.dumps(value)}\n" for key, value in one.items()]
            parts.append(f"[[presets.{preset}.renditions]]\n{''.join(lines)}")
    return "\n".join(parts)


def make_photo(scene: Path, photo: Path) -> None:
    """A photograph of SIDES and PHOTO_BYTES from another one. Raises AssertionError if no quality fits."""
    with Image.open(scene) as image:
        fitted = ImageOps.fit(image.convert("RGB"), SIDES, Image.Resampling.LANCZOS)
    for quality in range(QUALITY_MAX, 50, -1):
        fitted.save(photo, "jpeg", quality=quality)
        if photo.stat().st_size <= PHOTO_BYTES - 16:
            photo.write_bytes(photo.read_bytes().ljust(PHOTO_BYTES, b"\0"))
            return
    raise AssertionError("the photograph fits at no quality")


def expected(one: dict[str, Any], original: tuple[int, int] = SIDES) -> tuple[int, int]:
    """The sides of a rendition of an original, rounded to the nearest pixel: `cover` fills its box, all others keep the
    shape and are not enlarged."""
    if one.get("fit") == "cover":
        return one["width"], one["height"]
    shrink = max(original[0] / one["width"], original[1] / one.get("height", 1e9), 1.0)
    return round(original[0] / shrink), round(original[1] / shrink)
