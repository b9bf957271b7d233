"""What counting costs the broker and an upload: the same work with METRICS on and off, in alternating runs.

    python -m bench.metrics.cost [--rounds 5]

Broker: no-op jobs at capacity 64, as bench/dispatch.py has them: jobs a second, and CPU a job. Upload: CPU of a web
process and of the broker for raw uploads of a small picture, one after the other, without a worker. Figures are
medians. Which of the two is first alternates from round to round.
"""

import argparse
import statistics
import subprocess
import sys
from pathlib import Path

from bench.metrics.scrape import free_port, until_served
from bench.parts.installation import ROOT, Installation, installation, running
from bench.parts.no_ops import dispatch
from bench.parts.processes import cpu_ms
from bench.parts.report import close, table
from tests.support.pictures.images import TEST_DATA

ROUNDS, UPLOADS, WARMING = 5, 400, 50
CAPACITY = 64
ON, OFF = "1", "0"
PICTURE = TEST_DATA / "rotated.jpg"


def with_metrics(place: Installation, metrics: str) -> Installation:
    """The same installation with this value of METRICS."""
    return place._replace(environ=place.environ | {"PIXMILL_METRICS": metrics})


def dispatched(metrics: str) -> tuple[float, float]:
    """No-op jobs a second, and CPU microseconds of the broker for one."""
    with installation() as place:
        run = dispatch(with_metrics(place, metrics), ["broker"], CAPACITY)
    return run.jobs_per_second, run.cpu_us_per_job


def upload(port: int, count: int) -> None:
    """So many raw uploads, by a process of its own."""
    command = [sys.executable, "-m", "bench.parts.uploader", f"localhost:{port}", "raw", str(PICTURE), "default"]
    subprocess.run([*command, str(count)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def uploaded(metrics: str) -> float:
    """CPU milliseconds of web and broker for one upload."""
    port = free_port()
    with installation() as place:
        environ = with_metrics(place, metrics).environ | {"PIXMILL_PORT": str(port), "PIXMILL_RECIPES": _recipes(place)}
        with running(environ, "broker") as broker, running(environ, "web") as web:
            until_served(port)
            upload(port, WARMING)
            before = cpu_ms(broker.pid) + cpu_ms(web.pid)
            upload(port, UPLOADS)
            return (cpu_ms(broker.pid) + cpu_ms(web.pid) - before) / UPLOADS


def _recipes(place: Installation) -> str:
    path = Path(place.run) / "recipes.toml"
    path.write_text('[[presets.default.renditions]]\nname = "a"\nwidth = 32\n')
    return str(path)


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser("python -m bench.metrics.cost")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    rates: dict[str, list[float]] = {ON: [], OFF: []}
    cpus: dict[str, list[float]] = {ON: [], OFF: []}
    uploads: dict[str, list[float]] = {ON: [], OFF: []}
    for number in range(rounds):
        for metrics in (ON, OFF) if number % 2 else (OFF, ON):
            rate, cpu = dispatched(metrics)
            rates[metrics].append(rate)
            cpus[metrics].append(cpu)
            uploads[metrics].append(uploaded(metrics))
    on, off = (
        {name: statistics.median(found[key]) for name, found in (("rate", rates), ("cpu", cpus), ("upload", uploads))}
        for key in (ON, OFF)
    )
    table(
        ("METRICS", "no-op jobs/s", "broker CPU us/job", "web and broker CPU ms/upload"),
        [("1", on["rate"], on["cpu"], round(on["upload"], 3)), ("0", off["rate"], off["cpu"], round(off["upload"], 3))],
    )
    figures = {
        "rate_ratio": round(on["rate"] / off["rate"], 3),
        "broker_us_added": round(on["cpu"] - off["cpu"], 1),
        "broker_cpu_ratio": round(on["cpu"] / off["cpu"], 3),
        "upload_ms_added": round(on["upload"] - off["upload"], 3),
        "rounds": rounds,
    }
    close("metrics.cost", figures)


if __name__ == "__main__":
    main()
