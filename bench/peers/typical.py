"""Pillow as others use it, for bench/images.py and the peers of bench/beside. Knows nothing of pixmill."""

import io
from pathlib import Path
from typing import Any

from PIL import Image, ImageFilter, ImageOps

LANCZOS = Image.Resampling.LANCZOS
Wanted = list[dict[str, Any]]
"""Renditions in the words of a recipe."""


def naive(source: Path, wanted: Wanted) -> list[bytes]:
    """Pillow as in a typical example: decode all pixels, resize by LANCZOS, save."""
    with Image.open(source) as image:
        return [_saved(_fitted(image, one), one) for one in wanted]


def thumbnail(source: Path, wanted: Wanted) -> list[bytes]:
    """Pillow's thumbnail, from the file each time: it scales a JPEG while decoding (draft), and reduces by whole
    numbers first."""
    outputs = []
    for one in wanted:
        with Image.open(source) as image:
            if one.get("fit") == "cover":
                outputs.append(_saved(_fitted(image, one), one))
                continue
            image.thumbnail((one["width"], one.get("height", 100_000)), LANCZOS, reducing_gap=2.0)
            outputs.append(_saved(image, one))
    return outputs


def _fitted(image: Image.Image, one: dict[str, Any]) -> Image.Image:
    if one.get("fit") == "cover":
        return ImageOps.fit(image, (one["width"], one["height"]), LANCZOS)
    shrink = max(image.width / one["width"], image.height / one.get("height", 100_000))
    return image.resize((round(image.width / shrink), round(image.height / shrink)), LANCZOS)


def _saved(image: Image.Image, one: dict[str, Any]) -> bytes:
    image = image.filter(ImageFilter.GaussianBlur(one["blur"])) if "blur" in one else image
    stream = io.BytesIO()
    image.convert("RGB" if one["format"] == "jpeg" else image.mode).save(stream, one["format"], quality=80)
    return stream.getvalue()
