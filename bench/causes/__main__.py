"""What an upload costs each role, by cause, with 1, 8 and 64 clients: CPU, system calls, wake-ups, bytes, commits.

    python -m bench.causes [--clients 1 8 64] [--seconds 15] [--rounds 3]

Each client uploads the photo of bench/overhead.py by form, waits for its one rendition, and begins again, on a new
connection. A stock cluster with 2 web processes and 2 workers, without the result cache; all clients are one process.
Figures are medians of the rounds, for each job. System calls are counted by strace in runs of their own, in which
everything is slower: so there are more of those calls that wait.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
from prometheus_client.parser import text_string_to_metric_families as parse

from bench.causes.calls import Traced
from bench.causes.counters import Counted, counted
from bench.overhead import cluster_in, make_pictures, make_presets
from bench.parts.fed import PRESET
from bench.parts.processes import family
from bench.parts.report import close, table
from jobs import ids
from tests.support.clusters.cluster import ROOT, Cluster

CLIENTS, SECONDS, ROUNDS, TRACED_SECONDS = (1, 8, 64), 15.0, 3, 6.0
WARM_SECONDS = 2.0
ROLES = ("web", "broker", "keeper", "decoder")
CALLS_SHOWN = 8
COMMITS = "pixmill_cluster_commit_seconds_count"


class Window(NamedTuple):
    """One measured window: jobs a second, and what each role and the ledger did for a job."""

    jobs_per_second: float
    accept_ms: float
    by_role: dict[str, Counted]
    commits: float
    client_share: float


class Load:
    """Clients in a process of their own, against `cluster`."""

    def __init__(self, cluster: Cluster, photo: Path) -> None:
        self._cluster = cluster
        processed = cluster.data / "processed"
        folders = [str(processed / (first + last)) for first in ids.ALPHABET for last in ids.ALPHABET]
        self._plan = {"kind": "closed", "url": cluster.url, "photo": str(photo), "preset": PRESET, "renditions": 1}
        self._plan |= {"folders": folders}

    def measured(self, clients: int, seconds: float) -> Window:
        """One window."""
        figures, (before, commits_before), (after, commits_after) = self._run(clients, WARM_SECONDS, seconds)
        jobs = figures["jobs"]
        return Window(
            jobs / figures["seconds"],
            statistics.median(figures["accept_ms"]),
            {role: after[role].less(before[role], jobs) for role in ROLES},
            (commits_after - commits_before) / jobs,
            figures["cpu_share"],
        )

    def calls(self, role: str, clients: int, seconds: float, folder: Path) -> dict[str, float]:
        """System calls of a role for each job, by name."""
        with Traced(family(self._cluster)[role], folder) as traced:
            figures, *_ = self._run(clients, 0.0, seconds)
        return {name: count / figures["jobs"] for name, count in traced.calls.items()}

    def _run(self, clients: int, warm: float, seconds: float) -> tuple[dict[str, Any], Any, Any]:
        """The generator's figures, and the counters at both ends of its window."""
        plan = {**self._plan, "clients": clients, "warm_seconds": warm, "seconds": seconds}
        command, found, ends = [sys.executable, "-m", "bench.peers.load"], {}, []
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as generator:
            assert generator.stdin and generator.stdout
            generator.stdin.write(json.dumps(plan) + "\n")
            generator.stdin.flush()
            for line in generator.stdout:
                if line.startswith("{"):
                    found = json.loads(line)
                else:
                    ends.append(self._now())
        begin, end = ends
        assert not found["refused"] and not found["unanswered"], found
        return found, begin, end

    def _now(self) -> tuple[dict[str, Counted], float]:
        pids = family(self._cluster)
        text = httpx2.get(f"{self._cluster.url}/metrics", verify=False).text
        samples = {each.name: each.value for one in parse(text) for each in one.samples if not each.labels}
        return {role: counted(pids[role]) for role in ROLES}, samples.get(COMMITS, 0.0)


def medians(windows: list[Window]) -> Window:
    """The median of each figure."""
    roles = {
        role: Counted(*map(statistics.median, zip(*(each.by_role[role] for each in windows), strict=True)))
        for role in ROLES
    }
    rate, accept, commits, share = (
        statistics.median(getattr(each, name) for each in windows)
        for name in ("jobs_per_second", "accept_ms", "commits", "client_share")
    )
    return Window(rate, accept, roles, commits, share)


def report(clients: int, found: Window, calls: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Print the tables of one number of clients; its figures."""
    print(
        f"\n{clients} clients: {found.jobs_per_second:.1f} images/s, accepted after {found.accept_ms:.1f} ms (median),"
        f" {found.commits:.2f} commits a job; the clients took {found.client_share:.2f} of a core"
    )
    table(
        ("a job", "CPU ms", "system ms", "waits", "lost cores", "KB read", "KB written", "calls"),
        [
            (role, round(each.cpu_ms, 2), round(each.system_ms, 2), round(each.waits, 1), round(each.losses, 1),
             round(each.bytes_read / 1000), round(each.bytes_written / 1000), round(sum(calls[role].values())))
            for role, each in found.by_role.items()
        ],
    )  # fmt: skip
    for role, counts in calls.items():
        most = sorted(counts.items(), key=lambda each: -each[1])[:CALLS_SHOWN]
        print(f"{role}: " + ", ".join(f"{name} {count:.1f}" for name, count in most))
    return {
        "images_per_second": round(found.jobs_per_second, 2),
        "commits": round(found.commits, 2),
        "cpu_ms": {role: round(each.cpu_ms, 2) for role, each in found.by_role.items()},
        "waits": {role: round(each.waits, 1) for role, each in found.by_role.items()},
        "calls": {role: round(sum(counts.values()), 1) for role, counts in calls.items()},
    }


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.causes")
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as name:
        folder = Path(name)
        photo, _ = make_pictures(folder)
        settings = {"web_processes": 2, "workers": 2, "cache_url": "none", "log_level": "warning"}
        with cluster_in(folder / "cluster", settings | {"recipes": make_presets(folder)}) as cluster:
            load = Load(cluster, photo)
            windows: dict[int, list[Window]] = {}
            for _ in range(given.rounds):
                for clients in given.clients:
                    windows.setdefault(clients, []).append(load.measured(clients, given.seconds))
            calls = {
                clients: {role: load.calls(role, clients, TRACED_SECONDS, folder) for role in ROLES}
                for clients in given.clients
            }
    found = {str(each): report(each, medians(windows[each]), calls[each]) for each in given.clients}
    close("causes", {"clients": found, "rounds": given.rounds})


if __name__ == "__main__":
    main()
