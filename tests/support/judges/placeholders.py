"""Judges placeholders by the packages of their authors, on all files of the corpus.

`python -m tests.support.judges.placeholders FOLDER` installs npm's thumbhash and blurhash, and PyPI's blurhash, into
the folder. A ThumbHash must have the reference's bytes. Where a channel has no contrast, its amplitudes are noise of
the last digit, and only the decoded picture must be equal.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from PIL import Image

from jobs.images.turns import Size
from tests.support.house.npm import npm
from tests.support.pictures.images import CORPUS, ROOT
from worker.images.facts import looks
from worker.images.facts.blurhash import Parts, blurhash
from worker.images.facts.thumbhash import thumbhash

_JUDGE = """
import { rgbaToThumbHash, thumbHashToRGBA } from "thumbhash";
import { decode } from "blurhash";
import { pixels } from "./preview.mjs";
import fs from "fs";
let equal = 0, shown = 0, page = 0, blurred = [];
const samples = JSON.parse(fs.readFileSync(0));
for (const { width, height, rgba, thumb, blur } of samples) {
  const ours = Uint8Array.from(Buffer.from(thumb, "hex"));
  const theirs = rgbaToThumbHash(width, height, rgba);
  equal += Buffer.compare(ours, theirs) === 0;
  const [one, other, drawn] = [thumbHashToRGBA(ours).rgba, thumbHashToRGBA(theirs).rgba, pixels(ours).rgba];
  one.forEach((value, at) => (shown = Math.max(shown, Math.abs(value - other[at]))));
  one.forEach((value, at) => (page = Math.max(page, Math.abs(value - drawn[at]))));
  if (rgba.some((value, at) => at % 4 === 3 && value < 255)) continue;
  const back = decode(blur, width, height);
  blurred.push(back.reduce((sum, value, at) => sum + Math.abs(value - rgba[at]), 0) / (3 * width * height));
}
const mean = blurred.reduce((a, b) => a + b, 0) / blurred.length;
console.log(JSON.stringify({ files: samples.length, equal, shown, page, blurred: mean }));
"""


def samples() -> Iterator[Image.Image]:
    """The small pictures that are hashed, of all files that Pillow reads."""
    for path in sorted(CORPUS.rglob("*")):
        try:
            with Image.open(path) as image:
                whole = image.convert("RGBA")
        except (OSError, RuntimeError, SyntaxError, ValueError, Image.DecompressionBombError):
            continue
        yield whole.resize(looks.within(Size(*whole.size), looks.HASHED_SIDE), Image.Resampling.BOX)


def main() -> None:
    """Install the judges, and say what they find."""
    folder = Path(sys.argv[1])
    npm("install", "--ignore-scripts", "thumbhash@0.1.1", "blurhash@2.0.5", folder=folder)
    wheels = folder / "pypi"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--target", wheels, "blurhash==1.1.5"], check=True)
    sys.path.append(str(wheels))
    theirs = import_module("blurhash")
    told, spent, unequal = [], {"thumbhash": 0.0, "blurhash": 0.0}, 0
    for image in samples():
        (width, height), rgb = image.size, looks.over(image, None)
        began = time.process_time()
        thumb = thumbhash(width, height, image.tobytes())
        between = time.process_time()
        blur = blurhash(width, height, rgb.tobytes(), Parts(4, 3))
        spent["thumbhash"] += between - began
        spent["blurhash"] += time.process_time() - between
        pixels = [[rgb.getpixel((x, y)) for x in range(width)] for y in range(height)]
        unequal += blur != theirs.encode(pixels, 4, 3)
        told.append({"width": width, "height": height, "rgba": [*image.tobytes()], "thumb": thumb.hex(), "blur": blur})
    (folder / "preview.mjs").write_text((ROOT / "web/pages/preview.js").read_text())
    (folder / "judge.mjs").write_text(_JUDGE)
    done = subprocess.run(["node", "judge.mjs"], cwd=folder, input=json.dumps(told), text=True, capture_output=True)
    sys.stdout.write(done.stdout or done.stderr)
    sys.stdout.write(f"blurhash of PyPI: {unequal} of {len(told)} unequal\n")
    each = ", ".join(f"{name} {1000 * seconds / len(told):.2f} ms" for name, seconds in spent.items())
    sys.stdout.write(f"{each} of CPU each\n")


if __name__ == "__main__":
    main()
