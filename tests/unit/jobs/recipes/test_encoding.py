"""jobs/recipes/encoding.py: which keys a file of a format has, judged by files with and without each key."""

from typing import Any

import pytest
from PIL import Image

from jobs.images.formats import EXTENSIONS
from jobs.recipes.encoding import OF_FORMATS, idle, quality_least, quality_of
from jobs.recipes.keys import RenditionSpec
from tests.support.pictures.images import TEST_DATA, one, outputs, saved
from worker.images import encoders

TRIED: dict[str, dict[str, Any]] = {
    "quality": {"quality": 35},
    "effort": {"effort": 1},
    "chroma": {"chroma": 444},
    "progressive": {"progressive": True},
    "lossless": {"lossless": True},
}
"""Keys that change a file of each format that has them."""
ASKED = {*TRIED, "max_bytes", "original_if_smaller", "profile"}


def test_every_key_is_tried() -> None:
    assert set(OF_FORMATS) == ASKED


def file(format: str, **keys: Any) -> bytes:
    with Image.open(TEST_DATA / "sample.jpg") as photo:
        image = photo.convert("RGB").resize((60, 80))
    return encoders.encode(image, format, RenditionSpec(name="a", **keys))


@pytest.mark.parametrize("format", EXTENSIONS)
@pytest.mark.parametrize("key", TRIED)
def test_a_key_is_idle_where_it_changes_no_byte(format: str, key: str) -> None:
    plain, lossless = RenditionSpec(name="a", **TRIED[key]), RenditionSpec(name="a", **TRIED[key] | {"lossless": True})
    assert (key in idle(plain, format)) == (file(format, **TRIED[key]) == file(format))
    if "lossless" not in idle(lossless, format) and key != "lossless":
        changed = file(format, **TRIED[key], lossless=True) != file(format, lossless=True)
        assert (key in idle(lossless, format)) != changed


def test_a_key_that_is_not_asked_is_not_idle() -> None:
    assert [idle(RenditionSpec(name="a"), format) for format in EXTENSIONS] == [[]] * len(EXTENSIONS)


@pytest.mark.parametrize("original", ["JPEG", "PNG", "GIF", "WEBP", "AVIF"])
def test_a_rendition_names_the_keys_that_its_format_does_not_have(original: str) -> None:
    with Image.open(TEST_DATA / "sample.jpg") as photo:
        data = saved(photo.convert("RGB").resize((60, 80)), original)
    keys = {"quality": 35, "effort": 1, "chroma": 444, "progressive": True}
    made = outputs(data, one(format="original", **keys))["a"]
    has = {name for name in keys if original.lower() in OF_FORMATS[name]}
    assert made.format == original.lower()
    assert set(made.unmet) == set(keys) - has


def test_the_quality_and_its_floor() -> None:
    spec = RenditionSpec(name="a", quality=20, max_bytes=9)
    assert (quality_of(spec, "jpeg"), quality_of(spec, "png"), quality_least(spec, 20)) == (20, None, 20)
    low = RenditionSpec(name="a", max_bytes=9, quality_min=7, lossless=True)
    assert (quality_of(low, "avif"), quality_of(low, "jpeg"), quality_least(low, 80)) == (None, 80, 7)
    assert quality_least(RenditionSpec(name="a", max_bytes=9), 60) == 30
