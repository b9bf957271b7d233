"""What counting costs the broker and an upload: the same work with METRICS on and off, side by side.

    python -m bench.metrics.cost [--rounds 5]

Each round starts both, fresh, and gives them work in turns, for a second or some uploads at a time: so what else the
machine does falls upon both. Broker: no-op jobs at capacity 64, as bench/dispatch.py has them: jobs a second, and CPU a
job. Upload: CPU of a web process and of the broker for raw uploads of a small picture, one after the other, without a
worker. Figures are medians over all turns; the ratios and differences are medians of those of each pair of turns.
"""

import argparse
import contextlib
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bench.metrics.scrape import free_port, until_served
from bench.parts.installation import ROOT, Installation, installation, running
from bench.parts.no_ops import NoOps, Run, no_ops
from bench.parts.processes import cpu_ms
from bench.parts.report import close, table
from tests.support.pictures.images import TEST_DATA

ROUNDS, TURNS = 5, 10
SECONDS = 1.0
UPLOADS, WARMING = 50, 100
CAPACITY = 64
ON, OFF = "1", "0"
PICTURE = TEST_DATA / "rotated.jpg"
T = TypeVar("T")
Pair = tuple[float, float]
"""A figure of one turn of each: with metrics, and without."""


def with_metrics(place: Installation, metrics: str) -> Installation:
    """The same installation with this value of METRICS."""
    return place._replace(environ=place.environ | {"PIXMILL_METRICS": metrics})


def in_turns(number: int, work: Callable[[str], T]) -> list[tuple[T, T]]:
    """What `work` with ON and OFF returns, in TURNS pairs. `number`: of the round; which one is first alternates."""
    pairs = []
    for turn in range(number, number + TURNS):
        found = {metrics: work(metrics) for metrics in ((ON, OFF) if turn % 2 else (OFF, ON))}
        pairs.append((found[ON], found[OFF]))
    return pairs


def dispatched(number: int) -> list[tuple[Run, Run]]:
    """Turns of no-op jobs."""
    with contextlib.ExitStack() as stack:
        busy: dict[str, NoOps] = {}
        for metrics in (ON, OFF):
            place = with_metrics(stack.enter_context(installation()), metrics)
            busy[metrics] = stack.enter_context(no_ops(place, ["broker"], CAPACITY))
            busy[metrics].client.drain()

        def work(metrics: str) -> Run:
            run = busy[metrics].measure(SECONDS)
            busy[metrics].client.drain()
            return run

        return in_turns(number, work)


def upload(port: int, count: int) -> None:
    """So many raw uploads, by a process of its own."""
    command = [sys.executable, "-m", "bench.parts.uploader", f"localhost:{port}", "raw", str(PICTURE), "default"]
    subprocess.run([*command, str(count)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def uploaded(number: int) -> list[Pair]:
    """CPU microseconds of web and broker for one upload."""
    with contextlib.ExitStack() as stack:
        served: dict[str, tuple[int, list[int]]] = {}
        for metrics in (ON, OFF):
            place, port = with_metrics(stack.enter_context(installation()), metrics), free_port()
            environ = place.environ | {"PIXMILL_PORT": str(port), "PIXMILL_RECIPES": _recipes(place)}
            roles = [stack.enter_context(running(environ, role)) for role in ("broker", "web")]
            until_served(port)
            upload(port, WARMING)
            served[metrics] = port, [role.pid for role in roles]

        def work(metrics: str) -> float:
            port, pids = served[metrics]
            before = sum(map(cpu_ms, pids))
            upload(port, UPLOADS)
            return (sum(map(cpu_ms, pids)) - before) / UPLOADS * 1000

        return in_turns(number, work)


def _recipes(place: Installation) -> str:
    path = Path(place.run) / "recipes.toml"
    path.write_text('[[presets.default.renditions]]\nname = "a"\nwidth = 32\n')
    return str(path)


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser("python -m bench.metrics.cost")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    runs: list[tuple[Run, Run]] = []
    uploads: list[Pair] = []
    for number in range(rounds):
        runs += dispatched(number)
        uploads += uploaded(number)
    rates = [(on.jobs_per_second, off.jobs_per_second) for on, off in runs]
    cpus = [(on.cpu_us_per_job, off.cpu_us_per_job) for on, off in runs]
    of_rounds = [_ratio(cpus[at : at + TURNS]) for at in range(0, len(cpus), TURNS)]
    rows = [
        (name, *(statistics.median(column) for column in zip(*pairs, strict=True)), _ratio(pairs), _added(pairs))
        for name, pairs in (
            ("no-op jobs/s", rates),
            ("broker CPU us/job", cpus),
            ("web and broker CPU us/upload", uploads),
        )
    ]
    table(("figure", "METRICS=1", "METRICS=0", "ratio", "difference"), rows)
    figures = {
        "rate_ratio": _ratio(rates),
        "broker_us_added": _added(cpus),
        "broker_cpu_ratio": _ratio(cpus),
        "broker_cpu_ratio_by_round": of_rounds,
        "upload_us_added": _added(uploads),
        "rounds": rounds,
        "pairs": len(cpus),
    }
    close("metrics.cost", figures)


def _ratio(pairs: list[Pair]) -> float:
    return round(statistics.median(on / off for on, off in pairs), 3)


def _added(pairs: list[Pair]) -> float:
    return round(statistics.median(on - off for on, off in pairs), 1)


if __name__ == "__main__":
    main()
