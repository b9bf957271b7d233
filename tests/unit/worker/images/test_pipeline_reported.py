"""What users of other image services reported as wrong, here: turns with odd sides, gain maps, sides of one pixel."""

import io
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageOps, MpoImagePlugin

from jobs.images.head import read_head
from jobs.recipes.explain import explain
from jobs.recipes.recipe import parse
from tests.support.pictures.images import one, outputs, psnr, read, saved

STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a picture lies in a file of this orientation."""


def slope(width: int, height: int) -> Image.Image:
    """Smooth, and different in every corner."""
    across = Image.linear_gradient("L").rotate(90)
    return Image.merge(
        "RGB",
        [each.resize((width, height)) for each in (across, Image.linear_gradient("L"), Image.radial_gradient("L"))],
    )


def turned(image: Image.Image, orientation: int, format: str, **options: Any) -> bytes:
    """A file that shows `image`, stored otherwise."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    data = saved(image.transpose(STORED[orientation]), format, exif=tags, **options)
    shown = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert shown.size == image.size
    return data


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(
    "keys",
    [
        {"width": 37},
        {"width": 40, "height": 40, "fit": "cover", "gravity": "northwest"},
        {"width": 41, "height": 23, "fit": "fill"},
        {"width": 50, "height": 50, "fit": "contain", "gravity": "south"},
        {"crop": {"left": 7, "top": 3, "width": 61, "height": 33}, "width": 30},
        {"crop": {"left": 7, "top": 3, "width": 61, "height": 33}, "rotate": 90, "flip": True},
        {"crop": {"left": 7, "top": 3, "width": 61, "height": 33}, "rotate": 15, "flop": True},
        {"rotate": 15, "width": 60},
        {"rotate": 270, "width": 31, "height": 31, "fit": "outside"},
    ],
    ids=str,
)
def test_a_turned_file_gives_what_the_upright_one_gives(keys: dict[str, Any], orientation: int) -> None:
    image = slope(101, 67)
    wanted = read(outputs(saved(image), one(**keys))["a"])
    found = read(outputs(turned(image, orientation, "PNG"), one(**keys))["a"])
    assert (found.size, found.mode) == (wanted.size, wanted.mode)
    difference: Any = ImageChops.difference(found.convert("RGB"), wanted.convert("RGB")).getextrema()
    assert max(most for _, most in difference) <= 2


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("width", [808, 404, 301, 202, 101, 57])
def test_so_does_a_jpeg_at_every_decode_scale(width: int, orientation: int) -> None:
    image = slope(808, 537)
    keys = {"width": width, "crop": {"left": 3, "top": 5, "width": 799, "height": 527}}
    options = {"quality": 100, "subsampling": 0}
    wanted = read(outputs(saved(image, "JPEG", **options), one(**keys))["a"])
    found = read(outputs(turned(image, orientation, "JPEG", **options), one(**keys))["a"])
    assert found.size == wanted.size
    assert psnr(found, wanted) > 45


def test_a_picture_with_a_gain_map_is_its_sdr_picture_and_nothing_behind_it() -> None:
    assert MpoImagePlugin.MpoImageFile.format == "MPO"
    image = slope(96, 64)
    xmp = b'<x:xmpmeta><rdf:Description hdrgm:Version="1.0" hdrgm:GainMapMax="2"/></x:xmpmeta>'
    gain_map = Image.new("RGB", (24, 16), "#ff00ff")
    options = {"quality": 95, "subsampling": 0}
    data = saved(image, "MPO", save_all=True, append_images=[gain_map], xmp=xmp, **options)
    assert b"MPF\0" in data
    assert b"hdrgm" in data
    plain = read(outputs(saved(image, "JPEG", **options), one())["a"])
    assert read(outputs(data, one())["a"]).tobytes() == plain.tobytes()
    made_of = outputs(data, one(format="original", keep_metadata=True))["a"].data
    assert b"MPF" not in made_of
    assert b"hdrgm" not in made_of
    assert made_of.endswith(b"\xff\xd9")
    assert made_of.count(b"\xff\xd8\xff") == 1


@pytest.mark.parametrize("sides", [(1, 4000), (4000, 1), (3, 3), (65_500, 8), (1, 1)])
@pytest.mark.parametrize(
    "keys",
    [
        {"width": 200},
        {"width": 16, "height": 16},
        {"width": 16, "height": 16, "fit": "cover"},
        {"width": 16, "height": 16, "fit": "contain"},
        {"width": 2, "height": 2, "fit": "outside"},
        {"width": 5, "rotate": 45},
    ],
    ids=str,
)
def test_no_side_is_nothing_however_narrow_a_picture_is(keys: dict[str, Any], sides: tuple[int, int]) -> None:
    formats = ["jpeg"] if "rotate" in keys else ["jpeg", "png", "webp", "avif", "gif"]  # each tilt takes a second
    data = saved(slope(*sides), "JPEG")
    recipe = parse({"renditions": [{"name": "a", "formats": formats, **keys}]})
    head = read_head(data)
    assert head is not None
    made, told = outputs(data, recipe), explain(recipe, head, 1).renditions
    assert [each.name for each in told] == [f"a-{format}" for format in formats]
    for each in told:
        image = read(made[each.name])
        assert image.size == (each.width, each.height)
        assert min(image.size) >= 1


@pytest.mark.parametrize(
    ("keys", "unmet"),
    [
        ({"width": 640, "height": 400, "fit": "cover"}, ("ratio",)),
        ({"width": 640, "ratio": "16:9", "fit": "cover"}, ("ratio",)),
        ({"width": 640, "height": 40, "fit": "fill"}, ("ratio",)),
        ({"width": 640, "height": 400, "fit": "cover", "rotate": 90}, ("ratio",)),
        ({"width": 640, "height": 400, "fit": "cover", "rotate": 10}, ("ratio",)),
        ({"width": 640, "height": 400, "fit": "cover", "enlarge": True}, ()),
        ({"width": 640, "height": 400, "fit": "cover-down"}, ()),
        ({"width": 640, "height": 400, "fit": "contain"}, ()),
        ({"width": 640, "height": 400}, ()),
        ({"width": 640, "fit": "cover"}, ()),
        ({"width": 320, "height": 200, "fit": "cover"}, ()),
        ({"width": 64, "height": 40, "fit": "cover", "padding": [10, 20]}, ()),
        ({"width": 200, "height": 320, "fit": "cover", "rotate": 90}, ()),
        ({"width": 100, "height": 77, "fit": "cover", "rotate": 10}, ()),
        ({"ratio": "16:9", "fit": "cover"}, ()),
        ({"ratio": "3:7", "fit": "cover", "padding": 3}, ()),
    ],
)
def test_a_ratio_that_a_small_original_did_not_get_is_told(keys: dict[str, Any], unmet: tuple[str, ...]) -> None:
    """The original is too small for a box of 640 x 400."""
    assert outputs(saved(Image.new("RGB", (500, 480))), one(**keys))["a"].unmet == unmet
