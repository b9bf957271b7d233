"""worker/images/attention.py, and the cuts that look for something: through the whole pipeline."""

import random
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageOps

from jobs.images.head import Head
from jobs.recipes.explain import cost_ms, explain
from jobs.recipes.recipe import Recipe, focused, parse
from jobs.recipes.values.attention import GRID_SIDE
from tests.support.house.needs import lacking
from tests.support.pictures.images import one, outputs, read, saved
from tests.unit.worker.images.test_pipeline_reported import STORED, turned
from worker.images import attention
from worker.images.formats import turbojpeg
from worker.images.planar import Planes

PLACES = [(x, y) for y in (4, 75, 145) for x in (4, 75, 145)]
DISC = 50
CUTS = [{"width": 60, "height": 180}, {"width": 180, "height": 60}]


def disc(left: int, top: int, side: int = 200, mode: str = "RGB") -> Image.Image:
    """A textured disc on flat ground."""
    ground: Any = {"RGB": (120, 130, 125), "L": 128, "RGBA": (0, 0, 0, 0)}[mode]
    image, dice = Image.new(mode, (side, side), ground), random.Random(2)
    texture = Image.frombytes("RGB", (DISC, DISC), bytes(dice.randrange(256) for _ in range(3 * DISC * DISC)))
    mask = Image.new("L", (DISC, DISC))
    ImageDraw.Draw(mask).ellipse((0, 0, DISC - 1, DISC - 1), 255)
    image.paste(texture.convert(mode), (left, top), mask)
    return image


def cut(gravity: str, **keys: Any) -> Recipe:
    return one(fit="cover", gravity=gravity, **keys)


def holds(box: Any, left: float, top: float, but: float = 0) -> bool:
    """Whether a box holds the disc, `but` for so many pixels."""
    x, y, width, height = box
    across = x <= left + but and left + DISC <= x + width + but
    return bool(across and y <= top + but and top + DISC <= y + height + but)


@pytest.mark.parametrize("keys", CUTS, ids=str)
@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("gravity", ["attention", "entropy"])
def test_a_disc_in_nine_places_is_inside_in_all_eight_orientations(
    gravity: str, place: tuple[int, int], keys: dict[str, Any]
) -> None:
    image = disc(*place)
    found = {
        outputs(data, cut(gravity, **keys))["a"].box
        for data in [saved(image), *(turned(image, orientation, "PNG") for orientation in STORED)]
    }
    assert len(found) == 1
    (box,) = found
    assert holds(box, *place, but=0 if gravity == "attention" else 200 / GRID_SIDE)


@pytest.mark.parametrize("mode", ["L", "RGBA"])
@pytest.mark.parametrize("place", PLACES, ids=str)
def test_so_is_a_gray_one_and_one_on_transparent_ground(place: tuple[int, int], mode: str) -> None:
    assert holds(outputs(saved(disc(*place, mode=mode)), cut("attention", **CUTS[0]))["a"].box, *place)


@pytest.mark.parametrize("quarters", [0, 90, 180, 270])
@pytest.mark.parametrize("flop", [False, True])
@pytest.mark.parametrize("gravity", ["attention", "entropy"])
def test_the_cut_of_a_turned_picture_is_the_turned_cut(gravity: str, flop: bool, quarters: int) -> None:
    """All eight turns: of the picture before, and by keys of the recipe."""
    image = disc(30, 110).resize((260, 200))
    sides = {"width": 90, "height": 200} if quarters in (0, 180) else {"width": 200, "height": 90}
    made = read(outputs(saved(image), cut(gravity, width=90, height=200))["a"])
    wanted = made.transpose(STORED[{0: 3, 90: 8, 180: 3, 270: 6}[quarters]]) if quarters else made
    wanted = ImageOps.mirror(wanted) if flop else wanted
    by_keys = read(outputs(saved(image), cut(gravity, rotate=quarters, flop=flop, **sides))["a"])
    assert by_keys.tobytes() == wanted.tobytes()
    before = image.transpose(STORED[{0: 3, 90: 8, 180: 3, 270: 6}[quarters]]) if quarters else image
    before = ImageOps.mirror(before) if flop else before
    assert read(outputs(saved(before), cut(gravity, **sides))["a"]).tobytes() == wanted.tobytes()


@pytest.mark.parametrize("degrees", [15, 200])
def test_a_tilted_picture_keeps_the_disc_too(degrees: float) -> None:
    for place in PLACES:
        asked = cut("attention", rotate=degrees, width=80, height=240, background="#000000")
        image = read(outputs(saved(disc(*place)), asked)["a"]).convert("RGB")
        assert len(image.getcolors(100_000) or ()) > 0.5 * DISC * DISC * 0.78, place


def test_without_a_focus_its_gravity_is_attention() -> None:
    image = saved(disc(4, 75))
    (wanted,) = {outputs(image, cut("attention", **keys))["a"].box for keys in CUTS[:1]}
    assert outputs(image, cut("focus", **CUTS[0]))["a"].box == wanted
    assert outputs(image, focused(cut("focus", **CUTS[0]), (1, 1)))["a"].box != wanted


def test_it_is_sought_in_what_a_crop_and_a_trim_leave() -> None:
    image = disc(4, 75, side=400)
    image.paste(disc(75, 75, side=150), (200, 0))
    crop = {"left": 200, "top": 0, "width": 150, "height": 150}
    assert holds(outputs(saved(image), cut("attention", crop=crop, width=60, height=150))["a"].box, 275, 75)
    framed = ImageOps.expand(disc(145, 75), 40, "#ffffff")
    made = outputs(saved(framed), cut("attention", trim={"background": "#ffffff"}, width=60, height=200))["a"]
    assert made.box is not None
    assert made.box[1::2] == (40, 200)
    assert holds(made.box, 185, 115)


def test_an_animation_is_cut_by_its_first_picture() -> None:
    frames = [disc(4, 75), disc(145, 75)]
    for format in ("PNG", "GIF", "WEBP"):
        lossless = {"lossless": True} if format == "WEBP" else {}
        data = saved(frames[0], format, save_all=True, append_images=frames[1:], duration=100, **lossless)
        for output in ("png", "gif", "webp", "jpeg"):
            made = outputs(data, cut("attention", format=output, **CUTS[0]))["a"]
            assert holds(made.box, 4, 75), (format, output)
            assert getattr(read(made), "n_frames", 1) == (1 if output == "jpeg" else 2)


def test_planes_are_cut_where_rgb_is(monkeypatch: pytest.MonkeyPatch) -> None:
    if not turbojpeg.INSTALLED:
        lacking("no libturbojpeg on this machine")
    seen = []
    sampled = attention.sampled

    def watched(picture: Any, *args: Any) -> Any:
        seen.append(isinstance(picture, Planes))
        return sampled(picture, *args)

    monkeypatch.setattr(attention, "sampled", watched)
    for place in PLACES:
        data = saved(disc(*place, side=201).resize((804, 804)), "JPEG", quality=92)
        boxes = []
        for installed in (turbojpeg.INSTALLED, False):
            with monkeypatch.context() as patch:
                patch.setattr(turbojpeg, "INSTALLED", installed)
                boxes.append(
                    outputs(data, one(fit="cover", gravity="attention", width=60, height=180, format="jpeg"))["a"].box
                )
        with_planes, without = boxes
        assert with_planes is not None
        assert without is not None
        assert abs(with_planes[0] - without[0]) < 20
        assert holds([edge / 4 for edge in with_planes], *place)
    assert set(seen) == {True, False}


def test_the_largest_picture_is_scaled_before_it_is_turned() -> None:
    image = disc(75, 4).resize((1400, 1400))
    for orientation in STORED:
        box = outputs(turned(image, orientation, "PNG"), cut("attention", width=180, height=60))["a"].box
        assert holds([edge / 7 for edge in box or ()], 75, 4)


def test_explain_tells_the_sides_and_no_box_and_what_it_costs() -> None:
    recipe, plain = ({"renditions": [{"name": "a", "width": 50, "height": 80, "fit": "cover", "gravity": gravity}]}
                     for gravity in ("attention", "north"))  # fmt: skip
    head = Head("jpeg", 4000, 4000)
    told = explain(parse(recipe), head, 6)
    (made,) = told.renditions
    assert (made.width, made.height, made.box, made.measured) == (50, 80, None, ["attention"])
    assert told.decode.scale == explain(parse(plain), head, 6).decode.scale == 8
    assert cost_ms(parse(recipe), "jpeg", 4000, 4000) > cost_ms(parse(plain), "jpeg", 4000, 4000)
    assert told.expected.cpu_ms > explain(parse(plain), head, 6).expected.cpu_ms


def test_a_cut_without_a_choice_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(attention, "sampled", never)
    image = saved(disc(4, 4))
    outputs(image, cut("focus", focus=[0, 0], **CUTS[0]))
    outputs(image, one(width=9))
