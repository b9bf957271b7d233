"""Shows that a Redis that stops, ends or starts again under load costs no upload, and hardly any time.

Each scenario takes a running cluster and its Redis, and returns its figures. tests/cluster/test_shared_cache.py asserts
them on a smaller scale. No two uploads are equal: each job asks the cache, and keeps its result there.
"""

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.parts.report import close_scenarios, skipped
from stores.cache.breaker import PAUSE_SECONDS_MOST
from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.clusters.load import Figures, ended_jobs, figures_of, upload_on
from tests.support.patience import stretched
from tests.support.servers.redis import MISSING, RedisServer

STOPPED_SECONDS = 20.0
QUEUED, ROUNDS, ROUND_SECONDS = 6000, 3, 4.0
"""Of images a second with and without a Redis that stands still, in turns, while nobody uploads."""
WORKERS = 2
SETTINGS: dict[str, Any] = {"workers": WORKERS, "web_processes": 2}
CLIENTS, PAUSE = 4, 0.02
FULL_CLIENTS = 16
LOAD_SECONDS = 1.0
"""How long the load runs before the event."""
WARNED_SECONDS = 5.0
RECOVERY_SECONDS_MAX = PAUSE_SECONDS_MOST + 5.0
"""A worker that has jobs probes at the end of its longest pause."""


def disturbed(cluster: Cluster, server: RedisServer, seconds: float) -> Figures:
    """Redis stands still for so long under load."""
    with upload_on(cluster, CLIENTS, PAUSE, distinct=True) as load:
        time.sleep(LOAD_SECONDS)
        with server.stopped():
            warned = _warned(cluster, seconds)
        recovered = _recovered(cluster)
    return {"warned": warned, "recovered_seconds": recovered, **figures_of(load, ended_jobs(cluster, load.accepted))}


def restarted(cluster: Cluster, server: RedisServer, seconds: float) -> Figures:
    """Redis is killed under load, is gone for so long, and is started again, empty."""
    with upload_on(cluster, CLIENTS, PAUSE, distinct=True) as load:
        time.sleep(LOAD_SECONDS)
        server.kill()
        warned = _warned(cluster, seconds)
        server.start()
        recovered = _recovered(cluster)
    return {"warned": warned, "recovered_seconds": recovered, **figures_of(load, ended_jobs(cluster, load.accepted))}


def paced(cluster: Cluster, server: RedisServer) -> Figures:
    """Images a second from a full queue, with a Redis that answers and with one that stands still, in turns. `ratio`:
    the median of the ratios of each pair."""
    rates: dict[str, list[float]] = {"answering": [], "stopped": []}
    _order(cluster, "pause")
    with upload_on(cluster, FULL_CLIENTS, 0.0, distinct=True) as load:
        wait_until(lambda: len(load.accepted) >= QUEUED, 120, "a full queue")
    _order(cluster, "resume")
    for _ in range(ROUNDS):
        rates["answering"].append(_rate(cluster, ROUND_SECONDS))
        with server.stopped():
            rates["stopped"].append(_rate(cluster, ROUND_SECONDS))
        _order(cluster, "pause")  # idle workers ask again, and the queue stays as it is
        _recovered(cluster)
        _order(cluster, "resume")
    left = _count(cluster, "queued")
    ratios = [still / well for still, well in zip(rates["stopped"], rates["answering"], strict=True)]
    jobs = ended_jobs(cluster, load.accepted)
    return {
        "left": left,
        "answering_per_second": round(statistics.median(rates["answering"]), 1),
        "stopped_per_second": round(statistics.median(rates["stopped"]), 1),
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        **figures_of(load, jobs),
    }


def _order(cluster: Cluster, order: str) -> None:
    with cluster.client() as client:
        client.post(f"/queue/{order}").raise_for_status()


def _rate(cluster: Cluster, seconds: float) -> float:
    """Jobs done a second, by the statistics, from one of their beats to another."""
    began, before = time.monotonic(), _count(cluster, "done")
    time.sleep(seconds)
    return (_count(cluster, "done") - before) / (time.monotonic() - began)


def _count(cluster: Cluster, state: str) -> int:
    return int(cluster.get("/stats")["jobs"][state])


def _warned(cluster: Cluster, seconds: float) -> int:
    """Whether /health/ready warns of the cache, and stays ready. All of these seconds pass, and, until it warns, on a
    busy machine as many again as a worker's word may take to be told."""
    began, found = time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds or (
        not found and passed < seconds + stretched(WARNED_SECONDS)
    ):
        view = cluster.get("/health/ready")
        found = max(found, int(any("result cache fails" in warning for warning in view["warnings"])))
        time.sleep(0.1)
    return found


def _recovered(cluster: Cluster) -> float:
    """Seconds until no worker's cache fails any more."""
    began = time.monotonic()
    wait_until(
        lambda: not any("cache" in word for word in cluster.get("/health/ready")["warnings"]),
        2 * RECOVERY_SECONDS_MAX,
        "the cache to answer",
    )
    return round(time.monotonic() - began, 1)


def broken(name: str, figures: Figures) -> list[str]:
    """The figures of a scenario that are wrong, in words."""
    must: Figures = {"not_done": 0, "ended_twice": 0, "requests_failed": 0, "attempts_max": 1, "warned": 1}
    wrong = [f"{name}: {key} is {figures[key]}" for key, value in must.items() if figures.get(key, value) != value]
    if figures.get("recovered_seconds", 0.0) > RECOVERY_SECONDS_MAX:
        wrong.append(f"{name}: recovered_seconds is {figures['recovered_seconds']}")
    if figures.get("left", 1) == 0:
        wrong.append(f"{name}: the queue was empty before the end")
    if figures.get("ratio", 1.0) < 0.9:
        wrong.append(f"{name}: ratio is {figures['ratio']}")
    return wrong


def main() -> int:
    """Run all three, print; 1 where anything is broken."""
    if skipped(shutil.which("redis-server"), MISSING):
        return 0
    found: dict[str, Figures] = {}
    server = RedisServer()
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder:
        cluster = Cluster(Path(folder), **SETTINGS, cache_url=server.url)
        try:
            cluster.start()
            found["stopped"] = disturbed(cluster, server, STOPPED_SECONDS)
            found["killed"] = restarted(cluster, server, STOPPED_SECONDS)
            found["paced"] = paced(cluster, server)
        finally:
            cluster.stop()
            server.close()
    return close_scenarios("shared_cache", found, broken)


if __name__ == "__main__":
    sys.exit(main())
