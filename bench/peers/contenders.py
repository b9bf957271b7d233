"""The contenders of bench/images.py: pixmill's own engine, and how others do the same work.

Each is a process of its own, as a decoder is. It gets an original and the wanted renditions, and returns its CPU
milliseconds (user and system, all threads) and the encoded bytes. A peer that is not installed is left out.
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
from typing import NamedTuple, Self
from unittest import mock

from PIL import Image

from bench.peers.makers import OURS, PILLOW, stock
from bench.peers.typical import Wanted
from jobs.images.turns import Size
from jobs.recipes.plan import FULL_SCALE, JPEG_SCALES, plan
from jobs.recipes.recipe import parse
from worker.images import encoders, imagefile
from worker.images.formats import turbojpeg, vips

FORMATS = {".jpg": "jpeg", ".png": "png", ".webp": "webp"}
SHARP = Path(__file__).with_name("peers.mjs")


class Made(NamedTuple):
    """The CPU time of one run, and its renditions in the order in which they were wanted."""

    cpu_ms: float
    outputs: list[bytes]


Contender = Callable[[Path, Wanted], Made]


class Child(AbstractContextManager["Child"]):
    """A contender in a process of its own. Its outputs come by files, which are not counted."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._folder = folder
        environ = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=environ
        )

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._child.stdin
        self._child.stdin.close()
        self._child.wait(10)

    def __enter__(self) -> Self:
        return self

    def __call__(self, source: Path, wanted: Wanted) -> Made:
        """As a Contender."""
        paths = [self._folder / f"peer-{index}" for index in range(len(wanted))]
        outputs = [one | {"path": str(path)} for one, path in zip(wanted, paths, strict=True)]
        assert self._child.stdin
        self._child.stdin.write(json.dumps({"input": str(source), "outputs": outputs}) + "\n")
        assert self._child.stdout
        cpu_ms: float = json.loads(self._child.stdout.readline())["cpu_ms"]
        return Made(cpu_ms, [path.read_bytes() for path in paths])


def _sharp(modules: Path) -> list[str]:
    script = modules.parent / SHARP.name  # Node looks for sharp from where the script is
    if script != SHARP:
        script.write_bytes(SHARP.read_bytes())
    return ["node", str(script)]


def contenders(stack: ExitStack, modules: Path, folder: Path) -> dict[str, Contender]:
    """All that are installed; `modules`: the node_modules that may hold sharp."""
    children = {name: [sys.executable, "-m", "bench.peers.makers", name] for name in (*OURS, *PILLOW)}
    if vips.INSTALLED:
        children["pyvips"] = [sys.executable, "-m", "bench.peers.vips_peer"]
    if not vips.INSTALLED or not turbojpeg.INSTALLED:
        del children["planar"]  # which is what `pixmill` or `stock` is then
    if (modules / "sharp").is_dir():
        children["sharp"] = _sharp(modules)
    return {name: stack.enter_context(Child(command, folder)) for name, command in children.items()}


@mock.patch.object(vips, "INSTALLED", False)
@mock.patch.object(turbojpeg, "INSTALLED", False)
def floor(source: Path, wanted: Wanted, rounds: int) -> tuple[float, float]:
    """CPU milliseconds of stock Pillow's codecs alone: to decode at the plan's scale, and to encode finished
    renditions. Medians."""
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
            encoders.encode(image, spec.format, spec)

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
