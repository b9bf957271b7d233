"""worker/images/budget.py and the keys `max_bytes`, `quality_min`, `quality` and `effort`: against all qualities."""

import io
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jobs.errors import BadRecipe
from jobs.recipes.keys import ENCODES_MAX, QUALITY
from tests.support.pictures.images import TEST_DATA, one, outputs, saved
from worker.images.budget import within
from worker.images.formats import turbojpeg


@given(st.integers(1, 100), st.integers(1, 100), st.integers(0, 3000), st.randoms())
def test_the_found_quality_is_near_the_best_one(one: int, other: int, most: int, dice: Any) -> None:
    worst, best = sorted((one, other))
    sizes, size = {}, 0
    for quality in range(1, 101):
        size += dice.randrange(30)
        sizes[quality] = size
    tried: list[int] = []

    def encode(quality: int) -> bytes:
        tried.append(quality)
        return bytes(sizes[quality])

    made = within(encode, best, worst, most)
    assert made.data == bytes(sizes[made.quality or 0])
    assert len(tried) == len(set(tried)) <= ENCODES_MAX
    assert all(worst <= quality <= best for quality in tried)
    fitting = [quality for quality in range(worst, best + 1) if sizes[quality] <= most]
    if fitting:
        assert len(made.data) <= most, "it fits whenever the worst quality fits"
        assert made.quality is not None and made.quality >= max(fitting) - (2 if best - worst <= 60 else 5)
    else:
        assert len(made.data) == min(sizes[quality] for quality in tried), "the smallest of those made"
    assert (len(tried) == 1) == (sizes[best] <= most or best == worst)


PHOTO = Image.open(TEST_DATA / "sample.jpg").convert("RGB").resize((96, 128))


@pytest.mark.parametrize("format", ["jpeg", "webp", "avif"])
@pytest.mark.parametrize("share", [0.9, 0.7, 0.55])
def test_a_file_is_as_large_as_allowed_and_as_good_as_possible(format: str, share: float) -> None:
    data, best = saved(PHOTO), QUALITY[format]
    sizes = {
        quality: len(outputs(data, one(format=format, quality=quality))["a"].data) for quality in range(30, best + 1)
    }
    most = int(sizes[best] * share)
    made = outputs(data, one(format=format, max_bytes=most))["a"]
    fitting = [quality for quality, size in sizes.items() if size <= most]
    if fitting:
        assert len(made.data) <= most
        assert made.quality is not None and made.quality >= max(fitting) - 2
        assert (made.unmet, len(made.data)) == ((), sizes[made.quality])
    else:
        assert (made.unmet, made.quality) == (("max_bytes",), 30)


def test_what_does_not_fit_is_the_smallest_and_says_so() -> None:
    data = saved(PHOTO)
    for keys in ({"format": "jpeg"}, {"format": "webp", "quality": 50, "quality_min": 45}):
        made = outputs(data, one(max_bytes=10, **keys))["a"]
        least = outputs(data, one(format=keys["format"], quality=keys.get("quality_min", 30)))["a"]
        assert made.unmet == ("max_bytes",)
        assert len(made.data) <= len(least.data)
    assert outputs(data, one(format="original", max_bytes=10))["a"].unmet == ("max_bytes",), "a PNG"
    assert outputs(data, one(format="original", max_bytes=10**6))["a"].unmet == ()
    assert outputs(data, one(format="jpeg", max_bytes=10**6))["a"].quality == 80
    made = outputs(data, one(format="jpeg", max_bytes=10, quality=20))["a"]
    assert (made.quality, made.unmet) == (20, ("max_bytes",)), "a low quality is its own floor"


def test_a_jpeg_of_a_jpeg_fits_with_and_without_planes(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(PHOTO, "JPEG", quality=95)
    for installed in (turbojpeg.INSTALLED, False):
        monkeypatch.setattr(turbojpeg, "INSTALLED", installed)
        whole = outputs(data, one(format="jpeg"))["a"]
        made = outputs(data, one(format="jpeg", max_bytes=len(whole.data) * 3 // 4))["a"]
        assert len(made.data) <= len(whole.data) * 3 // 4
        assert made.quality is not None and 30 <= made.quality < 80


def test_an_animation_fits_and_keeps_its_frames_and_times() -> None:
    frames = [PHOTO, PHOTO.transpose(Image.Transpose.ROTATE_180)]
    data = saved(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=[100, 250])
    whole = outputs(data, one(format="webp"))["a"]
    made = outputs(data, one(format="webp", max_bytes=len(whole.data) * 3 // 4))["a"]
    assert len(made.data) <= len(whole.data) * 3 // 4
    moving = Image.open(io.BytesIO(made.data))
    assert moving.n_frames == 2  # type: ignore[attr-defined]
    moving.seek(1)
    moving.load()
    assert Fraction(moving.info["duration"]) == 250


def test_the_default_quality_is_that_of_the_format() -> None:
    data = saved(PHOTO)
    for format, quality in QUALITY.items():
        made = outputs(data, one(format=format))["a"]
        assert made.quality == quality
        assert made.data == outputs(data, one(format=format, quality=quality))["a"].data


@pytest.mark.parametrize("format", ["png", "webp", "avif"])
def test_more_effort_makes_smaller_files_of_the_same_picture(format: str) -> None:
    made = {effort: outputs(saved(PHOTO), one(format=format, effort=effort))["a"] for effort in (0, 6)}
    assert len(made[6].data) < len(made[0].data)
    assert made[0].quality == made[6].quality


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ({"format": "png", "max_bytes": 9}, "max_bytes"),
        ({"format": "gif", "max_bytes": 9}, "max_bytes"),
        ({"format": "webp", "lossless": True, "max_bytes": 9}, "max_bytes"),
        ({"max_bytes": 0}, "max_bytes"),
        ({"max_bytes": 9, "quality": 20, "quality_min": 21}, "quality_min"),
        ({"quality_min": 20}, "quality_min"),
        ({"max_bytes": 9, "format": "jpeg", "quality_min": 81}, "quality_min"),
        ({"effort": 10}, "effort"),
        ({"quality": 0}, "quality"),
    ],
)
def test_a_fault_names_its_key(keys: dict[str, Any], place: str) -> None:
    with pytest.raises(BadRecipe) as fault:
        one(**{"format": "jpeg", **keys})
    assert fault.value.path == f"$.renditions[0].{place}"
