"""worker/images/looks/bars.py, and the background `dominant`: what lies around a picture."""

from typing import Any

import pytest
from PIL import Image, ImageStat

from jobs.errors import BadRecipe
from jobs.images.turns import Size
from jobs.recipes.recipe import canonical
from tests.support.pictures.images import BLUE, GREEN, RED, WHITE, corners, made, one, outputs, read, saved
from tests.unit.worker.images.test_pipeline_reported import STORED, turned
from worker.images.looks.bars import around


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("place", [(0, 0), (3, 2), (9, 7), (25, 1), (1, 30)])
def test_a_mirrored_canvas_is_the_picture_reflected_at_its_edges(place: tuple[int, int], mode: str) -> None:
    image = Image.frombytes("RGB", (4, 3), bytes(range(36))).convert(mode)
    left, top = place
    canvas = around(image, Size(35, 37), left, top, "mirror")
    assert (canvas.mode, canvas.size) == (mode, (35, 37))
    for y in range(37):
        for x in range(35):
            across, down = (x - left) % 8, (y - top) % 6
            assert canvas.getpixel((x, y)) == image.getpixel((min(across, 7 - across), min(down, 5 - down)))


def test_a_blurred_canvas_has_the_colours_of_the_picture_there_and_no_detail() -> None:
    canvas = around(corners(), Size(64, 128), 0, 48, "blur")
    assert canvas.crop((0, 48, 64, 80)).tobytes() == corners().tobytes()
    seen: list[Any] = [canvas.getpixel(at) for at in ((4, 4), (60, 4), (4, 124), (60, 124))]
    for found, colour in zip(seen, (RED, GREEN, BLUE, WHITE), strict=True):
        assert max(abs(a - b) for a, b in zip(found, colour, strict=True)) < 60
    noisy = Image.effect_noise((64, 32), 90)
    rest = around(noisy, Size(64, 128), 0, 48, "blur").crop((0, 0, 64, 40))
    assert ImageStat.Stat(rest).stddev[0] < 30, "the noise is gone"


def test_a_blurred_canvas_shows_the_middle_of_the_picture_in_its_proportions() -> None:
    image = Image.new("RGB", (96, 32), GREEN)
    image.paste(RED, (0, 0, 30, 32))
    image.paste(BLUE, (66, 0, 96, 32))
    canvas = around(image, Size(96, 96), 0, 32, "blur")
    assert [canvas.getpixel(at) for at in ((16, 5), (48, 5), (80, 90))] == [GREEN] * 3


def test_a_mirrored_picture_does_not_lie_under_itself() -> None:
    faint = Image.new("RGBA", (8, 8), (255, 0, 0, 100))
    canvas = around(faint, Size(20, 20), 6, 6, "mirror")
    assert canvas.getchannel("A").getextrema() == (100, 100)


@pytest.mark.parametrize("kind", ["blur", "mirror"])
@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif", "gif"])
def test_bars_and_padding_are_opaque_in_all_formats(format: str, kind: str) -> None:
    for keys in (
        {"width": 96, "height": 96, "fit": "contain"},
        {"padding": [20, 3]},
        {"ratio": "1:1", "fit": "contain", "padding": 2},
    ):
        image = read(outputs(saved(corners()), one(format=format, background=kind, **keys))["a"])
        assert image.convert("RGBA").getchannel("A").getextrema() == (255, 255)
        above: Any = image.convert("RGB").getpixel((image.width // 2 - 10, (image.height - 32) // 2 - 2))
        assert above[0] > 150 > 110 > above[2], (format, keys)


def test_what_is_clear_shows_its_blurred_copy_and_no_mirrored_one() -> None:
    image = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 20, 20))
    for kind, clear in (("blur", False), ("mirror", True)):
        found = made(saved(image), width=40, height=40, fit="contain", background=kind)
        assert found.getpixel((5, 20)) == (255, 0, 0, 255)
        assert found.getpixel((35, 20)) == (0, 0, 0, 0)
        beside: Any = found.getpixel((21, 20))
        assert (beside[3] == 0) is clear, "the soft edge"
        bar: Any = found.getpixel((4, 4))
        assert bar[3] > 200
        assert bar[:3] == (255, 0, 0), "no dark edge of what is clear"


def test_the_dominant_colour_lies_under_everything() -> None:
    image = Image.new("RGB", (40, 20), (30, 60, 90))
    image.paste((200, 0, 0), (0, 0, 8, 20))
    padded = made(saved(image), padding=5, background="dominant")
    assert padded.convert("RGB").getpixel((0, 0)) == (30, 60, 90)
    (output,) = outputs(saved(image), one(width=40, height=40, fit="contain", background="dominant")).values()
    assert output.dominant_colour == "#1e3c5a"
    assert read(output).convert("RGB").getpixel((20, 0)) == (30, 60, 90)
    clear = made(saved(Image.new("RGBA", (9, 9), (1, 2, 3, 0))), padding=1, background="dominant")
    assert clear.getpixel((0, 0)) == (0, 0, 0, 0), "a clear picture has none"


@pytest.mark.parametrize("kind", ["blur", "mirror", "dominant"])
def test_every_frame_has_its_own_bars_and_one_dominant_colour(kind: str) -> None:
    frames = [Image.new("RGB", (40, 20), colour) for colour in (RED, BLUE)]
    for format in ("PNG", "GIF", "WEBP"):
        lossless = {"lossless": True} if format == "WEBP" else {}
        data = saved(frames[0], format, save_all=True, append_images=frames[1:], duration=100, **lossless)
        moving: Any = made(data, width=40, height=40, fit="contain", background=kind)
        seen = []
        for frame in range(2):
            moving.seek(frame)
            seen.append(moving.convert("RGB").getpixel((20, 2)))
        assert seen == [RED, RED if kind == "dominant" else BLUE]


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["blur", "mirror"])
def test_an_orientation_changes_nothing(kind: str, orientation: int) -> None:
    image = corners().resize((61, 33))
    keys = {"width": 90, "height": 90, "fit": "contain", "background": kind, "padding": 4}
    wanted = made(saved(image), **keys)
    assert made(turned(image, orientation, "PNG"), **keys).tobytes() == wanted.tobytes()


def test_round_corners_show_the_blurred_picture() -> None:
    image = made(saved(corners()), padding=6, radius=8, background="blur", format="jpeg")
    assert sum(image.convert("RGB").getpixel((6, 6))[1:]) < 200  # type: ignore[index]


@pytest.mark.parametrize(
    "keys", [{"background": "blur"}, {"background": "mirror", "width": 9}, {"background": "blur", "fit": "contain"}]
)
def test_without_bars_it_is_refused(keys: Any) -> None:
    with pytest.raises(BadRecipe) as raised:
        one(**keys)
    assert raised.value.path == "$.renditions[0].background"


def test_a_trim_has_a_colour_only_and_words_are_as_they_are() -> None:
    with pytest.raises(BadRecipe):
        one(trim={"background": "blur"})
    with pytest.raises(BadRecipe):
        one(background="Blur", padding=1)
    assert '"background":"mirror"' in canonical(one(background="mirror", padding=1))
