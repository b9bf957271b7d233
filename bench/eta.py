"""How accurate `eta_seconds` is at acceptance, on a real cluster under several loads.

Two workers, no result cache, the default preset. After each 202 comes a GET /jobs/{id}; its `eta_seconds` is compared
with the time from then to the job's `ended_at`. The error is relative to that time. The figures are the median and the
90th percentile of the absolute error, and the median of the signed error (bias; positive: the job ended earlier than
forecast). The uploader runs on the same machine.
"""

import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import httpx2

from bench.parts import photographs
from bench.parts.report import close, percentile, table
from tests.support.clusters.cluster import Cluster

UPLOADERS = 4
WORKERS = 2
SEED = 7


class Upload(NamedTuple):
    """One upload: its photograph, its priority, and the pause before it."""

    kind: str
    priority: str = "normal"
    pause: float = 0.0


class Forecast(NamedTuple):
    """The forecast for a job, its wall time, and the true seconds from then to the job's end."""

    eta: float | None
    position: int | None
    true: float


def loads() -> dict[str, list[Upload]]:
    """The loads, each run to its end before the next."""
    rng = random.Random(SEED)
    mixed = [Upload("small", priority) for priority in ("normal",) * 90 + ("high",) * 45]
    mixed += [Upload("large", priority) for priority in ("normal",) * 6 + ("low",) * 4]
    rng.shuffle(mixed)
    return {
        "a burst of small": [Upload("small")] * 150,
        "small, at a pace": [Upload("small", pause=rng.expovariate(1.2)) for _ in range(90)],
        "a burst of large": [Upload("large")] * 14,
        "mixed, two priorities": [each._replace(pause=0.02) for each in mixed],
    }


class Uploader:
    """Uploads by a few connections, in order, and asks after each job at once."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._pictures = {"small": photographs.small(), "large": photographs.large()}

    def run(self, load: list[Upload]) -> list[Forecast]:
        """Upload all, wait for all."""
        queue = iter(load)
        with ThreadPoolExecutor(UPLOADERS) as threads:
            asked = [pair for done in threads.map(lambda _: self._some(queue), range(UPLOADERS)) for pair in done]
        return [Forecast(eta, position, self._ended_at(job) - at) for job, at, eta, position in asked]

    def _some(self, queue: Iterator[Upload]) -> list[tuple[str, float, float | None, int | None]]:
        asked = []
        with self._cluster.client() as client:
            for upload in queue:
                time.sleep(upload.pause)
                asked.append(self._one(client, upload))
        return asked

    def _one(self, client: httpx2.Client, upload: Upload) -> tuple[str, float, float | None, int | None]:
        body = photographs.unlike(self._pictures[upload.kind])
        headers = {"Content-Type": "application/octet-stream"}
        answer = client.post(f"/upload?priority={upload.priority}", content=body, headers=headers)
        assert answer.status_code == 202, answer.text
        at = time.time()
        job = client.get(f"/jobs/{answer.json()['id']}").json()
        return job["id"], at, job["eta_seconds"], job["queue_position"]

    def _ended_at(self, job: str) -> float:
        ended = self._cluster.ended(job, 300)
        assert ended["state"] == "done", ended
        return datetime.fromisoformat(ended["ended_at"]).timestamp()


def judge(said: list[Forecast]) -> dict[str, float]:
    """The figures of one load."""
    known = [(each.eta, each.true) for each in said if each.eta is not None and each.true > 0]
    errors = [(eta - true) / true for eta, true in known]
    sizes = list(map(abs, errors))
    return {
        "jobs": len(said),
        "unknown": len(said) - len(known),
        "true_seconds_p50": round(statistics.median(true for _, true in known), 2),
        "true_seconds_max": round(max(true for _, true in known), 2),
        "error_p50": round(statistics.median(sizes), 3),
        "error_p90": round(percentile(sizes, 0.9), 3),
        "bias_p50": round(statistics.median(errors), 3),
        "seconds_off_p50": round(statistics.median(abs(eta - true) for eta, true in known), 3),
    }


def measure() -> dict[str, list[Forecast]]:
    """Run every load on one cluster, after some uploads of each kind from which the broker learns service times."""
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder:
        cluster = Cluster(Path(folder), workers=WORKERS, cache_url="none", log_level="warning")
        try:
            uploader = Uploader(cluster.start())
            uploader.run([Upload("small")] * 8 + [Upload("large")] * 3)
            time.sleep(1.5)  # the next beat has the new service times
            return {name: uploader.run(load) for name, load in loads().items()}
        finally:
            cluster.stop(60)


def main() -> None:
    """Measure, print."""
    found = measure()
    figures = {name: judge(said) for name, said in found.items()}
    figures["all"] = judge([each for said in found.values() for each in said])
    columns = list(figures["all"])
    table(("load", *columns), [(name, *(row[column] for column in columns)) for name, row in figures.items()])
    close("eta", figures)


if __name__ == "__main__":
    main()
