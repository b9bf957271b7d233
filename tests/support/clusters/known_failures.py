"""Shared by the fourteen tests of known failures: jobs that last as long as a test needs, and reads of their timelines,
rows and files.

A job is held by stopping its decoder (SIGSTOP). For keeper and broker that looks like a decoder that computes.
"""

import functools
import io
import json
import os
import secrets
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from jobs.job import Row
from jobs.records import Where
from stores.ledger.sqlite_reader import open_reader
from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.clusters.fake_broker import SLOW, noise

Job = dict[str, Any]
SLOW_FIELDS = {"recipe": json.dumps(SLOW)}
ROWS_MAX = 100_000
POST_FILES = 100


@functools.cache
def slow_image(side: int = 1200) -> bytes:
    """An original on which SLOW takes about a second in one call into C (`side` 1200: 0.9 s of CPU, 2500: 5 s)."""
    return noise(side)


def small_image() -> bytes:
    """A PNG of 16 x 16 pixels, different each time."""
    stream = io.BytesIO()
    Image.frombytes("RGB", (16, 16), secrets.token_bytes(16 * 16 * 3)).save(stream, "PNG")
    return stream.getvalue()


def post_many(cluster: Cluster, images: Iterable[bytes], **fields: str) -> list[str]:
    """Upload all of these, a hundred a POST; their jobs' ids."""
    left, accepted = list(images), list[str]()
    with cluster.client() as client:
        while left:
            files = [("image", (f"{index}.png", image)) for index, image in enumerate(left[:POST_FILES])]
            answer = client.post("/upload", files=files, data=fields)
            assert answer.status_code == 202, answer.text
            accepted += [job["id"] for job in answer.json()["jobs"]]
            del left[:POST_FILES]
    return accepted


def upload_slow(cluster: Cluster, side: int = 1200, *, filler: bytes = b"") -> str:
    """Upload a slow original, made unique by `filler`. Returns its job's id."""
    job: str = cluster.upload(slow_image(side) + filler, "slow.bmp", **SLOW_FIELDS)["id"]
    return job


# -- what became of a job


def events(job: Job, name: str) -> list[Job]:
    """The lines of the job's timeline with this event."""
    return [entry for entry in job["timeline"] if entry["event"] == name]


def began(job: Job) -> list[int]:
    """The leases under which a decoder began it, less those that were given back."""
    back = {entry["lease"] for entry in events(job, "returned")}
    return [entry["lease"] for entry in events(job, "started") if entry["lease"] not in back]


def lost_unbegun(job: Job) -> list[int]:
    """The leases that were lost before a decoder began it."""
    started = {entry["lease"] for entry in events(job, "started")}
    return [entry["lease"] for entry in events(job, "lost") if entry["lease"] not in started]


def ledger_rows(cluster: Cluster, **where: Any) -> list[Row]:
    """The rows of the ledger itself, newest accepted first."""
    reader = open_reader(cluster.data / "ledger.sqlite3")
    try:
        return reader.page(Where(**where), None, ROWS_MAX, ROWS_MAX)[0]
    finally:
        reader.close()


def ledger_counts(cluster: Cluster) -> Counter[str]:
    """How many rows there are in each state."""
    return Counter(row.state for row in ledger_rows(cluster))


def all_ended(cluster: Cluster, jobs: list[str], seconds: float) -> list[Job]:
    """Wait until all of these jobs have ended, and return them."""
    until = time.monotonic() + seconds
    return [cluster.ended(job, max(1.0, until - time.monotonic())) for job in jobs]


def files_of(cluster: Cluster, job: str) -> set[str]:
    """The blobs of its renditions that are on the disk."""
    folder = cluster.data / "processed" / job[-2:]
    return {str(path.relative_to(cluster.data)) for path in folder.glob(f"{job}.*")}


# -- who works on it


def when_started(cluster: Cluster, job: str, times: int = 1, seconds: float = 20.0) -> Job:
    """The `started` line of its timeline once a decoder has begun it for the `times`-th time."""

    def look() -> Job | None:
        found = events(cluster.get(f"/jobs/{job}"), "started")
        return found[-1] if len(found) >= times else None

    entry = wait_until(look, seconds, f"a decoder to begin {job} for the {times}. time")
    assert entry is not None
    return entry


def keeper_of(entry: Job) -> int:
    """The pid of the worker that a line of a timeline names."""
    return int(entry["worker"].rpartition("-")[2])


def decoder_of(cluster: Cluster, job: str, times: int = 1) -> int:
    """The pid of the decoder that works on a job, once it has begun for the `times`-th time."""
    keeper = keeper_of(when_started(cluster, job, times))
    return wait_until(lambda: cluster.decoders(keeper), 5.0, "a decoder")[0]


def hold(cluster: Cluster, job: str) -> int:
    """Stop the decoder of a slow job when it has begun. Returns its pid; SIGCONT continues it."""
    decoder = decoder_of(cluster, job)
    os.kill(decoder, signal.SIGSTOP)
    assert cluster.get(f"/jobs/{job}")["state"] == "running", "the job was too quick to be held"
    return decoder


def within(seconds: float, probe: Callable[[], Any], what: str) -> float:
    """Wait for `probe`. Returns how long that took, in seconds. Raises AssertionError after `seconds`."""
    since = time.monotonic()
    wait_until(probe, seconds, what)
    return time.monotonic() - since


def files_below(folder: Path) -> set[Path]:
    """Every file in this folder and those in it."""
    return {path for path in folder.rglob("*") if path.is_file()}
