"""Web answers as fast under a full backlog as when idle: p99 of GET /health/live and of a 200 KB upload.

One cluster with two web processes and one worker per core, on its defaults but without the result cache. The load
generator is an open loop: each request goes out at its planned time, on a new connection, whether or not earlier ones
are answered. A time runs from the plan to the last byte of the answer. Idle and busy rounds alternate. Idle: the queue
is paused and nothing runs; uploads are accepted and wait. Busy: the same load, while every worker works on a queue of
photographs that never runs empty. All uploads differ in their last bytes. The generator runs on the same machine; its
share of one processor is printed.
"""

import asyncio
import contextlib
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.parts.report import close, percentile, table
from tests.support.clusters.cluster import ROOT, Cluster, wait_until

ROUNDS = 3
ROUND_SECONDS = 12.0
LIVE_PER_SECOND, UPLOADS_PER_SECOND = 40, 10
BACKLOG = 200
"""Photographs queued before the first round. In a busy second fewer jobs end than uploads arrive."""
UPLOAD_BYTES = 200_000
SAMPLE = ROOT / "test-data" / "sample.jpg"
KINDS = ("live", "upload")
Times = dict[str, list[float]]


class Generator:
    """Plans arrivals and keeps the milliseconds of each request, by kind."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 80
        self._live = f"GET /health/live HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n".encode()
        head = f"POST /upload HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n"
        head += f"Content-Type: image/jpeg\r\nContent-Length: {UPLOAD_BYTES}\r\n\r\n"
        self._head, self._photograph = head.encode(), SAMPLE.read_bytes()

    def fill(self, uploads: int) -> None:
        """Upload so many photographs, four at a time."""

        async def four() -> None:
            await asyncio.gather(*(self._request("upload") for _ in range(4)))

        for _ in range(uploads // 4):
            asyncio.run(four())

    def round(self) -> tuple[Times, float]:
        """One round: the milliseconds of each kind, and our own CPU seconds a second."""
        cpu, begin = time.process_time(), time.monotonic()
        times = asyncio.run(self._round())
        return times, (time.process_time() - cpu) / (time.monotonic() - begin)

    async def _round(self) -> Times:
        begin = time.monotonic() + 0.1
        plan = [
            (begin + (number + 0.5 * (kind == "upload")) / rate, kind)
            for kind, rate in zip(KINDS, (LIVE_PER_SECOND, UPLOADS_PER_SECOND), strict=True)
            for number in range(int(rate * ROUND_SECONDS))
        ]
        times: Times = {kind: [] for kind in KINDS}
        async with asyncio.TaskGroup() as group:
            for at, kind in sorted(plan):
                await asyncio.sleep(at - time.monotonic())
                group.create_task(self._timed(at, kind, times[kind]))
        return times

    async def _timed(self, at: float, kind: str, times: list[float]) -> None:
        await self._request(kind)
        times.append((time.monotonic() - at) * 1000)

    async def _request(self, kind: str) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        with contextlib.closing(writer):
            body = os.urandom(UPLOAD_BYTES - len(self._photograph))
            parts = [self._live] if kind == "live" else [self._head, self._photograph, body]
            writer.writelines(parts)
            answer = await reader.read()
        expected = b"HTTP/1.1 200" if kind == "live" else b"HTTP/1.1 202"
        assert answer.startswith(expected), answer[:300]


def post(cluster: Cluster, path: str) -> None:
    """A command to the queue."""
    with cluster.client() as client:
        client.post(path).raise_for_status()


def states(cluster: Cluster) -> dict[str, int]:
    """How many jobs are in each state."""
    counts: dict[str, int] = cluster.get("/stats")["jobs"]
    return counts


def busy_workers(cluster: Cluster) -> int:
    """How many workers hold a job."""
    return sum(bool(worker["jobs"]) for worker in cluster.get("/stats")["workers"])


def main() -> None:
    """Measure in turns, print."""
    found: dict[str, Times] = {"idle": {kind: [] for kind in KINDS}, "backlog": {kind: [] for kind in KINDS}}
    shares: list[float] = []
    depths: list[int] = []
    workers = os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder:
        cluster = Cluster(Path(folder), workers=workers, web_processes=2, cache_url="none", log_level="warning")
        try:
            generator = Generator(cluster.start().url)
            post(cluster, "/queue/pause")
            generator.fill(BACKLOG)
            for _ in range(ROUNDS):
                wait_until(lambda: not states(cluster).get("running"), 30, "nothing to run")
                measure(found["idle"], generator, shares)
                post(cluster, "/queue/resume")
                wait_until(lambda: busy_workers(cluster) == workers, 30, "every worker to work")
                measure(found["backlog"], generator, shares)
                depths.append(states(cluster)["queued"])
                post(cluster, "/queue/pause")
        finally:
            cluster.stop(60)
    assert min(depths) > workers, "the backlog ran empty"
    report(found, statistics.mean(shares), min(depths))


def measure(times: Times, generator: Generator, shares: list[float]) -> None:
    """One round, added to what was measured before."""
    measured, share = generator.round()
    shares.append(share)
    for kind in KINDS:
        times[kind] += measured[kind]


def report(found: dict[str, Times], share: float, depth: int) -> None:
    """The table and the last line."""
    names = {"live": "GET /health/live", "upload": "POST /upload, 200 KB"}
    rows: list[tuple[object, ...]] = []
    figures: dict[str, Any] = {}
    for kind, name in names.items():
        p99 = {state: percentile(times[kind], 0.99) for state, times in found.items()}
        for state, times in found.items():
            some = [percentile(times[kind], part) for part in (0.5, 0.99, 1.0)]
            rows.append((name, state, len(times[kind]), *some, p99[state] / p99["idle"]))
        figures[f"{kind}_ms_p99"] = {state: round(value, 1) for state, value in p99.items()}
        figures[f"{kind}_p99_of_idle"] = round(p99["backlog"] / p99["idle"], 2)
    table(("request", "cluster", "requests", "ms p50", "p99", "max", "p99 of idle"), rows)
    print(
        f"open loop: {LIVE_PER_SECOND} + {UPLOADS_PER_SECOND} requests/s, {ROUNDS} rounds of {ROUND_SECONDS:g} s each;"
        f" the generator used {share:.0%} of one processor; at least {depth} jobs were queued while busy"
    )
    close("responsive", {**figures, "generator_cpu_share": round(share, 3), "queued_min": depth})


if __name__ == "__main__":
    main()
