"""jobs/images/kept/webp.py: equal to what Pillow's writer makes of the same picture and the same blocks."""

import io
import itertools
from typing import Any

import pytest
from PIL import Image

from jobs.images.kept.blocks import NONE
from jobs.images.kept.webp import in_webp
from tests.support.pictures.images import corners, saved
from tests.support.pictures.planted import XMP, block
from worker.images.colours.spaces import P3

PARTS = [("exif", block()), ("xmp", XMP), ("profile", P3)]


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_file_is_the_same_as_pillows(mode: str, lossless: bool) -> None:
    image = corners().resize((61, 33)).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    plain = saved(image, "WEBP", lossless=lossless)
    for number in range(4):
        for chosen in itertools.combinations(PARTS, number):
            parts: dict[str, Any] = dict(chosen)
            kept = NONE._replace(**parts)
            options = {{"profile": "icc_profile"}.get(name, name): part for name, part in chosen}
            made = in_webp(plain, image.size, kept)
            assert made == saved(image, "WEBP", lossless=lossless, **options)
            assert Image.open(io.BytesIO(made)).convert(mode).size == image.size
    assert in_webp(plain, image.size, NONE) == plain
