"""worker/images/looks/marks.py: where watermarks lie, one over the other, scaled, moved and tiled."""

import io
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jobs.errors import BadRecipe
from jobs.images.turns import Size
from jobs.limits import RECIPE_BYTES_MAX
from jobs.recipes.keys import WATERMARKS_MAX, Watermark
from jobs.recipes.recipe import Recipe, canonical, parse
from tests.support.pictures.images import BLUE, GREEN, LIMITS, RED, read, saved
from worker.images.looks.marks import laid, placed
from worker.images.pipeline import run

DIGESTS = {"mark": "0" * 64, "other": "1" * 64}


def asked(*marks: dict[str, Any], **keys: Any) -> Recipe:
    listed = [{"name": "mark", **mark} for mark in marks]
    return parse({"renditions": [{"name": "a", "format": "png", "watermark": listed, **keys}]}, DIGESTS)


def marked(image: Image.Image, mark: Image.Image, *marks: dict[str, Any], **keys: Any) -> Image.Image:
    files = {"0" * 64: saved(mark), "1" * 64: saved(Image.new("RGB", (4, 4), BLUE))}
    (output,) = run(io.BytesIO(saved(image)), asked(*marks, **keys), LIMITS, files)
    return read(output)


def box(mark: Image.Image, **keys: Any) -> Any:
    """Where a mark lies on black ground of 80 x 40."""
    return marked(Image.new("RGB", (80, 40)), mark, keys).convert("L").getbbox()


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"scale": 1}, (0, 10, 80, 30)),
        ({"scale": 0.5}, (20, 15, 60, 25)),
        ({"scale": 0.001}, (40, 20, 41, 21)),
        ({"offset": [3, -2]}, (39, 17, 47, 19)),
        ({"gravity": "northwest", "offset": [3, 2]}, (3, 2, 11, 4)),
        ({"gravity": "southeast", "offset": [3, 2]}, (69, 36, 77, 38)),
        ({"gravity": "southeast", "offset": [0.25, 0.1]}, (52, 34, 60, 36)),
        ({"gravity": "east", "offset": [-3, 0]}, (75, 19, 80, 21)),
        ({"gravity": "northwest", "offset": [-3, -1]}, (0, 0, 5, 1)),
        ({"gravity": "northwest", "offset": [-8, 0]}, None),
        ({"gravity": "northwest", "offset": [10_000, 10_000]}, None),
        ({"gravity": "west", "offset": [1.5, 0]}, (2, 19, 10, 21)),
    ],
)
def test_where_a_mark_lies(keys: dict[str, Any], expected: Any) -> None:
    assert box(Image.new("RGB", (8, 2), RED), **keys) == expected


def test_the_later_of_a_list_lies_over_the_earlier() -> None:
    image = marked(
        Image.new("RGB", (80, 40)), Image.new("RGB", (8, 8), RED), {}, {"name": "other"}, {"gravity": "north"}
    )
    assert [image.getpixel(at) for at in ((40, 20), (37, 17), (40, 0))] == [BLUE, RED, RED]


GRAVITIES = st.sampled_from(["center", "north", "northeast", "east", "southeast", "south", "southwest", "west"])


@settings(deadline=None)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.integers(0, 12), st.integers(0, 12)),
    st.tuples(st.integers(-30, 30), st.integers(-30, 30)),
    GRAVITIES,
)
def test_tiles_are_all_places_in_steps_from_the_anchor_and_are_cut_at_the_edges(
    sides: Any, picture: Any, spacing: Any, offset: Any, gravity: Any
) -> None:
    one = placed(Watermark("a", gravity, offset=offset), Size(*sides), Size(*picture))
    tiled = placed(Watermark("a", gravity, offset=offset, tile=True, spacing=spacing), Size(*sides), Size(*picture))
    assert tiled.size == one.size
    for axis, found, anchor in ((0, tiled.lefts, one.lefts[0]), (1, tiled.tops, one.tops[0])):
        step, length = one.size[axis] + spacing[axis], one.size[axis]
        steps = range(-90, 91)
        places = [anchor + step * each for each in steps]
        assert [*found] == [at for at in places if at < picture[axis] and at + length > 0]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
@pytest.mark.parametrize("gravity", ["center", "southeast", "north"])
def test_a_tiled_mark_is_the_list_of_its_copies(mode: str, gravity: Any) -> None:
    dice = random.Random(1)
    mark = Image.frombytes("RGBA", (5, 3), bytes(dice.randrange(256) for _ in range(60)))
    image = Image.new("RGB", (43, 31), (40, 90, 130)).convert(mode)
    tiled = Watermark("a", gravity, 0.7, offset=(2.0, 1.0), tile=True, spacing=(4, 2))
    where = placed(tiled, Size(5, 3), Size(43, 31))
    copies = image
    for top in where.tops:
        for left in where.lefts:
            copies = laid(copies, Watermark("a", "northwest", 0.7, offset=(left, top)), mark)
    made = laid(image, tiled, mark)
    assert made.mode == copies.mode
    assert made.tobytes() == copies.tobytes()


def test_the_opacity_counts_for_each_tile() -> None:
    made = laid(Image.new("RGB", (9, 9)), Watermark("a", "northwest", 0.5, tile=True), Image.new("RGBA", (2, 2), RED))
    assert made.getpixel((5, 5)) == (128, 0, 0)


def test_every_frame_of_an_animation_has_all_marks() -> None:
    frames = [Image.new("RGB", (80, 40), colour) for colour in ((0, 0, 0), (9, 9, 9))]
    for format in ("PNG", "GIF", "WEBP"):
        lossless = {"lossless": True} if format == "WEBP" else {}
        data = saved(frames[0], format, save_all=True, append_images=frames[1:], duration=100, **lossless)
        files = {"0" * 64: saved(Image.new("RGB", (8, 8), RED)), "1" * 64: saved(Image.new("RGB", (8, 8), GREEN))}
        recipe = asked({"tile": True, "spacing": [8, 8], "gravity": "northwest"}, {"name": "other", "gravity": "east"})
        (output,) = run(io.BytesIO(data), recipe, LIMITS, files)
        moving: Any = read(output)
        for frame in range(2):
            moving.seek(frame)
            assert [moving.convert("RGB").getpixel(at) for at in ((1, 1), (17, 17), (76, 20))] == [RED, RED, GREEN]


def test_one_in_a_list_is_one_alone() -> None:
    alone = parse({"renditions": [{"name": "a", "watermark": {"name": "mark"}}]}, DIGESTS)
    listed = parse({"renditions": [{"name": "a", "watermark": [{"name": "mark"}]}]}, DIGESTS)
    assert canonical(alone) == canonical(listed)
    assert parse(canonical(asked({}, {"scale": 1, "offset": [0.5, 3.4]}))) == asked(
        {}, {"scale": 1.0, "offset": [0.5, 3]}
    )
    assert canonical(asked({"offset": [-0.0, 0]})) == canonical(asked({}))


def test_a_dpr_multiplies_pixels_and_no_fractions() -> None:
    made = asked({"offset": [10, 0.5], "tile": True, "spacing": [3, 4]}, {"scale": 0.5, "offset": [-3, 1]}, dpr=2.5)
    assert canonical(made) == canonical(
        asked({"offset": [25, 0.5], "tile": True, "spacing": [8, 10]}, {"scale": 0.5, "offset": [-7, 3]})
    )
    small = asked({"offset": [3, 3]}, {}, dpr=0.1).renditions[0].watermark
    assert isinstance(small, tuple)
    assert small[0].offset == (0.0, 0.0), "and never a fraction"


@pytest.mark.parametrize(
    ("marks", "path"),
    [
        ([{"scale": 0}], "watermark[0].scale"),
        ([{}, {"scale": 1.1}], "watermark[1].scale"),
        ([{"spacing": [1, 1]}], "watermark[0].spacing"),
        ([{"tile": True, "spacing": [-1, 1]}], "watermark[0].spacing[0]"),
        ([{"offset": [1]}], "watermark[0].offset"),
        ([{"offset": [10_001, 1]}], "watermark[0].offset[0]"),
        ([{}, {"name": "none"}], "watermark[1].name"),
        ([{}, {"gravity": "up"}], "watermark[1].gravity"),
        ([{}] * (WATERMARKS_MAX + 1), "watermark"),
        ([], "watermark"),
    ],
)
def test_a_bad_list_is_named_by_its_place(marks: Any, path: str) -> None:
    with pytest.raises(BadRecipe) as raised:
        asked(*marks)
    assert raised.value.path == f"$.renditions[0].{path}"


def test_what_a_dpr_takes_too_far_is_named() -> None:
    with pytest.raises(BadRecipe) as raised:
        asked({}, {"offset": [5000, 0]}, dpr=3)
    assert raised.value.path == "$.renditions[0].watermark[1]"


def test_a_recipe_is_bounded_in_marks_and_as_it_is_written_out() -> None:
    known = {f"m{number}": f"{number:0>64}" for number in range(20)}
    one_each: list[dict[str, Any]] = [
        {"name": f"r{number}", "watermark": {"name": f"m{number}"}} for number in range(16)
    ]
    assert len(parse({"renditions": one_each}, known).renditions) == 16
    one_each[0]["watermark"] = [{"name": "m0"}, {"name": "m17"}]
    with pytest.raises(BadRecipe, match="17 different watermarks, 16 are allowed"):
        parse({"renditions": one_each}, known)
    third = 1 / 3
    long = {"name": "m1", "gravity": "northwest", "opacity": third, "tile": True, "scale": third,
            "offset": [third, third], "spacing": [10_000, 10_000]}  # fmt: skip
    wide = {"name": "a", "watermark": [long] * 4, "widths": [*range(1, 17)]}
    with pytest.raises(BadRecipe, match=f"{RECIPE_BYTES_MAX} are allowed"):
        parse({"renditions": [wide]}, known)
