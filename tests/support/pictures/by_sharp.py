"""sharp, as a judge of pictures: the same calls on the same files. `python -m tests.support.pictures.by_sharp FOLDER`
compares the cuts of `attention` on the photographs of a folder.

Owns how sharp is run. It is installed as for `make bench-peers`; nothing of pixmill needs it.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageOps

from tests.support.house.needs import lacking
from tests.support.house.npm import packages
from tests.support.pictures.images import ROOT, one, outputs

PROGRAM = Path(__file__).with_suffix(".mjs")
PACKAGES = ROOT / "bench" / "peers" / "node"
RATIOS = ((1, 1), (9, 16), (16, 9), (1, 3), (3, 1))
ALIKE_SHARE = 0.8
"""A cut that takes more of both sides shows nothing."""
SECONDS_MAX = 120


class Sharp:
    """One installation, which works in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._node = shutil.which("node") or lacking("there is no node on this machine")
        self._folder, self._modules = folder, packages(PACKAGES, folder)

    def make(self, asked: Sequence[tuple[Path, list[list[Any]]]]) -> list[tuple[Path, dict[str, Any]]]:
        """The PNG that sharp makes of each file by these calls, and what it tells of it."""
        files = [self._folder / f"{number}.png" for number in range(len(asked))]
        jobs = [
            {"input": str(path), "calls": calls, "output": str(file)}
            for (path, calls), file in zip(asked, files, strict=True)
        ]
        command = [self._node, str(PROGRAM), str(self._modules.parent)]
        done = subprocess.run(
            command, input=json.dumps(jobs), capture_output=True, text=True, timeout=SECONDS_MAX, check=False
        )
        assert done.returncode == 0, done.stderr[-500:]
        return list(zip(files, json.loads(done.stdout), strict=True))


class Cut(NamedTuple):
    """A cut of a photograph, to these sides without any scaling."""

    path: Path
    width: int
    height: int

    def ours(self) -> tuple[float, float]:
        """Left and top as pixmill cuts it."""
        made = outputs(
            self.path.read_bytes(), one(width=self.width, height=self.height, fit="cover", gravity="attention")
        )
        assert made["a"].box is not None
        return made["a"].box[:2]

    def alike(self, left: float, top: float, told: dict[str, Any]) -> float:
        """The share of its pixels that a cut has in common with what sharp told of its own."""
        across = self.width - abs(left + float(told.get("cropOffsetLeft", 0)))
        down = self.height - abs(top + float(told.get("cropOffsetTop", 0)))
        return max(0.0, across) * max(0.0, down) / (self.width * self.height)


def cuts(path: Path) -> list[Cut]:
    """The cuts to the RATIOS that leave out a good part of a photograph."""
    with Image.open(path) as image:
        width, height = ImageOps.exif_transpose(image).size
    found = []
    for x, y in RATIOS:
        scale = min(width / x, height / y)
        cut = Cut(path, int(x * scale), int(y * scale))
        if cut.width <= ALIKE_SHARE * width or cut.height <= ALIKE_SHARE * height:
            found.append(cut)
    return found


def compared(sharp: Sharp, photographs: Sequence[Path]) -> list[tuple[Cut, float]]:
    """Each cut of each photograph, and what it has in common with sharp's."""
    asked = [cut for path in photographs for cut in cuts(path)]
    told = sharp.make(
        [
            (
                cut.path,
                [["resize", {"width": cut.width, "height": cut.height, "fit": "cover", "position": "attention"}]],
            )
            for cut in asked
        ]
    )
    return [(cut, cut.alike(*cut.ours(), info)) for cut, (_, info) in zip(asked, told, strict=True)]


def main(folder: Path) -> None:
    """Print a line for each cut, and how many have at least half in common."""
    with tempfile.TemporaryDirectory() as temporary:
        found = compared(Sharp(Path(temporary)), sorted(path for path in folder.iterdir() if path.is_file()))
    for cut, share in found:
        print(f"{cut.path.name:40} {cut.width:5} x {cut.height:5} {share:5.2f}")
    mean = sum(share for _, share in found) / len(found)
    print(
        f"{sum(share >= 0.5 for _, share in found)} of {len(found)} cuts have at least half in common, {mean:.2f} mean"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
