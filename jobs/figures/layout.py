"""Where each figure of a process is among its cells, which are whole numbers.

Owns the order of the cells, and the digest that names it: who reads the cells of another process must agree on both.
Pure: knows no file, no message, and no metric by name.
"""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple, Protocol

COUNTER, GAUGE, HISTOGRAM, INFO, MARK = "counter", "gauge", "histogram", "info", "mark"
"""A MARK is a cell that no scrape is told. An INFO is never counted: its labels are what it tells."""
MICROSECONDS = 1_000_000
"""A second in a histogram's last cell, which is its sum."""


class Family(NamedTuple):
    """A metric with all its label values, which are a closed set. `values`: a row for each series, a value for each of
    `labels`. `buckets`: the upper bounds of a histogram, without the infinite one. `scale`: what 1 is in the cell of
    its sum. `is_sparse`: a series is told once it was counted: so most of many pairs are not. An alert on such a one
    would miss its first count."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    values: tuple[tuple[str, ...], ...] = ((),)
    buckets: tuple[float, ...] = ()
    scale: int = MICROSECONDS
    is_sparse: bool = False

    @property
    def cells_each(self) -> int:
        """Cells of one series: one, or of a histogram one a bucket, one beyond all buckets, and the sum."""
        return len(self.buckets) + 2 if self.kind == HISTOGRAM else 1


class Histogram(NamedTuple):
    """The cells of one series: how many observations fell into each bucket (the last is beyond all), and their
    sum."""

    counts: Sequence[int]
    sum: float


class Cells(Protocol):
    """The cells of one process."""

    def __getitem__(self, index: int, /) -> int: ...

    def __setitem__(self, index: int, value: int, /) -> None: ...


class Layout:
    """The cells of one process: `size` of them."""

    def __init__(self, families: Sequence[Family]) -> None:
        self.families = tuple(families)
        lengths = [family.cells_each * len(family.values) for family in self.families]
        begins = [0, *accumulate(lengths)]
        self.size = begins[-1]
        self._begins = {family.name: at for family, at in zip(self.families, begins, strict=False)}
        cells = [family._replace(help="", is_sparse=False) for family in self.families]
        self.digest = hashlib.sha256(repr(cells).encode()).hexdigest()[:16]

    def family(self, name: str) -> Family:
        """The family of that name."""
        return next(each for each in self.families if each.name == name)

    def places(self, name: str) -> Mapping[tuple[str, ...], int]:
        """The first cell of each series of a family, by its label values."""
        family, begin = self.family(name), self._begins[name]
        return {value: begin + index * family.cells_each for index, value in enumerate(family.values)}

    def is_summed(self) -> list[bool]:
        """For each cell whether it counts beyond the end of its process: gauges do not."""
        return [family.kind != GAUGE for family in self.families for _ in range(family.cells_each * len(family.values))]


def histogram(cells: Sequence[int], at: int, family: Family) -> Histogram:
    """The series of a histogram whose first cell is at `at`."""
    end = at + len(family.buckets) + 1
    return Histogram(cells[at:end], cells[end] / family.scale)


def observe(cells: Cells, at: int, family: Family, value: float) -> None:
    """One more observation in the series of a histogram whose first cell is at `at`."""
    cells[at + bisect_left(family.buckets, value)] += 1
    cells[at + len(family.buckets) + 1] += round(value * family.scale)


def observe_all(cells: Cells, at: int, family: Family, values: Iterable[float]) -> None:
    """As `observe` for each of the values. Of many values each costs a tenth."""
    ordered, end, before = sorted(values), at + len(family.buckets), 0
    for place, bound in enumerate(family.buckets, at):
        cells[place] += (through := bisect_right(ordered, bound)) - before
        before = through
    cells[end] += len(ordered) - before
    cells[end + 1] += round(sum(ordered) * family.scale)
