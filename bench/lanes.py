"""A deep queue of very many tenants: 1,000 tenants x 3 priorities x 2 sizes, 1,000,000 queued jobs, no worker.

As in bench/backlog.py, the jobs are submitted in POSTs of 100 files, and each acknowledgement is awaited. Then the
broker's memory is read, and it is killed and restarted while a worker waits. The longest turn of each broker (read,
decide, commit, send) is measured, too. The bars: resident memory under 200 MB, the first Assign within 1 s of the
start, no turn over 100 ms.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import zmq

from bench.backlog import FILES, POSTS_AWAITED, RECONNECT_MILLISECONDS, ROOT, SETTLE_SECONDS, first_assign, memory, post
from bench.dispatch import Client
from bench.parts.report import close, table
from host.files.folders import endpoint
from jobs import wire
from jobs.recipes.presets import load_presets
from jobs.recipes.recipe import canonical

TENANTS, PRIORITIES, SIZES = 1000, 3, (1600 * 1200, 4000 * 3000)
JOBS = 1_000_000
RESTARTS = 3
RSS_MB, ASSIGN_SECONDS, TURN_MS = 200.0, 1.0, 100.0


def submit_all(client: Client, recipe: str, jobs: int) -> float:
    """Submit all jobs, each POST to another lane. Returns the seconds until the last one was promised."""
    client.acks.recv_multipart()  # Hello
    begin, sent, promised = time.monotonic(), 0, 0
    lanes = [(f"t{t:04}", p, size) for p in range(PRIORITIES) for size in SIZES for t in range(TENANTS)]
    while promised < jobs // FILES:
        while sent < jobs // FILES and sent - promised < POSTS_AWAITED:
            tenant, priority, pixels = lanes[sent % len(lanes)]
            changed = {"tenant": tenant, "priority": priority, "pixels": pixels}
            each = [msgspec.structs.replace(job, **changed) for job in post(recipe)]
            client.push.send(wire.encode(wire.Submit(client.web, str(sent), time.time(), each)))
            sent += 1
        assert client.acks.poll(30_000), "no acknowledgement within 30 s"
        promised += len(wire.to_web.decode(client.acks.recv_multipart()[1]).acks)
        while client.changes.poll(0):
            client.changes.recv_multipart()
    return time.monotonic() - begin


def start_broker(env: dict[str, str], report: Path) -> "subprocess.Popen[bytes]":
    """A broker that times its turns."""
    return subprocess.Popen([sys.executable, "-m", "bench.floors.turns_broker", str(report)], cwd=ROOT, env=env)


def longest(report: Path) -> float:
    """The longest turn so far, in milliseconds."""
    return float(report.read_text().split()[0]) * 1000 if report.exists() else 0.0


def restart(context: "zmq.Context[Any]", run: Path, env: dict[str, str], report: Path) -> tuple[Any, float]:
    """Start a broker while a worker waits. Returns its process, and the seconds until the first Assign."""
    dealer: Any = context.socket(zmq.DEALER)
    dealer.linger = 0
    dealer.reconnect_ivl = RECONNECT_MILLISECONDS
    dealer.connect(endpoint(run, "workers"))
    begin = time.monotonic()
    broker = start_broker(env, report)
    try:
        return broker, first_assign(dealer) - begin
    finally:
        dealer.close(0)


def main() -> None:
    """Queue, weigh, restart, print."""
    parser = argparse.ArgumentParser("python -m bench.lanes")
    parser.add_argument("--jobs", type=int, default=JOBS)
    jobs = parser.parse_args().jobs
    recipe = canonical(load_presets((ROOT / "recipes.toml").read_text())["default"])
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder, contextlib.ExitStack() as stack:
        run = Path(folder) / "run"
        own = {"PIXMILL_DATA": str(Path(folder) / "data"), "PIXMILL_RUN": str(run), "PIXMILL_LOG_LEVEL": "warning"}
        env = {**{name: value for name, value in os.environ.items() if not name.startswith("PIXMILL_")}, **own}
        run.mkdir(mode=0o700)
        broker = start_broker(env, Path(folder) / "filling")
        stack.callback(lambda: broker.kill())
        client = Client(run)
        stack.callback(client.context.destroy, 0)
        seconds = submit_all(client, recipe, jobs)
        time.sleep(SETTLE_SECONDS)
        rss, peak, turn = memory(broker.pid, "VmRSS"), memory(broker.pid, "VmHWM"), longest(Path(folder) / "filling")
        times, after, turns = [], 0.0, 0.0
        for number in range(RESTARTS):
            broker.send_signal(signal.SIGKILL)
            broker.wait()
            broker, taken = restart(client.context, run, env, Path(folder) / f"restart-{number}")
            time.sleep(SETTLE_SECONDS)
            times.append(taken)
            after = max(after, memory(broker.pid, "VmHWM"))
            turns = max(turns, longest(Path(folder) / f"restart-{number}"))
    rows = [
        ("broker RSS with all queued, MB", rss, RSS_MB),
        ("its peak, MB", peak, RSS_MB),
        ("peak after a restart, MB", after, RSS_MB),
        ("restart to first Assign, s, slowest", max(times), ASSIGN_SECONDS),
        ("longest turn while they came, ms", turn, TURN_MS),
        ("longest turn after a restart, ms", turns, TURN_MS),
    ]
    kept = [(*row, "kept" if row[1] <= row[2] else "PASSED") for row in rows]
    table((f"{jobs:,} jobs in {TENANTS * PRIORITIES * len(SIZES):,} lanes", "measured", "at most", ""), kept)
    print(f"accepted in {seconds:.1f} s")
    close("lanes", {name: round(measured, 3) for name, measured, _ in rows})


if __name__ == "__main__":
    main()
