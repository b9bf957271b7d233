"""Who waits for whom, on a real cluster: small jobs under a flood of large ones, one tenant behind another's 10,000
jobs, one tenant beside another's heaviest recipes, and priorities across both.

Two workers, no result cache, the default preset. Floods are made with POST /jobs on one stored original. Measured jobs
are uploaded one at a time, at random times from one seed; rounds of small jobs alone and under the flood alternate. A
wait is the time from acceptance to the decoder's start, by the job's timeline. Service times are means of the flood's
latest jobs. The bars:

    small under a flood of large     p95 to the end <= 1.5 x p95 alone + one service time of the large
    one tenant behind 10,000 jobs    wait <= 2 service times
    small beside another's heaviest  p95 to the end <= p95 alone + 2 of its own service times alone
    high priority, small or large    wait <= 2 service times of what it passes
"""

import hashlib
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from bench.parts import photographs
from bench.parts.report import close, percentile, table
from tests.support.clusters.cluster import Cluster, wait_until

WORKERS = 2
TENANTS = ("many", "one")
MANY = 10_000
LARGE_JOBS = 240
ROUNDS = 2
SAMPLES = 20
FEW = 12
HEAVY_JOBS = 12
HEAVIEST = {"name": "heaviest", "width": 5000, "height": 5000, "fit": "fill", "enlarge": True, "rotate": 11,
            "blur": 100.0, "format": "avif", "lossless": True}  # fmt: skip
"""One such rendition takes tens of seconds, from a photograph of some hundred KB."""
LATEST = 50
GAP_SECONDS = 0.4
CONNECTIONS = 4
SEED = 5


class Times(NamedTuple):
    """The times of one job, in seconds: acceptance to the decoder's start, from there to its end, and in total."""

    wait: float
    service: float
    total: float


class Bar(NamedTuple):
    """A measured figure, and its upper limit."""

    name: str
    measured: float
    most: float


class Bench:
    """The cluster, and a client for each tenant."""

    def __init__(self, folder: Path) -> None:
        keys = ",".join(f"{tenant}:operate:{hashlib.sha256(_key(tenant).encode()).hexdigest()}" for tenant in TENANTS)
        self.cluster = Cluster(folder, workers=WORKERS, cache_url="none", log_level="warning", api_keys=keys)
        self._random = random.Random(SEED)
        self._photographs = {"small": photographs.small(), "large": photographs.large()}

    @contextmanager
    def client(self, tenant: str) -> Iterator[httpx2.Client]:
        """A tenant's client."""
        headers = {"Authorization": f"Bearer {_key(tenant)}"}
        with httpx2.Client(base_url=self.cluster.url, headers=headers, timeout=60) as client:
            yield client

    def upload(self, client: httpx2.Client, kind: str, priority: str = "normal") -> str:
        """The id of one job on a photograph of its own."""
        body = photographs.unlike(self._photographs[kind])
        answer = client.post(
            f"/upload?priority={priority}", content=body, headers={"Content-Type": "application/octet-stream"}
        )
        assert answer.status_code == 202, answer.text
        job: str = answer.json()["id"]
        return job

    @contextmanager
    def flood(self, kind: str, jobs: int, renditions: Sequence[dict[str, Any]] = ()) -> Iterator[str]:
        """Queue `jobs` jobs of the tenant `many`, and wait until one is done. They are cancelled with the context."""
        asked = {"recipe": {"renditions": list(renditions)}} if renditions else {}
        with self.client("many") as client:
            source = self.upload(client, kind)
            self.times(client, source)
            client.post("/queue/pause").raise_for_status()
            with ThreadPoolExecutor(CONNECTIONS) as threads:
                list(threads.map(lambda _: self._again(source, jobs // CONNECTIONS, asked), range(CONNECTIONS)))
            client.post("/queue/resume").raise_for_status()
            time.sleep(2.0)
            yield source
            assert client.get("/stats").json()["queue"]["depth"] > WORKERS, "the flood ran dry"
            client.delete("/jobs?state=queued").raise_for_status()
            wait_until(lambda: not client.get("/stats").json()["jobs"]["running"], 200, "nothing to run")

    def _again(self, source: str, jobs: int, asked: dict[str, Any]) -> None:
        with self.client("many") as client:
            for _ in range(jobs):
                client.post("/jobs", json={"original": source, **asked}).raise_for_status()

    def samples(self, tenant: str, kind: str, count: int, priority: str = "normal") -> list[Times]:
        """Uploads at random times, each after the one before has ended."""
        found = []
        with self.client(tenant) as client:
            for _ in range(count):
                time.sleep(self._random.expovariate(1 / GAP_SECONDS))
                found.append(self.times(client, self.upload(client, kind, priority)))
        return found

    def times(self, client: httpx2.Client, job: str) -> Times:
        """Wait for the end of a job, and return its times."""
        found: dict[str, Any] = {"ended_at": None}
        while not found["ended_at"]:
            found = client.get(f"/jobs/{job}?wait=10").json()
        assert found["state"] == "done", found
        return _times(found)

    def service(self) -> float:
        """The mean service time of the flood's latest jobs."""
        with self.client("many") as client:
            listed = client.get("/jobs?state=done&limit=500").json()["jobs"][:LATEST]
            return statistics.mean(self.times(client, job["id"]).service for job in listed)


def _times(job: dict[str, Any]) -> Times:
    at = {entry["event"]: datetime.fromisoformat(entry["at"]).timestamp() for entry in job["timeline"]}
    return Times(at["started"] - at["accepted"], at["ended"] - at["started"], at["ended"] - at["accepted"])


def _key(tenant: str) -> str:
    return f"key-of-the-tenant-{tenant}"


def measure(bench: Bench) -> tuple[list[Bar], dict[str, float]]:
    """The bars, and the service times from which their limits are computed."""
    alone, under, high, larges = [], [], [], []
    bench.samples("one", "small", 4)
    for _ in range(ROUNDS):
        alone += [each.total for each in bench.samples("one", "small", SAMPLES)]
        with bench.flood("large", LARGE_JOBS):
            under += [each.total for each in bench.samples("one", "small", SAMPLES)]
            high += [each.wait for each in bench.samples("one", "small", FEW // ROUNDS, "high")]
            larges.append(bench.service())
    large, most = statistics.mean(larges), 1.5 * percentile(alone, 0.95)
    with bench.flood("small", MANY):
        behind = [each.wait for each in bench.samples("one", "small", FEW)]
        high_large = [each.wait for each in bench.samples("one", "large", FEW, "high")]
        small = bench.service()
    bars = [
        Bar("small under a flood of large, p95 to the end", percentile(under, 0.95), most + large),
        Bar("small of high priority among large, longest wait", max(high), 2 * large),
        Bar("one tenant behind 10,000 jobs, longest wait", max(behind), 2 * small),
        Bar("large of high priority behind 10,000, longest wait", max(high_large), 2 * small),
    ]
    return bars, {"small_alone_p95": percentile(alone, 0.95), "large_service": large, "small_service": small}


def measure_heaviest(bench: Bench) -> tuple[list[Bar], dict[str, float]]:
    """As `measure`, for one tenant's small jobs beside another's heaviest recipes."""
    alone, beside = [], []
    for _ in range(ROUNDS):
        alone += bench.samples("one", "small", SAMPLES)
        with bench.flood("small", HEAVY_JOBS, [HEAVIEST]):
            beside += bench.samples("one", "small", SAMPLES)
    p95, own = percentile([each.total for each in alone], 0.95), statistics.mean(each.service for each in alone)
    measured = percentile([each.total for each in beside], 0.95)
    bar = Bar("small beside another's heaviest, p95 to the end", measured, p95 + 2 * own)
    return [bar], {"own_p95": p95, "own_service": own}


def main() -> None:
    """Measure, print."""
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder:
        bench = Bench(Path(folder))
        try:
            bench.cluster.start()
            bars, seconds = measure(bench)
            more_bars, more_seconds = measure_heaviest(bench)
        finally:
            bench.cluster.stop(60)
    bars, seconds = bars + more_bars, seconds | more_seconds
    rows = [(bar.name, bar.measured, bar.most, "kept" if bar.measured <= bar.most else "PASSED") for bar in bars]
    table(("seconds", "measured", "at most", ""), rows)
    print(", ".join(f"{name} {value:.3f} s" for name, value in seconds.items()))
    figures = {bar.name: {"seconds": round(bar.measured, 3), "most": round(bar.most, 3)} for bar in bars}
    close("fairness", {**figures, **{name: round(value, 3) for name, value in seconds.items()}})


if __name__ == "__main__":
    main()
