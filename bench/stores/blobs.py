"""What blobs in S3 cost beside files: uploads and images a second, and the store's requests for a job.

Two clusters of two workers take turns on one machine: one with files in DATA, one with a bucket of a SeaweedFS server.
A turn uploads pictures that all differ while dispatch is paused, then resumes it until all are done. Nothing comes from
the result cache. The figures are medians, `ratio` is that of each turn's pair. The server shares the machine:
`store_cpu_share` is its part of a core meanwhile, which a store elsewhere would not take from the workers.
"""

import argparse
import statistics
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from bench.parts.photographs import small, unlike
from bench.parts.report import close, table
from tests.support.clusters.cluster import Cluster
from tests.support.servers.seaweed import ENVIRON, SeaweedServer

CLIENTS = 4
SETTINGS: dict[str, Any] = {"workers": 2, "web_processes": 1, "cache_url": "none"}
DONE_SECONDS_MAX = 300.0
WARM_PICTURES = 10


def turn(cluster: Cluster, pictures: list[bytes]) -> tuple[float, float]:
    """Uploads a second, then images a second."""
    with cluster.client() as client:
        client.post("/queue/pause").raise_for_status()
        began = time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as pool:
            jobs = [answer["jobs"][0]["id"] for answer in pool.map(cluster.upload, pictures)]
        uploaded = time.monotonic()
        client.post("/queue/resume").raise_for_status()
        states = {cluster.ended(job, DONE_SECONDS_MAX)["state"] for job in jobs}
        ended = time.monotonic()
    assert states == {"done"}, states
    return len(jobs) / (uploaded - began), len(jobs) / (ended - uploaded)


class Measured(NamedTuple):
    """The turns of each store, and what the server did for the turns on S3: its CPU seconds and requests, for so many
    seconds and jobs."""

    turns: dict[str, list[tuple[float, float]]]
    cpu: float
    requests: Counter[str]
    seconds: float
    jobs: int


def main() -> None:
    """Take turns, and print the figures."""
    parser = argparse.ArgumentParser("python -m bench.stores.blobs", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=100)
    asked = parser.parse_args()
    server, clusters = SeaweedServer(), dict[str, Cluster]()
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder:
        try:
            for name, url in (("files", ""), ("s3", server.url())):
                Path(folder, name).mkdir()
                clusters[name] = Cluster(Path(folder, name), **SETTINGS, blobs_url=url)
                clusters[name].environ |= ENVIRON
                turn(clusters[name].start(), [unlike(small()) for _ in range(WARM_PICTURES)])
            measured = take_turns(server, clusters, asked.rounds, asked.pictures)
        finally:
            for cluster in clusters.values():
                cluster.stop()
            server.close()
    report(measured)


def take_turns(server: SeaweedServer, clusters: dict[str, Cluster], rounds: int, pictures: int) -> Measured:
    """So many turns of each cluster, which begins every second round."""
    turns: dict[str, list[tuple[float, float]]] = {name: [] for name in clusters}
    seconds, cpu, requests = 0.0, _cpu(server), server.requests()
    for number in range(rounds):
        for name in sorted(clusters, reverse=bool(number % 2)):
            began = time.monotonic()
            turns[name].append(turn(clusters[name], [unlike(small()) for _ in range(pictures)]))
            seconds += time.monotonic() - began if name == "s3" else 0.0
    return Measured(turns, _cpu(server) - cpu, server.requests() - requests, seconds, rounds * pictures)


def report(measured: Measured) -> None:
    """The table and the last line."""
    turns, figures = measured.turns, dict[str, Any]()
    per_job = {method: round(count / measured.jobs, 2) for method, count in sorted(measured.requests.items())}
    rates = {name: [statistics.median(one) for one in zip(*taken, strict=True)] for name, taken in turns.items()}
    pairs = list(zip(turns["s3"], turns["files"], strict=True))
    ratios = [statistics.median(s3[at] / files[at] for s3, files in pairs) for at in (0, 1)]
    table(("store", "uploads/s", "images/s"), [(name, *rate) for name, rate in rates.items()])
    table(("ratio", "uploads", "images"), [("s3 / files", *ratios)])
    table(("request", "for a job"), per_job.items())
    for at, what in enumerate(("uploads", "images")):
        figures |= {f"{name}_{what}_per_second": round(rate[at], 2) for name, rate in rates.items()}
        figures[f"{what}_ratio"] = round(ratios[at], 3)
    figures |= {"store_cpu_share": round(measured.cpu / measured.seconds, 3), "requests_per_job": per_job}
    close("stores.blobs", figures)


def _cpu(server: SeaweedServer) -> float:
    assert server.process
    times = psutil.Process(server.process.pid).cpu_times()
    return times.user + times.system


if __name__ == "__main__":
    main()
