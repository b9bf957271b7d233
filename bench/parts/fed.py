"""A cluster that is fed with uploads, and what it uses: CPU a job by role, images a second, memory.

Of bench/overhead.py.
"""

import os
import signal
import statistics
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

from bench.parts.processes import ROLES, cpu_by_role, family, memory_mb
from jobs.recipes.recipe import canonical, parse
from tests.support.clusters.cluster import ROOT, Cluster, alive, wait_until

WARMING = 20
PRESET = "default"
LARGE_RECIPE = canonical(parse({"renditions": [{"name": "a", "width": 1600, "format": "jpeg"}]}))


def upload(address: str, kind: str, photo: Path, count: int) -> str:
    """`count` uploads by bench/parts/uploader.py; the last one's id."""
    command = [sys.executable, "-m", "bench.parts.uploader", address, kind, str(photo), PRESET, str(count)]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


class Fed:
    """The cluster, with measures of its CPU and memory."""

    def __init__(self, cluster: Cluster, photo: Path) -> None:
        self._cluster, self._photo = cluster, photo

    def begin_anew(self) -> None:
        """Replace all decoders, and warm the new ones up: a decoder's speed depends on the memory pages that it got."""
        old = [pid for keeper in self._cluster.pids("worker") for pid in self._cluster.decoders(keeper)]
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(map(alive, old)), 10, "the decoders to be gone")
        self.uploads("raw", WARMING)

    def uploads(self, kind: str, count: int) -> dict[str, float]:
        """CPU ms a job by role, from the first upload to the last job's end."""
        before = cpu_by_role(self._cluster)
        self._done(self._upload(kind, count))
        after = cpu_by_role(self._cluster)
        return {role: (after[role] - before[role]) / count for role in ROLES}

    def queue(self, count: int) -> str:
        """Queue `count` uploads while the queue is paused. Returns the last one's id."""
        with self._cluster.client() as client:
            client.post("/queue/pause").raise_for_status()
        return self._upload("raw", count)

    def drain(self, last: str, count: int) -> tuple[float, dict[str, float]]:
        """Run the backlog. Returns images per second, and CPU ms per job by role."""
        before, began = cpu_by_role(self._cluster), time.time()
        with self._cluster.client() as client:
            client.post("/queue/resume").raise_for_status()
        self._done(last)
        after = cpu_by_role(self._cluster)
        return self._rate(count, began), {role: (after[role] - before[role]) / count for role in ROLES}

    def memory(self, large: Path) -> dict[str, float]:
        """The peak resident memory of the keepers, and of the decoder of the large picture."""
        job = self._cluster.upload(large.read_bytes(), recipe=LARGE_RECIPE)["id"]
        assert self._cluster.ended(job)["state"] == "done"
        pids = family(self._cluster)
        return {f"{role}_rss_mb": max(memory_mb(pid, "VmHWM") for pid in pids[role]) for role in ("decoder", "keeper")}

    def _upload(self, kind: str, count: int) -> str:
        return upload(self._cluster.url.partition("//")[2], kind, self._photo, count)

    def _done(self, last: str) -> None:
        self._cluster.ended(last, 120)
        wait_until(lambda: not self._cluster.get("/jobs", state="running", limit=1)["jobs"], 10, "all to be done")

    def _rate(self, count: int, began: float) -> float:
        """Images per second until the last job's end, by the jobs' rows."""
        jobs = self._cluster.get("/jobs", limit=count)["jobs"]
        assert all(job["state"] == "done" for job in jobs)
        return count / (max(_wall(job["ended_at"]) for job in jobs) - began)


class Beside:
    """What the cluster's uploads by form cost beside those of a cluster with another value of one setting."""

    def __init__(self, fed: Fed, other: Fed) -> None:
        self._fed, self._other = fed, other
        self.cpu_ms: list[tuple[float, float]] = []

    def round(self, count: int) -> None:
        """`count` uploads to each, in turns."""
        turns = [self._fed, self._other]
        if len(self.cpu_ms) % 2:
            turns.reverse()
        cpu = dict[Fed, float]()
        for each in turns:
            each.begin_anew()
            cpu[each] = sum(each.uploads("multipart", count).values())
        self.cpu_ms.append((cpu[self._fed], cpu[self._other]))

    def figures(self) -> dict[str, float]:
        """Medians: what the cluster uses, and what it uses more than the other one."""
        more = statistics.median(ours - others for ours, others in self.cpu_ms)
        return {"beside_cpu_ms": statistics.median(ours for ours, _ in self.cpu_ms), "beside_more_cpu_ms": more}


def _wall(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
