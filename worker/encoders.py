"""Pictures and animations as files: what each format is told of a rendition's keys. Nothing else gets in.

Owns the options of Pillow's encoders; some PNG are libvips' (worker/vips.py). Knows no geometry, and nothing of how
files are read.
"""

import io
from typing import NamedTuple

from PIL import Image

from jobs.recipe import RenditionSpec
from worker import vips

PNG_LEVEL = 2
"""Of 9, zlib-ng 2.3. Against level 4 a photograph takes half the time for 5 % more bytes (two thirds of sharp's),
and a resized screen or page is as small or smaller. Run-length coding is faster still, but makes these thrice
as large."""


class Showing(NamedTuple):
    """How an animation is shown: the milliseconds of each frame, and how often it is played (0: for ever)."""

    milliseconds: list[int]
    plays: int


def encode(images: list[Image.Image], format: str, spec: RenditionSpec, exif: bytes, showing: Showing | None) -> bytes:
    """The file of sRGB images (L, LA, RGB or RGBA), without metadata but for the EXIF given. All of them
    are its frames if there is a `showing`; else there is one."""
    if not (showing or exif) and vips.encodes(format, images[0]) and (data := vips.encode_png(images[0])) is not None:
        return data
    options = _options(format, spec) | ({"exif": exif} if exif and format != "gif" else {})
    first, *rest = _alike(images)
    if showing:
        options |= {"save_all": True, "append_images": rest, "duration": showing.milliseconds}
        options |= _loop(format, showing.plays)
        if format == "gif" and first.mode == "RGBA":
            options["disposal"] = 2  # else what was clears through
    stream = io.BytesIO()
    first.save(stream, format.upper(), **options)
    return stream.getvalue()


def _options(format: str, spec: RenditionSpec) -> dict[str, object]:
    chroma = "4:4:4" if spec.chroma == 444 else "4:2:0"
    if format == "jpeg":
        return {"quality": spec.quality, "subsampling": chroma, "progressive": spec.progressive}
    if format == "webp":
        return {"quality": spec.quality, "lossless": spec.lossless}
    if format == "avif" and spec.lossless:
        return {"quality": 100, "subsampling": "4:4:4"}
    if format == "png":
        return {"compress_level": PNG_LEVEL}
    return {"quality": spec.quality, "subsampling": chroma} if format == "avif" else {}


def _alike(images: list[Image.Image]) -> list[Image.Image]:
    """The frames of a file have one mode."""
    modes = {image.mode for image in images}
    if len(modes) == 1:
        return images
    common = "RGBA" if modes & {"LA", "RGBA"} else "RGB"
    return [image.convert(common) for image in images]


def _loop(format: str, plays: int) -> dict[str, object]:
    if format != "gif":
        return {"loop": plays}
    return {} if plays == 1 else {"loop": max(0, plays - 1)}
