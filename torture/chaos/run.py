"""One chaos run: a cluster, its clients, the faults, the rest at the end, the verdict.

Owns the cluster's settings and its folder: log.jsonl (the clients' log), data/ (ledger, blobs) and
output.txt (what all processes wrote).
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
from PIL import Image

from jobs.job import Row
from jobs.records import Where
from pixmill.pictures import BLOCKS, shown_by
from stores.ledger.sqlite_reader import open_reader
from tests.support.clusters.cluster import Cluster
from torture.chaos.checker import Seen, Verdict, check, names_of
from torture.chaos.clients import Clients, read_log
from torture.chaos.faults import FaultInjector
from torture.chaos.plan import Pace, plan

SILENCE_SECONDS = 1.5
SETTINGS: dict[str, Any] = {
    "workers": 3,
    "web_processes": 2,
    "cache_url": "none",
    "attempts_max": 100,
    "silence_seconds": SILENCE_SECONDS,
    "grace_seconds": 1,
    "drain_seconds": 3,
    "orphan_seconds": 60,
    "log_level": "warning",
}
"""ATTEMPTS_MAX is 100, because good jobs are killed often here; no other limit is changed. With 60 s for
ORPHAN_SECONDS the orphan scan for files that no row names is under fire as well."""
SWEEP_ORPHAN_SECONDS = 2
"""When everything is at rest and started once more, so that the orphan scan finds what the faults have left."""
LOOK_SECONDS = 0.25
STALL_SECONDS = 90.0
"""A run stalls if no job ends for this long after the last fault (a back-off is at most 60 s), or if the sweep removes
no file for this long."""
FOLDERS = ("raw", "processed", "incoming")
PAGE = 500


@dataclass
class Run:
    """The result of a run. `violations`: what the checker cannot see, which is processes left behind and unexpected
    answers."""

    injector: FaultInjector
    verdict: Verdict
    violations: list[str]
    seconds: float
    swept: int
    tries_failed: int
    slowest_accept_seconds: float

    def broken(self) -> list[str]:
        """All broken promises and violations; empty if there are none."""
        return self.violations + self.verdict.broken()


def run(folder: Path, jobs: int, kills: int, seed: int, slow: float, seconds_max: float) -> Run:
    """Upload `jobs` pictures through `kills` SIGKILLs and more. Raises AssertionError where the cluster does not
    start or stop."""
    faults = plan(seed, kills, SILENCE_SECONDS)
    pace = Pace(jobs, len(faults))
    cluster = Cluster(folder, port=_free_port(), **SETTINGS)
    began = time.monotonic()
    try:
        injector = FaultInjector(cluster.start(), pace)
        with Clients(cluster.url, pace, seed, folder / "log.jsonl", slow) as clients, _watched(cluster, pace):
            injector.run(faults, began + seconds_max)
            at_rest = _rest(clients, pace)
        seconds = time.monotonic() - began
    finally:
        cluster.stop()
    violations = injector.violations + clients.unexpected
    if not at_rest:
        violations.append(f"{pace.sent - pace.ended} jobs had not ended, and for {STALL_SECONDS:g} s none did")
    swept = 0 if violations else _sweep(folder)
    entries = read_log(folder / "log.jsonl")
    verdict = check(entries, read_rows(cluster.data), list_files(cluster.data), lambda name: see(cluster.data / name))
    slowest = max((entry.accepted_at - entry.sent_at for entry in entries), default=0.0)
    return Run(injector, verdict, violations, seconds, swept, sum(len(entry.failures) for entry in entries), slowest)


def _sweep(folder: Path) -> int:
    """Start the cluster on what is at rest until the orphan scan has removed every file that no row names; how many
    went."""
    cluster = Cluster(folder, **SETTINGS | {"orphan_seconds": SWEEP_ORPHAN_SECONDS, "accept_seconds": 1})
    named = {name for row in read_rows(cluster.data) for name in names_of(row)}
    first = left = len(list_files(cluster.data) - named)
    until = time.monotonic() + STALL_SECONDS
    try:
        cluster.start()
        while left and time.monotonic() < until:
            time.sleep(LOOK_SECONDS)
            now = len(list_files(cluster.data) - named)
            if now < left:
                left, until = now, time.monotonic() + STALL_SECONDS
    finally:
        cluster.stop()
    return first - left


def _rest(clients: Clients, pace: Pace) -> bool:
    """Wait until every upload has its 202 and every job has ended. False: it stalled."""
    seen, until = -1, time.monotonic()
    while not (clients.done() and pace.ended >= pace.jobs):
        if pace.ended > seen:
            seen, until = pace.ended, time.monotonic() + STALL_SECONDS
        elif time.monotonic() > until:
            return False
        time.sleep(LOOK_SECONDS)
    return True


@contextmanager
def _watched(cluster: Cluster, pace: Pace) -> Iterator[None]:
    """Update `pace.ended` from /stats, whenever a web process answers."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_SECONDS):
            try:
                with httpx2.Client(base_url=cluster.url, timeout=2) as client:
                    response = client.get("/stats")
            except httpx2.TransportError:
                continue
            if response.status_code == 200:
                counts = response.json()["jobs"]
                pace.ended = sum(counts[state] for state in ("done", "failed", "dead", "cancelled"))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def read_rows(data: Path) -> Iterator[Row]:
    """Every row of the ledger."""
    reader = open_reader(data / "ledger.sqlite3")
    before: int | None = None
    while True:
        rows, before = reader.page(Where(), before, PAGE, PAGE)
        yield from rows
        if before is None:
            break
    reader.close()


def list_files(data: Path) -> set[str]:
    """The names of all blobs, and of unfinished files."""
    paths = (path for folder in FOLDERS for path in (data / folder).rglob("*") if path.is_file())
    return {str(path.relative_to(data)) for path in paths}


def see(path: Path) -> Seen:
    """A rendition's size, digest and number."""
    found = path.read_bytes()
    with Image.open(path) as image:
        pixels = image.convert("RGB")
    step = pixels.width // BLOCKS
    middles = [at * step + step // 2 for at in range(BLOCKS)]
    colours = [pixels.getpixel((x, y)) for y in middles for x in middles]
    return Seen(len(found), sha256(found).hexdigest(), shown_by(colours))  # type: ignore[arg-type]


def _free_port() -> int:
    """A port that stays the same when the supervisor is started again."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
