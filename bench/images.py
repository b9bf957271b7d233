"""What an image costs: CPU milliseconds and likeness, for pixmill's engine and its peers, in one run.

Contenders take turns. In each turn a first run warms up and is not counted; figures are medians of the others. Likeness
is the SSIM (of luma) to the original, decoded at full size and resized by LANCZOS. `codecs` is the floor: stock
Pillow's time to decode at the plan's scale and to encode, without any operation. `pixmill` uses all libraries that are
installed, `planar` libturbojpeg without the extra `vips`, and `stock` Pillow alone. The peers: Pillow as a typical
example uses it, Pillow's thumbnail, pyvips (`pip install pyvips-binary pyvips`), and sharp (`npm install sharp` in a
folder that --modules names).
"""

import argparse
import io
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageOps

from bench.parts.installation import ROOT
from bench.parts.report import close, table
from bench.peers import image_docs
from bench.peers.contenders import Contender, contenders, floor
from bench.peers.typical import LANCZOS, Wanted
from bench.peers.whole.presets import DEFAULT, presets
from host.process import hugepages
from tests.support.pictures.images import TEST_DATA
from tests.support.pictures.quality import ssim

ROUNDS, RUNS = 4, 3
"""Turns of each contender, and counted runs in each."""
FIT = {"width": 720, "height": 588}
FIVE: Wanted = [
    {"name": "w1920", "width": 1920},
    {"name": "w1280", "width": 1280},
    {"name": "w640", "width": 640},
    {"name": "square", "width": 320, "height": 320, "fit": "cover"},
    {"name": "blurred", "width": 64, "blur": 2},
]


class Case(NamedTuple):
    """One piece of work: an original, and the renditions wanted of it."""

    name: str
    source: str
    wanted: Wanted


def _all_in(format: str, *wanted: dict[str, Any]) -> Wanted:
    return [{"name": f"r{index}", **one, "format": format} for index, one in enumerate(wanted)]


CASES = (
    Case("jpeg_to_jpeg", "photo.jpg", _all_in("jpeg", FIT)),
    Case("jpeg_to_webp", "photo.jpg", _all_in("webp", FIT)),
    Case("jpeg_24mp_to_thumb", "24mp.jpg", _all_in("jpeg", {"width": 320})),
    Case("png_to_png", "alpha.png", _all_in("png", FIT)),
    Case("webp_to_jpeg", "photo.webp", _all_in("jpeg", FIT)),
    Case("five_jpeg", "photo.jpg", _all_in("jpeg", *FIVE)),
    Case("five_webp", "photo.jpg", _all_in("webp", *FIVE)),
    Case("default_preset", "photo.jpg", presets(ROOT / "recipes.toml")[DEFAULT]),
)


def make_sources(folder: Path) -> None:
    """Make the originals from test-data/12mp.jpg: 2725 x 2225 pixels, as in sharp's own benchmark, and 24 million."""
    with Image.open(TEST_DATA / "12mp.jpg") as image:
        scene = image.convert("RGB")
    photo = ImageOps.fit(scene, (2725, 2225), LANCZOS)
    photo.save(folder / "photo.jpg", quality=90)
    photo.save(folder / "photo.webp", quality=90)
    photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    photo.resize((2048, 1672), LANCZOS).save(folder / "alpha.png")
    scene.resize((6000, 4000), LANCZOS).save(folder / "24mp.jpg", quality=90)


def likeness(outputs: list[bytes], source: Path) -> float:
    """The mean SSIM of outputs (without blurred ones) to the original: to all of it or to the part that `cover` keeps,
    whichever is higher, because contenders round fractions of a pixel at the edge differently."""
    with Image.open(source) as image:
        original = image.convert("RGBA") if image.mode == "RGBA" else image.convert("RGB")
    found = []
    for data in outputs:
        made = Image.open(io.BytesIO(data))
        if made.width > 64:
            references = original.resize(made.size, LANCZOS), ImageOps.fit(original, made.size, LANCZOS)
            found.append(max(ssim(_flat(made), _flat(reference)) for reference in references))
    return statistics.mean(found)


def _flat(image: Image.Image) -> Image.Image:
    ground = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")


def measure(cases: list[Case], field: dict[str, Contender], folder: Path, rounds: int) -> dict[str, Any]:
    """The figures by contender and case: cpu_ms, ssim, and bytes of all renditions."""
    measured: dict[str, Any] = {name: {} for name in field}
    for case in cases:
        source = folder / case.source
        for name, contender in field.items():
            outputs = contender(source, case.wanted).outputs
            figures = {"cpu_ms": [], "ssim": round(likeness(outputs, source), 4), "bytes": sum(map(len, outputs))}
            measured[name][case.name] = figures
    for _ in range(rounds):
        for case in cases:
            for name, contender in field.items():
                made = [contender(folder / case.source, case.wanted) for _ in range(1 + RUNS)]
                measured[name][case.name]["cpu_ms"] += [one.cpu_ms for one in made[1:]]
    for by_case in measured.values():
        for figures in by_case.values():
            figures["cpu_ms"] = round(statistics.median(figures["cpu_ms"]), 2)
    return measured


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.images")
    parser.add_argument("--modules", type=Path, default=Path("node_modules"), help="the node_modules with sharp")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--docs", action="store_true", help="write the table and the plot of docs/performance.md")
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES], help="only these")
    asked = parser.parse_args()
    hugepages.begin_anew()  # for the codecs alone; each contender is a process of its own
    cases = [case for case in CASES if not asked.case or case.name in asked.case]
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        make_sources(folder)
        field = contenders(stack, asked.modules.absolute(), folder)
        measured = measure(cases, field, folder, asked.rounds)
        floors = {case.name: floor(folder / case.source, case.wanted, asked.rounds * RUNS) for case in cases}
    rows = [
        [case.name, *(f"{one[case.name]['cpu_ms']:.1f} ({one[case.name]['ssim']:.3f})" for one in measured.values()),
         "{:.1f} + {:.1f}".format(*floors[case.name])]
        for case in cases
    ]  # fmt: skip
    table(["CPU ms (SSIM)", *field, "codecs"], rows)
    if asked.docs:
        image_docs.write(measured, floors)
    figures = measured.pop("pixmill")
    for name, (decode_ms, encode_ms) in floors.items():
        figures[name] |= {"decode_ms": round(decode_ms, 2), "encode_ms": round(encode_ms, 2)}
    for name, stock in measured.pop("stock", {}).items():
        figures[name]["stock"] = stock
    close("images", figures, measured)


if __name__ == "__main__":
    main()
