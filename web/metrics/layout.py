"""Where each figure of a web process is among its cells of 8 bytes.

Owns the order of the cells, and the digest that names it: processes share a file only if they agree on both. Pure:
knows no file, and no metric by name.
"""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

COUNTER, GAUGE, HISTOGRAM, INFO, MARK = "counter", "gauge", "histogram", "info", "mark"
"""A MARK is a cell that no scrape is told. An INFO is never counted: its labels are what it tells."""
MICROSECONDS = 1_000_000
"""A histogram's last cell is its sum in microseconds: cells are whole numbers."""


class Family(NamedTuple):
    """A metric with all its label values, which are a closed set. `values`: a row for each series, a value for each of
    `labels`. `buckets`: the upper bounds of a histogram in seconds, without the infinite one."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    values: tuple[tuple[str, ...], ...] = ((),)
    buckets: tuple[float, ...] = ()

    @property
    def cells_each(self) -> int:
        """Cells of one series: one, or of a histogram one a bucket, one beyond all buckets, and the sum."""
        return len(self.buckets) + 2 if self.kind == HISTOGRAM else 1


class Histogram(NamedTuple):
    """The cells of one series: how many observations fell into each bucket (the last is beyond all), and their sum in
    seconds."""

    counts: Sequence[int]
    seconds: float


class Layout:
    """The cells of one process: `size` of them."""

    def __init__(self, families: Sequence[Family]) -> None:
        self.families = tuple(families)
        lengths = [family.cells_each * len(family.values) for family in self.families]
        begins = [0, *accumulate(lengths)]
        self.size = begins[-1]
        self._begins = {family.name: at for family, at in zip(self.families, begins, strict=False)}
        self.digest = hashlib.sha256(repr(self.families).encode()).hexdigest()[:16]

    def places(self, name: str) -> Mapping[tuple[str, ...], int]:
        """The first cell of each series of a family, by its label values."""
        family = next(each for each in self.families if each.name == name)
        begin = self._begins[name]
        return {value: begin + index * family.cells_each for index, value in enumerate(family.values)}

    def is_summed(self) -> list[bool]:
        """For each cell whether it counts beyond the end of its process: gauges do not."""
        return [family.kind != GAUGE for family in self.families for _ in range(family.cells_each * len(family.values))]


def histogram(cells: Sequence[int], at: int, family: Family) -> Histogram:
    """The series of a histogram whose first cell is at `at`."""
    end = at + len(family.buckets) + 1
    return Histogram(cells[at:end], cells[end] / MICROSECONDS)
