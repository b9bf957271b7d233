"""Keys for files with several pictures, and what they exclude."""

from typing import Any

import pytest

from jobs.errors import BadRecipe
from jobs.images.head import Head
from jobs.recipes.explain import cost_ms, explain
from jobs.recipes.keys import RenditionSpec
from jobs.recipes.pages import animates
from jobs.recipes.plan import by_page
from jobs.recipes.recipe import canonical, parse


def of(**keys: Any) -> dict[str, Any]:
    return {"renditions": [{"name": "a", **keys}]}


@pytest.mark.parametrize(
    ("keys", "at"),
    [
        ({"page": -1}, "page"),
        ({"page": 10_000}, "page"),
        ({"frames": 0}, "frames"),
        ({"animated": "yes"}, "animated"),
        ({"page": 1, "animated": True}, "animated"),
        ({"page": 1, "frames": 2}, "frames"),
        ({"animated": True, "format": "jpeg"}, "animated"),
        ({"frames": 2, "format": "jpeg"}, "frames"),
        ({"frames": 2, "format": "avif"}, "frames"),
        ({"frames": 2, "animated": False}, "frames"),
    ],
)
def test_what_cannot_be_honoured_is_refused(keys: dict[str, Any], at: str) -> None:
    with pytest.raises(BadRecipe) as fault:
        parse(of(**keys))
    assert fault.value.path == f"$.renditions[0].{at}"


@pytest.mark.parametrize(
    "keys",
    [
        {"page": 0, "animated": False}, {"page": 3, "format": "jpeg"},
        {"frames": 2, "animated": True, "format": "avif"},
        {"frames": 9999}, {"animated": False, "format": "gif"}, {"frames": 2, "format": "webp"},
    ],
)  # fmt: skip
def test_what_can_be_honoured_is_kept(keys: dict[str, Any]) -> None:
    recipe = parse(of(**keys))
    assert parse(canonical(recipe)) == recipe
    assert {name: getattr(recipe.renditions[0], name) for name in keys} == keys


@pytest.mark.parametrize(
    ("keys", "moving"),
    [
        ({}, {"gif", "webp", "png"}), ({"animated": True}, {"gif", "webp", "png", "avif"}),
        ({"animated": False}, set()), ({"page": 0}, set()), ({"frames": 3}, {"gif", "webp", "png"}),
    ],
)  # fmt: skip
def test_formats_that_move(keys: dict[str, Any], moving: set[str]) -> None:
    spec = RenditionSpec(name="a", **keys)
    assert {format for format in ("gif", "webp", "png", "avif", "jpeg") if animates(spec, format)} == moving


def test_renditions_of_one_picture_go_together() -> None:
    recipe = parse(
        {"renditions": [{"name": "a", "page": 2}, {"name": "b"}, {"name": "c", "page": 2}, {"name": "d", "page": 0}],
         "info": True}
    )  # fmt: skip
    parts = [(page, [spec.name for spec in part.renditions], part.asks_facts) for page, part in by_page(recipe)]
    assert parts == [(None, ["b"], True), (2, ["a", "c"], False), (0, ["d"], False)]


def test_facts_are_of_the_main_picture() -> None:
    recipe = parse(of(page=1) | {"placeholder": ["lqip"]})
    parts = [(page, len(part.renditions), part.asks_facts) for page, part in by_page(recipe)]
    assert parts == [(None, 0, True), (1, 1, False)]
    alone = parse(of(page=1))
    assert by_page(alone) == [(1, alone)]
    plain = parse(of(width=5))
    assert by_page(plain)[0][1] is plain


def test_nobody_knows_the_sides_of_another_page_before() -> None:
    recipe = parse({"renditions": [{"name": "a", "width": 8}, {"name": "b", "width": 8, "page": 1}]})
    first, second = explain(recipe, Head("tiff", 40, 30), 1).renditions
    assert (first.width, first.measured) == (8, [])
    assert (second.width, second.box, second.derived_from, second.measured) == (None, None, None, ["page"])
    assert explain(recipe, Head("webp", 40, 30), 1).renditions[1].width == 8


def test_each_page_costs_a_decode_and_a_late_frame_those_before() -> None:
    one, two = parse(of(width=8)), parse(of(width=8, page=1))
    both = parse({"renditions": [{"name": "a", "width": 8}, {"name": "b", "width": 8, "page": 1}]})
    assert cost_ms(both, "tiff", 2000, 2000) == cost_ms(one, "tiff", 2000, 2000) + cost_ms(two, "tiff", 2000, 2000)
    late = parse(of(width=8, page=9))
    assert cost_ms(late, "gif", 2000, 2000) > 4 * cost_ms(two, "gif", 2000, 2000)
