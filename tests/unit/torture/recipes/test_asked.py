"""Random recipes ask for every key, and most of them are valid."""

import msgspec
from msgspec import inspect

from jobs.errors import BadRecipe
from jobs.recipes.keys import AskedRendition
from jobs.recipes.recipe import parse
from torture.recipes.asked import MARK, Recipes

DIGEST = "ab" * 32


def is_valid(asked: object) -> bool:
    try:
        parse(asked, {MARK: DIGEST})
    except BadRecipe:
        return False
    return True


def test_every_key_is_asked_for_in_recipes_that_are_valid() -> None:
    recipes = Recipes(1, DIGEST)
    drawn = [recipes.next() for _ in range(1000)]
    valid = [asked for asked in drawn if is_valid(asked)]
    assert 900 <= len(valid) < 1000
    asked = {key for recipe in valid for rendition in recipe.get("renditions", ()) for key in rendition}
    keys = {field.encode_name for field in msgspec.structs.fields(AskedRendition)}
    assert asked == keys, (
        "let torture/recipes/asked.py draw each key of jobs/recipes/keys.py, with the keys that it needs"
    )


def test_the_same_seed_gives_the_same_recipes() -> None:
    one, other, third = Recipes(1, DIGEST), Recipes(1, DIGEST), Recipes(2, DIGEST)
    first = [one.next() for _ in range(20)]
    assert first == [other.next() for _ in range(20)] != [third.next() for _ in range(20)]


def test_numbers_are_within_their_bounds_but_for_a_few() -> None:
    recipes, kind = Recipes(1, DIGEST), inspect.IntType(ge=1, le=100)
    drawn = [recipes.number(kind) for _ in range(5000)]
    beyond = [number for number in drawn if not 1 <= number <= 100]
    assert set(beyond) == {0, 101}
    assert 0 < len(beyond) < 50 < min(drawn.count(1), drawn.count(100))
