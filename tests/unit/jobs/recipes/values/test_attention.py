"""jobs/recipes/values/attention.py: the best cut of a grid, against brute force, in every way to turn a picture."""

import math
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.images.turns import ORIENTATIONS, Box, Size, Turn
from jobs.recipes.values import attention
from jobs.recipes.values.attention import GRID_SIDE, STEPS_MAX, Grid, Seeking, best, tilted, turned

KINDS: tuple[Seeking, ...] = ("attention", "entropy")
PLACES = [(x, y) for y in (4, 27, 50) for x in (4, 27, 50)]
DISC = 10


def drawn(size: Size, left: int, top: int) -> Grid:
    """A square full of detail on flat ground."""
    rows = [bytearray(size.width) for _ in range(size.height)]
    dice = random.Random(5)
    for row in rows[top : top + DISC]:
        row[left : left + DISC] = bytes(dice.randrange(60, 256) for _ in range(DISC))
    return Grid(size, b"".join(rows))


def noise(width: int, height: int, seed: int) -> Grid:
    dice = random.Random(seed)
    return Grid(Size(width, height), bytes(dice.randrange(256) for _ in range(width * height)))


@pytest.mark.parametrize("cut", [Size(300, 960), Size(960, 300)])
@pytest.mark.parametrize(("left", "top"), PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_only_detail_is_inside(kind: Seeking, left: int, top: int, cut: Size) -> None:
    whole = Size(960, 960)
    x, y = best(kind, drawn(Size(64, 64), left, top), whole, cut)
    assert 0 <= x <= whole.width - cut.width
    assert 0 <= y <= whole.height - cut.height
    assert x <= 15 * left and 15 * (left + DISC) <= x + cut.width
    assert y <= 15 * top and 15 * (top + DISC) <= y + cut.height


def test_what_draws_attention_lies_in_the_middle_where_it_can() -> None:
    x, _ = best("attention", drawn(Size(64, 64), 27, 27), Size(960, 960), Size(480, 960))
    assert abs(x + 240 - 15 * 32) <= 15


@pytest.mark.parametrize("turn", {*ORIENTATIONS}, ids=str)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sides", [(640, 480, 200, 480), (640, 480, 640, 99), (301, 200, 188, 200), (50, 40, 20, 40)])
def test_a_turned_picture_is_cut_at_the_turned_place(
    sides: tuple[int, int, int, int], kind: Seeking, turn: Turn
) -> None:
    whole, cut = Size(*sides[:2]), Size(*sides[2:])
    for seed in range(8):
        grid = noise(64, 48, seed)
        left, top = best(kind, grid, whole, cut)
        box = Box(
            left / whole.width, top / whole.height, (left + cut.width) / whole.width, (top + cut.height) / whole.height
        )
        wanted = turn.do(box)
        other = turn.size(whole)
        found = best(kind, turned(grid, turn), other, turn.size(cut))
        assert found == (round(wanted.left * other.width), round(wanted.top * other.height)), seed


@pytest.mark.parametrize("kind", KINDS)
def test_flat_ground_is_cut_in_the_middle(kind: Seeking) -> None:
    for width in (5, 6, 99, 100, 640):
        grid = Grid(Size(64, 8), bytes([7]) * 512)
        assert best(kind, grid, Size(640, 80), Size(width, 80)) == ((641 - width) // 2, 0)


@settings(deadline=None)
@given(st.integers(1, 8), st.integers(1, 5), st.integers(0, 99), st.data())
def test_the_cut_is_the_best_of_all_places(width: int, height: int, seed: int, data: st.DataObject) -> None:
    """At a whole number of pixels a cell, by sums over pixels."""
    scale, grid = 6, noise(width, height, seed)
    whole = Size(scale * width, scale * height)
    cut = Size(3 * data.draw(st.integers(1, 2 * width)), 3 * data.draw(st.integers(1, 2 * height)))
    pixels = [[grid.cells[(y // scale) * width + x // scale] for x in range(whole.width)] for y in range(whole.height)]

    def worth(left: int, top: int) -> float:
        total = 0.0
        for inner in (6, 4, 2):  # sixths of the cut
            x, y = cut.width * (6 - inner) // 12, cut.height * (6 - inner) // 12
            if cut.width * (6 - inner) % 12 or cut.height * (6 - inner) % 12:
                return math.nan
            rows = pixels[top + y : top + cut.height - y]
            total += sum(sum(row[left + x : left + cut.width - x]) for row in rows) / scale**2
        return total

    left, top = best("attention", grid, whole, cut)
    assert 0 <= left <= whole.width - cut.width
    assert 0 <= top <= whole.height - cut.height
    if math.isnan(worth(0, 0)) or max(whole.width - cut.width, whole.height - cut.height) > STEPS_MAX:
        return
    places = [(x, y) for y in range(whole.height - cut.height + 1) for x in range(whole.width - cut.width + 1)]
    assert worth(left, top) == pytest.approx(max(worth(*place) for place in places), abs=1)


def test_the_entropy_is_shannons() -> None:
    grid = noise(64, 4, 9)
    judge = attention._Entropy(grid)
    for left in range(1, 60, 7):
        levels = Counter(value // 8 for row in grid.rows() for value in row[left : left + 4])
        bits = -sum(count / 16 * math.log2(count / 16) for count in levels.values())
        assert judge(left - 0.25, 0, left + 4.75, 4) == pytest.approx(1e6 * bits, abs=1)


@pytest.mark.parametrize("degrees", [0.0, 15.0, 90.0, 100.0, 180.0, 300.0])
def test_a_tilted_grid_has_its_detail_where_the_tilted_picture_has_it(degrees: float) -> None:
    sides, grid = Size(640, 320), Grid(Size(64, 32), bytes(64 * 24) + bytes([0] * 56 + [200] * 8) * 8)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    around = Size(math.ceil(640 * abs(cos) + 320 * abs(sin) - 1e-9), math.ceil(640 * abs(sin) + 320 * abs(cos) - 1e-9))
    made = tilted(grid, sides, around, degrees)
    assert max(made.size) == GRID_SIDE
    found = [(at % made.size.width + 0.5, at // made.size.width + 0.5) for at, value in enumerate(made.cells) if value]
    x, y = (sum(each) / len(found) for each in zip(*found, strict=True))
    across, down = 600 - 320, 280 - 160  # the middle of the detail, from the middle of the picture
    assert x / made.size.width * around.width == pytest.approx(across * cos - down * sin + around.width / 2, abs=12)
    assert y / made.size.height * around.height == pytest.approx(across * sin + down * cos + around.height / 2, abs=12)
