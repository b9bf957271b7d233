"""What slow clients cost the others. Measures a good client's latency beside 2,000 idle connections, and beside 2,000
that are slow in every way (torture/crowd.py); and how long the server tolerates each kind of slow client.

Both are measured in turn, twice, on one web process without a worker. The good client reads a job, and uploads.
"""

import contextlib
import http.client
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from bench.parts.report import close, percentile, table
from tests.support.clusters.cluster import Cluster
from tests.support.harnesses.web_harness import png
from torture.crowd import IDLE, Crowd, kinds

CONNECTIONS = 2000
ROUNDS = 2
MEASURED_SECONDS = 20.0
REQUESTS_PER_SECOND = 20
BIG_BYTES = 8_000_000
LATE_SECONDS = 3.0
"""Tolerance of a measured time: the server looks for slow clients five times a second, the crowd reads the kernel's
table four times a second, and both may wait for a processor."""
UNDER_MS = 25.0


class Good:
    """A well-behaved client, on one connection. Latencies are in milliseconds."""

    def __init__(self, address: tuple[str, int], job: str) -> None:
        self._http = http.client.HTTPConnection(*address, timeout=30)
        self._asks = {
            "read": ("GET", f"/jobs/{job}", None, {}),
            "upload": ("POST", "/upload", png(), {"Content-Type": "image/png"}),
        }

    def measure(self, seconds: float) -> dict[str, list[float]]:
        """Reads and uploads in turn, at a fixed pace."""
        taken: dict[str, list[float]] = {name: [] for name in self._asks}
        began = time.monotonic()
        for number in range(int(seconds * REQUESTS_PER_SECOND)):
            time.sleep(max(0.0, began + number / REQUESTS_PER_SECOND - time.monotonic()))
            name = ("read", "upload")[number % 2]
            method, path, body, headers = self._asks[name]
            at = time.perf_counter()
            self._http.request(method, path, body, headers)
            response = self._http.getresponse()
            response.read()
            taken[name].append((time.perf_counter() - at) * 1000)
            assert response.status in (200, 202), response.status
        return taken


def main() -> int:
    """Measure, print; 1 if a bound is broken."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    idle: dict[str, list[float]] = {"read": [], "upload": []}
    slow: dict[str, list[float]] = {"read": [], "upload": []}
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder, contextlib.ExitStack() as stack:
        cluster = Cluster(Path(folder), workers=0, cache_url="none")
        stack.callback(cluster.stop)
        cluster.start()
        address = ("127.0.0.1", int(cluster.url.rpartition(":")[2]))
        job = cluster.upload(png(filler=os.urandom(BIG_BYTES)), "big.png")["id"]
        good, slowly = Good(address, job), kinds(f"/jobs/{job}/original")
        for turn in range(ROUNDS):
            for chosen, measured, patience in (([IDLE], idle, 0.0), (slowly, slow, 60.0 * (turn == ROUNDS - 1))):
                crowd = Crowd(chosen, CONNECTIONS, address)
                for name, values in good.measure(MEASURED_SECONDS).items():
                    measured[name] += values
                lives = crowd.leave(patience)
    return report(idle, slow, {kind.name: (kind.seconds, *lives[kind.name]) for kind in slowly})


def report(
    idle: dict[str, list[float]], slow: dict[str, list[float]], lives: dict[str, tuple[float, float, int]]
) -> int:
    """The tables and the last line; 1 if a bound is broken."""
    p99 = {name: (percentile(idle[name], 0.99), percentile(slow[name], 0.99)) for name in idle}
    p50 = {name: (percentile(idle[name], 0.5), percentile(slow[name], 0.5)) for name in idle}
    head = (f"good client, ms, beside {CONNECTIONS:,}", "idle", "slow")
    table(head, [(f"{name} {label}", *of[name]) for name in idle for label, of in (("p50", p50), ("p99", p99))])
    print()
    table(("dropped after, s", "limit", "longest", "dropped"), [(name, *life) for name, life in lives.items()])
    broken = [f"{name} p99" for name, (calm, busy) in p99.items() if busy > max(2 * calm, UNDER_MS)]
    broken += [
        name for name, (limit, longest, dropped) in lives.items() if longest > limit + LATE_SECONDS or not dropped
    ]
    figures: dict[str, object] = {"connections": CONNECTIONS}
    for name, (calm, busy) in p99.items():
        figures |= {f"{name}_p99_ms_idle": calm, f"{name}_p99_ms_slow": busy, f"{name}_p99_ratio": busy / calm}
    figures |= {"dropped": sum(dropped for *_, dropped in lives.values())}
    figures |= {"latest_seconds_past_limit": max(longest - limit for limit, longest, _ in lives.values())}
    names = ("limit_seconds", "longest_seconds", "dropped")
    figures |= {"kinds": {name: dict(zip(names, life, strict=True)) for name, life in lives.items()}}
    close("slow", figures | {"broken": broken})
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
