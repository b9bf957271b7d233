"""Whether `max_bytes` keeps what docs/recipes.md promises: `python -m bench.recipes.budget [FOLDER ...]`.

100 pictures in 3 formats, those of the folders first; drawn ones fill up. Each gets a bound that makes its quality go
down. The pipeline's file is judged by the same encoder, called with every quality from best to worst: it must fit
whenever `quality_min` fits, with a quality within NEAR of the best that fits, in ENCODES encodes on average.
"""

import argparse
import io
import random
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from PIL import Image, ImageDraw, ImageFilter

from bench.parts.report import close, table
from jobs.recipes.recipe import parse
from tests.support.pictures.images import CORPUS, LIMITS, TEST_DATA
from worker.images import budget, pipeline

PICTURES, SEED, SIDE = 100, 3, 320
FORMATS = ("jpeg", "webp", "avif")
BEST, WORST = 80, 30
NEAR, ENCODES = 2, 6.0
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
Encode = Callable[[int], bytes]


class Judged(NamedTuple):
    """One picture in one format. `behind`: how far its quality is below the best that fits; None: nothing fits.
    `fits`: whether the file has at most the asked bytes."""

    format: str
    encodes: int
    fits: bool
    behind: int | None


class Seen:
    """Stands in for `budget.within`: counts its encodes, and keeps the encoder that it was given."""

    def __init__(self) -> None:
        self.encodes = 0
        self.encode: Encode | None = None

    def __call__(self, encode: Encode, best: int, worst: int, bytes_max: int) -> budget.Made:
        """As `within`."""

        def counted(quality: int) -> bytes:
            self.encodes += 1
            return encode(quality)

        self.encode = encode
        return budget.within(counted, best, worst, bytes_max)


def pictures(folders: Sequence[Path], count: int, seed: int) -> Iterator[bytes]:
    """PNGs of at most SIDE pixels a side: of the files that Pillow reads, then drawn ones."""
    made = 0
    rng = random.Random(seed)
    paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]
    rng.shuffle(paths)
    for path in paths:
        if made < count * 2 // 3 and (image := _opened(path)) is not None:
            made += 1
            yield _png(image)
    for number in range(count - made):
        yield _png(_drawn(rng, number))


def _opened(path: Path) -> Image.Image | None:
    try:
        with Image.open(path) as image:
            image.draft("RGB", (SIDE, SIDE))
            image.thumbnail((SIDE, SIDE))
            return image.convert("RGB") if min(image.size) >= 48 else None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _drawn(rng: random.Random, number: int) -> Image.Image:
    """Noise, soft noise, shapes or a gradient with shapes, in turn."""
    size = (rng.randint(64, SIDE), rng.randint(64, SIDE))
    if number % 4 < 2:
        image = Image.merge("RGB", [Image.effect_noise(size, rng.uniform(10, 90)) for _ in range(3)])
        return image.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 4))) if number % 4 else image
    back = Image.merge("RGB", [Image.linear_gradient("L").rotate(90 * turn).resize(size) for turn in range(3)])
    image = back if number % 4 == 2 else Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for _ in range(rng.randint(3, 40)):
        x, y, r = rng.randint(0, size[0]), rng.randint(0, size[1]), rng.randint(2, 60)
        draw.ellipse((x, y, x + r, y + r), tuple(rng.randint(0, 255) for _ in range(3)))
    return image


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "png")
    return out.getvalue()


def judge(picture: bytes, format: str, rng: random.Random) -> Judged:
    """One picture: the bound lies at random between the smallest and the largest file, or (one of ten) below both."""
    sizes = _sizes(picture, format)
    low, high = sizes[WORST], sizes[BEST]
    bound = max(1, int(rng.uniform(0.5, 1.0) * low if rng.random() < 0.1 else rng.uniform(low, max(low, high))))
    seen = Seen()
    output = _output(picture, format, bound, seen)
    fitting = [quality for quality, size in sizes.items() if size <= bound]
    assert output.quality is not None
    behind = max(fitting) - output.quality if fitting else None
    return Judged(format, seen.encodes, len(output.data) <= bound, behind)


def _sizes(picture: bytes, format: str) -> dict[int, int]:
    """The bytes of the file of each quality, by the encoder that the pipeline calls."""
    seen = Seen()
    _output(picture, format, 1, seen)
    assert seen.encode is not None
    return {quality: len(seen.encode(quality)) for quality in range(WORST, BEST + 1)}


def _output(picture: bytes, format: str, bound: int, seen: Seen) -> pipeline.Output:
    asked = {"name": "a", "format": format, "quality": BEST, "quality_min": WORST, "max_bytes": bound}
    with mock.patch.object(pipeline, "within", seen):
        (output,) = pipeline.run(io.BytesIO(picture), parse({"renditions": [asked]}), LIMITS)
    return output


def broken(found: Sequence[Judged]) -> list[str]:
    """What is promised and not so."""
    fitting = [one for one in found if one.behind is not None]
    unfit = sum(not one.fits for one in fitting)
    far = sum(one.behind > NEAR for one in fitting if one.behind is not None)
    mean = statistics.mean(one.encodes for one in found)
    said = {f"{unfit} do not fit, though a quality does": unfit, f"{far} are more than {NEAR} behind": far}
    return [text for text, count in said.items() if count] + ([f"{mean:.2f} encodes"] if mean > ENCODES else [])


def _row(format: str, found: Sequence[Judged]) -> tuple[object, ...]:
    behind = [one.behind for one in found if one.behind is not None]
    fit = sum(one.fits for one in found if one.behind is not None)
    near = sum(each <= NEAR for each in behind)
    encodes = [one.encodes for one in found]
    return format, len(found), len(behind), fit, near, max(behind), statistics.mean(encodes), max(encodes)


def main() -> int:
    """Judge and print; 1 if a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.recipes.budget")
    parser.add_argument("folders", type=Path, nargs="*", default=[TEST_DATA, CORPUS], metavar="FOLDER")
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    found = [
        judge(picture, format, rng)
        for picture in pictures(asked.folders, asked.pictures, asked.seed)
        for format in FORMATS
    ]
    rows = [_row(format, [one for one in found if one.format == format]) for format in FORMATS]
    head = ("format", "pictures", "a quality fits", "it fits", f"within {NEAR}", "worst", "encodes", "at most")
    table(head, rows)
    faults = broken(found)
    for fault in faults:
        print(f"BROKEN {fault}")
    figures = {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}
    close("recipes.budget", {str(name): each for name, each in figures.items()} | {"broken": faults})
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
