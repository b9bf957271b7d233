"""jobs/recipes/expand.py: what is written short is the recipe that is written out, and faults name their key."""

import contextlib
import itertools
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import BadRecipe
from jobs.limits import RECIPE_BYTES_MAX, RENDITIONS_MAX, SIDE_MAX
from jobs.recipes.expand import edges
from jobs.recipes.keys import PADDING_MAX
from jobs.recipes.recipe import FEW, Recipe, canonical, focused, parse

CROP = {"left": 1, "top": 1, "width": 5, "height": 5}


def of(*renditions: dict[str, Any]) -> Recipe:
    return parse({"renditions": [{"name": "a", **keys} for keys in renditions]})


@pytest.mark.parametrize(
    ("short", "written"),
    [
        ({"widths": [30, 10]}, [{"name": "a-30w", "width": 30}, {"name": "a-10w", "width": 10}]),
        (
            {"widths": [300], "ratio": "16:9", "fit": "cover"},
            [{"name": "a-300w", "width": 300, "height": 169, "fit": "cover"}],
        ),
        ({"widths": [30], "height": 20}, [{"name": "a-30w", "width": 30, "height": 20}]),
        ({"width": 30, "dpr": 2}, [{"width": 60}]),
        ({"width": 30, "height": 11, "dpr": 1.5}, [{"width": 45, "height": 17}]),
        ({"height": 1, "dpr": 0.1}, [{"height": 1}]),
        ({"width": 100, "dpr": 1.1}, [{"width": 110}]),
        ({"dpr": 1}, [{}]),
        ({"dpr": [1]}, [{"name": "a-1x"}]),
        (
            {"widths": [10, 20], "dpr": [1, 2.5]},
            [
                {"name": "a-10w-1x", "width": 10},
                {"name": "a-10w-2_5x", "width": 25},
                {"name": "a-20w-1x", "width": 20},
                {"name": "a-20w-2_5x", "width": 50},
            ],
        ),
        (
            {"width": 10, "padding": [1, 2], "blur": 3, "sharpen": 2, "crop": CROP, "dpr": 2},
            [{"width": 20, "padding": [2, 4, 2, 4], "blur": 3, "sharpen": 2, "crop": CROP}],
        ),
        ({"width": 1600, "ratio": "16:9"}, [{"width": 1600, "height": 900}]),
        ({"height": 900, "ratio": "1.7778:1"}, [{"width": 1600, "height": 900}]),
        ({"width": 3, "ratio": "999:1"}, [{"width": 3, "height": 1}]),
        ({"ratio": "32:18", "fit": "cover"}, [{"ratio": "16:9", "fit": "cover"}]),
        ({"ratio": "1.91:1", "fit": "contain"}, [{"ratio": "191:100", "fit": "contain"}]),
        ({"padding": [5, 5, 5, 5]}, [{"padding": 5}]),
        ({"padding": [5, 6, 5, 6]}, [{"padding": [5, 6]}]),
        ({"padding": [0, 0]}, [{}]),
        (
            {"ratio": "1:1", "fit": "cover", "gravity": "focus", "focus": [-0.0, 1]},
            [{"ratio": "1:1", "fit": "cover", "gravity": "focus", "focus": [0.0, 1.0]}],
        ),
        ({"width": 333, "ratio": "16:9", "dpr": 2}, [{"width": 666, "height": 375}]),
        (
            {"widths": [333], "ratio": "16:9", "dpr": [1, 2]},
            [{"name": "a-333w-1x", "width": 333, "height": 187}, {"name": "a-333w-2x", "width": 666, "height": 375}],
        ),
        ({"height": 187, "ratio": "16:9", "dpr": 2}, [{"height": 374, "ratio": "16:9"}]),
    ],
)  # fmt: skip
def test_it_is_the_recipe_written_out(short: dict[str, Any], written: list[dict[str, Any]]) -> None:
    made = of(short)
    assert canonical(made) == canonical(of(*written))
    assert parse(canonical(made)) == made


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ({"widths": [1], "width": 1}, "widths"),
        ({"widths": []}, "widths"),
        ({"widths": [0]}, "widths[0]"),
        ({"widths": [7, 8, 7]}, "widths"),
        ({"dpr": 2}, "dpr"),
        ({"dpr": [1, 2], "ratio": "1:1", "fit": "cover", "padding": [0, 0]}, "dpr"),
        ({"ratio": "1:4000", "width": 4, "dpr": 2}, "dpr"),
        ({"dpr": 0.01}, "dpr"),
        ({"dpr": []}, "dpr"),
        ({"dpr": [1, 11]}, "dpr[1]"),
        ({"width": 9, "dpr": [2, 2.0]}, "dpr"),
        ({"width": 9, "dpr": [2, 2.0000000001]}, "dpr"),
        ({"width": SIDE_MAX, "dpr": 1.001}, "dpr"),
        ({"padding": PADDING_MAX, "dpr": 2}, "dpr"),
        ({"name": "a" * 30, "widths": [640]}, "name"),
        ({"ratio": "16/9", "fit": "cover"}, "ratio"),
        ({"ratio": "0:9", "fit": "cover"}, "ratio"),
        ({"ratio": "9:0.0", "fit": "cover"}, "ratio"),
        ({"ratio": "16:9", "width": 1, "height": 1}, "ratio"),
        ({"ratio": "16:9", "widths": [1], "height": 1}, "ratio"),
        ({"ratio": "16:9"}, "ratio"),
        ({"ratio": "123456789:1.0007", "fit": "cover"}, "ratio"),
        ({"ratio": "1:999999", "width": 10}, "ratio"),
        ({"padding": [1, 2, 3]}, "padding"),
        ({"padding": [1]}, "padding"),
        ({"padding": -1}, "padding"),
        ({"padding": [0, PADDING_MAX + 1]}, "padding[1]"),
        ({"gravity": "focus"}, "gravity"),
        ({"gravity": "focus", "fit": "contain"}, "gravity"),
        ({"gravity": "attention"}, "gravity"),
        ({"gravity": "entropy", "fit": "fill"}, "gravity"),
        ({"gravity": "attention", "fit": "cover", "focus": [0.5, 0.5]}, "focus"),
        ({"watermark": {"name": "logo", "gravity": "attention"}}, "watermark.gravity"),
        ({"focus": [0.5, 0.5], "fit": "cover"}, "focus"),
        ({"focus": [0.5, 1.1], "fit": "cover", "gravity": "focus"}, "focus[1]"),
        ({"focus": [0.5], "fit": "cover", "gravity": "focus"}, "focus"),
        ({"watermark": {"name": "logo", "gravity": "focus"}}, "watermark.gravity"),
    ],
)
def test_a_fault_names_its_key(keys: dict[str, Any], place: str) -> None:
    with pytest.raises(BadRecipe) as fault:
        of({}, keys | {"name": keys.get("name", "b")})
    assert re.fullmatch(rf"\$\.renditions\[1\]\.{re.escape(place)}", fault.value.path)


def test_all_renditions_together_have_the_bound_of_those_written_out() -> None:
    assert len(of({"widths": [1, 2, 3, 4], "dpr": [1, 2, 3, 4]}).renditions) == RENDITIONS_MAX
    with pytest.raises(BadRecipe, match=f"more than {RENDITIONS_MAX} renditions"):
        of({"widths": [1, 2, 3, 4], "dpr": [1, 2, 3, 4]}, {"name": "b"})


def test_the_longest_recipe_is_read_again_from_its_text() -> None:
    """What web stores, the worker parses: the text of all keys must pass the bound of an upload, too. If it does not,
    it is refused."""
    third: float = 1 / 3
    keys: dict[str, Any] = {
        "fit": "cover-down", "gravity": "focus", "focus": [0.1234567890123456, 0.1234567890123457], "enlarge": True,
        "crop": dict.fromkeys(("left", "top", "width", "height"), 2**31 - 1), "rotate": 0.1234567890123456,
        "flip": True, "flop": True, "grayscale": True, "blur": 999.123456789012, "sharpen": 9.123456789012345,
        "padding": [1_999, 1_998, 1_997, 1_996], "background": "#12345678", "format": "original", "quality": 100,
        "max_bytes": 2_000_000_000, "quality_min": 29,
        "watermark": {"name": "w" * 32, "gravity": "northwest", "opacity": third, "digest": "d" * 64, "scale": third,
                      "offset": [-third, -third], "tile": True, "spacing": [1999, 1998]},
        "radius": ["10%", "11%", 1111, 1112], "median": 3, "threshold": 222, "gamma": third, "tint": "#123456",
        "modulate": dict.fromkeys(("brightness", "saturation", "lightness", "hue"), third), "negate": True,
        "linear": {"a": [third, -third, 1], "b": [third, -third, 1]}, "normalise": {"lower": third, "upper": 1 + third},
        "pixelate": 111, "progressive": True, "chroma": 444, "width": 4999, "height": 4998,
        "keep": ["copyright", "density", "exif", "iptc", "location", "xmp"], "avif": {"speed": 10}, "profile": "keep",
        "jpeg": {"trellis": True}, "png": {"palette": True, "colours": 255, "dither": True},
        "webp": {"alpha_quality": 99, "exact": True, "near_lossless": True},
    }  # fmt: skip
    few = parse({"renditions": [{"name": f"{number:0>32}", **keys} for number in range(FEW)]})
    assert 2 * len(canonical(few)) <= RECIPE_BYTES_MAX
    assert parse(canonical(few)) == few
    made = 0
    for number in range(FEW, RENDITIONS_MAX + 1):
        with contextlib.suppress(BadRecipe):
            recipe = parse({"renditions": [{"name": f"{each:0>32}", **keys} for each in range(number)]})
            assert parse(canonical(recipe)) == recipe
            made = number
    assert 2 * FEW <= made < RENDITIONS_MAX
    with pytest.raises(BadRecipe, match=f"{RECIPE_BYTES_MAX} are allowed"):
        of({**keys, "name": "n" * 28, "width": None, "widths": [*range(1, 17)]})


ASKED = st.fixed_dictionaries(
    {},
    optional={
        "widths": st.lists(st.integers(1, 2000), min_size=1, max_size=3, unique=True),
        "dpr": st.floats(0.1, 10) | st.lists(st.floats(0.1, 10), min_size=1, max_size=3),
        "height": st.integers(1, 2000),
        "ratio": st.from_regex(r"\A[0-9]{1,9}:[0-9]{1,5}\.[0-9]{1,4}\Z"),
        "fit": st.sampled_from(["inside", "cover", "cover-down", "contain"]),
        "padding": st.integers(0, 99) | st.lists(st.integers(0, 99), min_size=1, max_size=4),
        "focus": st.tuples(st.floats(0, 1), st.floats(0, 1)),
        "gravity": st.sampled_from(["focus", "attention", "entropy", "north"]),
        "formats": st.lists(st.sampled_from(["jpeg", "png", "webp", "avif", "gif"]), min_size=1, max_size=3),
        "quality": st.integers(1, 100),
        "effort": st.integers(0, 9),
        "radius": st.integers(0, 99) | st.sampled_from(["1%", "50%", "60%"]),
        "modulate": st.fixed_dictionaries({}, optional={"hue": st.floats(-400, 400), "brightness": st.floats(0, 11)}),
        "linear": st.fixed_dictionaries({}, optional={"a": st.floats(-2, 2) | st.tuples(*[st.floats(-2, 2)] * 3)}),
    },
)


@given(ASKED)
def test_whatever_is_asked_is_bad_or_read_back_the_same(keys: dict[str, Any]) -> None:
    recipe = None
    with contextlib.suppress(BadRecipe):
        recipe = of(keys)
    if recipe is not None:
        assert parse(canonical(recipe)) == recipe
        assert canonical(parse(canonical(recipe))) == canonical(recipe)


FORMATS = ["avif", "webp", "jpeg"]


@pytest.mark.parametrize(
    ("short", "written"),
    [
        ({"formats": FORMATS}, [{"name": f"b-{each}", "format": each} for each in FORMATS]),
        ({"formats": ["png"], "widths": [9]}, [{"name": "b-9w-png", "format": "png", "width": 9}]),
        ({"formats": FORMATS, "effort": 4, "quality": 50}, [
            {"name": "b-avif", "format": "avif", "effort": 4, "quality": 50},
            {"name": "b-webp", "format": "webp", "effort": 4, "quality": 50},
            {"name": "b-jpeg", "format": "jpeg", "quality": 50},
        ]),
        ({"formats": ["png", "jpeg"], "max_bytes": 9, "quality_min": 7, "progressive": True}, [
            {"name": "b-png", "format": "png"},
            {"name": "b-jpeg", "format": "jpeg", "max_bytes": 9, "quality_min": 7, "progressive": True},
        ]),
        ({"formats": ["avif", "jpeg"], "keep": ["exif", "iptc"], "avif": {"speed": 2}}, [
            {"name": "b-avif", "format": "avif", "keep": ["exif"], "effort": 8},
            {"name": "b-jpeg", "format": "jpeg", "keep": ["exif", "iptc"]},
        ]),
        ({"formats": ["webp", "gif"], "dpr": [1, 2], "width": 5}, [
            {"name": f"b-{dpr}x-{each}", "format": each, "width": 5 * dpr} for dpr in (1, 2) for each in ("webp", "gif")
        ]),
    ],
    ids=str,
)  # fmt: skip
def test_formats_are_the_recipe_written_out(short: dict[str, Any], written: list[dict[str, Any]]) -> None:
    assert canonical(of({"name": "b", **short})) == canonical(of(*written))


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ({"formats": []}, "formats"),
        ({"formats": ["jpeg", "jpeg"]}, "formats"),
        ({"formats": ["original"]}, "formats[0]"),
        ({"formats": ["jpeg"], "format": "jpeg"}, "formats"),
        ({"formats": ["jpeg", "gif"], "effort": 3}, "effort"),
        ({"formats": ["jpeg", "gif"], "webp": {"exact": True}}, "webp"),
        ({"formats": ["png", "gif"], "max_bytes": 3}, "max_bytes"),
        ({"formats": ["jpeg"], "name": "n" * 28}, "name"),
    ],
)
def test_a_fault_of_formats_names_its_key(keys: dict[str, Any], place: str) -> None:
    with pytest.raises(BadRecipe) as fault:
        of({"name": "b", **keys})
    assert fault.value.path == f"$.renditions[0].{place}"


def test_the_edges_of_a_padding_are_those_of_css() -> None:
    assert (edges(3), edges((1, 2)), edges((1, 2, 3, 4))) == ((3, 3, 3, 3), (1, 2, 1, 2), (1, 2, 3, 4))


def test_the_focus_of_an_image_is_for_those_who_ask_for_one_and_name_none() -> None:
    cut = {"width": 9, "height": 9, "fit": "cover"}
    named = [{"name": "b", **cut, "gravity": "focus", "focus": [1, 1]}, {"name": "c", **cut, "gravity": "north"}]
    recipe = of({**cut, "gravity": "focus"}, *named)
    made = focused(recipe, (0.25, -0.0))
    assert [spec.focus for spec in made.renditions] == [(0.25, 0.0), (1.0, 1.0), None]
    assert canonical(made) == canonical(of({**cut, "gravity": "focus", "focus": [0.25, 0]}, *named))
    assert parse(canonical(made)) == made
    assert list(itertools.compress(made.renditions, (0, 1, 1))) == list(recipe.renditions[1:])
