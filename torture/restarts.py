"""Shows that three events cost nothing: rolling restarts under load, a broker that is stopped for long, and a worker
that is stopped longer than its silence.

Each scenario takes a running cluster, and returns its figures. tests/cluster/faults/test_restarts.py asserts them on a
smaller scale. Nothing comes from the result cache.
"""

import json
import re
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.parts.report import close_scenarios
from tests.support.clusters.cluster import ROOT, Cluster, wait_until
from tests.support.clusters.load import Figures, Job, ended_jobs, figures_of, upload_on
from tests.support.clusters.stalls import stopped

RESTARTS = 10
BROKER_STOPPED_SECONDS = 10.0
WORKERS, WEB_PROCESSES = 2, 2
SETTINGS: dict[str, Any] = {"workers": WORKERS, "web_processes": WEB_PROCESSES, "cache_url": "none"}
BIG = ROOT / "test-data" / "12mp.jpg"
SLOW_WIDTH = 3000
"""More than a second of work on BIG, as an AVIF."""
LOAD_SECONDS = 1.0
"""How long the load runs before and after the event."""
STILL_SECONDS = 1.0
"""How long to wait for an effect of a late answer, after its worker was seen idle."""


def rolling(cluster: Cluster, restarts: int) -> Figures:
    """Renew every process so many times, one restart after the other, under load."""
    everyone = _pids(cluster)
    renewed, seconds = 0, []
    with upload_on(cluster, clients=3, pause=0.05) as load:
        time.sleep(LOAD_SECONDS)
        for _ in range(restarts):
            began = time.monotonic()
            assert "fault" not in cluster.ask(do="restart")
            seconds.append(time.monotonic() - began)
            before, everyone = everyone, _pids(cluster)
            renewed += not before & everyone
        time.sleep(LOAD_SECONDS)
    jobs = ended_jobs(cluster, load.accepted)
    return {
        "restarts": restarts,
        "all_processes_new": renewed,
        "restart_seconds_max": round(max(seconds), 2),
        **figures_of(load, jobs),
    }


def _pids(cluster: Cluster) -> set[int]:
    return {pid for role in ("broker", "web", "worker") for pid in cluster.pids(role, "ready")}


def broker_stopped(cluster: Cluster, seconds: float) -> Figures:
    """Stop the broker (SIGSTOP) for so long under load. `working_seconds`: from its SIGCONT until every worker has
    finished a job that was assigned after it, by the jobs' timelines."""
    (broker,) = cluster.pids("broker", "ready")
    with upload_on(cluster, clients=4, pause=0.02) as load:
        time.sleep(LOAD_SECONDS)
        with stopped(broker):
            time.sleep(seconds)
        continued = time.time()
        time.sleep(2 * LOAD_SECONDS)
    jobs = ended_jobs(cluster, load.accepted)
    assert (broker,) == tuple(cluster.pids("broker", "ready")), "it was not replaced"
    worked = _first_done(jobs, continued)
    return {
        "stopped_seconds": seconds,
        "workers_working": len(worked),
        "working_seconds": round(max(worked.values(), default=continued) - continued, 2),
        **figures_of(load, jobs),
    }


def _first_done(jobs: list[Job], since: float) -> dict[str, float]:
    """When each worker first finished a job that was assigned to it after wall time `since`."""
    found: dict[str, float] = {}
    for job in jobs:
        assigned = [entry for entry in job["timeline"] if entry["event"] == "assigned"][-1]
        at = _wall(job["ended_at"])
        if _wall(assigned["at"]) >= since:
            found[assigned["worker"]] = min(at, found.get(assigned["worker"], at))
    return found


def _wall(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def worker_stopped(cluster: Cluster, silence_seconds: float, width: int = SLOW_WIDTH) -> Figures:
    """Stop a busy keeper (SIGSTOP) until another worker has done its job, continue it, and check that its late answer
    changes nothing. Its decoder is not stopped, so there is a late answer. `width`: pixels of the job's rendition; if
    the other worker took too long for it, the supervisor would end the one that stands still."""
    recipe = json.dumps({"renditions": [{"name": "big", "width": width, "format": "avif"}]})
    name, keeper, job = _holder(cluster, cluster.upload(BIG.read_bytes(), recipe=recipe)["id"])
    with stopped(keeper):
        before = cluster.ended(job, silence_seconds + 60)
    wait_until(lambda: _late_answers(cluster, keeper, job), 20, "the late answer")
    wait_until(lambda: _idle(cluster) == WORKERS, 20, "every worker to be idle again")
    time.sleep(STILL_SECONDS)
    later = [cluster.upload(BIG.read_bytes(), recipe=recipe)["id"] for _ in range(2 * WORKERS)]
    ended = [cluster.ended(other, 60) for other in later]
    after = cluster.get(f"/jobs/{job}")
    finisher = next(entry["worker"] for entry in after["timeline"] if entry["event"] == "ended")
    worked = {entry["worker"] for other in ended for entry in other["timeline"] if entry["event"] == "ended"}
    with cluster.client() as client:
        data = client.get(f"/jobs/{job}/renditions/big").raise_for_status().content
    return {
        "late_answers": _late_answers(cluster, keeper, job),
        "done_elsewhere": int(finisher != name and before["state"] == "done"),
        "changed_by_late_answer": int(after != before or len(data) != before["renditions"][0]["bytes"]),
        "works_again": int(name in worked),
        "later_not_done": sum(other["state"] != "done" for other in ended),
    }


def _late_answers(cluster: Cluster, keeper: int, job: str) -> int:
    return len(re.findall(rf"worker\.{keeper} +finished job={job}", cluster.log()))


def _holder(cluster: Cluster, job: str) -> tuple[str, int, str]:
    """(name, pid, job) of the keeper whose decoder works on `job`."""

    def find() -> tuple[str, int, str] | None:
        for worker in _workers(cluster):
            if any(held["id"] == job and held["seconds"] is not None for held in worker["jobs"]):
                return worker["name"], int(worker["name"].rpartition("-")[2]), job
        return None

    found = wait_until(find, 10, "a decoder to begin")
    assert found is not None
    return found


def _idle(cluster: Cluster) -> int:
    return sum(worker["state"] == "idle" for worker in _workers(cluster))


def _workers(cluster: Cluster) -> list[dict[str, Any]]:
    """The workers in /stats; none while the web process has no beat of a broker."""
    with cluster.client() as client:
        response = client.get("/stats")
    found: list[dict[str, Any]] = response.json()["workers"] if response.status_code == 200 else []
    return found


def broken(name: str, figures: Figures) -> list[str]:
    """The figures of a scenario that are wrong, in words."""
    must: Figures = {"not_done": 0, "ended_twice": 0, "requests_refused": 0}
    must |= {"changed_by_late_answer": 0, "late_answers": 1, "done_elsewhere": 1, "works_again": 1, "later_not_done": 0}
    if name == "rolling":
        must |= {"requests_failed": 0, "attempts_max": 1, "all_processes_new": figures["restarts"]}
    if name == "broker_stopped":
        must |= {"workers_working": WORKERS}
    wrong = [f"{name}: {key} is {figures[key]}" for key, value in must.items() if figures.get(key, value) != value]
    if figures.get("working_seconds", 0.0) > 2.0:
        wrong.append(f"{name}: working_seconds is {figures['working_seconds']}")
    return wrong


def main() -> int:
    """Run all three, print; 1 where anything is broken."""
    found: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder:
        cluster = Cluster(Path(folder), **SETTINGS)
        try:
            cluster.start()
            found["rolling"] = rolling(cluster, RESTARTS)
            found["broker_stopped"] = broker_stopped(cluster, BROKER_STOPPED_SECONDS)
            found["worker_stopped"] = worker_stopped(cluster, 5.0)
        finally:
            cluster.stop()
    return close_scenarios("restarts", found, broken)


if __name__ == "__main__":
    sys.exit(main())
