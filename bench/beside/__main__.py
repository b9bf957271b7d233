"""Pixmill beside whole architectures: Node with sharp, and six Python queues behind FastAPI.

Contenders take turns: each round starts each of them anew, alone on the machine, in another order. Figures are medians
of the rounds, and ratios are medians of the ratios in a round. CPU and memory are those of all processes of a contender
(its web, its queue and server, its workers), without the load generator, whose own share of a processor is printed. The
peers are built as their documentations recommend (bench/peers/whole/rivals.py). What this machine lacks is said and
left out; what the peers are made of is installed by hash into bench/peers/node_modules.

    python -m bench.beside [--table one ...] [--contender pixmill ...] [--rounds 5] [--docs]

The report has all tables that were ever measured here. `--rounds 0 --docs` writes them into the page without measuring.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.beside import dispatch, docs, judged, pressed, recovery, uploads
from bench.beside.figures import Column, Figures, Rounds, Table, cells, medians, merged
from bench.parts import host_memory
from bench.parts.report import close, table
from bench.peers.whole import installed, presets
from bench.peers.whole.contenders import Contender, contenders
from bench.peers.whole.rivals import QUEUES
from bench.peers.whole.stacks import Setting
from tests.support.clusters.cluster import ROOT
from tests.support.pictures.images import TEST_DATA

ROUNDS, SECONDS = 5, 10.0
KEPT = installed.FOLDER / "measured.json"
"""The rounds of all tables, each as it was measured last. So the tables can be measured one by one, and a run that was
ended early has its rounds."""
ALL_NEEDS = frozenset({*installed.LOCKS, "node"})
HELD_BYTES = 5 << 30
"""More than a contender writes."""
TABLES = ("dispatch", *uploads.TITLES, "pressed", "recovery")
PACKAGES = {
    "node": ["sharp", "express", "multer"],
    **{name: [name, "fastapi", "pillow"] for name in QUEUES},
    "taskiq": ["taskiq", "taskiq-redis", "fastapi", "pillow"],
    "pixmill": ["pillow"],
}
"""What a contender is made of."""
PRICE = Table(
    "durability",
    "What is left with full durability",
    (Column("jobs_s", "no-op jobs/s", 2), Column("one_images_s", "images/s, one rendition", 2)),
)


class Bench:
    """The rounds so far, and the files that all contenders get."""

    def __init__(self, folder: Path, asked: argparse.Namespace) -> None:
        self._asked = asked
        self.rounds: Rounds = {}
        self._wanted = presets.presets(ROOT / "recipes.toml")
        self._setting = Setting(folder / "presets.json", folder / "recipes.toml")
        self._setting.presets.write_text(json.dumps(self._wanted))
        self._setting.recipes.write_text(presets.as_recipes(self._wanted))
        self._photo, self._small = folder / "photo.jpg", folder / "small.jpg"
        presets.make_photo(TEST_DATA / "12mp.jpg", self._photo)
        pressed.make_small(TEST_DATA / "sample.jpg", self._small)

    def round(self, field: list[Contender], number: int) -> None:
        """Measure every contender once, in an order that differs from round to round."""
        start = number % len(field)
        for contender in field[start:] + field[:start]:
            figures: Figures = {}
            for measure in (self._dispatch, self._uploads, self._pressed, self._recovery):
                try:
                    measure(contender, number, figures)
                except (AssertionError, OSError, subprocess.SubprocessError) as fault:
                    print(f"round {number + 1}: {contender.name} failed: {fault}"[:2000], flush=True)
            self.rounds.setdefault(contender.name, [{}] * number).append(figures)
            if figures:
                print(f"round {number + 1}: {contender.name} {_short(figures)}", flush=True)

    def _dispatch(self, contender: Contender, number: int, figures: Figures) -> None:
        name = contender.name
        if "dispatch" not in self._asked.table:
            return
        if name == "pixmill":
            stock = dispatch.ours(dispatch.OURS["pixmill:stock-capacity"], self._asked.seconds)
            self.rounds.setdefault("pixmill:stock-capacity", [{}] * number).append(stock)
        if name in dispatch.OURS:
            figures |= dispatch.ours(dispatch.OURS[name], self._asked.seconds)
        elif not name.startswith("pixmill") and not name.endswith(":engine"):
            figures |= dispatch.theirs(contender, self._setting, self._asked.seconds)

    def _uploads(self, contender: Contender, number: int, figures: Figures) -> None:
        safe = contender.name.endswith(":safe")
        chosen = [one for one in uploads.TITLES if one in self._asked.table and (one == "one" or not safe)]
        if chosen:
            with contender.open(self._setting) as stack:
                for preset in chosen:
                    count = len(self._wanted[preset])
                    uploads.check(stack, preset, self._wanted[preset], self._photo)
                    figures |= uploads.measure(stack, preset, count, self._photo, self._asked.seconds, number)

    def _pressed(self, contender: Contender, number: int, figures: Figures) -> None:
        if "pressed" in self._asked.table and ":" not in contender.name:
            count = len(self._wanted[pressed.PRESET])
            with contender.open(self._setting) as stack:
                figures |= pressed.measure(stack, self._photo, self._small, count, self._asked.seconds, number)

    def _recovery(self, contender: Contender, number: int, figures: Figures) -> None:
        variant = contender.name.partition(":")[2]
        if "recovery" in self._asked.table and variant in ("", "safe"):
            for target in contender.killed:
                with contender.open(self._setting) as stack:
                    figures |= recovery.measure(stack, target, self._photo, len(self._wanted[recovery.PRESET]))


def main() -> None:
    """Measure in turns, print."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that all contenders end, too
    asked = arguments()
    field = present([contenders()[name] for name in asked.contender])
    needs = frozenset(need for contender in field for need in contender.needs)
    installed.install(needs)
    before: Rounds = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    with host_memory.hold(HELD_BYTES), tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder:
        bench = Bench(Path(folder), asked)
        for number in range(asked.rounds):
            bench.round(field, number)
            KEPT.write_text(json.dumps(merged(before, bench.rounds)))
    report(merged(before, bench.rounds), installed.versions(ALL_NEEDS), asked)


def arguments() -> argparse.Namespace:
    """What was asked for. Everything, if nothing was."""
    parser = argparse.ArgumentParser(prog="python -m bench.beside")
    names = [*contenders()]
    parser.add_argument("--table", action="append", choices=TABLES, help="only these tables")
    parser.add_argument("--contender", action="append", choices=names, help="only these contenders")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measured window")
    parser.add_argument("--docs", action="store_true", help="write the tables and the plot of docs/performance.md")
    asked = parser.parse_args()
    asked.table, asked.contender = asked.table or [*TABLES], asked.contender or names
    return asked


def present(field: list[Contender]) -> list[Contender]:
    """Those for which this machine has everything. Says what is missing for the others, once each."""
    lacks = {contender.name: installed.missing(contender.needs) for contender in field}
    for sentence in dict.fromkeys(filter(None, lacks.values())):
        print(f"skipped: {sentence} (not measured: {', '.join(name for name in lacks if lacks[name] == sentence)})")
    return [contender for contender in field if not lacks[contender.name]]


def report(rounds: Rounds, versions: dict[str, str], asked: argparse.Namespace) -> None:
    """The tables, what they say, and the last line."""
    ratios = judged.beside_node(rounds) + judged.beside_python(rounds, tuple(QUEUES))
    tables = [dispatch.TABLE, *uploads.tables(), pressed.TABLE, recovery.table()]
    for one, found in [*((one, rounds) for one in tables), (PRICE, judged.durability(rounds))]:
        if rows := cells(one, found):
            print(f"\n{one.title}")
            table(["", *(column.words for column in one.columns)], rows)
    print("\nRatios")
    table(("what", "measured", "bar", "held"), [(one.words, one.value, one.bar, str(one.held)) for one in ratios])
    shares = [figures[key] for found in rounds.values() for figures in found for key in figures if "generator" in key]
    print(f"the load generator took {max(shares, default=0.0):.1%} of one processor at most")
    if asked.docs:
        machine = docs.machine(platform.machine(), os.cpu_count() or 1, versions, packages(rounds))
        docs.write(tables, rounds, ratios, machine)
        docs.write([PRICE], judged.durability(rounds), ratios, machine)
    figures: dict[str, Any] = {name: medians(found) for name, found in rounds.items()}
    close("beside", {**figures, "ratios": {one.words: round(one.value, 3) for one in ratios}})


def packages(measured: Iterable[str]) -> list[str]:
    """The packages whose versions say what was measured, by the contenders' names."""
    names = {name.partition(":")[0] for name in measured}
    return [*dict.fromkeys(package for name in PACKAGES if name in names for package in PACKAGES[name])]


def _short(figures: Figures) -> str:
    return " ".join(f"{key}={value:.4g}" for key, value in figures.items() if "images_s" in key or "_p" not in key)


if __name__ == "__main__":
    main()
