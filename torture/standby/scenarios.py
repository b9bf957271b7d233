"""Shows that a broker which dies or stops costs nothing while another one stands by.

Each scenario takes a running cluster of two brokers on one machine, and returns its figures.
tests/cluster/faults/test_standby.py asserts them on a smaller scale. Nothing comes from the result cache.
"""

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

from bench.parts.report import percentile
from pixmill.pictures import numbered
from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.clusters.load import Figures, ended_jobs, figures_of, upload_on
from tests.support.clusters.stalls import stopped

SETTINGS: dict[str, Any] = {"brokers": 2, "workers": 2, "web_processes": 2, "cache_url": "none"}
KILLS, PAUSE_SECONDS = 8, 8.0
RECEIPTS = 20
RECEIPT_SECONDS_MAX = 0.5
STOPPED_SECONDS = 20.0


def active_broker(cluster: Cluster) -> int:
    """The pid of the broker that has the term: it alone records its turns."""
    found = wait_until(lambda: [pid for pid in cluster.pids("broker") if _records(pid)], 20, "a broker to be active")
    return found[-1]


def _records(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return any("/flight/" in os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir())
    return False


def killed(cluster: Cluster, kills: int, pause: float) -> Figures:
    """Kill the active broker so often under load."""
    former = set[int]()
    with upload_on(cluster, clients=3, pause=0.05) as load:
        time.sleep(1.0)
        for _ in range(kills):
            former.add(broker := active_broker(cluster))
            os.kill(broker, signal.SIGKILL)
            time.sleep(pause)
    jobs = ended_jobs(cluster, load.accepted)
    return {
        "kills": kills,
        "brokers": len(former),
        "upload_seconds_max": round(load.seconds_max, 3),
        **figures_of(load, jobs),
    }


def receipts(cluster: Cluster, kills: int, pause: float) -> Figures:
    """Kill the active broker (it stands still from then on), send an upload, and measure until its 202: a receipt from
    the one that stood by. The machine has no other load."""
    seconds = []
    for number in range(kills):
        wait_until(lambda: len(cluster.pids("broker", "ready")) == 2, 20, "a broker to stand by")
        os.kill(active_broker(cluster), signal.SIGKILL)
        began = time.monotonic()
        cluster.upload(numbered(number, 64))
        seconds.append(time.monotonic() - began)
        time.sleep(pause)
    return {
        "receipts": kills,
        "seconds_median": round(percentile(seconds, 0.5), 3),
        "seconds_p99": round(percentile(seconds, 0.99), 3),
    }


def paused(cluster: Cluster, seconds: float) -> Figures:
    """Stop the active broker (SIGSTOP) for so long under load. The locks are still its own, so no other takes the
    term: it is a pause, and uploads get 503 or wait."""
    broker = active_broker(cluster)
    with upload_on(cluster, clients=3, pause=0.05) as load:
        time.sleep(1.0)
        with stopped(broker):
            time.sleep(seconds)
        time.sleep(2.0)
    jobs = ended_jobs(cluster, load.accepted)
    return {
        "stopped_seconds": seconds,
        "kept_the_term": int(active_broker(cluster) == broker),
        **figures_of(load, jobs),
    }


def broken(name: str, figures: Figures) -> list[str]:
    """The figures of a scenario that are wrong, in words."""
    must: Figures = {"not_done": 0, "ended_twice": 0, "requests_refused": 0, "kept_the_term": 1}
    if name in ("killed", "frozen"):
        must |= {"requests_failed": 0, "brokers": figures.get("kills"), "ended_with": 1}
    wrong = [f"{name}: {key} is {figures[key]}" for key, value in must.items() if figures.get(key, value) != value]
    if figures.get("seconds_p99", 0.0) > RECEIPT_SECONDS_MAX:
        wrong.append(f"{name}: seconds_p99 is {figures['seconds_p99']}")
    return wrong
