"""worker/images/looks/corners.py: rounded corners, by the circle's area and by every way to lose them."""

import math
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageDraw

from jobs.errors import BadRecipe
from jobs.images.turns import Size
from jobs.recipes.libraries import is_planar
from jobs.recipes.plan import plan
from jobs.recipes.recipe import canonical, parse
from tests.support.pictures.images import RED, WHITE, made, one, outputs, read, saved
from worker.images.looks.corners import covered, radii

PICTURE = saved(Image.new("RGB", (40, 30), RED))


def alpha(**keys: Any) -> Image.Image:
    return made(PICTURE, **keys).getchannel("A")


@pytest.mark.parametrize("radius", [1, 2, 3, 7, 15, 100, 400])
def test_a_corner_covers_a_quarter_of_a_circle(radius: int) -> None:
    mask = covered(radius)
    area = sum(level * count for level, count in enumerate(mask.histogram())) / 255
    assert area == pytest.approx(math.pi * radius**2 / 4, abs=1)
    assert mask.transpose(Image.Transpose.TRANSPOSE).tobytes() == mask.tobytes()


def test_it_is_the_circle_that_pillow_draws_much_larger() -> None:
    large = Image.new("L", (16 * 60, 16 * 60))
    ImageDraw.Draw(large).ellipse((0, 0, 2 * 16 * 60 - 1, 2 * 16 * 60 - 1), 255)
    difference: Any = ImageChops.difference(covered(60), large.reduce(16)).getextrema()
    assert difference[1] <= 10


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (4, (4, 4, 4, 4)),
        ("50%", (15, 15, 15, 15)),
        ("10%", (3, 3, 3, 3)),
        (999, (15, 15, 15, 15)),
        ((1, 2, "20%", 0), (1, 2, 6, 0)),
    ],
)
def test_radii_are_pixels_or_parts_of_the_smaller_side_and_at_most_half_of_it(asked: Any, expected: Any) -> None:
    assert radii(asked, Size(40, 30)) == radii(asked, Size(30, 40)) == expected
    assert radii(asked, Size(1, 1)) == (0, 0, 0, 0)


def test_all_corners_are_alike_and_the_rest_stays() -> None:
    mask = alpha(radius=8)
    for way in (Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.FLIP_TOP_BOTTOM):
        assert mask.transpose(way).tobytes() == mask.tobytes()
    assert mask.crop((8, 0, 32, 30)).getextrema() == (255, 255)
    assert mask.crop((0, 0, 8, 8)).tobytes() == covered(8).tobytes()


def test_each_corner_has_its_own_radius() -> None:
    mask = alpha(radius=[0, 5, 9, "10%"])
    corners: list[Any] = [mask.getpixel(at) for at in ((0, 0), (39, 0), (39, 29), (0, 29))]
    assert corners[0] == 255
    assert max(corners[1:]) < 60
    assert mask.getpixel((33, 29)) != 255 == mask.getpixel((34, 0))
    assert mask.getpixel((2, 29)) != 255 == mask.getpixel((3, 29))


def test_a_clear_picture_stays_clear() -> None:
    image = Image.new("RGBA", (40, 30), (255, 0, 0, 100))
    image.putpixel((0, 15), (0, 0, 0, 0))
    rounded = made(saved(image), radius=6).getchannel("A")
    assert rounded.getpixel((0, 15)) == 0
    assert rounded.getextrema() == (0, 100)


def test_where_there_is_no_alpha_corners_have_the_background() -> None:
    assert read(outputs(PICTURE, one(format="jpeg", radius=10))["a"]).getpixel((0, 0)) == pytest.approx(WHITE, abs=6)
    blue = made(PICTURE, radius=10, background="#0000ff")
    assert blue.convert("RGB").getpixel((0, 0)) == (0, 0, 255)
    gif = read(outputs(PICTURE, one(format="gif", radius=10))["a"]).convert("RGBA")
    assert {level for _, level in gif.getchannel("A").getcolors() or ()} == {0, 255}


def test_every_frame_is_rounded_and_padding_and_marks_are_not() -> None:
    frames = [Image.new("RGB", (40, 30), colour) for colour in (RED, (0, 99, 0))]
    for format in ("PNG", "GIF", "WEBP"):
        data = saved(frames[0], format, save_all=True, append_images=frames[1:], duration=100)
        moving: Any = made(data, radius=9, padding=2)
        assert moving.size == (44, 34)
        for frame in range(2):
            moving.seek(frame)
            levels = moving.convert("RGBA").getchannel("A")
            assert levels.getpixel((2, 2)) < 30 < 255 == levels.getpixel((22, 17))


def test_it_has_one_text_and_a_dpr_multiplies_it() -> None:
    assert canonical(one(radius=[3, 3, 3, 3])) == canonical(one(radius=3))
    assert canonical(one(radius=0)) == canonical(one())
    assert canonical(one(radius=[3, "5%", 0, 1], dpr=2.5)) == canonical(one(radius=[8, "5%", 0, 3]))
    assert parse(canonical(one(radius=["50%", 1, 2, 3]))) == one(radius=["50%", 1, 2, 3])


@pytest.mark.parametrize(
    ("radius", "path"),
    [
        (-1, "radius"),
        ("51%", "radius"),
        ("5", "radius"),
        ([1, 2], "radius"),
        ([1, 2, "a", 3], "radius[2]"),
        (1.5, "radius"),
    ],
)
def test_a_bad_radius_is_named(radius: Any, path: str) -> None:
    with pytest.raises(BadRecipe) as raised:
        one(radius=radius)
    assert raised.value.path == f"$.renditions[0].{path}"
    with pytest.raises(BadRecipe):
        one(radius=9000, dpr=2)


def test_planes_have_no_corners() -> None:
    for keys, planar in (({}, True), ({"radius": 3}, False)):
        step = plan(one(width=20, format="jpeg", **keys), Size(40, 30), 1).steps[0]
        assert is_planar(step.shape, "jpeg") is planar
