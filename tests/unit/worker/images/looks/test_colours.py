"""The keys that change colours: by their formulas, by identities, and on every kind of picture.

tests/integration/test_beside_sharp.py compares them with sharp.
"""

import math
import random
from typing import Any

import pytest
from PIL import Image, ImageFilter, ImageOps

from jobs.errors import BadRecipe
from jobs.images.turns import Size
from jobs.recipes.keys import COLOURS, Linear, Modulate, Normalise
from jobs.recipes.libraries import is_planar
from jobs.recipes.plan import plan
from jobs.recipes.recipe import canonical, parse
from tests.support.pictures.images import corners, made, one, outputs, read, saved
from worker.images.looks import colours

KEYS: dict[str, Any] = {
    "median": 3,
    "threshold": 128,
    "modulate": {"brightness": 1.2, "saturation": 0.5, "hue": 30},
    "gamma": 2.2,
    "linear": {"a": 1.5, "b": -20},
    "normalise": True,
    "tint": "#ff8000",
    "negate": True,
    "pixelate": 4,
}
"""Each key that changes colours, with a value that does."""


def picture(mode: str = "RGB") -> Image.Image:
    """Smooth, with many colours, and (where it has alpha) of all kinds of it."""
    across = Image.linear_gradient("L").resize((48, 32)).point([40 + value // 2 for value in range(256)])
    bands = [across, ImageOps.mirror(across.rotate(90).resize((48, 32))), Image.radial_gradient("L").resize((48, 32))]
    image = Image.merge("RGB", bands).convert(mode)
    if mode.endswith("A"):
        image.putalpha(Image.radial_gradient("L").resize((48, 32)))
    return image


def delta(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """CIELAB's distance (1976) of two colours."""
    return math.dist(*(colours.lab(*(channel / 255 for channel in each)) for each in (one, other)))


def test_all_of_them_are_tried() -> None:
    assert list(KEYS) == list(COLOURS), (
        "give KEYS (here) a value for each of COLOURS (jobs/recipes/keys.py), in its order"
    )


def test_lab_is_that_of_the_standard() -> None:
    assert colours.lab(1, 1, 1) == pytest.approx((100, 0, 0), abs=0.01)
    assert colours.lab(0, 0, 0) == pytest.approx((0, 0, 0), abs=0.01)
    assert colours.lab(1, 0, 0) == pytest.approx((53.24, 80.09, 67.20), abs=0.05)
    assert colours.lab(0, 0, 1) == pytest.approx((32.30, 79.19, -107.86), abs=0.05)
    dice = random.Random(1)
    for _ in range(200):
        colour = dice.random(), dice.random(), dice.random()
        assert colours.rgb(*colours.lab(*colour)) == pytest.approx(colour, abs=1e-4)


@pytest.mark.parametrize(
    "asked",
    [{"brightness": 1.2}, {"brightness": 0.4}, {"saturation": 0}, {"saturation": 0.4}, {"saturation": 1.7}, {"hue": 90},
     {"hue": -120}, {"lightness": 20}, {"lightness": -30},
     {"brightness": 0.7, "saturation": 1.5, "hue": 45, "lightness": 9}],
    ids=str,
)  # fmt: skip
def test_modulate_is_near_its_formula(asked: dict[str, float]) -> None:
    keys = Modulate(**asked)
    cos, sin = math.cos(math.radians(keys.hue)), math.sin(math.radians(keys.hue))
    dice = random.Random(3)
    points = [(dice.randrange(256), dice.randrange(256), dice.randrange(256)) for _ in range(2000)]
    image = Image.frombytes("RGB", (len(points), 1), bytes(channel for point in points for channel in point))
    found = colours.modulated(image, keys).tobytes()
    distances = []
    for at, point in enumerate(points):
        light, a, b = colours.lab(*(channel / 255 for channel in point))
        a, b = keys.saturation * (cos * a - sin * b), keys.saturation * (sin * a + cos * b)
        wanted = tuple(round(255 * channel) for channel in colours.rgb(keys.brightness * light + keys.lightness, a, b))
        distances.append(delta(wanted, tuple(found[3 * at : 3 * at + 3])))
    assert sum(distances) / len(distances) < 0.8
    assert max(distances) < 7


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_alpha_and_sides_stay_and_gray_stays_gray_until_it_gets_a_colour(mode: str, key: str) -> None:
    image = picture(mode)
    changed = made(saved(image), **{key: KEYS[key]})
    assert changed.size == image.size
    gray = mode in ("L", "LA") and key != "tint"
    assert changed.mode.removesuffix("A") == ("L" if gray or key == "threshold" else "RGB")
    assert changed.mode.endswith("A") is mode.endswith("A")
    if mode.endswith("A") and key != "pixelate":
        assert changed.getchannel("A").tobytes() == image.getchannel("A").tobytes()
    assert changed.convert("RGB").tobytes() != image.convert("RGB").tobytes()


@pytest.mark.parametrize("key", KEYS)
def test_a_gray_picture_is_changed_as_the_same_picture_in_rgb(key: str) -> None:
    gray = picture("L")
    one, other = (made(saved(each), **{key: KEYS[key]}).convert("RGB") for each in (gray, gray.convert("RGB")))
    differences = [abs(a - b) for a, b in zip(one.tobytes(), other.tobytes(), strict=True)]
    assert max(differences) <= 10, "the grid is coarse where black is cut off"
    assert sum(differences) / len(differences) < 1


@pytest.mark.parametrize("key", KEYS)
def test_every_frame_is_changed_alike(key: str) -> None:
    frames = [picture(), ImageOps.flip(picture())]
    data = saved(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=100)
    for output in ("png", "webp"):
        moving: Any = made(data, format=output, lossless=output == "webp", **{key: KEYS[key]})
        assert moving.n_frames == 2
        for number, frame in enumerate(frames):
            moving.seek(number)
            still = made(saved(frame), **{key: KEYS[key]}).convert("RGB")
            assert moving.convert("RGB").tobytes() == still.tobytes()


def test_the_first_frame_tells_by_how_much_all_are_normalised() -> None:
    dark, light = (Image.linear_gradient("L").point([low + value // 4 for value in range(256)]) for low in (0, 190))
    moving: Any = made(saved(dark, "PNG", save_all=True, append_images=[light], duration=100), normalise=True)
    assert moving.convert("L").getextrema() == (0, 255)
    moving.seek(1)
    assert moving.convert("L").getextrema() == (255, 255)
    assert made(saved(light), normalise=True).getextrema() == (0, 255)


@pytest.mark.parametrize(
    "keys",
    [{"modulate": {}}, {"modulate": {"hue": 360}}, {"modulate": {"hue": -360, "brightness": 1}}, {"gamma": 1},
     {"linear": {}}, {"linear": {"a": [1, 1, 1], "b": [0, 0, -0.0]}}, {"normalise": False}, {"negate": False}],
    ids=str,
)  # fmt: skip
def test_what_changes_nothing_is_no_key(keys: dict[str, Any]) -> None:
    assert canonical(one(**keys)) == canonical(one())
    assert made(saved(picture()), **keys).tobytes() == picture().tobytes()


def test_identities_of_pixels() -> None:
    image = picture()
    twice = made(saved(made(saved(image), negate=True)), negate=True)
    assert twice.tobytes() == image.tobytes()
    assert made(saved(image), negate=True).tobytes() == bytes(255 - level for level in image.tobytes())
    full = Image.merge("RGB", [Image.linear_gradient("L")] * 3)
    kept = made(saved(full), normalise={"lower": 0, "upper": 100})
    assert max(abs(a - b) for a, b in zip(kept.tobytes(), full.tobytes(), strict=True)) <= 1
    flat = Image.new("RGB", (9, 9), (90, 80, 70))
    assert made(saved(flat), normalise=True).tobytes() == flat.tobytes()
    there = made(saved(made(saved(image), gamma=2)), gamma=0.5)
    assert max(abs(a - b) for a, b in zip(there.tobytes(), image.tobytes(), strict=True)) <= 3
    image = Image.blend(image, Image.new("RGB", image.size, (128, 128, 128)), 0.8)  # no hue leaves sRGB
    around = made(saved(made(saved(image), modulate={"hue": 120})), modulate={"hue": -120})
    sums = [
        delta(tuple(around.tobytes()[at : at + 3]), tuple(image.tobytes()[at : at + 3])) for at in range(0, 4608, 3)
    ]
    assert sum(sums) / len(sums) < 2


def test_levels_are_by_their_formulas() -> None:
    ramp = Image.frombytes("L", (256, 1), bytes(range(256))).convert("RGB")
    gamma = made(saved(ramp), gamma=2.2).getchannel("R").tobytes()
    assert [*gamma] == [round(255 * (level / 255) ** (1 / 2.2)) for level in range(256)]
    linear = made(saved(ramp), linear={"a": [2, -1, 1], "b": [0, 255, 10]})
    assert linear.getchannel("R").tobytes() == bytes(min(255, 2 * level) for level in range(256))
    assert linear.getchannel("G").tobytes() == bytes(255 - level for level in range(256))
    assert linear.getchannel("B").tobytes() == bytes(min(255, level + 10) for level in range(256))
    gray = made(saved(ramp.convert("L")), linear={"a": [2, -1, 1]})
    assert gray.mode == "RGB"
    sharp = made(saved(ramp), threshold=100)
    assert sharp.tobytes() == bytes(100) + b"\xff" * 156


def test_normalise_brings_the_percentiles_to_black_and_white() -> None:
    image = Image.linear_gradient("L").point([100 + value // 4 for value in range(256)])
    whole = made(saved(image), normalise={"lower": 0, "upper": 100})
    assert whole.getextrema() == (0, 255)
    for lower, upper in ((25, 75), (5, 60), (40, 90)):
        parts = made(saved(image), normalise={"lower": lower, "upper": upper}).histogram()
        assert parts[0] / 65536 == pytest.approx(lower / 100, abs=0.02)
        assert parts[255] / 65536 == pytest.approx(1 - upper / 100, abs=0.02)


def test_clear_pixels_do_not_tell_how_to_normalise() -> None:
    image = Image.linear_gradient("L").point([100 + value // 4 for value in range(256)]).convert("RGBA")
    wanted = made(saved(image), normalise=True).convert("RGB")
    image.paste((0, 0, 0, 0), (0, 0, 128, 256))
    found = made(saved(image), normalise=True).convert("RGB")
    assert found.crop((128, 0, 256, 256)).tobytes() == wanted.crop((128, 0, 256, 256)).tobytes()
    made(saved(Image.new("RGBA", (4, 4), (9, 9, 9, 0))), normalise=True)


def test_a_tint_keeps_lightness_and_takes_a_hue() -> None:
    found = made(saved(picture()), tint="#ff0000").tobytes()
    lightness = [
        colours.lab(*(channel / 255 for channel in picture().tobytes()[at : at + 3]))[0] for at in range(0, 4608, 3)
    ]
    for at, wanted in enumerate(lightness):
        light, a, _ = colours.lab(*(channel / 255 for channel in found[3 * at : 3 * at + 3]))
        assert a > 0
        assert abs(light - wanted) < 25, "a red as light as that does not exist everywhere"
    both = Image.new("RGB", (2, 1))
    both.putpixel((1, 0), (255, 255, 255))
    assert made(saved(both), tint="#ff0000").tobytes() == both.tobytes(), "black and white have no colour"
    dim = made(saved(picture()), tint="#808080").convert("RGB").tobytes()
    assert max(max(dim[at : at + 3]) - min(dim[at : at + 3]) for at in range(0, len(dim), 3)) <= 2


def test_pixelate_is_the_mean_of_each_block_from_the_left_upper_corner() -> None:
    image = Image.effect_noise((11, 7), 80)
    found = made(saved(image), pixelate=4)
    for top in range(0, 7, 4):
        for left in range(0, 11, 4):
            block = image.crop((left, top, min(11, left + 4), min(7, top + 4))).tobytes()
            shown = found.crop((left, top, min(11, left + 4), min(7, top + 4))).getextrema()
            assert shown[0] == shown[1] == pytest.approx(sum(block) / len(block), abs=1)
    clear = Image.new("RGBA", (8, 8), (0, 255, 0, 0))
    clear.paste((255, 0, 0, 255), (0, 0, 2, 8))
    assert made(saved(clear), pixelate=8).getpixel((4, 4)) == (255, 0, 0, 64), "clear pixels have no colour"
    assert len(made(saved(picture()), pixelate=1000).getcolors() or ()) == 1


def test_a_median_is_the_middle_of_its_neighbourhood() -> None:
    image = Image.new("L", (21, 21), 50)
    image.putpixel((10, 10), 255)
    assert made(saved(image), median=3).getextrema() == (50, 50)
    noisy = Image.effect_noise((30, 30), 80)
    for size in (3, 5, 7):
        found = made(saved(noisy), median=size).getpixel((15, 15))
        around = sorted(noisy.crop((15 - size // 2, 15 - size // 2, 16 + size // 2, 16 + size // 2)).tobytes())
        assert found == around[len(around) // 2]


def test_they_come_in_the_order_of_the_page() -> None:
    """Threshold before blur, negate after tint: sharp's order."""
    image = picture()
    found = made(saved(image), threshold=128, blur=2, negate=True, tint="#ff0000")
    wanted = image.convert("L").point([0] * 128 + [255] * 128).filter(ImageFilter.GaussianBlur(2))
    wanted = ImageOps.invert(colours.tinted(wanted, "#ff0000"))
    assert found.convert("RGB").tobytes() == wanted.tobytes()


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ({"median": 4}, "median"),
        ({"median": 9}, "median"),
        ({"threshold": 0}, "threshold"),
        ({"threshold": 256}, "threshold"),
        ({"modulate": {"brightness": -1}}, "modulate.brightness"),
        ({"modulate": {"saturation": 11}}, "modulate.saturation"),
        ({"modulate": {"hue": 361}}, "modulate.hue"),
        ({"modulate": {"lightness": 101}}, "modulate.lightness"),
        ({"modulate": {"chroma": 1}}, "modulate.chroma"),
        ({"gamma": 0}, "gamma"),
        ({"gamma": 11}, "gamma"),
        ({"linear": {"a": [1, 2]}}, "linear.a"),
        ({"linear": {"a": [1, 2, 1000]}}, "linear.a[2]"),
        ({"linear": {"b": 1e9}}, "linear.b"),
        ({"normalise": {"lower": 60, "upper": 50}}, "normalise.lower"),
        ({"normalise": {"upper": 101}}, "normalise.upper"),
        ({"tint": "red"}, "tint"),
        ({"tint": "#ff000080"}, "tint"),
        ({"pixelate": 1}, "pixelate"),
        ({"pixelate": 1001}, "pixelate"),
    ],
)
def test_a_bad_value_is_named(keys: dict[str, Any], path: str) -> None:
    with pytest.raises(BadRecipe) as raised:
        one(**keys)
    assert raised.value.path == f"$.renditions[0].{path}"


def test_each_has_one_text() -> None:
    recipe = one(**KEYS)
    assert parse(canonical(recipe)) == recipe
    assert canonical(one(normalise=True)) == canonical(one(normalise={"lower": 1, "upper": 99.0}))
    assert canonical(one(tint="#FF00AA")) == canonical(one(tint="#ff00aa"))
    assert canonical(one(linear={"a": [2, 2, 2]})) == canonical(one(linear={"a": 2.0}))
    assert canonical(one(modulate={"hue": -90})) == canonical(one(modulate={"hue": 270}))
    spec = one(normalise=True, linear={"b": [1, 2, 3]}).renditions[0]
    assert (spec.normalise, spec.linear) == (Normalise(), Linear(b=(1.0, 2.0, 3.0)))


@pytest.mark.parametrize("key", KEYS)
def test_planes_are_not_used_and_a_photograph_at_a_scale_is_changed_alike(key: str) -> None:
    keys = {key: KEYS[key]}
    shape = plan(one(width=20, format="jpeg", **keys), Size(40, 30), 1).steps[0].shape
    assert not is_planar(shape, "jpeg")
    data = saved(picture().resize((480, 320)), "JPEG")
    alone = made(data, width=100, **keys)
    both = parse({"renditions": [{"name": "a", "format": "png", "width": 100, **keys}, {"name": "b", "width": 60}]})
    assert read(outputs(data, both)["a"]).tobytes() == alone.tobytes()
    gif = read(outputs(saved(corners()), one(format="gif", **keys))["a"])
    assert gif.size == (64, 32)
