"""The operations and the image files of worker/images: the pixels that come out, read back and compared."""

import io
import random
import struct
from collections import Counter
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageFilter, ImageOps, ImageStat, MpoImagePlugin

from jobs.errors import ImageFault
from jobs.recipes.recipe import parse
from tests.support.pictures.images import (
    BLUE,
    CORPUS,
    GREEN,
    LIMITS,
    RED,
    TEST_DATA,
    WHITE,
    cmyk_profile,
    corners,
    made,
    of_format,
    one,
    outputs,
    psnr,
    read,
    saved,
    seen,
    swapped_profile,
)
from worker.images import imagefile, motion
from worker.images.colours.convert import dominant_colour
from worker.images.pipeline import run
from worker.images.reading import PipelineLimits

ORIENTATIONS = CORPUS / "orientation"

# --- orientation, operations, geometry in pixels ---


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_every_orientation_as_pillow_applies_it(orientation: int, format: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if format in ("JPEG", "WEBP") else {}
    data = saved(corners(), format, exif=exif, **options)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    image = made(data)
    assert image.size == expected.size
    assert psnr(image, expected) > 35


@pytest.mark.skipif(not ORIENTATIONS.is_dir(), reason="needs ../shared/corpus")
def test_photographs_of_all_orientations_come_out_alike() -> None:
    upright = made((ORIENTATIONS / "Landscape_1.jpg").read_bytes(), width=300)
    for orientation in range(2, 9):
        image = made((ORIENTATIONS / f"Landscape_{orientation}.jpg").read_bytes(), width=300)
        assert image.size == upright.size
        assert psnr(image, upright) > 30


@pytest.mark.parametrize(
    ("keys", "size", "expected"),
    [
        ({}, (64, 32), [RED, GREEN, BLUE, WHITE]),
        ({"rotate": 90}, (32, 64), [BLUE, RED, WHITE, GREEN]),
        ({"rotate": -90}, (32, 64), [GREEN, WHITE, RED, BLUE]),
        ({"flip": True}, (64, 32), [BLUE, WHITE, RED, GREEN]),
        ({"flop": True}, (64, 32), [GREEN, RED, WHITE, BLUE]),
        ({"rotate": 90, "flop": True}, (32, 64), [RED, BLUE, GREEN, WHITE]),
        ({"crop": {"left": 32, "top": 0, "width": 32, "height": 16}}, (32, 16), [GREEN] * 4),
        ({"crop": {"left": 0, "top": 16, "width": 8, "height": 8}, "rotate": 180}, (8, 8), [BLUE] * 4),
        ({"width": 16, "height": 16, "fit": "cover", "gravity": "west"}, (16, 16), [RED, RED, BLUE, BLUE]),
        ({"width": 16, "height": 32, "fit": "cover", "gravity": "southeast"}, (16, 32), [GREEN, GREEN, WHITE, WHITE]),
        ({"width": 16, "height": 16, "fit": "fill"}, (16, 16), [RED, GREEN, BLUE, WHITE]),
        ({"width": 128, "enlarge": True}, (128, 64), [RED, GREEN, BLUE, WHITE]),
        (
            {"width": 16, "height": 32, "fit": "cover", "gravity": "focus", "focus": [0.9, 0.5]},
            (16, 32),
            [GREEN, GREEN, WHITE, WHITE],
        ),
        ({"ratio": "1:1", "fit": "cover"}, (32, 32), [RED, GREEN, BLUE, WHITE]),
        ({"ratio": "1:4", "fit": "contain", "gravity": "south"}, (64, 256), [(0, 0, 0)] * 2 + [(0, 0, 0)] * 2),
        ({"width": 200, "height": 200, "fit": "cover-down", "gravity": "east"}, (32, 32), [GREEN, GREEN, WHITE, WHITE]),
        ({"padding": [4, 8]}, (80, 40), [RED, GREEN, BLUE, WHITE]),
        ({"rotate": 359.999}, (65, 33), [RED, GREEN, BLUE, WHITE]),
        ({"rotate": 359.999, "flip": True}, (65, 33), [BLUE, WHITE, RED, GREEN]),
    ],
)
def test_operations_move_pixels_where_they_should(keys: Any, size: Any, expected: Any) -> None:
    image = made(saved(corners()), **keys)
    assert image.size == size
    assert seen(image) == expected


def test_a_rotation_is_clockwise_with_clear_corners() -> None:
    image = made(saved(corners()), rotate=45)
    assert image.getpixel((1, 1)) == (0, 0, 0, 0)
    assert image.size == (68, 68)
    assert image.getpixel((28, 17)) == (*RED, 255)
    assert image.getpixel((17, 28)) == (*BLUE, 255)
    flat = made(saved(corners()), rotate=45, format="jpeg", quality=95)
    assert min(flat.getpixel((1, 1))) > 245  # type: ignore[arg-type]


def test_contain_pads_clear_white_or_with_the_background() -> None:
    data = saved(corners())
    box = {"width": 64, "height": 64, "fit": "contain"}
    assert made(data, **box).getpixel((0, 0)) == (0, 0, 0, 0)
    assert made(data, **box, background="#0000ff").getpixel((0, 0)) == BLUE
    assert made(data, **box, background="#0000ff80").getpixel((0, 0)) == (*BLUE, 0x80)
    assert min(made(data, **box, format="jpeg").getpixel((0, 0))) > 250  # type: ignore[arg-type]
    assert seen(made(data, **box).crop((0, 16, 64, 48))) == [RED, GREEN, BLUE, WHITE]


def test_padding_is_clear_or_has_the_background_and_no_filter_reaches_it() -> None:
    data, around = saved(corners()), {"padding": [1, 2, 3, 4], "blur": 3}
    for format in ("png", "webp"):
        clear = made(data, **of_format(format, lossless=True), **around).convert("RGBA")
        assert clear.size == (4 + 64 + 2, 1 + 32 + 3)
        assert clear.getchannel("A").getbbox() == (4, 1, 68, 33), "the picture alone is opaque, at its place"
    for keys, colour in (({}, (255, 255, 255)), ({"background": "#0000ff"}, BLUE)):
        flat = made(data, format="jpeg", chroma=444, quality=100, **around, **keys)
        for spot in ((0, 20), (69, 20), (30, 0), (30, 35)):
            assert max(abs(a - b) for a, b in zip(flat.getpixel(spot), colour, strict=True)) < 12  # type: ignore[arg-type]
    filled = made(data, **around, background="#0000ff80").getpixel((0, 0))
    assert filled == (*BLUE, 0x80)
    bare = made(data, blur=3)
    inner = made(data, **around).convert("RGB").crop((4, 1, 68, 33))
    assert inner.tobytes() == bare.convert("RGB").tobytes()


def on_gray(image: Image.Image) -> Image.Image:
    """Without the colours that transparent pixels hide."""
    return Image.alpha_composite(Image.new("RGBA", image.size, "gray"), image.convert("RGBA"))


GEOMETRY: list[dict[str, Any]] = [
    {"width": 31, "height": 17, "fit": "cover", "gravity": "focus", "focus": [0.8, 0.2]},
    {"width": 31, "height": 17, "fit": "cover", "gravity": "focus", "focus": [0.1, 0.9], "rotate": 90, "flop": True},
    {"width": 31, "height": 47, "fit": "cover", "gravity": "focus", "focus": [0.7, 0.7], "rotate": 20, "flip": True},
    {"width": 300, "height": 100, "fit": "cover-down", "gravity": "north"},
    {"ratio": "3:5", "fit": "cover", "gravity": "east"},
    {"ratio": "3:5", "fit": "contain", "background": "#336699"},
    {"width": 31, "ratio": "2:1", "fit": "cover-down"},
    {"width": 31, "padding": [3, 5, 7, 9], "background": "#336699"},
    {"width": 20, "dpr": 1.5, "padding": 2},
]


@pytest.mark.parametrize("keys", GEOMETRY, ids=lambda keys: " ".join(keys))
def test_geometry_is_that_of_the_upright_picture_in_all_eight_orientations(keys: dict[str, Any]) -> None:
    """Pillow turns the picture so that its tag sets it upright again."""
    upright = Image.effect_mandelbrot((101, 67), (-2, -1.5, 1, 1.5), 60).convert("RGB")
    upright.paste(RED, (70, 5, 90, 25))
    expected = outputs(saved(upright), one(**keys))["a"]
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    for orientation, method in back.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = upright.transpose(Image.Transpose(method))
        data = saved(stored, exif=exif)
        assert ImageOps.exif_transpose(Image.open(io.BytesIO(data))).tobytes() == upright.tobytes()
        found = outputs(data, one(**keys))["a"]
        assert (found.width, found.height, found.box) == (expected.width, expected.height, expected.box)
        assert psnr(on_gray(read(found)), on_gray(read(expected))) > 40, orientation


@pytest.mark.parametrize("keys", [*GEOMETRY, {"blur": 2, "padding": 3}], ids=lambda keys: " ".join(keys))
@pytest.mark.parametrize("format", ["png", "webp", "gif"])
def test_every_frame_of_an_animation_gets_what_a_still_gets(keys: dict[str, Any], format: str) -> None:
    frames = [
        corners(),
        corners().transpose(Image.Transpose.ROTATE_180),
        corners().transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    ]
    data = saved(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=100)
    lossless = {"lossless": True} if format == "webp" else {}
    animation = read(outputs(data, one(format=format, **lossless, **keys))["a"])
    assert getattr(animation, "n_frames", 1) == len(frames)
    for number, frame in enumerate(frames):
        animation.seek(number)
        still = made(saved(frame), format=format, **lossless, **keys)
        assert psnr(on_gray(animation), on_gray(still)) > 28, number


def test_grayscale_blur_and_sharpen() -> None:
    data = saved(corners())
    gray = made(data, grayscale=True)
    assert gray.mode == "L"
    assert seen(gray)[0] == (76, 76, 76)
    soft, plain, hard = (made(data, **keys).getpixel((31, 8)) for keys in ({"blur": 4}, {}, {"sharpen": 2}))
    assert plain == hard == RED
    assert soft[1] > 90  # type: ignore[index]
    half = Image.new("L", (256, 256))
    half.paste(255, (0, 0, 128, 256))
    edge = saved(half.filter(ImageFilter.GaussianBlur(5)).convert("RGB"))
    assert ImageStat.Stat(made(edge, sharpen=5)).var > ImageStat.Stat(made(edge)).var


def test_a_blur_draws_no_hidden_colour_from_clear_pixels() -> None:
    image = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    image.paste((*GREEN, 255), (0, 0, 20, 40))
    red, green, _, alpha = made(saved(image), blur=3).getpixel((20, 20))  # type: ignore[misc]
    assert red < 10 < 250 < green
    assert 60 < alpha < 200


def test_a_crop_is_exact_at_every_decode_scale() -> None:
    sample = Image.open(TEST_DATA / "12mp.jpg").convert("RGB")
    crop = {"left": 1001, "top": 907, "width": 1603, "height": 1201}
    reference = sample.crop((1001, 907, 2604, 2108)).resize((200, 150), Image.Resampling.LANCZOS)
    assert psnr(made((TEST_DATA / "12mp.jpg").read_bytes(), crop=crop, width=200), reference) > 38


@pytest.mark.parametrize("width", [1600, 1000, 333, 64])
def test_derived_renditions_stay_near_a_full_size_reference(width: int) -> None:
    data = (TEST_DATA / "12mp.jpg").read_bytes()
    recipe = parse({"renditions": [{"name": f"w{w}", "width": w, "format": "png"} for w in (1600, 1000, 333, 64)]})
    image = read(outputs(data, recipe)[f"w{width}"])
    reference = Image.open(io.BytesIO(data)).convert("RGB").resize(image.size, Image.Resampling.LANCZOS)
    assert psnr(image, reference) > 40


# --- watermarks ---


def marked(image: Image.Image, mark: Image.Image, *, format: str = "png", **keys: Any) -> Image.Image:
    recipe = one(format=format, width=40, watermark={"name": "mark", "digest": "0" * 64, **keys})
    (output,) = run(io.BytesIO(saved(image)), recipe, LIMITS, {"0" * 64: saved(mark)})
    return read(output)


@pytest.mark.parametrize(
    ("gravity", "left", "top"),
    [("center", 17, 8), ("north", 17, 0), ("northeast", 34, 0), ("east", 34, 8), ("southeast", 34, 16),
     ("south", 17, 16), ("southwest", 0, 16), ("west", 0, 8), ("northwest", 0, 0)],
)  # fmt: skip
def test_a_watermark_lies_where_gravity_says(gravity: str, left: int, top: int) -> None:
    image = marked(Image.new("RGB", (80, 40)), Image.new("RGBA", (6, 4), RED), gravity=gravity)
    assert image.getchannel("R").getbbox() == (left, top, left + 6, top + 4)
    assert image.mode == "RGB"


def test_a_watermark_is_as_opaque_as_asked_on_what_is_opaque_and_what_is_not() -> None:
    mark = Image.new("RGBA", (2, 2), (*RED, 128))
    image = marked(Image.new("RGB", (80, 40)), mark, opacity=0.5)
    assert image.getpixel((20, 10)) == (64, 0, 0)
    image = marked(Image.new("RGBA", (80, 40), (0, 0, 0, 0)), mark, opacity=0.5)
    assert image.getpixel((20, 10)) == (*RED, 64)
    assert image.getpixel((0, 0)) == (0, 0, 0, 0)
    image = marked(Image.new("L", (80, 40), 255), Image.new("RGB", (2, 2), BLUE))
    assert (image.getpixel((20, 10)), image.getpixel((0, 0))) == (BLUE, WHITE)


def test_a_watermark_too_large_is_made_to_fit_and_never_enlarged() -> None:
    image = marked(Image.new("RGB", (80, 40)), Image.new("RGB", (200, 50), RED))
    assert image.getchannel("R").getbbox() == (0, 5, 40, 15)


def test_a_watermark_that_did_not_come_is_said() -> None:
    with pytest.raises(ImageFault, match="'mark'"):
        outputs(saved(corners()), one(watermark={"name": "mark", "digest": "0" * 64}))


# --- colours ---


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colours_go_through_the_profile_to_srgb(mode: str) -> None:
    data = saved(corners().convert(mode), icc_profile=swapped_profile())
    image = made(data)
    assert "icc_profile" not in image.info
    for found, expected in zip(seen(image), [GREEN, RED, BLUE, WHITE], strict=True):
        assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) <= 3


@pytest.mark.parametrize("profile", [b"no profile", ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()])
def test_a_useless_profile_is_passed_over(profile: bytes) -> None:
    assert seen(made(saved(corners(), icc_profile=profile))) == [RED, GREEN, BLUE, WHITE]


def test_cmyk_comes_out_in_its_colours() -> None:
    cmyk = made((TEST_DATA / "cmyk.jpg").read_bytes())
    rgb = made((TEST_DATA / "rotated.jpg").read_bytes())
    assert (cmyk.mode, cmyk.size) == ("RGB", rgb.size)
    assert psnr(cmyk, rgb) > 25


def test_cmyk_with_a_profile_goes_through_it() -> None:
    image = Image.new("CMYK", (8, 8))
    image.paste((255, 0, 0, 0), (0, 0, 4, 8))
    made_of = made(saved(image, "JPEG", quality=100, icc_profile=cmyk_profile()))
    cyan, paper = made_of.getpixel((1, 4)), made_of.getpixel((6, 4))
    assert max(abs(a - b) for a, b in zip((*cyan, *paper), (*RED, *WHITE), strict=True)) <= 6  # type: ignore[misc]


def test_the_dominant_colour_is_that_of_most_pixels_that_can_be_seen() -> None:
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    image.paste((*BLUE, 255), (0, 0, 30, 100))
    image.paste((250, 3, 3, 255), (40, 0, 60, 50))
    (output,) = outputs(saved(image), one(width=10, grayscale=True)).values()
    assert output.dominant_colour == "#0000ff"
    assert outputs(saved(Image.new("LA", (9, 9))), one())["a"].dominant_colour is None
    assert outputs(saved(Image.new("L", (3000, 1), 200)), one())["a"].dominant_colour == "#c8c8c8"


def fullest_bin_mean(image: Image.Image) -> str | None:
    """By its definition, pixel by pixel."""
    data = image.convert("RGBA").tobytes()
    pixels = [data[at : at + 4] for at in range(0, len(data), 4) if data[at + 3] >= 128]
    bins = Counter(tuple(channel // 16 for channel in pixel[:3]) for pixel in pixels)
    if not bins:
        return None
    (fullest, count) = max(bins.items(), key=lambda one: (one[1], one[0]))
    within = [pixel for pixel in pixels if tuple(channel // 16 for channel in pixel[:3]) == fullest]
    return "#" + bytes(round(sum(pixel[channel] for pixel in within) / count) for channel in range(3)).hex()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_the_dominant_colour_is_the_mean_of_the_fullest_bin(mode: str) -> None:
    chance = random.Random(mode)
    for _ in range(100):
        size = chance.randint(1, 32), chance.randint(1, 32)
        values = [chance.randrange(256) for _ in range(chance.randint(1, 9))]
        image = Image.frombytes(mode, size, bytes(chance.choices(values, k=size[0] * size[1] * len(mode))))
        assert dominant_colour(image) == fullest_bin_mean(image)


@pytest.mark.parametrize(
    ("image", "mode", "value"),
    [
        (Image.new("I;16", (4, 4), 0x8080), "L", 0x80),
        (Image.new("1", (4, 4), 1), "L", 255),
        (Image.new("L", (4, 4), 7), "L", 7),
        (Image.new("LA", (4, 4), (9, 100)), "LA", (9, 100)),
        (Image.new("P", (4, 4), 0), "RGB", (0, 0, 0)),
    ],
)
def test_every_mode_of_png(image: Image.Image, mode: str, value: Any) -> None:
    result = made(saved(image))
    assert (result.mode, result.getpixel((1, 1))) == (mode, value)


# --- formats ---


@pytest.mark.parametrize(
    ("stored", "format"),
    [
        ("JPEG", "jpeg"),
        ("PNG", "png"),
        ("GIF", "gif"),
        ("WEBP", "webp"),
        ("AVIF", "avif"),
        ("TIFF", "webp"),
        ("BMP", "webp"),
    ],
)
def test_original_is_the_format_that_came_or_webp(stored: str, format: str) -> None:
    output = outputs(saved(corners(), stored), one(format="original"))["a"]
    assert (output.format, read(output).format) == (format, format.upper())


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif", "gif"])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_every_mode_is_written_in_every_format(mode: str, format: str) -> None:
    result = made(saved(corners().convert(mode)), format=format, width=32)
    assert (result.format, result.size) == (format.upper(), (32, 16))


def test_without_its_decoder_heic_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(imagefile.PLUGINS, "heic", raising=False)
    with pytest.raises(ImageFault) as fault:
        outputs(b"\0\0\0\x14ftypheic\0\0\0\0mif1", one())
    assert fault.value.code == "undecodable"


def test_quality_progressive_lossless_and_chroma() -> None:
    data = (TEST_DATA / "rotated.jpg").read_bytes()
    low, high = (len(outputs(data, one(format="jpeg", quality=q))["a"].data) for q in (30, 90))
    assert low * 2 < high
    assert "progressive" in made(data, format="jpeg", progressive=True).info
    assert "progressive" not in made(data, format="jpeg").info
    assert made(data, format="webp", lossless=True).tobytes() == made(data).tobytes()
    sampling = [made(data, format="jpeg", chroma=chroma).layer[0][1:3] for chroma in (420, 444)]  # type: ignore[attr-defined]
    assert sampling == [(2, 2), (1, 1)]


def test_the_first_frame_of_an_animation_is_the_picture() -> None:
    data = (TEST_DATA / "animated.gif").read_bytes()
    first = Image.open(io.BytesIO(data)).convert("RGB")
    assert psnr(made(data), first) > 40


def moving(format: str, **options: Any) -> bytes:
    """Five frames, a red square on green that goes to the right, shown 40, 50, 60, 70, 80 ms."""
    frames = [Image.new("RGBA", (50, 20), (*GREEN, 255)) for _ in range(5)]
    for number, frame in enumerate(frames):
        frame.paste(RED, (10 * number, 0, 10 * number + 10, 20))
    shown = [40, 50, 60, 70, 80]
    return saved(frames[0], format, save_all=True, append_images=frames[1:], duration=shown, lossless=True, **options)


@pytest.mark.parametrize("stored", ["GIF", "WEBP", "PNG"])
@pytest.mark.parametrize("format", ["gif", "webp", "png", "original"])
def test_an_animation_stays_one(stored: str, format: str) -> None:
    image = made(moving(stored, loop=0), width=25, **of_format(format, quality=95))
    assert (image.format, image.n_frames) == (stored if format == "original" else format.upper(), 5)  # type: ignore[attr-defined]
    for number in range(5):
        image.seek(number)
        image.load()
        assert round(image.info["duration"]) == 40 + 10 * number
        assert image.convert("RGB").size == (25, 10)
        for place in range(5):
            red, green, _ = image.convert("RGB").getpixel((5 * place + 2, 5))  # type: ignore[misc]
            assert (red > 200, green > 200) == (place == number, place != number)
    assert image.info["loop"] == 0


@pytest.mark.parametrize("plays", [0, 1, 3])
@pytest.mark.parametrize("format", ["gif", "webp", "png"])
def test_an_animation_plays_as_often_as_it_did(format: str, plays: int) -> None:
    gif = moving("GIF", **({"loop": plays - 1} if plays > 1 else {"loop": 0} if plays == 0 else {}))
    assert motion.plays(made(gif, format=format)) == plays
    assert motion.plays(made(moving("WEBP", loop=plays), format=format)) == plays


def test_what_clears_in_an_animation_stays_clear() -> None:
    frames = [Image.new("RGBA", (20, 10), (0, 0, 0, 0)) for _ in range(2)]
    for frame, left, colour in zip(frames, (0, 10), (RED, BLUE), strict=True):
        frame.paste((*colour, 255), (left, 0, left + 10, 10))
        frame.putpixel((left + 5, 0), (0, 0, 0, 0))  # Pillow reads a WebP whose frames are all opaque as opaque
    data = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    for format in ("gif", "png", "webp"):
        image = made(data, format=format)
        image.seek(1)
        second = image.convert("RGBA")
        assert [second.getpixel((x, 5))[3] for x in (3, 15)] == [0, 255]  # type: ignore[index]


@pytest.mark.parametrize("format", ["jpeg", "avif"])
def test_of_an_animation_a_still_shows_the_first_frame(format: str) -> None:
    recipe = parse({"renditions": [{"name": "still", "format": format, "quality": 95}, {"name": "all", "width": 25}]})
    made = outputs(moving("GIF"), recipe)
    assert getattr(read(made["still"]), "n_frames", 1) == 1
    assert read(made["all"]).n_frames == 5  # type: ignore[attr-defined]
    red, green, _ = read(made["still"]).convert("RGB").getpixel((4, 10))  # type: ignore[misc]
    assert red > 200 > 60 > green


def test_a_pngs_default_image_is_the_still_and_no_frame() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (WHITE, RED, BLUE)]
    data = saved(frames[0], "PNG", save_all=True, append_images=frames[1:], default_image=True)
    assert made(data, format="gif").n_frames == 2  # type: ignore[attr-defined]
    assert made(data, format="webp", lossless=True).convert("RGB").getpixel((1, 1)) == RED
    assert min(made(data, format="jpeg").getpixel((1, 1))) > 250  # type: ignore[arg-type]


def test_a_jpeg_with_more_pictures_behind_it_is_a_jpeg() -> None:
    # (Pillow registers the writer when its module is first imported: here, and nowhere in the worker.)
    assert MpoImagePlugin.MpoImageFile.format == "MPO"
    data = saved(corners(), "MPO", save_all=True, append_images=[corners()], quality=95)
    assert outputs(data, one(format="original"), PipelineLimits(10**6, frames_max=1))["a"].format == "jpeg"


def white_tiff(bits: int) -> bytes:
    """A gray TIFF, 16 x 16, of so many bits a pixel, all of them set."""
    data = b"\xff" * (16 * 16 * bits // 8)
    tags = {256: 16, 257: 16, 258: bits, 259: 1, 262: 1, 273: 8 + 2 + 12 * 9 + 4, 277: 1, 278: 16, 279: len(data)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12, 16])
def test_white_is_white_whatever_a_tiff_has_of_bits(bits: int) -> None:
    assert made(white_tiff(bits), format="png").convert("L").getextrema() == (255, 255)


@pytest.mark.parametrize("bits", [6, 10, 14])
def test_a_tiff_of_bits_that_nobody_reads_is_refused(bits: int) -> None:
    with pytest.raises(ImageFault) as caught:
        made(white_tiff(bits))
    assert caught.value.code == "undecodable"
