"""What hostile files cost their neighbours: the processing time (started to ended) of photographs beside them. And how
much memory hostile files get.

One cluster with two workers, on its defaults but without the result cache. Photographs come one after the other. Short
rounds of three kinds alternate, so that other load of the machine affects all. Quiet: nothing else runs. Hostile:
another client always has one hostile file in work (tests/support/pictures/hostile.py: bombs, claims, loops). Ordinary:
that client has photographs. The decoders' peak memory is read from /proc all the time.
"""

import itertools
import secrets
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.parts.report import close, percentile, table
from jobs.limits import DECODER_BYTES_MAX
from tests.support.clusters.beside import Repeated
from tests.support.clusters.cluster import ROOT, Cluster
from tests.support.pictures.hostile import CRAFTED
from tests.support.pictures.outcomes import answers

ROUNDS, PHOTOGRAPHS = 24, 5
SAMPLE = (ROOT / "test-data" / "sample.jpg").read_bytes()
LOOK_SECONDS = 0.05
RATIO_ALLOWED = 1.5


def main() -> None:
    """Print the table and the figures."""
    times: dict[str, list[float]] = {"quiet": [], "hostile": [], "ordinary": []}
    hostile_jobs, peaks = [0], [0]
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder), workers=2, cache_url="none").start()
        beside = _neighbours(cluster, hostile_jobs)
        try:
            workers = cluster.pids("worker")
            _photographs(cluster, 4)
            with Repeated(lambda: _look(cluster, workers, peaks)):
                for kind in list(times) * ROUNDS:
                    with beside[kind]():
                        times[kind] += _photographs(cluster, PHOTOGRAPHS)
        finally:
            cluster.stop()
    _say(times, hostile_jobs[0], peaks[0])


def _neighbours(cluster: Cluster, hostile_jobs: list[int]) -> dict[str, Callable[[], AbstractContextManager[object]]]:
    """The other client, by the kind of round."""
    bombs = itertools.cycle({name: make() for name, make in CRAFTED.items()}.items())
    return {
        "quiet": nullcontext,
        "hostile": lambda: Repeated(lambda: _bomb(cluster, *next(bombs), hostile_jobs)),
        "ordinary": lambda: Repeated(lambda: _photographs(cluster, 1)),
    }


def _say(times: dict[str, list[float]], hostile_jobs: int, peak_bytes: int) -> None:
    figures: dict[str, Any] = {
        f"{kind}_{label}_ms": percentile(found, share)
        for kind, found in times.items()
        for label, share in (("p50", 0.5), ("p95", 0.95))
    }
    for kind, name in (("hostile", "p95_ratio"), ("ordinary", "ordinary_p95_ratio")):
        figures[name] = figures[f"{kind}_p95_ms"] / figures["quiet_p95_ms"]
    figures |= {"p95_ratio_allowed": RATIO_ALLOWED, "hostile_files": hostile_jobs}
    figures |= {"decoder_peak_mb": peak_bytes / 1e6, "decoder_limit_mb": DECODER_BYTES_MAX / 1e6}
    rows = [(kind, figures[f"{kind}_p50_ms"], figures[f"{kind}_p95_ms"]) for kind in times]
    table(("photographs beside", "p50 ms", "p95 ms"), rows)
    print(f"{hostile_jobs} hostile files; a decoder's peak {peak_bytes / 1e6:.0f} MB of {DECODER_BYTES_MAX / 1e6:.0f}")
    close("bombs", figures)


def _photographs(cluster: Cluster, count: int) -> list[float]:
    """Milliseconds from started to ended for different photographs, uploaded one by one."""
    return [_one(cluster, SAMPLE + secrets.token_bytes(8)) for _ in range(count)]


def _one(cluster: Cluster, image: bytes) -> float:
    job = cluster.ended(cluster.upload(image)["id"])
    assert job["state"] == "done", job
    at = {line["event"]: datetime.fromisoformat(line["at"]) for line in job["timeline"]}
    return (at["ended"] - at["started"]).total_seconds() * 1000


def _bomb(cluster: Cluster, name: str, data: bytes, count: list[int]) -> None:
    (answer,) = answers(cluster, {name: data}).values()
    assert answer.get("state", "failed") in ("done", "failed"), answer
    count[0] += 1


def _look(cluster: Cluster, workers: list[int], peaks: list[int]) -> None:
    for decoder in [pid for worker in workers for pid in cluster.decoders(worker)]:
        try:
            status = Path(f"/proc/{decoder}/status").read_text()
        except OSError:
            continue
        lines = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        peaks[0] = max([peaks[0], *(int(line.split()[1]) * 1024 for line in lines)])
    time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main()
