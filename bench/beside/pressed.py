"""Table 3: how soon the web answers while all workers are busy with a long queue, beside the same web when idle.

Idle: the workers stand still, and uploads wait. The open loop is that of bench/responsive.py.
"""

from pathlib import Path

from bench.beside.figures import Column, Figures, Table
from bench.parts.report import percentile
from bench.peers.whole.driver import drive
from bench.peers.whole.stacks import Stack

LIVE_PER_SECOND, UPLOADS_PER_SECOND = 40, 10
BACKLOG, CLIENTS = 300, 4
UPLOAD_BYTES = 200_000
PRESET = "five"
TABLE = Table(
    "pressed",
    "Answers beside a full queue, p99 in ms",
    (
        Column("live_idle", "GET /health/live, idle", 1),
        Column("live_busy", "busy", 1),
        Column("live_ratio", "ratio", 2),
        Column("upload_idle", "upload of 200 KB, idle", 1),
        Column("upload_busy", "busy", 1),
        Column("upload_ratio", "ratio", 2),
    ),
)


def make_small(sample: Path, small: Path) -> None:
    """A photograph of UPLOAD_BYTES, padded after its end."""
    small.write_bytes(sample.read_bytes().ljust(UPLOAD_BYTES, b"\0"))


def measure(stack: Stack, photo: Path, small: Path, renditions: int, seconds: float, seed: int) -> Figures:
    """The p99 of both kinds of requests, idle and busy. Raises AssertionError if the queue ran empty."""
    stack.pause()
    queued = {"kind": "batch", "photo": str(photo), "preset": PRESET, "renditions": renditions, "clients": CLIENTS}
    filled = drive(stack, {**queued, "uploads": BACKLOG, "patience_seconds": 2.0})
    mixed = {"kind": "mixed", "photo": str(small), "preset": PRESET, "seconds": seconds, "seed": seed}
    mixed |= {"live_rate": LIVE_PER_SECOND, "upload_rate": UPLOADS_PER_SECOND}
    times = {"idle": drive(stack, mixed).figures["times"]}
    stack.resume()
    times["busy"] = drive(stack, mixed).figures["times"]
    waiting = sum(not stack.results_of(job) for job in filled.figures["accepted"])
    assert waiting > 2, f"the queue ran empty: {waiting} of {len(filled.figures['accepted'])} left"
    figures = {f"{kind}_{state}": percentile(times[state][kind], 0.99) for state in times for kind in times[state]}
    return figures | {f"{kind}_ratio": figures[f"{kind}_busy"] / figures[f"{kind}_idle"] for kind in times["busy"]}
