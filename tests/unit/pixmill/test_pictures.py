"""Pictures that show their number: read back from the pixels, also after the recipe's scaling."""

import io

import pytest
from PIL import Image

from jobs.recipes.recipe import parse
from pixmill.pictures import BLOCKS, NUMBER_MAX, RECIPE, numbered, shown_by
from tests.support.pictures.images import outputs


def number_of(data: bytes) -> int | None:
    image = Image.open(io.BytesIO(data)).convert("RGB")
    step = image.width // BLOCKS
    spots = [(x * step + step // 2, y * step + step // 2) for y in range(BLOCKS) for x in range(BLOCKS)]
    return shown_by([image.getpixel(spot) for spot in spots])  # type: ignore[misc]


@pytest.mark.parametrize("number", [0, 1, 77_777, NUMBER_MAX])
@pytest.mark.parametrize("side", [32, 1536])
def test_the_number_outlives_the_recipe(number: int, side: int) -> None:
    picture = numbered(number, side)
    assert number_of(picture) == number
    output = outputs(picture, parse(RECIPE))["tiny"]
    assert (output.width, output.height, number_of(output.data)) == (16, 16, number)


def test_every_number_is_other_bytes() -> None:
    assert len({numbered(number) for number in range(1000)}) == 1000


def test_what_shows_no_number_says_so() -> None:
    assert shown_by([(255, 255, 255)] * 16) is None
    assert shown_by([(0, 0, 0)] * 16) is None
    assert shown_by([(0, 0, 0)] * 15) is None
