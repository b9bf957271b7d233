"""Photographs for loads on real clusters: a small one and one whose jobs are large (jobs/lanes.py), no two alike."""

import io
import os

from PIL import Image

from tests.support.pictures.images import TEST_DATA

LARGE_SIDES = (6000, 4000)


def small() -> bytes:
    """test-data/sample.jpg."""
    return (TEST_DATA / "sample.jpg").read_bytes()


def large() -> bytes:
    """A PNG of 24 million pixels, enlarged from test-data/12mp.jpg: the default preset takes some 0.6 s of CPU."""
    out = io.BytesIO()
    with Image.open(TEST_DATA / "12mp.jpg") as image:
        image.convert("RGB").resize(LARGE_SIDES, Image.Resampling.BILINEAR).save(out, "png", compress_level=1)
    return out.getvalue()


def unlike(photograph: bytes) -> bytes:
    """The same picture with other bytes, so that the result cache does not know it."""
    return photograph + os.urandom(16)
