"""A deep queue costs disk, not memory: 1,000,000 queued jobs and no worker.

    python -m bench.backlog [--tenants 1000]

All jobs are of one lane; with `--tenants`, each tenant has six lanes: three priorities, two sizes. The jobs are
submitted as by a web process, in POSTs of 100 files with the default preset's recipe, each POST to another lane. Each
acknowledgement is awaited, so every row is committed (synchronous=FULL). The broker's resident memory is read after the
first 20,000 jobs and after all.

Then the broker is killed (SIGKILL) and restarted several times. A restart's time runs from the spawn of the process to
the first Assign at a waiting worker; the slowest restart counts. The longest turn of each broker (read, decide, commit,
send) is measured, too.
"""

import argparse
import contextlib
import itertools
import os
import secrets
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import zmq

from bench.parts.client import Client
from bench.parts.installation import ROOT, Installation, installation, ledger_argument, ledgers, spawn
from bench.parts.processes import memory_mb
from bench.parts.report import close, table
from host.files.folders import endpoint
from jobs import ids, wire
from jobs.job import PRIORITIES, Original, Spec, encode
from jobs.recipes.presets import load_presets
from jobs.recipes.recipe import canonical

JOBS, FIRST = 1_000_000, 20_000
FILES = 100
"""Jobs of one POST."""
POSTS_AWAITED = 64
RESTARTS = 5
SETTLE_SECONDS = 2.0
RECONNECT_MILLISECONDS = 10
"""As worker/keeper/loop.py has it."""
SIZES = (120.0, 640.0)
"""The expected CPU of a small and of a large job, in milliseconds."""
RSS_RATIO, TENANTS_RSS_MB, ASSIGN_SECONDS, TURN_MS = 1.1, 200.0, 1.0, 100.0


class Filled(NamedTuple):
    """What one broker was while the jobs arrived."""

    first_mb: float
    mb: float
    peak_mb: float
    turn_ms: float
    seconds: float


class Restarted(NamedTuple):
    """What its successors were: their largest memory, their longest turn, and each one's seconds to the first
    Assign."""

    peak_mb: float
    turn_ms: float
    seconds: list[float]


class Submitter:
    """Submits POSTs, to each lane in turn."""

    def __init__(self, client: Client, tenants: int) -> None:
        self._client = client
        self._recipe = canonical(load_presets((ROOT / "recipes.toml").read_text())["default"])
        names = [f"t{number:04}" for number in range(tenants)]
        lanes = [(name, p, cost) for p in range(len(PRIORITIES)) for cost in SIZES for name in names]
        self._lanes = itertools.cycle(lanes or [("", 1, SIZES[0])])
        client.acks.recv_multipart()  # Hello

    def submit(self, jobs: int) -> float:
        """Submit so many. Returns the seconds until the last one was promised."""
        begin, sent, promised = time.monotonic(), 0, 0
        while promised < jobs // FILES:
            while sent < jobs // FILES and sent - promised < POSTS_AWAITED:
                submit = wire.Submit(self._client.web, secrets.token_hex(8), time.time(), self._post())
                self._client.push.send(wire.encode(submit))
                sent += 1
            promised += self._acknowledged()
        return time.monotonic() - begin

    def _acknowledged(self) -> int:
        """Wait for acknowledgements. Returns how many came."""
        assert self._client.acks.poll(30_000), "no acknowledgement within 30 s"
        message = wire.to_web.decode(self._client.acks.recv_multipart()[1])
        assert all(ack.outcome == wire.COMMITTED for ack in message.acks), message
        while self._client.changes.poll(0):
            self._client.changes.recv_multipart()
        return len(message.acks)

    def _post(self) -> list[wire.NewJob]:
        """The jobs of one POST, each of another original."""
        tenant, priority, cost = next(self._lanes)
        batch, jobs = secrets.token_hex(8), []
        for index in range(FILES):
            job = ids.mint(time.time(), os.urandom(ids.RANDOM_BYTES))
            original = Original(ids.original_name(job), "jpeg", 1600, 1200, 186_398, secrets.token_hex(32))
            spec = encode(
                Spec(f"IMG_{index:04}.jpg", None, None, "default", self._recipe, original, tenant, FILES, index)
            )
            content = secrets.token_bytes(16)
            jobs.append(wire.NewJob(job, tenant, priority, 0, None, "default", batch, content, spec, cost_ms=cost))
        return jobs


def start_broker(place: Installation, report: Path) -> "subprocess.Popen[str]":
    """A broker that times its turns, not yet ready."""
    return spawn(place.environ, "bench.floors.turns_broker", str(report))


def longest_ms(report: Path) -> float:
    """The longest turn so far."""
    return float(report.read_text().split()[0]) * 1000 if report.exists() else 0.0


def first_assign(dealer: Any) -> float:
    """Wait for the first Assign after Ready. Returns the monotonic time of its arrival."""
    dealer.send(wire.encode(wire.Ready(secrets.token_hex(8), "waiting", os.getpid(), 2, "stub", [])))
    while True:
        assert dealer.poll(30_000), "no Assign within 30 s"
        if isinstance(wire.to_worker.decode(dealer.recv()), wire.Assign):
            return time.monotonic()


@contextlib.contextmanager
def waiting_worker(run: Path) -> Iterator[Any]:
    """The socket of a worker that is there before its broker."""
    context = zmq.Context()
    dealer: Any = context.socket(zmq.DEALER)
    dealer.reconnect_ivl = RECONNECT_MILLISECONDS
    dealer.connect(endpoint(run, "workers"))
    try:
        yield dealer
    finally:
        context.destroy(linger=0)


def fill(place: Installation, broker: "subprocess.Popen[str]", report: Path, asked: argparse.Namespace) -> Filled:
    """Queue all jobs."""
    client = Client(place.run)
    try:
        submitter = Submitter(client, asked.tenants)
        seconds = submitter.submit(FIRST)
        time.sleep(SETTLE_SECONDS)
        first_mb = memory_mb(broker.pid, "VmRSS")
        seconds += submitter.submit(asked.jobs - FIRST)
        time.sleep(SETTLE_SECONDS)
    finally:
        client.context.destroy(linger=0)
    now, peak = memory_mb(broker.pid, "VmRSS"), memory_mb(broker.pid, "VmHWM")
    return Filled(first_mb, now, peak, longest_ms(report), seconds)


def restart_often(place: Installation, broker: "subprocess.Popen[str]") -> Restarted:
    """Kill the broker, and start the next one while a worker waits, several times."""
    peak, turn, times = 0.0, 0.0, []
    for number in range(RESTARTS):
        broker.send_signal(signal.SIGKILL)
        broker.wait()
        report = place.data / f"restart-{number}"
        with waiting_worker(place.run) as dealer:
            begin = time.monotonic()
            broker = start_broker(place, report)
            times.append(first_assign(dealer) - begin)
        time.sleep(SETTLE_SECONDS)
        peak, turn = max(peak, memory_mb(broker.pid, "VmHWM")), max(turn, longest_ms(report))
    broker.kill()
    broker.wait()
    return Restarted(peak, turn, times)


def measure(asked: argparse.Namespace) -> tuple[Filled, Restarted]:
    """Queue, weigh, restart."""
    with ledgers(asked.ledger) as fresh, installation(fresh) as place:
        report = place.data / "filling"
        broker = start_broker(place, report)
        filled = fill(place, broker, report, asked)
        return filled, restart_often(place, broker)


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser("python -m bench.backlog")
    parser.add_argument("--jobs", type=int, default=JOBS)
    parser.add_argument("--tenants", type=int, default=0, help="six lanes for each; 0: all jobs in one lane")
    ledger_argument(parser)
    asked = parser.parse_args()
    filled, restarted = measure(asked)
    rss_max = TENANTS_RSS_MB if asked.tenants else filled.first_mb * RSS_RATIO
    lanes = asked.tenants * len(PRIORITIES) * len(SIZES) or 1
    measured: list[tuple[str, str, float, float | None]] = [
        ("rss_first_mb", f"broker RSS with {FIRST:,} queued, MB", filled.first_mb, None),
        ("rss_mb", "broker RSS with all queued, MB", filled.mb, rss_max),
        ("rss_peak_mb", "its peak while they came, MB", filled.peak_mb, None),
        ("rss_restarted_mb", "peak after a restart, MB", restarted.peak_mb, rss_max),
        ("assign_s_p50", "restart to first Assign, s, median", statistics.median(restarted.seconds), None),
        ("assign_s_max", "restart to first Assign, s, slowest", max(restarted.seconds), ASSIGN_SECONDS),
        ("turn_ms_max", "longest turn while they came, ms", filled.turn_ms, TURN_MS),
        ("turn_restarted_ms_max", "longest turn after a restart, ms", restarted.turn_ms, TURN_MS),
    ]
    rows = [(text, figure, bar or "", verdict(figure, bar)) for _, text, figure, bar in measured]
    table((f"{asked.jobs:,} queued jobs in {lanes:,} lanes, {asked.ledger}", "measured", "at most", ""), rows)
    print(f"accepted in {filled.seconds:.1f} s by POSTs of {FILES} files; {RESTARTS} restarts after SIGKILL")
    figures = {name: round(figure, 3) for name, _, figure, _ in measured}
    close("backlog", {"ledger": asked.ledger, "jobs": asked.jobs, "lanes": lanes, **figures})


def verdict(figure: float, bar: float | None) -> str:
    """Whether the bar was kept."""
    return "" if bar is None else "kept" if figure <= bar else "PASSED"


if __name__ == "__main__":
    main()
