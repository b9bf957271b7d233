"""The CPU that the table of costs expects, beside that which the pipeline takes: `python -m bench.recipes.expected`.

The broker puts a job into a lane by its expected cost (jobs/lanes.py), so the table must rank jobs as they are. No
estimate may be off by more than TIMES. A slower machine takes more of all: the CPU is divided by the median of what the
cases took for each expected millisecond. A case with `max_bytes` is expected to take the most that it may. Pictures are
made of test-data/12mp.jpg.
"""

import io
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

from PIL import Image

from bench.parts.report import close, table
from host.process import hugepages
from jobs.lanes import lane_of, size_of
from jobs.recipes.explain import cost_ms
from jobs.recipes.presets import load_presets
from jobs.recipes.recipe import Recipe, parse
from tests.support.pictures.images import LIMITS, ROOT, TEST_DATA
from worker.images import pipeline

ROUNDS = 3
TIMES = 2.0
SIDES = {1: (1224, 816), 2: (1732, 1155), 6: (3000, 2000), 12: (4243, 2828), 24: (6000, 4000), 50: (8660, 5774)}
"""By megapixels."""


class Case(NamedTuple):
    """A picture of so many megapixels in a format, saved with these options, and what is made of it."""

    millions: int
    format: str
    wanted: Recipe
    options: dict[str, Any] = {}


class Row(NamedTuple):
    """Milliseconds of one case: as the table has it, and as the pipeline took it."""

    name: str
    expected: float
    taken: float

    @property
    def share(self) -> float:
        """Milliseconds taken for each that was expected."""
        return self.taken / self.expected


def cases() -> dict[str, Case]:
    """What people ask for, and what the table could miss."""
    presets = load_presets((ROOT / "recipes.toml").read_text())
    default, web = presets["default"], presets["web"]
    return {
        "JPEG, 2 MP, default": Case(2, "jpeg", default),
        "JPEG, 2 MP, web": Case(2, "jpeg", web),
        "JPEG, 24 MP, default": Case(24, "jpeg", default),
        "JPEG, 24 MP, web": Case(24, "jpeg", web),
        "JPEG, 50 MP, default": Case(50, "jpeg", default),
        "progressive JPEG, 24 MP, default": Case(24, "jpeg", default, {"progressive": True}),
        "JPEG, 24 MP, to a JPEG of 320": Case(24, "jpeg", _one(format="jpeg", width=320)),
        "JPEG, 24 MP, to WebP": Case(24, "jpeg", _one(format="webp")),
        "JPEG, 12 MP, trim": Case(12, "jpeg", _one(format="jpeg", width=800, trim={})),
        "PNG, 24 MP, default": Case(24, "png", default),
        "WebP, 24 MP, default": Case(24, "webp", default),
        "AVIF, 12 MP, default": Case(12, "avif", default),
        "TIFF, 12 MP, default": Case(12, "tiff", default),
        "GIF, 6 MP, default": Case(6, "gif", default),
        "JPEG, 1 MP, to AVIF": Case(1, "jpeg", _one(format="avif")),
        "JPEG, 1 MP, to AVIF, effort 5": Case(1, "jpeg", _one(format="avif", effort=5)),
        "JPEG, 1 MP, to AVIF, effort 9": Case(1, "jpeg", _one(format="avif", effort=9)),
        "JPEG, 2 MP, to PNG": Case(2, "jpeg", _one(format="png")),
        "JPEG, 2 MP, to PNG of a palette": Case(2, "jpeg", _one(format="png", png={"palette": True})),
        "JPEG, 2 MP, to lossless WebP": Case(2, "jpeg", _one(format="webp", lossless=True)),
        "JPEG, 2 MP, to lossless AVIF": Case(2, "jpeg", _one(format="avif", lossless=True)),
        "JPEG, 2 MP, to progressive JPEG": Case(2, "jpeg", _one(format="jpeg", progressive=True, chroma=444)),
        "JPEG, 2 MP, to WebP of 20 kB": Case(2, "jpeg", _one(format="webp", max_bytes=20_000)),
        "JPEG, 12 MP, blur and tilt": Case(12, "jpeg", _one(format="jpeg", blur=4, rotate=5)),
        "JPEG, 12 MP, median": Case(12, "jpeg", _one(format="jpeg", median=7)),
    }


def _one(**keys: Any) -> Recipe:
    return parse({"renditions": [{"name": "a", **keys}]})


@lru_cache(maxsize=1)
def _scene() -> Image.Image:
    with Image.open(TEST_DATA / "12mp.jpg") as image:
        return image.convert("RGB")


def original(case: Case) -> bytes:
    """The bytes of the picture."""
    out = io.BytesIO()
    quality = {"quality": 88} if case.format in ("jpeg", "webp", "avif") else {}
    _scene().resize(SIDES[case.millions], Image.Resampling.BICUBIC).save(out, case.format, **quality, **case.options)
    return out.getvalue()


def expected_ms(case: Case) -> float:
    """The cost of this job as web tells it to the broker."""
    return cost_ms(case.wanted, case.format, *SIDES[case.millions], 1)


def taken_ms(work: Callable[[], object], rounds: int) -> float:
    """The median CPU of all threads, after a first run that warms up."""
    found = []
    for _ in range(1 + rounds):
        before = time.process_time()
        work()
        found.append((time.process_time() - before) * 1000)
    return statistics.median(found[1:])


def measured(wanted: Mapping[str, Case], rounds: int) -> Iterator[Row]:
    """A row for each case."""
    for name, case in wanted.items():
        data = original(case)
        yield Row(name, expected_ms(case), taken_ms(partial(_make, data, case.wanted), rounds))


def _make(data: bytes, recipe: Recipe) -> None:
    for _ in pipeline.run(io.BytesIO(data), recipe, LIMITS):
        pass


def wrong(rows: Sequence[Row], slowness: float) -> list[str]:
    """The cases whose estimate is off by more than TIMES."""
    return [
        f"{row.name}: {row.expected:.0f} ms expected, {row.taken / slowness:.0f} taken"
        for row in rows
        if not 1 / TIMES <= row.share / slowness <= TIMES
    ]


def lane(milliseconds: float) -> str:
    """The size class of a job of this cost."""
    return size_of(lane_of(1, "", milliseconds))


def main() -> int:
    """Measure and print; 1 if an estimate is wrong."""
    hugepages.begin_anew()
    pipeline.warm()
    rows = list(measured(cases(), ROUNDS))
    slowness = statistics.median(row.share for row in rows)
    table(
        ("case", "expected ms", "taken, by this machine's speed", "ratio", "lane", "by what it took"),
        [
            (row.name, row.expected, row.taken / slowness, row.share / slowness, lane(row.expected),
             lane(row.taken / slowness))
            for row in rows
        ],
    )  # fmt: skip
    faults = wrong(rows, slowness)
    for fault in faults:
        print(f"WRONG {fault}")
    ratios = {row.name: round(row.share / slowness, 2) for row in rows}
    close("recipes.expected", {"slowness": round(slowness, 2), "wrong": len(faults), "ratios": ratios})
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
