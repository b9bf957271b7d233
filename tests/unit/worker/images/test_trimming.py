"""worker/images/trimming.py and the key `trim`: against sharp's own offsets, and by pictures that are padded here."""

import io
import random
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageOps

from jobs.errors import BadRecipe
from jobs.images.turns import ORIENTATIONS, Size
from jobs.recipes.keys import Crop, Trim
from jobs.recipes.recipe import canonical, parse
from tests.support.pictures.images import of_format, one, outputs, read, saved
from worker.images import trimming
from worker.images.formats import turbojpeg

WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def framed(colour: Any = WHITE, mode: str = "RGB", edges: tuple[int, int, int, int] = (7, 5, 11, 3)) -> Image.Image:
    """A picture of 40 x 30 with borders at the left, top, right and bottom."""
    left, top, right, bottom = edges
    image = Image.new(mode, (left + 40 + right, top + 30 + bottom), colour)
    inner = Image.effect_mandelbrot((40, 30), (-2, -1.5, 1, 1.5), 60).point([20 + value // 2 for value in range(256)])
    image.paste(inner.convert("RGB").convert(mode), (left, top))
    return image


def box(data: bytes, trim: Any = True, **keys: Any) -> tuple[float, ...]:
    made = outputs(data, one(trim=trim, **keys))["a"]
    assert made.box is not None
    return made.box


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA", "P"])
@pytest.mark.parametrize("shade", [255, 0])
def test_borders_of_one_colour_are_cut_off(mode: str, shade: int) -> None:
    plain = framed((shade,) * 3)
    image = plain.quantize(dither=Image.Dither.NONE) if mode == "P" else plain.convert(mode)
    assert box(saved(image)) == (7, 5, 40, 30)
    assert (
        read(outputs(saved(image), one(trim=True))["a"]).convert("RGB").tobytes()
        == image.convert("RGB").crop((7, 5, 47, 35)).tobytes()
    )


def test_clear_borders_are_cut_off_whatever_colour_hides_there() -> None:
    image = framed((0, 0, 0, 0), "RGBA")
    noise = random.Random(1)
    for x in range(image.width):
        for y in range(5):
            image.putpixel((x, y), (noise.randrange(256), noise.randrange(256), 9, 0))
    assert box(saved(image)) == (7, 5, 40, 30)
    dark = Image.new("RGBA", (40, 30), (0, 0, 0, 0))
    dark.paste((0, 0, 0, 255), (8, 9, 28, 19))
    assert box(saved(dark)) == (8, 9, 20, 10), "black on clear black is told by its alpha"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("trim", [True, {"background": "#ffffff"}, {"margin": 2}, {"equal": True}])
def test_a_trim_is_that_of_the_upright_picture_in_all_eight_orientations(orientation: int, trim: Any) -> None:
    upright = framed()
    back = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = upright if back is None else upright.transpose(Image.Transpose(back))
    assert ImageOps.exif_transpose(Image.open(io.BytesIO(saved(stored, exif=exif)))).tobytes() == upright.tobytes()
    assert box(saved(stored, exif=exif), trim) == box(saved(upright), trim)


def test_the_corner_is_that_of_the_upright_picture() -> None:
    """Each border of another colour: only that of the left upper corner goes."""
    upright = framed(WHITE)
    upright.paste(BLACK, (0, 35, 58, 38))
    assert box(saved(upright)) == (0, 5, 58, 33)
    exif = Image.Exif()
    exif[0x0112] = 3
    assert box(saved(upright.transpose(Image.Transpose.ROTATE_180), exif=exif)) == (0, 5, 58, 33)


def test_more_of_the_same_border_changes_nothing_and_twice_is_once() -> None:
    image = framed()
    for edge in (1, 9, 33):
        left, top, *sides = box(saved(ImageOps.expand(image, edge, WHITE)))
        assert (left - edge, top - edge, *sides) == (7, 5, 40, 30)
    once = read(outputs(saved(image), one(trim={"background": "#ffffff"}))["a"])
    assert box(saved(once), {"background": "#ffffff"}) == (0, 0, 40, 30)


@pytest.mark.parametrize(
    ("trim", "expected"),
    [
        ({"margin": 2}, (5, 3, 44, 34)),
        ({"margin": 6}, (1, 0, 52, 38)),
        ({"equal": True}, (7, 3, 44, 32)),
        ({"background": "#ffffff"}, (7, 5, 40, 30)),
        ({"background": "#ff0000"}, (0, 0, 58, 38)),
        ({"threshold": 255}, (0, 0, 58, 38)),
    ],
)
def test_what_a_trim_leaves(trim: Any, expected: Any) -> None:
    assert box(saved(framed()), trim) == expected


def test_a_single_pixel_counts_in_line_art_alone() -> None:
    image = framed()
    image.putpixel((0, 37), BLACK)
    assert box(saved(image)) == (7, 5, 40, 30)
    assert box(saved(image), {"line_art": True}) == (0, 5, 47, 33)


@pytest.mark.parametrize("threshold", [9.0, 10.0, 11.0])
def test_the_threshold_is_exact(threshold: float) -> None:
    image = Image.new("RGB", (30, 30), (100, 100, 100))
    image.paste((100, 111, 100), (10, 10, 20, 20))
    whole = threshold >= 11
    assert box(saved(image), {"threshold": threshold}) == ((0, 0, 30, 30) if whole else (10, 10, 10, 10))


def test_what_has_no_border_or_nothing_else_stays_whole_and_says_so() -> None:
    flat = outputs(saved(Image.new("RGB", (30, 20), WHITE)), one(trim=True))["a"]
    assert (flat.box, flat.unmet) == ((0, 0, 30, 20), ("trim",))
    small = outputs(saved(framed().resize((2, 9))), one(trim=True))["a"]
    assert (small.box, small.unmet) == ((0, 0, 2, 9), ("trim",))
    assert outputs(saved(framed()), one(trim=True))["a"].unmet == ()
    assert outputs(saved(framed()), one())["a"].unmet == ()


def test_strips_give_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image.new("RGB", (60, 50), WHITE)
    draw, dice = ImageDraw.Draw(image), random.Random(3)
    for _ in range(9):
        x, y = dice.randrange(60), dice.randrange(50)
        draw.rectangle((x, y, x + dice.randrange(3), y + dice.randrange(3)), BLACK)
    for line_art in (False, True):
        trim = Trim(line_art=line_art)
        found = set()
        for pixels in (60, 120, 300, 10**9):
            monkeypatch.setattr(trimming, "STRIP_PIXELS", pixels)
            found.add(trimming.content(image, trim, (255, 255, 255, 255)))
        assert len(found) == 1 and None not in found


def test_the_frames_of_an_animation_have_one_part_that_holds_the_content_of_all() -> None:
    frames = []
    for at in ((10, 12), (30, 5)):
        frame = Image.new("RGB", (60, 40), WHITE)
        frame.paste((200, 30, 30), (*at, at[0] + 10, at[1] + 10))
        frames.append(frame)
    for format in ("PNG", "GIF", "WEBP"):
        lossless = {"lossless": True} if format == "WEBP" else {}
        data = saved(frames[0], format, save_all=True, append_images=frames[1:], duration=100, **lossless)
        for output in ("png", "gif", "webp"):
            made = outputs(data, one(trim=True, **of_format(output, lossless=True)))["a"]
            assert made.box == (10, 5, 30, 17), (format, output)
            moving = Image.open(io.BytesIO(made.data))
            assert (moving.n_frames, moving.size) == (2, (30, 17))  # type: ignore[attr-defined]
            moving.seek(1)
            red = moving.convert("RGB").getpixel((25, 4))
            assert isinstance(red, tuple) and red[0] > 150 > red[1], (format, output)
        still = outputs(data, one(trim=True, format="jpeg"))["a"]
        assert still.box == (10, 12, 10, 10), "a still shows its first frame alone"


def test_a_jpeg_is_trimmed_with_and_without_planes(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(framed().resize((580, 380), Image.Resampling.NEAREST), "JPEG", quality=92)
    recipe = parse({"renditions": [{"name": "a", "trim": True, "width": 100, "format": "jpeg"},
                                   {"name": "b", "width": 50, "format": "jpeg"}]})  # fmt: skip
    for installed in (turbojpeg.INSTALLED, False):
        monkeypatch.setattr(turbojpeg, "INSTALLED", installed)
        made = outputs(data, recipe)
        found = made["a"].box
        assert found is not None
        assert all(abs(edge - wanted) <= 2 for edge, wanted in zip(found, (70, 50, 400, 300), strict=True))
        assert (made["a"].width, made["b"].width) == (100, 50)


def test_a_trim_goes_with_fits_turns_padding_and_a_focus() -> None:
    data = saved(framed())
    asked = {"width": 20, "height": 20, "fit": "cover", "gravity": "focus", "focus": [0, 0]}
    assert box(data, **asked) == pytest.approx((7, 5, 30, 30), abs=0.5)
    made = outputs(data, one(trim=True, rotate=90, padding=1))["a"]
    assert (made.width, made.height, made.box) == (32, 42, (7, 5, 40, 30))


def test_the_recipe_of_a_trim_is_one_text() -> None:
    assert canonical(one(trim=True)) == canonical(one(trim={})) == canonical(one(trim={"threshold": 10}))
    assert canonical(one(trim=False)) == canonical(one())
    assert canonical(one(trim={"background": "#FFAA00FF"})) == canonical(one(trim={"background": "#ffaa00"}))
    assert parse(canonical(one(trim={"margin": 3}))) == one(trim={"margin": 3})
    for wrong in ({"threshold": 256}, {"margin": -1}, {"colour": "#ffffff"}, "yes", 1):
        with pytest.raises(BadRecipe, match=r"renditions\[0\]\.trim"):
            one(trim=wrong)
    with pytest.raises(BadRecipe, match="a crop or a trim"):
        one(trim=True, crop={"left": 0, "top": 0, "width": 1, "height": 1})


def test_the_part_left_is_within_the_picture() -> None:
    for orientation in ORIENTATIONS:
        part = trimming.left_by(Trim(margin=10_000), (3, 4, 5, 6), Size(30, 20), orientation)
        sides = orientation.size(Size(30, 20))
        assert part == Crop(0, 0, *sides)
