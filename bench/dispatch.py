"""Durable no-op jobs a second through the real broker, beside a bare durable loop in the same run.

Jobs have the spec of a 1x1 PNG. There is no cache; two stub workers use the real worker session; 512 jobs are in
flight; synchronous=FULL. The bare loop (bench/floors/bare_loop.py) has the same sockets, messages, table and commits,
but no core. Runs are interleaved; figures are medians. CPU is user and system time of the broker process. The core's
share is measured in a separate run, with a clock around the core.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from bench.parts.installation import Fresh, installation, ledger_argument, ledgers
from bench.parts.no_ops import IN_FLIGHT, SECONDS, Run, dispatch
from bench.parts.report import close, percentile, table

CAPACITIES = (2, 64)
ROUNDS = 3


def core_us(fresh: Fresh, folder: Path) -> float:
    """CPU of the core for a job, by a clock around it."""
    with installation(fresh) as place:
        run = dispatch(place, ["bench.floors.probed_broker", str(folder / "core")], 64)
    return float((folder / "core").read_text()) / run.jobs * 1e6


def one(kind: str, capacity: int, fresh: Fresh) -> Run:
    """One run of a fresh broker or bare loop."""
    with installation(fresh) as place:
        return dispatch(place, [{"bare": "bench.floors.bare_loop", "broker": "broker"}[kind]], capacity)


def sync_milliseconds() -> list[float]:
    """This disk's fdatasync after a 4 KB write."""
    times = []
    with tempfile.TemporaryFile() as file:
        for _ in range(300):
            os.write(file.fileno(), b"x" * 4096)
            begin = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begin) * 1000)
    return times


def measure(fresh: Fresh) -> tuple[dict[tuple[str, int], list[Run]], float]:
    """The runs of broker and bare loop, in turns; and the core's share."""
    runs: dict[tuple[str, int], list[Run]] = {}
    for _ in range(ROUNDS):
        for capacity in CAPACITIES:
            for kind in ("broker", "bare"):
                runs.setdefault((kind, capacity), []).append(one(kind, capacity, fresh))
    with tempfile.TemporaryDirectory() as folder:
        return runs, core_us(fresh, Path(folder))


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser("python -m bench.dispatch")
    ledger_argument(parser)
    ledger = parser.parse_args().ledger
    with ledgers(ledger) as fresh:
        runs, core = measure(fresh)
    syncs = sync_milliseconds()
    rate = {key: statistics.median(run.jobs_per_second for run in found) for key, found in runs.items()}
    cpu = {key: statistics.median(run.cpu_us_per_job for run in found) for key, found in runs.items()}
    rows = [(c, rate["broker", c], rate["bare", c], rate["broker", c] / rate["bare", c]) for c in CAPACITIES]
    table(
        ("capacity", "broker jobs/s", "bare jobs/s", "ratio", "broker CPU us/job", "bare CPU us/job"),
        [(*row, cpu["broker", row[0]], cpu["bare", row[0]]) for row in rows],
    )
    print(f"core: {core:.1f} CPU us a job at capacity 64")
    print(f"{IN_FLIGHT} jobs in flight, no cache, medians of {ROUNDS} interleaved runs of {SECONDS:g} s")
    close(
        "dispatch",
        {
            "ledger": ledger,
            "jobs_per_second": {str(c): round(rate["broker", c]) for c in CAPACITIES},
            "of_bare_loop": {str(c): round(rate["broker", c] / rate["bare", c], 3) for c in CAPACITIES},
            "core_us_per_job": round(core, 1),
            "broker_us_per_job": round(cpu["broker", 64], 1),
            "sync_ms_p50": round(percentile(syncs, 0.5), 3),
            "sync_ms_p99": round(percentile(syncs, 0.99), 3),
        },
    )


if __name__ == "__main__":
    main()
