"""worker/images/kept/sources.py: the XMP of a PNG. (The rest: jobs/images/kept/test_blocks.)"""

import io
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from jobs.images.kept.blocks import Sources
from tests.support.pictures.images import corners, saved
from tests.support.pictures.planted import XMP
from worker.images.kept.sources import sources


@pytest.mark.parametrize("zip", [False, True])
def test_the_text_of_a_png_is_found_compressed_or_not(zip: bool) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_itxt("Other", "no")
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=zip)
    stream = io.BytesIO(saved(corners(), pnginfo=texts))
    stream.seek(3)
    assert sources(Image.new("L", (1, 1)), stream, "png", b"e") == Sources(b"e", XMP)
    assert stream.tell() == 3


@pytest.mark.parametrize("body", [b"XML:com.adobe.xmp\0\1\0\0\0junk", b"XML:com.adobe.xmp", b"XML:com.adobe.xmp\0\0"])
def test_a_damaged_text_is_none(body: bytes) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add(b"iTXt", body)
    assert sources(Image.new("L", (1, 1)), io.BytesIO(saved(corners(), pnginfo=texts)), "png", b"") == Sources()


@pytest.mark.parametrize("dpi", [None, 72, (72,), ("x", 1), (float("nan"), 1.0), (float("inf"), 1.0), (1, 2, 3)])
def test_an_odd_density_is_none(dpi: Any) -> None:
    image = Image.new("L", (1, 1))
    image.info = {"dpi": dpi, "xmp": "text", "photoshop": {0x0404: {}}}
    assert sources(image, io.BytesIO(), "jpeg", b"") == Sources()
