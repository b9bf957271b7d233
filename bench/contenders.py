"""The contenders of bench/images.py: pixmill's own engine, and how others do the same work.

Each is given an original and the renditions wanted, and tells CPU milliseconds (user and system, all
threads) and the encoded bytes. A peer that is not installed is left out.
"""

import io
import json
import os
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from PIL import Image, ImageFilter, ImageOps

from jobs.recipe import parse
from worker.pipeline import run
from worker.reading import PipelineLimits

Wanted = list[dict[str, Any]]
"""Renditions in the words of a recipe."""
LIMITS = PipelineLimits(100_000_000, 500)
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


def vips(source: Path, wanted: Wanted) -> list[bytes]:
    """pyvips: its thumbnail, which shrinks while it loads, from the file for each rendition."""
    import pyvips

    outputs = []
    for one in wanted:
        cut = {"crop": "centre"} if one.get("fit") == "cover" else {}
        image = pyvips.Image.thumbnail(str(source), one["width"], height=one.get("height", 100_000), size="down", **cut)
        image = image.gaussblur(one["blur"]) if "blur" in one else image
        options = {} if one["format"] == "png" else {"Q": 80}
        outputs.append(image.write_to_buffer(f".{one['format']}", keep="none", **options))
    return outputs


class Sharp(AbstractContextManager["Sharp"]):
    """sharp in a Node child. Its outputs come by files, which are not counted."""

    def __init__(self, modules: Path, folder: Path) -> None:
        script = modules.parent / PEERS.name  # Node looks for sharp from where the script is
        if script != PEERS:
            script.write_bytes(PEERS.read_bytes())
        self._folder = folder
        self._child = subprocess.Popen(
            ["node", str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
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
        paths = [self._folder / f"sharp-{index}" for index in range(len(wanted))]
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


def contenders(stack: ExitStack, modules: Path, folder: Path) -> dict[str, Contender]:
    """All that are installed; `modules`: the node_modules that may hold sharp."""
    found = {"pixmill": timed(pixmill), "pillow": timed(naive), "thumbnail": timed(thumbnail)}
    if find_spec("pyvips"):
        os.environ["VIPS_CONCURRENCY"] = "1"
        found["pyvips"] = timed(vips)
    if (modules / "sharp").is_dir():
        found["sharp"] = stack.enter_context(Sharp(modules, folder))
    return found
