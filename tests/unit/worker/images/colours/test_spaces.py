"""worker/images/colours/spaces.py and the key `profile`: judged by formulas, and by what the files' profiles show."""

import io
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageCms

from jobs.errors import BadRecipe
from jobs.recipes.recipe import parse
from tests.support.pictures.coloured import (
    P3_TO_SRGB,
    SRGB_CURVE,
    avif,
    cicp,
    light,
    png,
    power,
    profile,
    profiled,
    sample,
    through,
)
from tests.support.pictures.images import cmyk_profile, of_format, one, outputs, read, saved
from worker.images.colours.spaces import P3
from worker.images.pipeline import run
from worker.images.reading import PipelineLimits

ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
ADOBE_PROFILE = profile("Adobe RGB (1998)", power(563 / 256), ADOBE)
SRGB_TO_P3 = ((0.8224621, 0.1775380, 0.0), (0.0331941, 0.9668058, 0.0), (0.0170827, 0.0723974, 0.9105199))
"""Their linear light; the inverse of P3_TO_SRGB."""
FORMATS = ["jpeg", "png", "webp", "avif"]
COLOURS = [(200, 80, 60), (12, 200, 90), (40, 60, 210), (255, 0, 0), (128, 128, 128), (255, 255, 255), (0, 0, 0)]


def flat(colour: Any, icc: bytes = b"", format: str = "PNG", mode: str = "RGB") -> bytes:
    return saved(Image.new(mode, (32, 32), colour), format, **({"icc_profile": icc} if icc else {}))


def near(found: Any, wanted: Any) -> int:
    return int(max(abs(a - b) for a, b in zip(found, wanted, strict=True)))


def pixel(data: bytes, **keys: Any) -> Any:
    return read(outputs(data, one(**keys))["a"]).getpixel((16, 16))


def seen(image: Image.Image) -> Any:
    """What a screen of sRGB shows of a file, by its profile."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    made = ImageCms.profileToProfile(image.convert("RGB"), source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert made is not None
    return made.getpixel((16, 16))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("profile", ["p3", "keep"])
def test_a_red_of_p3_stays_a_red_of_p3(profile: str, format: str) -> None:
    made = read(outputs(flat((255, 0, 0), P3), one(profile=profile, **of_format(format, chroma=444)))["a"])
    assert near(made.convert("RGB").getpixel((16, 16)), (255, 0, 0)) <= (0 if format == "png" else 3)
    assert made.info["icc_profile"] == P3


@pytest.mark.parametrize("colour", COLOURS)
def test_colours_are_converted_into_p3_as_the_formulas_say(colour: tuple[int, int, int]) -> None:
    lights = [light(value) for value in colour]
    assert near(pixel(flat(colour), profile="p3"), through(SRGB_TO_P3, lights)) <= 1
    assert near(pixel(flat(colour, P3), profile="p3"), colour) <= 1
    back = through(P3_TO_SRGB, [light(value) for value in pixel(flat(colour), profile="p3")])
    assert near(back, colour) <= 4, "a dark channel beside bright ones is rounded"


def test_adobe_green_within_p3_is_not_cut_to_srgb() -> None:
    colour = (110, 220, 120)
    matrix = _times(SRGB_TO_P3, _times(_XYZ_TO_SRGB, tuple(zip(*ADOBE, strict=True))))
    lights = [(value / 255) ** (563 / 256) for value in colour]
    wanted = [sum(a * b for a, b in zip(row, lights, strict=True)) for row in matrix]
    assert all(0 <= each <= 1 for each in wanted)
    assert near(pixel(flat(colour, ADOBE_PROFILE), profile="p3"), [sample(each) for each in wanted]) <= 2


_XYZ_TO_SRGB = (
    (3.1341359, -1.6173863, -0.4906619),
    (-0.9787955, 1.9162544, 0.0334430),
    (0.0719550, -0.2289768, 1.4053861),
)
"""From D50."""


def _times(left: Any, right: Any) -> tuple[tuple[float, ...], ...]:
    columns = list(zip(*right, strict=True))
    return tuple(tuple(sum(a * b for a, b in zip(row, column, strict=True)) for column in columns) for row in left)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("icc", [ADOBE_PROFILE, profile("sRGB", SRGB_CURVE)])
def test_a_kept_profile_comes_with_untouched_pixels(icc: bytes, format: str) -> None:
    made = read(outputs(flat((90, 180, 30), icc), one(profile="keep", **of_format(format, lossless=True)))["a"])
    assert near(made.convert("RGB").getpixel((16, 16)), (90, 180, 30)) <= 3
    assert made.info["icc_profile"] == icc


def test_colours_of_code_points_are_kept_by_a_profile_that_says_the_same() -> None:
    for data in (png((200, 80, 60), cicp(12, 13)), avif((200, 80, 60), 12, 13)):
        made = read(outputs(data, one(profile="keep"))["a"])
        image = made.resize((32, 32))
        image.info = made.info
        assert near(made.getpixel((4, 4)), (200, 80, 60)) <= 4
        assert near(seen(image), through(P3_TO_SRGB, [light(value) for value in (200, 80, 60)])) <= 5


@pytest.mark.parametrize(
    "data",
    [
        flat((10, 80, 90, 20), cmyk_profile(), "JPEG", "CMYK"),
        flat(90, profile("gray", power(1.8), space=b"GRAY"), mode="L"),
        png((200, 80, 60), cicp(9, 16)),
        png((200, 80, 60), profiled(b"junk" * 50)),
        flat((200, 80, 60), profile("large", SRGB_CURVE, ADOBE, more={b"more": bytes(1024 * 1024)}), "TIFF"),
    ],
    ids=["cmyk", "gray", "hdr", "damaged", "large"],
)
def test_what_cannot_be_kept_is_srgb_and_says_so(data: bytes) -> None:
    kept, plain = (outputs(data, one(**keys))["a"] for keys in ({"profile": "keep"}, {}))
    assert "profile" in kept.unmet
    assert "profile" not in plain.unmet
    assert kept.data == plain.data


@pytest.mark.parametrize("data", [flat((9, 80, 200)), png((9, 80, 200), cicp(1, 13))])
def test_of_srgb_nothing_is_to_keep(data: bytes) -> None:
    kept, plain = (outputs(data, one(**keys))["a"] for keys in ({"profile": "keep"}, {}))
    assert (kept.data, kept.unmet) == (plain.data, ())


@pytest.mark.parametrize("mode", ["L", "LA", "CMYK"])
def test_gray_and_ink_get_the_bands_of_p3(mode: str) -> None:
    format = "JPEG" if mode == "CMYK" else "PNG"
    data = saved(Image.new("RGB", (32, 32), (90, 90, 90)).convert(mode), format)
    made = read(outputs(data, one(profile="p3"))["a"])
    assert made.mode == ("RGBA" if mode == "LA" else "RGB")
    assert near(seen(made), (90, 90, 90)) <= 2
    gray = read(outputs(flat((200, 40, 40)), one(profile="p3", grayscale=True, format="jpeg"))["a"])
    assert gray.mode == "RGB"


@pytest.mark.parametrize("profile", ["p3", "keep"])
def test_background_and_bars_have_the_colour_that_was_asked(profile: str) -> None:
    data = saved(Image.new("RGBA", (32, 32), (0, 0, 0, 0)), icc_profile=ADOBE_PROFILE)
    for keys in ({}, {"width": 64, "fit": "contain"}, {"padding": 3}):
        made = read(outputs(data, one(profile=profile, background="#c83c28", **keys))["a"])
        assert near(seen(made), (200, 60, 40)) <= 2


def test_a_watermark_keeps_its_colour() -> None:
    mark = saved(Image.new("RGB", (8, 8), (200, 60, 40)))
    asked = {"name": "a", "digest": "0" * 64}
    recipe = parse({"renditions": [{"name": "a", "format": "png", "profile": "p3", "watermark": asked}]})
    (output,) = run(io.BytesIO(flat((0, 0, 0), ADOBE_PROFILE)), recipe, PipelineLimits(10_000, 1), {"0" * 64: mark})
    assert near(seen(read(output)), (200, 60, 40)) <= 2


def test_renditions_of_one_recipe_have_their_own_spaces_and_do_not_mix() -> None:
    names = [("a", "srgb"), ("b", "p3"), ("c", "keep")]
    recipe = parse(
        {
            "renditions": [
                {"name": f"{name}{width}", "profile": profile, "width": width, "format": "png"}
                for name, profile in names
                for width in (30, 10)
            ]
        }
    )
    data = saved(Image.new("RGB", (64, 64), (90, 180, 30)), icc_profile=ADOBE_PROFILE)
    for output in outputs(data, recipe).values():
        profile = dict(names)[output.name[0]]
        alone = outputs(data, one(profile=profile, width=output.width))["a"]
        assert output.data == alone.data, output.name
        assert output.dominant_colour == alone.dominant_colour


@pytest.mark.parametrize("original", ["PNG", "WEBP"])
@pytest.mark.parametrize("profile", ["p3", "keep"])
def test_every_frame_of_an_animation_has_the_space(original: str, profile: str) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ((90, 180, 30), (200, 10, 20))]
    options = {"lossless": True} if original == "WEBP" else {}
    data = saved(frames[0], original, save_all=True, append_images=frames[1:], icc_profile=ADOBE_PROFILE, **options)
    moving = read(outputs(data, one(profile=profile))["a"])
    assert moving.n_frames == 2  # type: ignore[attr-defined]
    for number, frame in enumerate(frames):
        moving.seek(number)
        moving.load()
        still = read(outputs(saved(frame, icc_profile=ADOBE_PROFILE), one(profile=profile))["a"])
        assert near(moving.convert("RGB").getpixel((5, 5)), still.getpixel((5, 5))) <= 1
        assert moving.info["icc_profile"] == still.info["icc_profile"]


def test_a_turned_jpeg_keeps_its_profile_and_its_exif_says_no_srgb() -> None:
    tags = Image.Exif()
    tags[0x0112], tags[0x0110] = 6, "a camera"
    data = saved(Image.new("RGB", (64, 32), (90, 180, 30)), "JPEG", icc_profile=ADOBE_PROFILE, exif=tags)
    made = read(outputs(data, one(profile="keep", format="jpeg", keep=["exif"]))["a"])
    assert (made.size, made.info["icc_profile"]) == ((32, 64), ADOBE_PROFILE)
    assert made.getexif().get_ifd(0x8769)[0xA001] == 65_535
    assert read(outputs(data, one(format="jpeg", keep=["exif"]))["a"]).getexif().get_ifd(0x8769)[0xA001] == 1


def test_alpha_stays_as_it_is() -> None:
    image = Image.merge(
        "RGBA", (*Image.new("RGB", (32, 32), (90, 180, 30)).split(), Image.linear_gradient("L").resize((32, 32)))
    )
    made = read(outputs(saved(image, icc_profile=ADOBE_PROFILE), one(profile="p3"))["a"])
    assert ImageChops.difference(made.getchannel("A"), image.getchannel("A")).getbbox() is None


def test_a_gif_has_no_place_for_a_profile() -> None:
    with pytest.raises(BadRecipe) as fault:
        one(profile="p3", format="gif")
    assert fault.value.path == "$.renditions[0].profile"
    gif = saved(Image.new("RGB", (32, 32), (200, 60, 40)), "GIF")
    recipe = parse(
        {
            "renditions": [
                {"name": "a", "profile": "p3", "format": "original"},
                {"name": "b", "profile": "p3", "format": "png", "width": 10},
            ]
        }
    )
    made = outputs(gif, recipe)
    assert made["a"].unmet == ("profile",)
    assert made["a"].data == outputs(gif, one(format="gif"))["a"].data
    image = read(made["b"])
    assert (
        near(image.convert("RGB").getpixel((3, 3)), through(SRGB_TO_P3, [light(value) for value in (200, 60, 40)])) <= 2
    )
