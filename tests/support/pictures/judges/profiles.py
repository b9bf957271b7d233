"""Judges the key `profile` by sharp: `python -m tests.support.pictures.judges.profiles NODE_MODULES`.

NODE_MODULES is a folder with npm's `sharp`. Pictures of several profiles and formats become PNGs, by `keepIccProfile`
and `withIccProfile("p3")`. Prints the largest difference of a channel, of 255, and whether the kept profiles are equal.
"""

import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops, ImageStat

from tests.support.pictures.coloured import SRGB_CURVE, power, profile
from tests.support.pictures.images import TEST_DATA, one, outputs, read, saved

SCRIPT = """
const sharp = require(process.argv[1] + "/sharp");
(async () => {
  for (const [from, how, to] of JSON.parse(process.argv[2])) {
    const image = sharp(from);
    await (how == "keep" ? image.keepIccProfile() : image.withIccProfile("p3")).png().toFile(to);
  }
})();
"""
P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
PROFILES = {
    "none": b"",
    "srgb": profile("sRGB", SRGB_CURVE),
    "p3": profile("Display P3", SRGB_CURVE, P3),
    "adobe": profile("Adobe RGB (1998)", power(563 / 256), ADOBE),
}


def pictures() -> dict[str, Image.Image]:
    """A photograph, and all colours in steps of 17."""
    with Image.open(TEST_DATA / "sample.jpg") as photo:
        small = photo.convert("RGB").resize((300, 400))
    steps = range(0, 256, 17)
    cube = Image.frombytes("RGB", (64, 64), bytes(v for r in steps for g in steps for b in steps for v in (r, g, b)))
    return {"photo": small, "cube": cube, "alpha": Image.merge("RGBA", (*cube.split(), cube.getchannel("R")))}


def main(modules: Path) -> None:
    """Judge all."""
    with tempfile.TemporaryDirectory() as folder:
        asked: list[tuple[str, str, str]] = []
        for (shown, image), (named, icc), format in (
            (one_image, one_profile, format)
            for one_image in pictures().items()
            for one_profile in PROFILES.items()
            for format in ("PNG", "TIFF")
        ):
            path = Path(folder) / f"{shown}-{named}.{format.lower()}"
            path.write_bytes(saved(image, format, **({"icc_profile": icc} if icc else {})))
            asked += [(f"{path}", how, f"{path}.{how}.png") for how in ("keep", "p3")]
        subprocess.run(["node", "-e", SCRIPT, f"{modules}", json.dumps(asked)], check=True)
        for source, how, theirs in asked:
            _tell(Path(source), how, Path(theirs))


def _tell(source: Path, how: str, theirs: Path) -> None:
    made = read(outputs(source.read_bytes(), one(profile=how))["a"])
    other = Image.open(io.BytesIO(theirs.read_bytes())).convert(made.mode)
    difference = ImageChops.difference(made, other)
    extremes: Any = difference.getextrema()
    most, mean = max(high for _, high in extremes), max(ImageStat.Stat(difference).mean)
    kept = made.info.get("icc_profile", b"") == Image.open(theirs).info.get("icc_profile", b"")
    print(f"{source.name:22} {how:5} most {most:3} mean {mean:6.3f} {'equal profiles' if kept else ''}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
