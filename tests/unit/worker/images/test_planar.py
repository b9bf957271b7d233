"""worker/images/planar.py: a JPEG that is made of planes is the one that Pillow makes by RGB, and when neither is."""

from typing import Any
from unittest import mock

import pytest
from PIL import Image, ImageChops, ImageCms, ImageColor, ImageStat

from jobs.errors import ImageFault
from jobs.recipes.recipe import Recipe, parse
from tests.support.house.needs import lacking
from tests.support.pictures.images import CORPUS, TEST_DATA, outputs, read, saved, swapped_profile
from tests.support.pictures.quality import ssim
from worker.images import planar
from worker.images.formats import turbojpeg
from worker.images.pipeline import Output

ALIKE_SSIM_MIN, LOSS_MAX = 0.98, 0.002
"""Of both to each other, which any wrong place or turn exceeds; and of ours to the original, less than theirs."""
COLOUR_MAX = 2.0
"""Levels of 255 by which the means of the channels may differ."""
ORIENTATION = 0x0112
SMALL = {"width": 150}
KEYS: list[dict[str, Any]] = [
    SMALL,
    {"width": 151, "height": 97, "fit": "cover", "gravity": "southeast"},
    {"width": 130, "height": 141, "fit": "fill"},
    {"crop": {"left": 31, "top": 53, "width": 251, "height": 197}, "width": 207},
    {"rotate": 90, "width": 151},
    {"rotate": 180, "flip": True, "width": 133},
    {"flop": True, "width": 201},
    {"grayscale": True, "width": 160},
    {"progressive": True, "quality": 91, "width": 160},
    {"width": 4000},
    {"width": 700, "enlarge": True},
    {"keep_metadata": True, "width": 160},
]


@pytest.fixture(autouse=True)
def _library() -> None:
    if not turbojpeg.INSTALLED:
        lacking("no libturbojpeg on this machine")


def scene(width: int = 417, height: int = 311) -> Image.Image:
    """A photograph with colours at its edges, and odd sides."""
    with Image.open(TEST_DATA / "sample.jpg") as photo:
        image = photo.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    image.paste((250, 20, 30), (width - 9, 0, width, height))
    image.paste((20, 40, 240), (0, height - 7, width, height))
    return image


def jpeg(image: Image.Image, orientation: int = 1, **options: Any) -> bytes:
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    return saved(image, "JPEG", **{"quality": 92, "exif": tags.tobytes()} | options)


def recipe(*wanted: dict[str, Any]) -> Recipe:
    return parse({"renditions": [{"name": f"r{place}", "format": "jpeg", **keys} for place, keys in enumerate(wanted)]})


def both(data: bytes, asked: Recipe) -> list[tuple[Output, Output]]:
    """Each rendition as made of planes, and as made by Pillow."""
    with mock.patch.object(planar, "decoded", wraps=planar.decoded) as decoded:
        ours = outputs(data, asked)
    assert decoded.call_count == 1
    with mock.patch.object(turbojpeg, "INSTALLED", False):
        theirs = outputs(data, asked)
    return [(ours[name], theirs[name]) for name in theirs]


def judge(ours: Output, theirs: Output) -> None:
    """Fail unless both are one picture to the eye."""
    told = [one._replace(data=b"", dominant_colour=None, spent=ours.spent) for one in (ours, theirs)]
    assert told[0] == told[1]
    made, expected = read(ours), read(theirs)
    assert (made.size, made.mode) == (expected.size, expected.mode)
    assert {key for key in made.info if key != "exif"} == {key for key in expected.info if key != "exif"}
    assert made.info.get("exif") == expected.info.get("exif")
    assert ssim(made, expected) > ALIKE_SSIM_MIN
    means = zip(ImageStat.Stat(made).mean, ImageStat.Stat(expected).mean, strict=True)
    assert all(abs(mean - other) < COLOUR_MAX for mean, other in means)


def is_planar(data: bytes, asked: Recipe) -> bool:
    """Whether planes were decoded and used."""
    found: list[planar.Planes | None] = []

    def decoded(*given: Any) -> planar.Planes | None:
        found.append(_decoded(*given))
        return found[-1]

    with mock.patch.object(planar, "decoded", decoded):
        outputs(data, asked)
    return bool(found) and found[0] is not None


_decoded = planar.decoded


@pytest.mark.parametrize("keys", KEYS, ids=lambda keys: " ".join(keys))
@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_what_planes_give_is_what_rgb_gives(keys: dict[str, Any], sampling: str) -> None:
    for ours, theirs in both(jpeg(scene(), subsampling=sampling), recipe(keys)):
        judge(ours, theirs)


@pytest.mark.parametrize("width", [97, 210, 400, 640, 834])
def test_no_likeness_is_lost(width: int) -> None:
    picture = scene(834, 622)
    for ours, theirs in both(jpeg(picture), recipe({"width": width})):
        reference = picture.resize(read(ours).size, Image.Resampling.LANCZOS)
        assert ssim(read(ours), reference) > ssim(read(theirs), reference) - LOSS_MAX


@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_orientation_is_set_upright(orientation: int) -> None:
    for ours, theirs in both(jpeg(scene(), orientation), recipe(SMALL, {"width": 99, "rotate": 270})):
        judge(ours, theirs)


@pytest.mark.parametrize("sides", [(1, 1), (2, 1), (1, 9), (17, 16), (16, 17), (33, 49), (8, 8)])
def test_pictures_of_a_few_pixels(sides: tuple[int, int]) -> None:
    data = jpeg(scene(*sides))
    for ours, theirs in both(data, recipe({"width": 100}, {"width": 7, "enlarge": True}, {"width": 5, "rotate": 90})):
        assert read(ours).size == read(theirs).size
        difference = ImageChops.difference(read(ours), read(theirs))
        assert max(ImageStat.Stat(difference).mean) < 32


@pytest.mark.parametrize("keys", [{}, {"progressive": True}, {"restart_marker_blocks": 3}])
def test_gray_and_progressive_files_and_those_with_restarts(keys: dict[str, Any]) -> None:
    for image in (scene(), scene().convert("L")):
        for ours, theirs in both(jpeg(image, **keys), recipe(SMALL, {"width": 90, "height": 60, "fit": "cover"})):
            judge(ours, theirs)


def test_smaller_renditions_derive_from_larger_ones_and_a_blurred_one_takes_rgb() -> None:
    asked = recipe(
        {"width": 400}, {"width": 200}, {"width": 90, "height": 90, "fit": "cover"}, {"width": 40, "blur": 2}
    )
    for ours, theirs in both(jpeg(scene(834, 622)), asked):
        judge(ours, theirs)


def test_the_dominant_colour_is_that_of_the_picture() -> None:
    flat = Image.new("RGB", (200, 100), "#2266aa")
    ((ours, theirs),) = both(jpeg(flat), recipe(SMALL))
    assert all(one.dominant_colour for one in (ours, theirs))
    mine, other = (ImageColor.getrgb(str(one.dominant_colour)) for one in (ours, theirs))
    assert all(abs(level - expected) <= 2 for level, expected in zip(mine, other, strict=True))


@pytest.mark.parametrize(
    "keys",
    [
        {"format": "webp", "width": 150},
        {"chroma": 444, "width": 150},
        {"rotate": 10, "width": 150},
        {"width": 300, "height": 300, "fit": "contain", "background": "#123456"},
        {"width": 350, "blur": 1},
    ],
    ids=lambda keys: " ".join(keys),
)
def test_what_takes_rgb_is_made_of_rgb(keys: dict[str, Any]) -> None:
    assert not is_planar(jpeg(scene()), recipe(SMALL, keys))


def test_a_picture_of_other_colours_is_made_of_rgb() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert is_planar(jpeg(scene(), icc_profile=srgb), recipe(SMALL))
    assert not is_planar(jpeg(scene(), icc_profile=swapped_profile()), recipe(SMALL))
    assert not is_planar(jpeg(scene(), icc_profile=b"no profile"), recipe(SMALL))
    assert not is_planar(jpeg(scene().convert("CMYK")), recipe(SMALL))
    assert not is_planar(jpeg(scene(), keep_rgb=True), recipe(SMALL))


def test_a_file_that_the_library_fails_on_is_pillows_to_judge() -> None:
    data = jpeg(scene())
    assert not is_planar(data.removesuffix(b"\xff\xd9"), recipe(SMALL))
    with pytest.raises(ImageFault) as found:
        outputs(data[: len(data) // 2], recipe(SMALL))
    assert found.value.code == "undecodable"


@pytest.mark.parametrize("failing", ["decode", "encode"])
def test_without_memory_for_the_library_pillow_works(monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    data = jpeg(scene())
    ((_, theirs),) = both(data, recipe(SMALL))
    monkeypatch.setattr(turbojpeg, failing, lambda *given, **named: None)
    assert read(outputs(data, recipe(SMALL))["r0"]).size == read(theirs).size


def test_a_file_that_is_too_long_is_pillows(monkeypatch: pytest.MonkeyPatch) -> None:
    data = jpeg(scene())
    monkeypatch.setattr(planar, "PLANES_BYTES_MAX", len(data) - 1)
    assert not is_planar(data, recipe(SMALL))


@pytest.mark.skipif(not CORPUS.is_dir(), reason="needs ../shared/corpus")
def test_files_of_many_cameras_and_programs() -> None:
    used = 0
    for path in sorted(CORPUS.rglob("*.jpg")):
        ours = ended(path.read_bytes())
        with mock.patch.object(turbojpeg, "INSTALLED", False):
            theirs = ended(path.read_bytes())
        if isinstance(ours, str) or isinstance(theirs, str):
            assert ours == theirs, path
            continue
        assert ssim(ours, theirs) > ALIKE_SSIM_MIN, path
        used += 1
    assert used > 20


def ended(data: bytes) -> Image.Image | str:
    """The small picture, or the code of the fault."""
    try:
        return read(outputs(data, recipe(SMALL))["r0"])
    except ImageFault as fault:
        return fault.code
