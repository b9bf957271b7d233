"""What a recipe asks beside renditions: placeholders, and whether the whole image can be decoded."""

import base64
import io
from typing import Any

import msgspec
import pytest
from PIL import Image, ImageChops

from jobs.errors import ImageFault
from jobs.images.facts import Facts, Info
from jobs.recipes.recipe import Recipe, parse
from tests.support.pictures import coloured
from tests.support.pictures.animations import Laid, gif
from tests.support.pictures.images import LIMITS, TEST_DATA, corners, saved
from tests.unit.worker.images.test_pipeline_reported import STORED, turned
from worker.images import planar
from worker.images.formats import turbojpeg
from worker.images.pipeline import Output, run

PLACEHOLDERS = parse({"placeholder": ["thumbhash", "blurhash", "lqip"]})


def described(data: bytes, recipe: Recipe = PLACEHOLDERS) -> tuple[Facts, list[Output]]:
    told: list[Any] = []
    made = list(run(io.BytesIO(data), recipe, LIMITS, described=told.append))
    (facts,) = told
    return facts, made


def difference(one: Facts, other: Facts) -> int:
    """Of the pixels of both lqip: the largest of 255."""
    both = []
    for facts in (one, other):
        assert facts.placeholder is not None and facts.placeholder.lqip is not None
        data = base64.b64decode(facts.placeholder.lqip.partition(",")[2])
        both.append(Image.open(io.BytesIO(data)).convert("RGB"))
    assert both[0].size == both[1].size
    return max(high for _, high in ImageChops.difference(*both).getextrema())  # type: ignore[misc]


def test_a_recipe_without_renditions_tells_of_the_original() -> None:
    facts, made = described((TEST_DATA / "sample.jpg").read_bytes())
    assert made == []
    assert (facts.sides, facts.dominant_colour) == ((1600, 1200), "#2d5131")
    assert facts.placeholder is not None and facts.placeholder.lqip is not None


def test_a_recipe_that_asks_for_nothing_is_told_nothing() -> None:
    told: list[Any] = []
    recipe = parse({"renditions": [{"name": "a", "width": 8}]})
    assert len(list(run(io.BytesIO(saved(corners())), recipe, LIMITS, described=told.append))) == 1
    assert told == []


def test_facts_come_before_the_first_rendition() -> None:
    told: list[Any] = []
    recipe = parse({"renditions": [{"name": "a"}], "placeholder": ["thumbhash"]})
    outputs = run(io.BytesIO(saved(corners())), recipe, LIMITS, described=told.append)
    next(outputs)
    assert len(told) == 1
    assert list(outputs) == [] and len(told) == 1


@pytest.mark.parametrize("orientation", STORED)
def test_placeholders_are_of_the_upright_picture(orientation: int) -> None:
    image = corners().resize((640, 320))
    upright, _ = described(saved(image, "PNG"))
    facts, _ = described(turned(image, orientation, "PNG"))
    assert difference(facts, upright) < 32


@pytest.mark.skipif(not turbojpeg.INSTALLED, reason="libturbojpeg")
def test_planes_show_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(corners().resize((640, 320)), "JPEG", quality=95)
    planes, _ = described(data)
    monkeypatch.setattr(planar, "decoded", lambda *_: None)
    whole, _ = described(data)
    assert planes.placeholder is not None and whole.placeholder is not None
    assert difference(planes, whole) < 16


INFO = parse({"info": True})
WHOLE = parse({"info": ["location"], "palette": 3})


def info(data: bytes, recipe: Recipe = INFO) -> Info:
    facts, _ = described(data, recipe)
    assert facts.info is not None
    return facts.info


def test_where_a_photo_was_taken_is_told_only_if_it_is_asked_for() -> None:
    data = (TEST_DATA / "sample.jpg").read_bytes()
    told, all_told = info(data), info(data, WHOLE)
    assert (told.location, told.make) == (None, "pixmill")
    assert all_told.location is not None and round(all_told.location.latitude, 2) == 48.21
    assert len(all_told.palette) == 3
    assert told == msgspec.structs.replace(all_told, location=None, palette=())
    assert (told.orientation, told.bits, told.space, told.chroma) == (6, 8, "rgb", "4:2:0")


def test_an_animation_tells_its_frames_and_times() -> None:
    frames = [corners(), Image.new("RGB", (64, 32), "red"), Image.new("RGB", (64, 32), "blue")]
    for format in ("GIF", "WEBP", "PNG", "AVIF"):
        data = saved(frames[0], format, save_all=True, append_images=frames[1:], duration=[100, 250, 50], loop=0)
        told = info(data)
        assert (told.frames, told.duration_ms, told.pages) == (3, 400, 1), format
        assert told.opaque, format
    still = info(saved(frames[0], "WEBP"))
    assert (still.frames, still.duration_ms, still.plays) == (1, None, None)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "AVIF"])
def test_alpha_that_hides_nothing_is_alpha_and_opaque(format: str) -> None:
    image = corners().convert("RGBA")
    assert (info(saved(image, "PNG")).alpha, info(saved(image, "PNG")).opaque) == (True, True)
    image.putpixel((3, 3), (0, 0, 0, 0))
    told = info(saved(image, format))
    assert (told.alpha, told.opaque) == (True, False)
    told = info(saved(corners(), format))
    assert (told.alpha, told.opaque) == (False, True)


def test_one_transparent_value_of_a_png_is_alpha() -> None:
    told = info(saved(corners(), transparency=(255, 0, 0)))
    assert (told.alpha, told.opaque, told.bits) == (True, False, 8)


def test_pages_of_a_tiff_are_counted() -> None:
    pages = [corners(), Image.new("L", (9, 9)), Image.new("1", (8, 8))]
    told = info(saved(pages[0], "TIFF", save_all=True, append_images=pages[1:], dpi=(300, 300)))
    assert (told.pages, told.frames, told.bits, told.space, told.density) == (3, 1, 8, "rgb", 300.0)


def test_code_points_are_told_with_what_was_not_converted() -> None:
    assert info(coloured.png((200, 80, 60), coloured.cicp(12, 13))).code_points == (12, 13)
    assert info(coloured.avif((200, 80, 60), 12, 13)).code_points == (12, 13)
    bright = info(coloured.png((200, 80, 60), coloured.cicp(9, 16)))
    assert (bright.code_points, bright.unmet) == ((9, 16), ("hdr",))
    unknown = info(coloured.png((200, 80, 60), coloured.cicp(99, 13)))
    assert (unknown.code_points, unknown.unmet) == ((99, 13), ("colours",))
    assert info(saved(corners())).unmet == ()


def test_a_profile_tells_its_name() -> None:
    profile = coloured.profile("My display", coloured.power(1.8))
    assert info(saved(corners(), icc_profile=profile)).profile == "My display"
    assert info(saved(corners(), "JPEG", icc_profile=b"none")).profile is None


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_facts_are_those_of_the_upright_scene(orientation: int, format: str) -> None:
    with Image.open(TEST_DATA / "rotated.jpg") as image:
        scene = image.convert("RGB").crop((0, 0, 240, 320))
    upright = info(saved(scene, format), WHOLE)
    told = info(turned(scene, orientation, format), WHOLE)
    assert told.orientation == orientation
    assert (int(told.phash, 16) ^ int(upright.phash, 16)).bit_count() <= 4
    left_out: dict[str, Any] = {"orientation": 1, "phash": "", "palette": (), "average": None}
    assert msgspec.structs.replace(told, **left_out) == msgspec.structs.replace(upright, **left_out)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_without_renditions_the_pixels_are_decoded_all_the_same(format: str) -> None:
    data = saved(Image.effect_noise((300, 200), 80).convert("RGB"), format)
    described(data)
    with pytest.raises(ImageFault) as fault:
        described(data[: len(data) * 2 // 3])
    assert fault.value.code == "undecodable"


def test_without_renditions_all_frames_are_decoded() -> None:
    frames = [Laid(0, 0, 8, 8, number % 4) for number in range(6)]
    data = gif((8, 8), frames)
    described(data)
    damaged = data[: data.rindex(b"\x2c") + 10] + b"\x02\x03\xff\xff\xff\x00;"
    with pytest.raises(ImageFault) as fault:
        described(damaged)
    assert fault.value.code == "undecodable"
    recipe = parse({"renditions": [{"name": "a", "format": "jpeg"}], "placeholder": ["thumbhash"]})
    described(damaged, recipe)  # of which only the first frame is asked


def test_a_transparent_picture_has_a_placeholder_and_no_colour() -> None:
    facts, _ = described(saved(Image.new("RGBA", (50, 40), (255, 0, 0, 0))))
    assert facts.dominant_colour is None
    assert facts.placeholder is not None and facts.placeholder.blurhash is not None


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (3, 2)])
def test_any_sides_have_placeholders(size: tuple[int, int]) -> None:
    for format in ("PNG", "JPEG"):
        facts, _ = described(saved(Image.new("RGB", size, "#336699"), format))
        assert facts.sides == size and facts.placeholder is not None and facts.placeholder.lqip
