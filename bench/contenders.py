"""The contenders of bench/images.py: pixmill's own engine, and how others do the same work.

Each is given an original and the renditions wanted, and tells CPU milliseconds (user and system, all
threads) and the encoded bytes. A peer that is not installed is left out.
"""

import io
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from unittest import mock

from PIL import Image, ImageFilter, ImageOps

from jobs.plan import FULL_SCALE, JPEG_SCALES, plan
from jobs.recipe import parse
from jobs.turns import Size
from worker import encoders, imagefile, vips
from worker.pipeline import run
from worker.reading import PipelineLimits

Wanted = list[dict[str, Any]]
"""Renditions in the words of a recipe."""
LIMITS = PipelineLimits(100_000_000, 500)
FORMATS = {".jpg": "jpeg", ".png": "png", ".webp": "webp"}
LANCZOS = Image.Resampling.LANCZOS
PEERS = Path(__file__).with_name("peers.mjs")


class Made(NamedTuple):
    """What one run took and gave, the renditions in the order in which they were wanted."""

    cpu_ms: float
    outputs: list[bytes]


Contender = Callable[[Path, Wanted], Made]


def timed(make: Callable[[Path, Wanted], list[bytes]]) -> Contender:
    """A contender in this process."""

    def contender(source: Path, wanted: Wanted) -> Made:
        before = time.process_time()
        outputs = make(source, wanted)
        return Made((time.process_time() - before) * 1000, outputs)

    return contender


def pixmill(source: Path, wanted: Wanted) -> list[bytes]:
    """The pipeline that a decoder runs."""
    with source.open("rb") as file:
        made = {output.name: output.data for output in run(file, parse({"renditions": wanted}), LIMITS)}
    return [made[one["name"]] for one in wanted]


def stock(source: Path, wanted: Wanted) -> list[bytes]:
    """The same without the extra `vips`."""
    with mock.patch.object(vips, "INSTALLED", False):
        return pixmill(source, wanted)


def naive(source: Path, wanted: Wanted) -> list[bytes]:
    """Pillow as a first example has it: decode everything, resize by LANCZOS, save."""
    with Image.open(source) as image:
        return [_saved(_fitted(image, one), one) for one in wanted]


def thumbnail(source: Path, wanted: Wanted) -> list[bytes]:
    """Pillow's own shortcut, from the file each time: it drafts a JPEG and reduces by whole numbers first."""
    outputs = []
    for one in wanted:
        with Image.open(source) as image:
            if one.get("fit") == "cover":
                outputs.append(_saved(_fitted(image, one), one))
                continue
            image.thumbnail((one["width"], one.get("height", 100_000)), LANCZOS, reducing_gap=2.0)
            outputs.append(_saved(image, one))
    return outputs


def _fitted(image: Image.Image, one: dict[str, Any]) -> Image.Image:
    if one.get("fit") == "cover":
        return ImageOps.fit(image, (one["width"], one["height"]), LANCZOS)
    shrink = max(image.width / one["width"], image.height / one.get("height", 100_000))
    return image.resize((round(image.width / shrink), round(image.height / shrink)), LANCZOS)


def _saved(image: Image.Image, one: dict[str, Any]) -> bytes:
    image = image.filter(ImageFilter.GaussianBlur(one["blur"])) if "blur" in one else image
    stream = io.BytesIO()
    image.convert("RGB" if one["format"] == "jpeg" else image.mode).save(stream, one["format"], quality=80)
    return stream.getvalue()


class Child(AbstractContextManager["Child"]):
    """A peer in a process of its own. Its outputs come by files, which are not counted."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._folder = folder
        environ = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=environ
        )
        self.version = self._heard()["version"]

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._child.stdin
        self._child.stdin.close()
        self._child.wait(10)

    def __enter__(self) -> Self:
        return self

    def __call__(self, source: Path, wanted: Wanted) -> Made:
        """As a Contender."""
        paths = [self._folder / f"peer-{index}" for index in range(len(wanted))]
        outputs = [
            {"quality": 80, "fit": "inside", **one, "path": str(path)} for one, path in zip(wanted, paths, strict=True)
        ]
        assert self._child.stdin
        self._child.stdin.write(json.dumps({"input": str(source), "outputs": outputs}) + "\n")
        cpu_ms = self._heard()["cpu_ms"]
        return Made(cpu_ms, [path.read_bytes() for path in paths])

    def _heard(self) -> dict[str, Any]:
        assert self._child.stdout
        heard: dict[str, Any] = json.loads(self._child.stdout.readline())
        return heard


def _sharp(modules: Path) -> list[str]:
    script = modules.parent / PEERS.name  # Node looks for sharp from where the script is
    if script != PEERS:
        script.write_bytes(PEERS.read_bytes())
    return ["node", str(script)]


def contenders(stack: ExitStack, modules: Path, folder: Path) -> dict[str, Contender]:
    """All that are installed; `modules`: the node_modules that may hold sharp."""
    found = {"pixmill": timed(pixmill)}
    if vips.INSTALLED:
        found["stock"] = timed(stock)
    found |= {"pillow": timed(naive), "thumbnail": timed(thumbnail)}
    if vips.INSTALLED:
        found["pyvips"] = stack.enter_context(Child([sys.executable, "-m", "bench.vips_peer"], folder))
    if (modules / "sharp").is_dir():
        found["sharp"] = stack.enter_context(Child(_sharp(modules), folder))
    return found


def floor(source: Path, wanted: Wanted, rounds: int) -> tuple[float, float]:
    """What the codecs alone take of stock Pillow: CPU milliseconds to decode at the plan's scale, and to encode
    the renditions that are there already. Medians."""
    scales = JPEG_SCALES if source.suffix == ".jpg" else FULL_SCALE
    planned = plan(parse({"renditions": wanted}), _sides(source), 1, scales)
    images = [Image.open(io.BytesIO(data)) for data in stock(source, wanted)]
    for image in images:
        image.load()
    specs = {one.shape.spec.name: one.shape.spec for one in planned.steps}
    pairs = [(image, specs[one["name"]]) for image, one in zip(images, wanted, strict=True)]

    def decode() -> None:
        with source.open("rb") as file:
            imagefile.decode(imagefile.open_image(file, FORMATS[source.suffix]), planned.scale)

    def encode() -> None:
        for image, spec in pairs:
            encoders.encode([image], spec.format, spec, b"", None)

    return _median(decode, rounds), _median(encode, rounds)


def _sides(source: Path) -> Size:
    with Image.open(source) as image:
        return Size(*image.size)


def _median(work: Callable[[], None], rounds: int) -> float:
    work()
    found = []
    for _ in range(rounds):
        before = time.process_time()
        work()
        found.append((time.process_time() - before) * 1000)
    return statistics.median(found)
