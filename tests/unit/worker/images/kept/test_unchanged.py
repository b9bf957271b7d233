"""worker/images/kept/unchanged.py and the key `original_if_smaller`: no rendition is larger than what was sent."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms

from jobs.errors import BadRecipe
from tests.support.pictures.images import TEST_DATA, one, outputs, read, saved, swapped_profile
from tests.support.pictures.planted import SECRET, planted, tags

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def photo() -> Image.Image:
    with Image.open(TEST_DATA / "sample.jpg") as image:
        return image.convert("RGB").resize((120, 90))


def handed(data: bytes, **keys: Any) -> bool:
    """Whether the original's file is handed on, and nothing else differs from the rendition without the key."""
    format = Image.open(io.BytesIO(data)).format
    asked = {"format": str(format).lower()} | keys
    plain = outputs(data, one(**asked))["a"]
    made = outputs(data, one(original_if_smaller=True, **asked))["a"]
    assert len(made.data) <= len(plain.data)
    assert made._replace(data=b"", quality=None, spent=plain.spent) == plain._replace(data=b"", quality=None)
    if made.data == plain.data:
        return False
    ours, theirs = read(made), Image.open(io.BytesIO(data))
    assert (ours.mode, ours.size, ours.tobytes()) == (theirs.mode, theirs.size, theirs.tobytes())
    assert made.quality is None
    assert len(made.data) <= len(data)
    return True


SMALL: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 30},
    "PNG": {"optimize": True},
    "WEBP": {"quality": 20},
}


@pytest.mark.parametrize("format", SMALL)
def test_a_smaller_original_is_handed_on_without_its_metadata(format: str, tmp_path: Path) -> None:
    image = photo().quantize(8) if format == "PNG" else photo()
    data = planted(image, format, **SMALL[format])
    assert handed(data)
    assert handed(data, width=120, quality=90) if format != "PNG" else handed(data, width=300)
    made = outputs(data, one(format="original", original_if_smaller=True))["a"]
    assert SECRET not in made.data
    assert not [name for name in tags(tmp_path, made.data) if "XMP" in name or "IFD" in name or "IPTC" in name]


@pytest.mark.parametrize("profile", [b"", SRGB])
def test_a_profile_that_changes_nothing_is_left_out(profile: bytes) -> None:
    data = saved(photo(), "JPEG", quality=30, icc_profile=profile)
    assert handed(data)
    assert b"ICC_PROFILE" not in outputs(data, one(format="jpeg", original_if_smaller=True))["a"].data


def turned(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return saved(photo(), "JPEG", quality=30, exif=tags)


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (saved(photo(), "JPEG", quality=95), {}),
        (saved(photo(), "JPEG", quality=30), {"width": 119}),
        (saved(photo(), "JPEG", quality=30), {"flop": True}),
        (saved(photo(), "JPEG", quality=30), {"crop": {"left": 0, "top": 0, "width": 120, "height": 89}}),
        (saved(photo(), "JPEG", quality=30), {"width": 130, "fit": "contain"}),
        (saved(photo(), "JPEG", quality=30), {"format": "webp"}),
        (saved(photo(), "JPEG", quality=30, icc_profile=swapped_profile()), {}),
        (saved(photo().convert("CMYK"), "JPEG", quality=10), {}),
        (turned(6), {}),
        (saved(photo(), "WEBP", quality=5, save_all=True, append_images=[photo().rotate(180)]), {}),
    ],
    ids=range(10),
)
def test_a_picture_that_changes_or_is_larger_is_encoded(data: bytes, keys: dict[str, Any]) -> None:
    assert not handed(data, **keys)


def test_two_turns_that_undo_each_other_change_nothing() -> None:
    data = turned(2)
    assert handed(data, flop=True) is True


def test_it_meets_max_bytes_and_keeps_what_is_kept(tmp_path: Path) -> None:
    data = planted(photo(), "JPEG", quality=20)
    made = outputs(data, one(format="jpeg", original_if_smaller=True, max_bytes=10))["a"]
    assert made.unmet == ("max_bytes",)
    kept = outputs(data, one(format="jpeg", original_if_smaller=True, quality=95, keep=["copyright"]))["a"]
    assert kept.quality is None
    assert "IFD0:Copyright" in tags(tmp_path, kept.data)
    assert SECRET not in kept.data


@pytest.mark.parametrize(
    "keys",
    [
        {"format": "gif"},
        {"format": "avif"},
        {"format": "jpeg", "grayscale": True},
        {"format": "jpeg", "blur": 1},
        {"format": "jpeg", "padding": 1},
        {"format": "jpeg", "progressive": True},
        {"format": "webp", "background": "#ffffff"},
    ],
)
def test_where_it_can_never_hold_it_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(BadRecipe) as fault:
        one(original_if_smaller=True, **keys)
    assert fault.value.path == "$.renditions[0].original_if_smaller"


def test_an_original_of_another_format_says_so() -> None:
    made = outputs(saved(photo(), "GIF"), one(format="original", original_if_smaller=True))["a"]
    assert made.unmet == ("original_if_smaller",)
