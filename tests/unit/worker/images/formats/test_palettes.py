"""worker/images/formats/palettes.py and the blocks of one format each: exact where it can be, never more colours."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw

from tests.support.pictures.images import TEST_DATA, one, outputs, read, saved
from tests.support.pictures.quality import ssim
from worker.images.formats.palettes import reduced


def drawing(alpha: bool = True) -> Image.Image:
    """Discs with soft edges."""
    image = Image.new("RGBA", (600, 400), (0, 0, 0, 0) if alpha else (255, 255, 255, 255))
    draw = ImageDraw.Draw(image)
    for at in range(20):
        place = (at * 25, at * 12, at * 25 + 90, at * 12 + 110)
        draw.ellipse(place, fill=(at * 9, at * 40 % 256, 255 - at * 4, 255), outline=(0, 0, 0, 255), width=4)
    made = image.resize((240, 160), Image.Resampling.LANCZOS)
    return made if alpha else made.convert("RGB")


def on_gray(image: Image.Image) -> Image.Image:
    return Image.alpha_composite(Image.new("RGBA", image.size, "gray"), image.convert("RGBA")).convert("RGB")


def colours(data: bytes) -> list[Any]:
    return [colour for _, colour in Image.open(io.BytesIO(data)).convert("RGBA").getcolors(2**20) or []]


@pytest.mark.parametrize("dither", [False, True])
@pytest.mark.parametrize("most", [256, 64, 5, 2])
@pytest.mark.parametrize("image", [drawing(), drawing(alpha=False), drawing().convert("LA")], ids=["RGBA", "RGB", "LA"])
def test_a_picture_has_at_most_so_many_colours_and_fewer_bytes(image: Image.Image, most: int, dither: bool) -> None:
    keys = {"png": {"palette": True, "colours": most, "dither": dither}}
    made = outputs(saved(image), one(**keys))["a"]
    assert len(colours(made.data)) <= most
    assert len(made.data) < len(outputs(saved(image), one())["a"].data)
    assert Image.open(io.BytesIO(made.data)).mode == "P"
    assert made.unmet == (("dither",) if dither and image.mode in ("RGBA", "LA") else ())
    if most == 256 and not dither:
        assert ssim(on_gray(read(made)), on_gray(image)) > 0.98


def test_dithering_mixes_colours() -> None:
    with Image.open(TEST_DATA / "sample.jpg") as photo:
        image = photo.convert("RGB").resize((120, 160))
    flat, mixed = (reduced(image, 8, dither=dither).image.convert("RGB") for dither in (False, True))
    blurred = [one.resize((12, 16), Image.Resampling.BOX) for one in (image, flat, mixed)]
    errors = [sum(ImageChops.difference(blurred[0], other).convert("L").histogram()[8:]) for other in blurred[1:]]
    assert errors[1] < errors[0]


@given(
    st.sampled_from(["L", "LA", "RGB", "RGBA"]),
    st.lists(st.tuples(*[st.integers(0, 255)] * 4), min_size=1, max_size=256, unique=True),
    st.booleans(),
    st.randoms(),
)
def test_few_colours_stay_exactly_with_their_alpha(
    mode: str, wanted: list[tuple[int, ...]], dither: bool, dice: Any
) -> None:
    bands = len(mode)
    places = [dice.choice(wanted)[:bands] for _ in range(20 * 20)]
    image = Image.frombytes(mode, (20, 20), bytes(value for place in places for value in place))
    made = reduced(image, 256, dither=dither)
    assert made.smooth
    assert made.image.convert("RGBA").tobytes() == image.convert("RGBA").tobytes()
    assert Image.open(io.BytesIO(saved(made.image))).convert("RGBA").tobytes() == image.convert("RGBA").tobytes()


def test_a_clear_part_stays_clear_and_the_rest_is_dithered() -> None:
    with Image.open(TEST_DATA / "sample.jpg") as photo:
        image = photo.convert("RGBA").resize((60, 80))
    image.paste((9, 8, 7, 0), (0, 0, 30, 30))
    made = reduced(image, 16, dither=True)
    assert made.smooth
    back = Image.open(io.BytesIO(saved(made.image))).convert("RGBA")
    assert back.getchannel("A").tobytes() == image.getchannel("A").tobytes()
    assert len(back.getcolors() or []) <= 16


def test_an_animation_gets_no_palette_and_says_so() -> None:
    frames = [drawing(), drawing().rotate(180)]
    data = saved(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=100)
    made = outputs(data, one(png={"palette": True}))["a"]
    assert (made.unmet, read(made).mode) == (("palette",), "RGBA")


def test_alpha_quality_and_exact_colours_of_a_webp() -> None:
    soft = drawing()
    soft.putalpha(Image.radial_gradient("L").resize(soft.size))
    full, poor = (
        read(outputs(saved(soft), one(format="webp", webp={"alpha_quality": quality}))["a"]) for quality in (100, 5)
    )
    assert full.getchannel("A").tobytes() == soft.getchannel("A").tobytes()
    assert poor.getchannel("A").tobytes() != soft.getchannel("A").tobytes()
    hidden = Image.new("RGBA", (64, 64), (200, 30, 90, 0))
    hidden.paste((1, 2, 3, 255), (0, 0, 32, 64))
    for exact in (False, True):
        asked = one(format="webp", lossless=True, webp={"exact": exact})
        found = read(outputs(saved(hidden), asked)["a"]).getpixel((60, 60))
        assert (found == (200, 30, 90, 0)) == exact


def test_a_speed_is_an_effort() -> None:
    data = saved(drawing(alpha=False))
    by_speed, by_effort = (
        outputs(data, one(format="avif", **keys))["a"].data for keys in ({"avif": {"speed": 9}}, {"effort": 1})
    )
    assert by_speed == by_effort
    avif = saved(drawing(alpha=False), "AVIF")
    original = [
        outputs(avif, one(format="original", **keys))["a"].data for keys in ({}, {"avif": {"speed": 10}}, {"effort": 0})
    ]
    assert original[0] != original[1] == original[2]


def test_a_block_of_another_format_waits_for_its_original() -> None:
    keys = {"format": "original", "png": {"palette": True, "colours": 4}, "webp": {"exact": True}}
    made = outputs(saved(drawing(alpha=False), "JPEG"), one(**keys))["a"]
    assert (made.format, made.unmet) == ("jpeg", ())
