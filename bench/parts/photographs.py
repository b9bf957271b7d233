"""Photographs for loads on real clusters: the small one of test-data and one of 50 million pixels, no two alike."""

import io
import os

from PIL import Image

from tests.support.pictures.images import TEST_DATA

LARGE_SIDES = (8660, 5774)


def small() -> bytes:
    """test-data/sample.jpg."""
    return (TEST_DATA / "sample.jpg").read_bytes()


def large() -> bytes:
    """A JPEG of 50 million pixels, enlarged from test-data/12mp.jpg."""
    out = io.BytesIO()
    with Image.open(TEST_DATA / "12mp.jpg") as image:
        image.convert("RGB").resize(LARGE_SIDES, Image.Resampling.BILINEAR).save(out, "jpeg", quality=85)
    return out.getvalue()


def unlike(photograph: bytes) -> bytes:
    """The same picture with other bytes, so that the result cache does not know it."""
    return photograph + os.urandom(16)
