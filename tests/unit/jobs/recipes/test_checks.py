"""jobs/recipes/checks.py: a key that can change nothing is refused by its place, and so is what no image can have."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import BadRecipe, ImageFault
from jobs.images.turns import Size
from jobs.limits import SIDE_MAX
from jobs.recipes.checks import least
from jobs.recipes.keys import RenditionSpec
from jobs.recipes.recipe import Recipe, parse
from jobs.recipes.shapes import shape

BOX = {"width": 9, "height": 9}


def one(**keys: Any) -> Recipe:
    return parse({"renditions": [{"name": "a", **keys}]})


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ({"format": "jpeg", "effort": 3}, "effort"),
        ({"format": "gif", "effort": 0}, "effort"),
        ({"format": "png", "quality": 80}, "quality"),
        ({"format": "gif", "quality": 80}, "quality"),
        ({"format": "webp", "lossless": True, "quality": 90}, "quality"),
        ({"format": "jpeg", "lossless": True}, "lossless"),
        ({"format": "png", "lossless": True}, "lossless"),
        ({"format": "webp", "progressive": True}, "progressive"),
        ({"format": "webp", "chroma": 444}, "chroma"),
        ({"format": "avif", "lossless": True, "chroma": 444}, "chroma"),
        ({"format": "gif", "keep_metadata": True}, "keep_metadata"),
        ({"format": "gif", "keep": ["density"]}, "keep"),
        ({"format": "webp", "keep": ["exif", "iptc"]}, "keep"),
        ({"format": "jpeg", "quality_min": 20}, "quality_min"),
        ({"format": "jpeg", "png": {"palette": True}}, "png"),
        ({"format": "jpeg", "profile": "p3", "original_if_smaller": True}, "original_if_smaller"),
        ({"format": "png", "webp": {}}, "webp"),
        ({"format": "png", "png": {"colours": 9}}, "png.colours"),
        ({"format": "png", "png": {"dither": True}}, "png.dither"),
        ({"format": "png", "png": {"palette": True, "colours": 1}}, "png.colours"),
        ({"format": "webp", "lossless": True, "webp": {"alpha_quality": 9}}, "webp.alpha_quality"),
        ({"format": "avif", "avif": {"speed": 0}}, "avif.speed"),
        ({"effort": 4, "avif": {"speed": 3}}, "avif.speed"),
        ({"format": "webp", "webp": {"method": 3}}, "webp.method"),
        ({"gravity": "north"}, "gravity"),
        ({"gravity": "north", **BOX}, "gravity"),
        ({"gravity": "north", **BOX, "fit": "fill"}, "gravity"),
        ({"gravity": "north", "width": 9, "fit": "cover"}, "gravity"),
        ({"gravity": "focus", "width": 9, "fit": "cover"}, "gravity"),
        ({"gravity": "north", "fit": "contain"}, "gravity"),
        ({"padding": [0, SIDE_MAX // 2 + 1]}, "padding"),
        ({"padding": [8192, 0, 8191, 0]}, "padding"),
        ({"padding": 8190, "width": 9, "fit": "contain"}, "padding"),
        ({"padding": 8190, "width": 9, "enlarge": True}, "padding"),
        ({"padding": 8190, **BOX, "enlarge": True, "fit": "cover"}, "padding"),
        ({"padding": 5000}, "padding"),
        ({"padding": 4000, "width": 9, "dpr": 2.1}, "dpr"),
        ({"padding": 900, "width": 8000, "height": 10, "dpr": 2, "fit": "contain"}, "dpr"),
    ],
)
def test_what_can_do_nothing_or_never_be_is_refused_by_its_place(keys: dict[str, Any], place: str) -> None:
    with pytest.raises(BadRecipe) as fault:
        one(**keys)
    assert fault.value.path == f"$.renditions[0].{place}"


@pytest.mark.parametrize(
    "keys",
    [
        {"format": "jpeg", "quality": 30, "chroma": 444, "progressive": True},
        {"format": "webp", "lossless": True, "effort": 3},
        {"format": "png", "effort": 3},
        {"format": "original", "quality": 30, "effort": 1, "chroma": 444, "progressive": True, "lossless": True},
        {"gravity": "north", **BOX, "fit": "cover"},
        {"gravity": "north", "ratio": "1:1", "fit": "cover-down"},
        {"gravity": "north", "width": 9, "fit": "contain"},
        {"fit": "cover", "enlarge": True},
        {"padding": 4999},
        {"padding": [8190, 0], **BOX, "enlarge": True},
    ],
)
def test_what_may_do_something_is_not(keys: dict[str, Any]) -> None:
    assert one(**keys)


SIDES = st.none() | st.integers(1, 300)


@given(
    SIDES,
    SIDES,
    st.sampled_from(["inside", "cover", "cover-down", "contain", "fill", "outside"]),
    st.booleans(),
    st.sampled_from([0.0, 90.0, 33.0]),
    st.tuples(st.integers(1, 900), st.integers(1, 900)),
    st.sampled_from([1, 6]),
)
def test_no_image_has_less_than_the_least_sides(
    width: int | None,
    height: int | None,
    fit: Any,
    enlarge: bool,
    rotate: float,
    stored: tuple[int, int],
    orientation: int,
) -> None:
    spec = RenditionSpec(name="a", width=width, height=height, fit=fit, enlarge=enlarge, rotate=rotate)
    try:
        found = shape(spec, Size(*stored), orientation).sides
    except ImageFault:  # enlarged beyond what a rendition may have
        return
    assert found.width >= least(spec).width and found.height >= least(spec).height


PICTURES = [Size(1, 1), Size(1, 9000), Size(9000, 1)]


@given(SIDES, SIDES, st.sampled_from(["cover", "contain", "fill", "outside"]), st.booleans(), st.data())
def test_a_padding_that_is_not_refused_has_an_image(
    width: int | None, height: int | None, fit: str, enlarge: bool, data: st.DataObject
) -> None:
    padding = data.draw(st.lists(st.integers(0, 9000), min_size=4, max_size=4))
    keys = {"width": width, "height": height, "fit": fit, "enlarge": enlarge, "padding": padding}
    with contextlib.suppress(BadRecipe):
        (spec,) = one(**keys).renditions
        assert any(_fits(spec, stored) for stored in PICTURES)


def _fits(spec: RenditionSpec, stored: Size) -> bool:
    try:
        return bool(shape(spec, stored, 1))
    except ImageFault:
        return False
