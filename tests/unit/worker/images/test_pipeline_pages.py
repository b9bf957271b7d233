"""Renditions of one page or frame of a file with several, and of its first frames."""

import io
from typing import Any

import pytest
from PIL import Image, TiffImagePlugin

from jobs.errors import ImageFault
from jobs.recipes.recipe import parse
from tests.support.pictures.animations import Laid, apng, gif
from tests.support.pictures.hostile import tiff_loop
from tests.support.pictures.images import BLUE, GREEN, RED, one, outputs, read, saved

COLOURS = (RED, GREEN, BLUE)


def frames(format: str, colours: tuple[tuple[int, int, int], ...] = COLOURS) -> bytes:
    first, *rest = (Image.new("RGB", (24, 16), colour) for colour in colours)
    return saved(first, format, save_all=True, append_images=rest, duration=[100, 250, 50], loop=0)


def colour(image: Image.Image) -> tuple[int, ...]:
    found = image.convert("RGB").getpixel((image.width // 2, image.height // 2))
    assert isinstance(found, tuple)
    return tuple(255 if value > 120 else 0 for value in found)


def made(data: bytes, **keys: Any) -> Image.Image:
    return read(outputs(data, one(**keys))["a"])


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF"])
@pytest.mark.parametrize("page", [0, 1, 2])
def test_a_page_of_an_animation_is_a_still(format: str, page: int) -> None:
    for to in ("png", "jpeg", "webp"):
        image = made(frames(format), page=page, format=to)
        assert (colour(image), getattr(image, "n_frames", 1)) == (COLOURS[page], 1)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF", "TIFF"])
def test_a_page_past_the_end_is_told_with_their_number(format: str) -> None:
    data = frames(format)
    with pytest.raises(ImageFault, match="there are 3") as fault:
        made(data, page=3)
    assert fault.value.code == "operation_failed"


def test_a_directory_that_names_itself_is_one_page() -> None:
    with pytest.raises(ImageFault, match="there are 1"):
        made(tiff_loop(), page=1)


@pytest.mark.parametrize("format", ["JPEG", "BMP", "PNG"])
def test_a_still_has_one_page(format: str) -> None:
    data = saved(Image.new("RGB", (24, 16), GREEN), format)
    assert colour(made(data, page=0)) == GREEN
    with pytest.raises(ImageFault, match="there are 1"):
        made(data, page=1)


def test_pages_of_a_tiff_have_sides_of_their_own() -> None:
    pages = [Image.new("RGB", (24, 16), RED), Image.new("L", (40, 10), 255), Image.new("RGB", (9, 33), BLUE)]
    data = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    for page, image in enumerate(pages):
        assert made(data, page=page).size == image.size
    assert colour(made(data, page=2)) == BLUE
    assert made(data, page=2, width=3).size == (3, 11)


def test_a_page_of_a_tiff_is_turned_by_its_own_tag() -> None:
    """Written one by one, and joined: the second directory alone has an orientation."""
    plain = Image.new("RGB", (24, 16), RED)
    with TiffImagePlugin.AppendingTiffWriter(stream := io.BytesIO(), new=True) as writer:
        for orientation in (1, 6):
            plain.save(writer, "TIFF", tiffinfo={0x0112: orientation})
            writer.newFrame()
        data = stream.getvalue()
    assert made(data, page=0).size == (24, 16)
    assert made(data, page=1).size == (16, 24)


def test_a_page_shows_what_the_frames_before_it_left() -> None:
    laid = [Laid(0, 0, 8, 8, 0), Laid(0, 0, 4, 8, 1, disposal=2), Laid(4, 0, 4, 8, 2)]
    image = made(gif((8, 8), laid), page=2).convert("RGBA")
    assert image.getpixel((1, 1)) == (0, 0, 0, 0), "cleared"
    assert image.getpixel((6, 1)) == (0, 0, 255, 255)


def test_page_0_of_a_png_is_its_first_frame_and_no_default_image() -> None:
    data = apng(2, (4, 4), [Laid(0, 0, 4, 4, bytes(BLUE)), Laid(0, 0, 4, 4, bytes(GREEN))], apart=bytes(RED))
    assert colour(made(data, format="jpeg")) == RED
    assert colour(made(data, format="jpeg", page=0)) == BLUE
    assert colour(made(data, format="jpeg", page=1)) == GREEN
    with pytest.raises(ImageFault, match="there are 2"):
        made(data, page=2)


@pytest.mark.parametrize("format", ["gif", "webp", "png", "avif"])
def test_animated_true_or_false_decides(format: str) -> None:
    for source in ("GIF", "WEBP"):
        moving = read(outputs(frames(source), one(format=format, animated=True))["a"])
        assert moving.n_frames == 3  # type: ignore[attr-defined]
        for number in range(3):
            moving.seek(number)
            assert colour(moving.copy()) == COLOURS[number]
        still = made(frames(source), format=format, animated=False)
        assert (getattr(still, "n_frames", 1), colour(still)) == (1, RED)


def test_an_animated_avif_keeps_the_times() -> None:
    output = outputs(frames("GIF"), one(format="avif", animated=True))["a"]
    image, times = read(output), []
    for number in range(3):
        image.seek(number)
        image.load()
        times.append(image.info["duration"])
    assert times == [100, 250, 50]
    assert output.unmet == ()
    once = saved(Image.new("RGB", (9, 9)), "WEBP", save_all=True, append_images=[Image.new("RGB", (9, 9), RED)], loop=2)
    assert outputs(once, one(format="avif", animated=True))["a"].unmet == ("plays",)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF"])
def test_an_original_that_moves_moves_on(format: str) -> None:
    output = outputs(frames(format), one(format="original", animated=True))["a"]
    assert read(output).n_frames == 3  # type: ignore[attr-defined]
    assert output.unmet == ()


@pytest.mark.parametrize("format", ["gif", "webp", "png"])
@pytest.mark.parametrize("kept", [1, 2, 3, 9])
def test_frames_keeps_the_first_ones(format: str, kept: int) -> None:
    image = made(frames("WEBP"), format=format, frames=kept)
    assert getattr(image, "n_frames", 1) == min(kept, 3)
    assert colour(image) == RED


def test_several_pages_at_once_are_in_the_order_of_their_pages() -> None:
    recipe = parse(
        {"renditions": [
            {"name": "late", "page": 2, "format": "png", "rotate": 90}, {"name": "first", "format": "png"},
            {"name": "small", "page": 2, "width": 6, "format": "png"}, {"name": "zero", "page": 0, "format": "jpeg"},
        ]}
    )  # fmt: skip
    found = outputs(frames("WEBP"), recipe)
    assert list(found) == ["first", "late", "small", "zero"]
    assert getattr(read(found["first"]), "n_frames", 1) == 3
    assert [colour(read(found[name])) for name in ("late", "small", "zero")] == [BLUE, BLUE, RED]
    assert (read(found["late"]).size, read(found["small"]).size) == ((16, 24), (6, 4))
