"""Sends mutated and extreme frames to real processes: a million mutants, and a hundred thousand messages with the
longest allowed texts and lists (torture/extremes.py).

First to a broker, as a web process and as workers (torture/stranger.py). Good frames between them create jobs, workers
and leases that can be confused; now and then a request must be answered. Then to a web process and a worker, as a
hostile broker (torture/false_broker.py). At the end the same processes must do their work. Their logs may have only
warnings. Their memory may not have grown since a tenth of the frames was sent (WARM).
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.parts.processes import memory_mb
from bench.parts.report import close, table
from tests.support.clusters.cluster import Cluster, wait_until
from torture.false_broker import FalseBroker
from torture.stranger import BATCH, EXTREME_BATCH, Stranger

FRAMES, EXTREMES = 1_000_000, 100_000
TO_BROKER = 0.6
"""The share of frames for the broker. The rest goes to web and worker."""
WARM = 0.1
GROWTH_MB_MAX = 20.0
TOLD = ('"sweep_failed"', '"orphan_scan_failed"')
"""Expected errors of a worker: a false broker orders it to delete invalid names."""
QUEUED_MAX = 200
"""Limit of queued jobs. Each has 32 kB in memory, and the queue is full after the first batches."""
SEED = 1


class Growth:
    """The resident memory of a process while it gets frames, in MB."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.warm = self.end = self.most = 0.0

    def look(self, share: float) -> None:
        """Read it, after this share of all frames was sent."""
        now = memory_mb(self._pid, "VmRSS")
        if share <= WARM:
            self.warm = max(self.warm, now)
        self.end, self.most = now, max(self.most, now)

    def figures(self, role: str) -> dict[str, float]:
        """The figures for the table."""
        return {f"{role}_rss_warm_mb": round(self.warm, 1), f"{role}_rss_end_mb": round(self.end, 1),
                f"{role}_rss_most_mb": round(self.most, 1)}  # fmt: skip


def at_broker(folder: Path, mutants: int, extremes: int, seed: int) -> dict[str, Any]:
    """Send both kinds to a broker of its own. Returns the figures, and whether it survived."""
    cluster = Cluster(folder, queued_max=QUEUED_MAX)
    try:
        broker = cluster.start_role("broker", orphan_seconds=10**9, log_format="json")
        stranger, growth = Stranger(cluster.run, seed), Growth(broker.pid)
        began, total = time.monotonic(), max(1, mutants + extremes)
        served = True
        while served and stranger.done < total and broker.poll() is None:
            if stranger.sent["mutated"] * extremes <= stranger.sent["extreme"] * mutants and mutants:
                stranger.batch(seed * 1_000_003 + stranger.sent["mutated"])
            else:
                stranger.extremes()
            if stranger.sent["extreme"] % (10 * EXTREME_BATCH) == 0:
                served = stranger.is_served(60)
                growth.look(stranger.done / total)
        stranger.giant()
        served &= broker.poll() is None and stranger.is_served(60)
        seconds = time.monotonic() - began
        stranger.close()
        ended = broker.poll()
        broker.terminate()
        wait_until(lambda: broker.poll() is not None, 30, "the broker to end")
        log, (stopped,) = cluster.log(), [line for line in cluster.lines() if line["event"] == "stopped"]
        return {
            "mutated": stranger.sent["mutated"], "extreme": stranger.sent["extreme"], "good": stranger.sent["good"],
            "seconds": round(seconds, 1), **growth.figures("broker"),
            "served_at_the_end": served, "ended_before": ended, "exit_status": broker.returncode,
            "dropped": stopped["dropped"], "unsaid": stopped["unsaid"],
            "errors": _errors(log),
        }  # fmt: skip
    finally:
        cluster.stop(60)


def at_web_and_worker(folder: Path, mutants: int, extremes: int, seed: int) -> dict[str, Any]:
    """Send both kinds to a web process and a worker of its own. Returns the figures, and whether they survived."""
    cluster = Cluster(folder, log_format="json", capacity=3)
    broker = None
    try:
        with_ledger = cluster.start_role("broker")  # makes the ledger that web reads
        with_ledger.terminate()
        with_ledger.wait(30)
        broker = FalseBroker(cluster.run, seed)
        worker, web = cluster.start_role("worker"), cluster.start_role("web", port=cluster.take_port())
        broker.meet()
        growths = {"web": Growth(web.pid), "keeper": Growth(worker.pid)}
        began, total = time.monotonic(), max(1, mutants + extremes)
        served = True
        while served and broker.done < total and worker.poll() is None and web.poll() is None:
            if broker.sent["mutated"] * extremes <= broker.sent["extreme"] * mutants and mutants:
                broker.mutants(BATCH // 2)
            else:
                broker.extremes(EXTREME_BATCH // 2)
            served = broker.is_received() and _live(cluster)
            for growth in growths.values():
                growth.look(broker.done / total)
        broker.beat()
        served &= _live(cluster)
        return {
            "mutated": broker.sent["mutated"], "extreme": broker.sent["extreme"],
            "seconds": round(time.monotonic() - began, 1),
            **{name: figure for role, growth in growths.items() for name, figure in growth.figures(role).items()},
            "served_at_the_end": served, "ended_before": worker.poll() or web.poll(),
            "errors": _errors(cluster.log()),
        }  # fmt: skip
    finally:
        if broker is not None:
            broker.close()
        cluster.stop(60)


def _live(cluster: Cluster) -> bool:
    with cluster.client() as client:
        return client.get("/health/live").status_code == 200


def _errors(log: str) -> list[str]:
    told = [line for line in log.splitlines() if not any(event in line for event in TOLD)]
    return [line for line in told if '"error"' in line or not line.startswith("{")]


def held(found: dict[str, Any]) -> bool:
    """Whether all processes survived, and none grew."""
    grown = [
        found[name.replace("_warm_", "_end_")] - warm for name, warm in found.items() if name.endswith("_rss_warm_mb")
    ]
    return bool(found["served_at_the_end"] and not found["errors"] and max(grown) <= GROWTH_MB_MAX)


def main() -> int:
    """Run, print; 1 if anything but drops came of it."""
    parser = argparse.ArgumentParser(prog="python -m torture.frames", description=__doc__)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--extremes", type=int, default=EXTREMES)
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    found = {}
    for name, runs, share in (("broker", at_broker, TO_BROKER), ("others", at_web_and_worker, 1 - TO_BROKER)):
        with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder:
            counts = int(asked.frames * share), int(asked.extremes * share)
            found[name] = runs(Path(folder), *counts, asked.seed)
        rows = [(label, str(value)[-2000:]) for label, value in found[name].items()]
        table((f"mutated and extreme frames at {name}, seed {asked.seed}", ""), rows)
    close("frames", {name: {**one, "errors": len(one["errors"])} for name, one in found.items()})
    return 0 if all(map(held, found.values())) and found["broker"]["exit_status"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
