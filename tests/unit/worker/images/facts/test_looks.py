"""Placeholders of small pictures, by their decoded pixels."""

import base64
import io

import pytest
from PIL import Image, ImageChops, ImageOps, ImageStat

from jobs.images.facts import LQIP_BYTES_MAX
from jobs.images.turns import Size
from tests.support.pictures import placeholders
from tests.support.pictures.images import TEST_DATA, corners, saved
from worker.images.facts import looks

KINDS = ("thumbhash", "blurhash", "lqip")


def lqip(text: str | None) -> Image.Image:
    assert text is not None
    kind, _, data = text.partition(",")
    assert kind == "data:image/webp;base64"
    decoded = base64.b64decode(data)
    assert len(decoded) <= LQIP_BYTES_MAX
    return Image.open(io.BytesIO(decoded))


def test_only_those_that_are_asked_are_made() -> None:
    made = looks.placeholder(corners(), "#ff0000", ("blurhash",))
    assert made.blurhash is not None
    assert (made.thumbhash, made.lqip) == (None, None)


def test_a_lqip_shows_the_picture() -> None:
    shown = lqip(looks.placeholder(corners(), None, KINDS).lqip).convert("RGB")
    assert shown.size == (20, 10)
    for at, wanted in (((4, 2), (255, 0, 0)), ((15, 2), (0, 255, 0)), ((4, 7), (0, 0, 255)), ((15, 7), (255,) * 3)):
        assert max(abs(a - b) for a, b in zip(shown.getpixel(at), wanted, strict=True)) < 60  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_even_noise_with_alpha_fits(mode: str) -> None:
    channels = [Image.effect_noise((96, 96), 200) for _ in mode] if mode != "L" else [Image.effect_noise((96, 96), 200)]
    made = looks.placeholder(Image.merge(mode, channels), "#808080", KINDS)
    lqip(made.lqip)
    assert made.thumbhash and made.blurhash


def test_a_thumbhash_keeps_alpha_and_a_blurhash_lies_over_the_colour() -> None:
    clear = Image.new("RGBA", (32, 32), (0, 255, 0, 0))
    clear.paste((255, 0, 0, 255), (0, 0, 16, 32))
    made = looks.placeholder(clear, "#ff0000", KINDS)
    assert made.thumbhash is not None and base64.b64decode(made.thumbhash)[2] & 0x80
    assert made.blurhash == looks.placeholder(Image.new("RGB", (32, 32), "#ff0000"), None, KINDS).blurhash


@pytest.mark.parametrize(("size", "parts"), [((40, 30), "L"), ((30, 40), "T"), ((40, 40), "L")])
def test_the_longer_side_has_four_waves(size: tuple[int, int], parts: str) -> None:
    made = looks.placeholder(Image.new("RGB", size), None, KINDS)
    assert made.blurhash is not None and made.blurhash[0] == parts


def scene() -> Image.Image:
    with Image.open(TEST_DATA / "rotated.jpg") as image:
        return image.convert("RGB")


@pytest.mark.parametrize("kind", KINDS)
def test_a_placeholder_shows_the_photograph_again(kind: str) -> None:
    made = placeholders.of_sample()
    with Image.open(TEST_DATA / "sample.jpg") as file:
        upright = ImageOps.exif_transpose(file)
    shown = {
        "thumbhash": lambda: placeholders.thumbhash(made.thumbhash or "", (24, 32)).convert("RGB"),
        "blurhash": lambda: placeholders.blurhash(made.blurhash or "", (24, 32)),
        "lqip": lambda: placeholders.lqip(made.lqip or "").convert("RGB"),
    }[kind]()
    whole = upright.resize(shown.size, Image.Resampling.BOX)
    apart = ImageStat.Stat(ImageChops.difference(shown, whole)).mean
    assert sum(apart) / 3 < {"thumbhash": 16, "blurhash": 20, "lqip": 8}[kind]


def bits(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


@pytest.mark.parametrize("quality", [50, 70, 95])
@pytest.mark.parametrize("scale", [1, 2, 3])
def test_the_hash_of_the_same_scene_differs_in_few_bits(quality: int, scale: int) -> None:
    image = scene()
    size = image.width // scale, image.height // scale
    again = Image.open(io.BytesIO(saved(image.resize(size), "JPEG", quality=quality)))
    assert bits(looks.phash(looks.small(again, 96)), looks.phash(looks.small(image, 96))) <= 4


def test_the_hash_of_another_scene_differs_in_many() -> None:
    image = looks.small(scene(), 96)
    for other in (corners(), image.transpose(Image.Transpose.ROTATE_180), Image.linear_gradient("L")):
        assert bits(looks.phash(looks.small(other, 96)), looks.phash(image)) > 16


def test_a_hash_is_of_lumas_against_their_right_neighbours() -> None:
    falling = Image.new("L", (9, 8))
    falling.putdata([255 - 20 * (place % 9) for place in range(72)])
    assert looks.phash(falling) == "f" * 16
    assert looks.phash(falling.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) == "0" * 16


def test_the_average_counts_each_pixel_by_its_alpha() -> None:
    image = Image.new("RGBA", (10, 10), (0, 255, 0, 0))
    assert looks.average(image) is None
    image.paste((200, 100, 50, 255), (0, 0, 5, 10))
    assert looks.average(image) == "#c86432"
    assert looks.average(Image.new("L", (7, 5), 77)) == "#4d4d4d"


def test_a_palette_has_the_most_frequent_colour_first() -> None:
    image = Image.new("RGBA", (10, 10), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 10, 6))
    image.paste((0, 0, 255, 255), (0, 6, 10, 9))
    assert looks.palette(image, 5) == ("#ff0000", "#0000ff")
    assert looks.palette(Image.new("RGBA", (4, 4)), 5) == ()
    assert len(looks.palette(scene(), 16)) == 16


@pytest.mark.parametrize(
    ("size", "made"), [((4000, 3000), (96, 72)), ((1, 4000), (1, 96)), ((90, 5), (90, 5)), ((96_000, 1), (96, 1))]
)
def test_the_small_picture_has_the_proportions_of_the_large_one(size: tuple[int, int], made: tuple[int, int]) -> None:
    assert looks.within(Size(*size), 96) == made
