"""How soon a lost job is assigned again: SIGKILLs of keepers and decoders in a running cluster under load.

For each lost job, the time is measured to its next `assigned`, by the timelines that the cluster keeps. It runs from
the kill (wall clock, read just before the signal), or, if no capacity was free then, from the first free place after
it. A living worker has a free place for each lease below its capacity. The n-th job that one kill loses is measured
from the n-th free place at or after the kill: first the places that are free at the kill, then those of leases that end
and of workers that say Ready. A place counts even if the broker gave it to another job, so noticing a loss late is not
hidden. The worker of a killed decoder lives, so that job is measured from the kill. Jobs in back-off (the third loss)
are counted apart. Nothing comes from the result cache. One half of the kills meets idle workers, the other half a
backlog.
"""

import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from bench.parts.report import close, percentile, table
from tests.support.clusters.cluster import ROOT, Cluster, wait_until
from tests.support.clusters.load import Load

KILLS = 220
WORKERS, CAPACITY = 4, 2
PACE_SECONDS = (0.3, 0.6)
"""The pause between kills, at random from a seed: long enough that a lost job is done before the next kill."""
LOADS = {"spare": {"clients": 2, "pause": 0.12}, "backlog": {"clients": 4, "pause": 0.08}}
SAMPLE = ROOT / "test-data" / "sample.jpg"
LEASE_ENDS = {"lost", "error", "returned", "ended"}
LOSSES = {"lost", "error", "returned"}
LOSS_SECONDS_MAX = 2.0
"""A lease that fails within this time after the kill of its decoder was lost by that kill."""


class Kill(NamedTuple):
    """One SIGKILL: of the keeper or the decoder of worker `worker` (its label) at wall time `at`."""

    load: str
    target: str
    worker: str
    at: float


class Lease(NamedTuple):
    """One lease, by its job's timeline. `again`: when the job was next assigned. `delayed`: it was in back-off
    before."""

    job: str
    worker: str
    begin: float
    end: float
    how: str
    again: float | None
    delayed: bool


class Sample(NamedTuple):
    """One lost job: milliseconds from the kill, and from the kill or the first free capacity."""

    kill: Kill
    from_kill_ms: float
    reassigned_ms: float
    noticed_ms: float


class Watched:
    """The workers: their labels with the wall time of their Ready, and the choice of the next one to kill."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.since: dict[str, float] = {}
        self._random = random.Random(1)

    def look(self) -> None:
        """Take in who is there now."""
        with self.cluster.client() as client:
            response = client.get("/stats")
        if response.status_code == 200:
            self.since.update((worker["name"], wall(worker["since"])) for worker in response.json()["workers"])

    def target(self) -> tuple[str, int, int]:
        """(label, keeper, decoder) of a worker whose decoder is on the processor now."""

        def busy() -> list[tuple[str, int, int]]:
            self.look()
            labels = {int(name.rpartition("-")[2]): name for name in self.since}
            keepers = [pid for pid in self.cluster.pids("worker", "ready") if pid in labels]
            pairs = [(labels[keeper], keeper, pid) for keeper in keepers for pid in self.cluster.decoders(keeper)]
            return [found for found in pairs if state(found[2]) == "R"]

        return self._random.choice(wait_until(busy, 20, "a decoder at work"))

    def pause(self) -> None:
        """Until the next kill."""
        time.sleep(self._random.uniform(*PACE_SECONDS))


def state(pid: int) -> str:
    """The one-letter state of a process, X where it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return "X"


def wall(text: str) -> float:
    """Wall seconds of an RFC 3339 time."""
    return datetime.fromisoformat(text).timestamp()


def kill_on(watched: Watched, load: str, kills: int) -> Iterator[Kill]:
    """Kill, keepers and decoders in turn."""
    for number in range(kills):
        watched.pause()
        target = ("keeper", "decoder")[number % 2]
        label, keeper, decoder = watched.target()
        at = time.time()
        os.kill(keeper if target == "keeper" else decoder, signal.SIGKILL)
        yield Kill(load, target, label, at)


def ended(cluster: Cluster, accepted: list[str]) -> list[dict[str, Any]]:
    """The jobs once they have ended, or as they are after 60 s without an end."""
    with cluster.client() as client:
        client.timeout = 70
        return [client.get(f"/jobs/{job}?wait=60").raise_for_status().json() for job in accepted]


def leases(job: dict[str, Any]) -> Iterator[Lease]:
    """The leases of a job, in order."""
    timeline = [(wall(entry["at"]), entry) for entry in job["timeline"]]
    starts = [n for n, (_, entry) in enumerate(timeline) if entry["event"] == "assigned"]
    for start, following in zip(starts, [*starts[1:], len(timeline)], strict=True):
        later = timeline[start + 1 : following]
        end, how = next((at, entry) for at, entry in later if entry["event"] in LEASE_ENDS)
        again = timeline[following][0] if following < len(timeline) else None
        delayed = any(entry["event"] == "delayed" for _, entry in later)
        yield Lease(job["id"], timeline[start][1]["worker"], timeline[start][0], end, how["event"], again, delayed)


def judge(kills: list[Kill], all_leases: list[Lease], since: dict[str, float]) -> tuple[list[Sample], int]:
    """The samples, and how many losses were delayed by back-off."""
    by_worker = defaultdict(list)
    for lease in all_leases:
        by_worker[lease.worker].append(lease)
    died = {kill.worker: kill.at for kill in kills if kill.target == "keeper"}
    samples, delayed = [], 0
    for kill in kills:
        lost = [lease for lease in by_worker[kill.worker] if _lost_by(lease, kill)]
        delayed += sum(lease.delayed for lease in lost)
        again = sorted((lease.again, lease.end) for lease in lost if lease.again is not None and not lease.delayed)
        moments = [kill.at] if kill.target == "decoder" else []
        moments += _free(kill.at, by_worker, since, died)
        for (at, end), base in zip(again, sorted(moments), strict=False):
            samples.append(Sample(kill, (at - kill.at) * 1000, max(0.0, at - base) * 1000, (end - kill.at) * 1000))
    return samples, delayed


def _lost_by(lease: Lease, kill: Kill) -> bool:
    soon = kill.target == "keeper" or lease.end < kill.at + LOSS_SECONDS_MAX
    return lease.begin <= kill.at < lease.end and lease.how in LOSSES and soon


def _free(at: float, by_worker: dict[str, list[Lease]], since: dict[str, float], died: dict[str, float]) -> list[float]:
    """The times from `at` on at which a place becomes free; `at` itself for each place that is free then."""
    moments = []
    for worker, ready in since.items():
        if died.get(worker, at + 1) <= at:
            continue
        held = [lease for lease in by_worker[worker] if lease.begin <= at < lease.end]
        moments += [max(at, ready)] * (CAPACITY - len(held))
        moments += [lease.end for lease in by_worker[worker] if lease.end > at]
    return moments


def main() -> int:
    """Kill, wait for every job, print; 1 where a job was lost."""
    kills: list[Kill] = []
    accepted: list[str] = []
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder:
        cluster = Cluster(Path(folder), workers=WORKERS, capacity=CAPACITY, cache_url="none", log_level="warning")
        try:
            watched = Watched(cluster.start())
            for name, settings in LOADS.items():
                with Load(cluster.url, SAMPLE, **settings) as load:  # type: ignore[arg-type]
                    kills += kill_on(watched, name, KILLS // len(LOADS))
                load.check()
                accepted += load.accepted
            jobs = ended(cluster, accepted)
        finally:
            cluster.stop()
    lost = sum(job["state"] != "done" for job in jobs)
    samples, delayed = judge(kills, [lease for job in jobs if job["ended_at"] for lease in leases(job)], watched.since)
    report(kills, samples, delayed, len(jobs), lost)
    return int(lost > 0)


def report(kills: list[Kill], samples: list[Sample], delayed: int, jobs: int, lost: int) -> None:
    """The table and the last line."""
    groups = [(load, target) for load in LOADS for target in ("keeper", "decoder")]
    rows = []
    for load, target in groups:
        mine = [s for s in samples if (s.kill.load, s.kill.target) == (load, target)]
        number = sum((kill.load, kill.target) == (load, target) for kill in kills)
        rows.append((f"{load}, {target}", number, len(mine), *_row(mine)))
    rows.append(("all", len(kills), len(samples), *_row(samples)))
    head = (
        "load, killed",
        "kills",
        "lost leases",
        "reassigned ms p50",
        "p99",
        "max",
        "from the kill p99",
        "noticed p99",
    )
    table(head, rows)
    print(f"{jobs} jobs, {lost} not done; {delayed} losses were a job's third or later and waited by design")
    times = [sample.reassigned_ms for sample in samples]
    figures = {
        "kills": len(kills),
        "lost_leases": len(samples),
        "reassigned_ms_p50": round(percentile(times, 0.5), 1),
        "reassigned_ms_p99": round(percentile(times, 0.99), 1),
        "reassigned_ms_max": round(max(times), 1),
        "from_kill_ms_p99": round(percentile([sample.from_kill_ms for sample in samples], 0.99), 1),
        "noticed_ms_p99": round(percentile([sample.noticed_ms for sample in samples], 0.99), 1),
        "backed_off": delayed,
        "jobs": jobs,
        "lost": lost,
    }
    close("recovery", figures)


def _row(samples: list[Sample]) -> tuple[float, ...]:
    times = [sample.reassigned_ms for sample in samples] or [0.0]
    others = [[sample.from_kill_ms for sample in samples], [sample.noticed_ms for sample in samples]]
    return (
        *(percentile(times, share) for share in (0.5, 0.99, 1.0)),
        *(percentile(one or [0.0], 0.99) for one in others),
    )


if __name__ == "__main__":
    sys.exit(main())
