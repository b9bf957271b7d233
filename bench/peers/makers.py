"""Pixmill's own engine, and Pillow as others use it, for bench/images.py: `python -m bench.peers.makers NAME`."""

import io
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from PIL import Image, ImageFilter, ImageOps

from bench.peers.peer import Maker, Wanted, answer
from host.process import hugepages
from jobs.recipes.recipe import parse
from worker.images import pipeline
from worker.images.formats import turbojpeg, vips
from worker.images.reading import PipelineLimits

LIMITS = PipelineLimits(100_000_000, 500)
LANCZOS = Image.Resampling.LANCZOS


def pixmill(source: Path, wanted: Wanted) -> list[bytes]:
    """The pipeline that a decoder runs."""
    with source.open("rb") as file:
        made = {output.name: output.data for output in pipeline.run(file, parse({"renditions": wanted}), LIMITS)}
    return [made[one["name"]] for one in wanted]


def stock(source: Path, wanted: Wanted) -> list[bytes]:
    """The same by Pillow alone."""
    with mock.patch.object(turbojpeg, "INSTALLED", False):
        return planar(source, wanted)


def planar(source: Path, wanted: Wanted) -> list[bytes]:
    """The same without the extra `vips`, but with libturbojpeg."""
    with mock.patch.object(vips, "INSTALLED", False):
        return pixmill(source, wanted)


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


OURS: dict[str, Maker] = {"pixmill": pixmill, "planar": planar, "stock": stock}
PILLOW: dict[str, Maker] = {"pillow": naive, "thumbnail": thumbnail}


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


if __name__ == "__main__":
    name = sys.argv[1]
    if name in OURS:  # as a worker does
        hugepages.begin_anew()
        pipeline.warm()
    answer((OURS | PILLOW)[name])
