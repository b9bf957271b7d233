"""What the cluster adds to the bare engine: CPU a job by role, images a second of a backlog, memory, warm restarts.

The picture has 2725 x 2225 pixels and 829 KB, and becomes one JPEG that fits 720 x 588. Each round runs, in this order:
the bare loop (bench/floors/bare_engine.py: a decoder's pipeline, one process per core); uploads by form, then raw
uploads (by one client, one after the other, while workers work); the bare loop again; a backlog that was queued while
the queue was paused. Each round has fresh decoders, as the bare loop has fresh processes. Runs that are compared follow
each other directly, because the machine's speed changes within seconds.
The overhead is the CPU per job of all processes of the cluster, less the bare loop's. There is no result cache. All
folders of blobs exist, as after 10,000 jobs.

`--beside metrics=0`: what a setting costs. Each round ends with uploads by form to this cluster and to one with another
value of the setting, in turns; the one that begins alternates. Told is the CPU of all roles, in ms a job.
"""

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from bench.parts import host_memory
from bench.parts.fed import PRESET, Beside, Fed, upload
from bench.parts.processes import ROLES
from bench.parts.report import close, table
from bench.parts.warm_restart import Restarts
from jobs import ids
from jobs.recipes.recipe import canonical, parse
from stores.blobs import KINDS
from tests.support.clusters.cluster import ROOT, Cluster
from tests.support.pictures.images import TEST_DATA

ROUNDS = 7
UPLOADS = 60
BACKLOG = 400
RESTARTS = 50
RENDITION = {"name": "a", "width": 720, "height": 588, "format": "jpeg"}
RECIPE = canonical(parse({"renditions": [RENDITION]}))
PHOTO_BYTES = 829_183
"""The size of the photo in sharp's own benchmark."""
RENDITION_BYTES = 25_000
"""The size of its rendition."""
HELD_BYTES = 5 << 30
"""More than all rounds write."""
CORES = os.cpu_count() or 1


def make_pictures(folder: Path) -> tuple[Path, Path]:
    """Make the photo, padded after its end to PHOTO_BYTES, and one of 24 million pixels."""
    with Image.open(TEST_DATA / "12mp.jpg") as image:
        scene = image.convert("RGB")
    photo, large, stream = folder / "photo.jpg", folder / "24mp.jpg", io.BytesIO()
    ImageOps.fit(scene, (2725, 2225), Image.Resampling.LANCZOS).save(stream, "JPEG", quality=95)
    photo.write_bytes(stream.getvalue().ljust(PHOTO_BYTES, b"\0"))
    scene.resize((6000, 4000), Image.Resampling.LANCZOS).save(large, quality=90)
    return photo, large


def make_presets(folder: Path) -> Path:
    """Make the file with the one preset, which has the one rendition."""
    presets = folder / "recipes.toml"
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in RENDITION.items()]
    presets.write_text(f"[[presets.{PRESET}.renditions]]\n{''.join(lines)}")
    return presets


def make_folders(data: Path) -> None:
    """Make the folders of all blobs."""
    data.mkdir(mode=0o700)
    for kind in KINDS:
        for first in ids.ALPHABET:
            for last in ids.ALPHABET:
                (data / kind / (first + last)).mkdir(parents=True)


class Bare:
    """The bare loop on every core at once: what a job costs, and how many are done a second."""

    def __init__(self, photo: Path) -> None:
        self._photo = photo
        self.cpu_ms: list[float] = []
        self.images_a_second: list[float] = []

    def round(self, count: int) -> None:
        """Run `count` images, split over all cores."""
        command = [sys.executable, "-m", "bench.floors.bare_engine", str(self._photo), RECIPE, str(count // CORES)]
        loops = [
            subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(CORES)
        ]
        for loop in loops:
            assert loop.stdout and loop.stdout.readline() == "ready\n"
        began = time.monotonic()
        for loop in loops:
            assert loop.stdin
            loop.stdin.write("\n")
            loop.stdin.flush()
        cpu = sum(float(loop.communicate()[0]) for loop in loops)
        self.images_a_second.append(count / (time.monotonic() - began))
        self.cpu_ms.append(cpu / count)

    def less(self, used: dict[str, float]) -> dict[str, float]:
        """The CPU that a cluster used, by role, less that of the last round here."""
        return {**used, "decoder": used["decoder"] - self.cpu_ms[-1]}


class Floor:
    """CPU ms of an upload that is only received and kept, and of its rendition (bench/floors/bare_intake.py)."""

    def __init__(self, folder: Path, photo: Path) -> None:
        self._folder, self._photo = folder / "floor", photo
        self.cpu_ms: list[float] = []

    def round(self, count: int) -> None:
        """`count` uploads."""
        command = [sys.executable, "-m", "bench.floors.bare_intake", str(self._folder / str(len(self.cpu_ms)))]
        command.append(str(RENDITION_BYTES))
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as intake:
            assert intake.stdout
            upload(f"127.0.0.1:{intake.stdout.readline().strip()}", "raw", self._photo, count)
            self.cpu_ms.append(float(intake.stdout.readline()))


@contextmanager
def cluster_in(folder: Path, settings: dict[str, Any]) -> Iterator[Cluster]:
    """A running cluster in `folder`, which is made; it is stopped at the end."""
    folder.mkdir()
    cluster = Cluster(folder, **settings)
    try:
        make_folders(cluster.data)
        yield cluster.start()
    finally:
        cluster.stop(60)


def main() -> None:
    """Measure in turns, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.overhead")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--beside", metavar="NAME=VALUE", help="what this setting would save")
    given = parser.parse_args()
    rounds = given.rounds
    added: dict[str, list[dict[str, float]]] = {"multipart": [], "raw": [], "backlog": []}
    ratios: list[float] = []
    with host_memory.hold(HELD_BYTES), tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder:
        photo, large = make_pictures(Path(folder))
        bare, floor = Bare(photo), Floor(Path(folder), photo)
        settings: dict[str, Any] = {"workers": CORES, "cache_url": "none", "log_level": "warning"}
        settings["recipes"] = make_presets(Path(folder))
        with ExitStack() as clusters:
            fed, beside = Fed(clusters.enter_context(cluster_in(Path(folder) / "one", settings)), photo), None
            if given.beside:
                name, _, value = given.beside.partition("=")
                other = clusters.enter_context(cluster_in(Path(folder) / "other", settings | {name: value}))
                beside = Beside(fed, Fed(other, photo))
            for _ in range(rounds):
                fed.begin_anew()
                floor.round(UPLOADS)
                bare.round(UPLOADS)
                for kind in ("multipart", "raw"):
                    added[kind].append(bare.less(fed.uploads(kind, UPLOADS)))
                last = fed.queue(BACKLOG)
                bare.round(BACKLOG)
                rate, used = fed.drain(last, BACKLOG)
                ratios.append(rate / bare.images_a_second[-1])
                added["backlog"].append(bare.less(used))
                if beside:
                    beside.round(UPLOADS)
            memory = fed.memory(large)
        restarts = Restarts(photo, RECIPE).measure(RESTARTS)
    others = {**memory, "warm_restart_ms_p50": statistics.median(restarts)} | (beside.figures() if beside else {})
    report(bare, added, ratios, {"floor_cpu_ms": statistics.median(floor.cpu_ms), **others})


def report(bare: Bare, added: dict[str, list[dict[str, float]]], ratios: list[float], others: dict[str, float]) -> None:
    """Print the table and the last line. The overhead is the median of the rounds."""
    rows, by_role = [], {}
    for kind, rounds in added.items():
        by_role[kind] = {role: round(statistics.median(each[role] for each in rounds), 2) for role in ROLES}
        by_role[kind]["all"] = round(statistics.median(sum(each.values()) for each in rounds), 2)
        rows.append((kind, *by_role[kind].values()))
    table(("CPU ms a job over the bare loop", *ROLES, "all"), rows)
    cpu_ms, ratio = statistics.median(bare.cpu_ms), statistics.median(ratios)
    most = cpu_ms / (cpu_ms + by_role["backlog"]["all"])
    print(
        f"bare loop, {CORES} at once: {cpu_ms:.1f} CPU ms an image and {statistics.median(bare.images_a_second):.1f}"
        f" images/s; of these a backlog had {ratio:.3f}, and no more than {most:.3f} could be had, by its CPU"
    )
    figures = {
        "multipart_cpu_ms": by_role["multipart"]["all"], "raw_cpu_ms": by_role["raw"]["all"], "by_role": by_role,
        "bare_cpu_ms": round(cpu_ms, 2), "backlog_of_bare": round(ratio, 3), "backlog_of_bare_most": round(most, 3),
        **{name: round(value, 2) for name, value in others.items()}, "rounds": len(ratios),
    }  # fmt: skip
    table(("other figures", ""), others.items())
    close("overhead", figures)


if __name__ == "__main__":
    main()
