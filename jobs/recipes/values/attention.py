"""Where the cut of a picture lies that keeps most of what people look at, or most of its information.

Pure: works on grids of at most 64 x 64 bytes, which worker/images/attention.py samples from the pixels. Knows neither
keys nor pixels.
"""

import math
from itertools import accumulate
from typing import Literal, NamedTuple

from jobs.images.turns import Size, Turn

Seeking = Literal["attention", "entropy"]
"""What a cut looks for."""
GRID_SIDE = 64
"""Samples along the longer side of a picture."""
STEPS_MAX = 64
"""Places of a cut that are compared, along each axis. (A cut has almost always one free axis.)"""
INNER_SHARES = (1.0, 2 / 3, 1 / 3)
"""The parts in the middle of a cut that count in addition, so that what draws attention does not lie at its edge."""
_LEVEL_BITS = 3
"""Of a luma these low bits do not count: noise is no information."""
_LEVELS = bytes(value >> _LEVEL_BITS for value in range(256))


class Grid(NamedTuple):
    """Samples of a picture, row by row: how much each draws attention, or its luma."""

    size: Size
    cells: bytes

    def rows(self) -> list[bytes]:
        """From top to bottom."""
        width = self.size.width
        return [self.cells[at : at + width] for at in range(0, len(self.cells), width)]


def turned(grid: Grid, turn: Turn) -> Grid:
    """The grid of the turned picture."""
    rows = grid.rows()
    if turn.swap:
        rows = [bytes(column) for column in zip(*rows, strict=True)]
    if turn.mirror:
        rows = [row[::-1] for row in rows]
    if turn.flip:
        rows.reverse()
    return Grid(turn.size(grid.size), b"".join(rows))


def tilted(grid: Grid, sides: Size, around: Size, degrees: float) -> Grid:
    """The grid of the picture (of these `sides`) after it was turned clockwise; it has then the sides `around`. Where
    there is no picture the cells are 0."""
    scale = GRID_SIDE / max(around)
    width, height = max(1, round(around.width * scale)), max(1, round(around.height * scale))
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    made = bytearray(width * height)
    for row in range(height):
        y = ((row + 0.5) / height - 0.5) * around.height
        for column in range(width):
            x = ((column + 0.5) / width - 0.5) * around.width
            across, down = (x * cos + y * sin) / sides.width + 0.5, (y * cos - x * sin) / sides.height + 0.5
            if 0 <= across < 1 and 0 <= down < 1:
                at = int(down * grid.size.height) * grid.size.width + int(across * grid.size.width)
                made[row * width + column] = grid.cells[at]
    return Grid(Size(width, height), bytes(made))


def best(seeking: Seeking, grid: Grid, whole: Size, cut: Size) -> tuple[int, int]:
    """Left and top of the best cut out of a picture of sides `whole`, of which `grid` has the samples. The nearest to
    the middle wins among equal ones."""
    free = whole.width - cut.width, whole.height - cut.height
    places = [(left, top) for top in _offsets(free[1]) for left in _offsets(free[0])]
    if len(places) == 1:
        return places[0]
    x, y = grid.size.width / whole.width, grid.size.height / whole.height
    judge = _Attention(grid) if seeking == "attention" else _Entropy(grid)

    def worth(place: tuple[int, int]) -> tuple[int, int, tuple[int, int]]:
        left, top = place
        drawn = judge(left * x, top * y, (left + cut.width) * x, (top + cut.height) * y)
        return drawn, -((2 * left - free[0]) ** 2) - (2 * top - free[1]) ** 2, place

    return max(places, key=worth)


def _offsets(free: int) -> list[int]:
    """At most STEPS_MAX + 1 places from 0 to `free`, which are the same from both ends."""
    steps = min(free, STEPS_MAX)
    if steps == 0:
        return [0]
    nearer = {(2 * free * step + steps) // (2 * steps) for step in range(steps // 2 + 1)}
    return sorted(nearer | {free - each for each in nearer})


class _Attention:
    """Judges a cut by the mean of its cells, those in its middle above all. Whole numbers: a mirrored picture has
    exactly the mirrored result."""

    def __init__(self, grid: Grid) -> None:
        above = [0] * (grid.size.width + 1)
        self._sums = [above]
        for row in grid.rows():
            above = [a + b for a, b in zip(above, accumulate(row, initial=0), strict=True)]
            self._sums.append(above)

    def __call__(self, left: float, top: float, right: float, bottom: float) -> int:
        found = 0.0
        for share in INNER_SHARES:
            x, y = (right - left) * (1 - share) / 2, (bottom - top) * (1 - share) / 2
            found += self._within(left + x, top + y, right - x, bottom - y)
        return round(found)

    def _within(self, left: float, top: float, right: float, bottom: float) -> float:
        return self._upto(right, bottom) - self._upto(left, bottom) - self._upto(right, top) + self._upto(left, top)

    def _upto(self, x: float, y: float) -> float:
        """The sum of all cells left of x and above y, and of parts of cells at these edges."""
        column, row = min(int(x), len(self._sums[0]) - 2), min(int(y), len(self._sums) - 2)
        across, down = x - column, y - row
        above, below = self._sums[row], self._sums[row + 1]
        upper = above[column] + across * (above[column + 1] - above[column])
        lower = below[column] + across * (below[column + 1] - below[column])
        return upper + down * (lower - upper)


class _Entropy:
    """Judges a cut by the Shannon entropy of its lumas, in millionths of a bit: by those cells that are all within. If
    none is, by those that are within in part."""

    def __init__(self, grid: Grid) -> None:
        self._rows = [row.translate(_LEVELS) for row in grid.rows()]

    def __call__(self, left: float, top: float, right: float, bottom: float) -> int:
        columns = _whole(left, right)
        within = b"".join(row[columns] for row in self._rows[_whole(top, bottom)])
        counts = [count for level in range(256 >> _LEVEL_BITS) if (count := within.count(level))]
        return round(-1e6 * sum(count / len(within) * math.log2(count / len(within)) for count in counts))


def _whole(start: float, end: float) -> slice:
    """The cells between two edges, in cells."""
    start, end = round(start, 6), round(end, 6)  # 4.000000001 is 4
    first, last = math.ceil(start), math.floor(end)
    return slice(first, last) if first < last else slice(math.floor(start), math.ceil(end))
