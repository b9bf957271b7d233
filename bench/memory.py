"""How much memory and write-ahead log a cluster has after many jobs, with real web, keepers and decoders.

First `--jobs` no-op jobs (a PNG of one pixel, one rendition of one pixel, no result cache), in POSTs of 100
files. The resident memory of broker, web and keepers is read after the first `--first` of them and after all,
each time when all have ended. Then come `--images` small photographs in five formats, and the memory of the decoders is
watched: recycling (DECODER_JOBS_MAX) should keep it flat. From the first job to the last, eight clients read
`GET /jobs?limit=500` slowly, and the size of the write-ahead log is watched.
"""

import argparse
import contextlib
import http.client
import io
import json
import os
import random
import resource
import secrets
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image

from bench.parts.report import close, table
from tests.support.clusters.beside import Beside
from tests.support.clusters.cluster import Cluster, wait_until

FILES = 100
"""Of one POST."""
CLIENTS = 2
WAITING_MAX = 1000
"""Limit of queued jobs: enough that no worker is idle, few enough that the end comes soon after the last POST."""
READERS = 8
READ_BYTES, READ_SECONDS = 8192, 0.2
"""One read of a slow reader, and the pause after it: a page of 500 jobs takes some 20 s."""
SAMPLE_SECONDS = 0.5
SETTLE_SECONDS = 3.0
ENDED_SECONDS_MAX = 600.0
"""How long the queue may take to run empty after the last POST."""
DOT = {"renditions": [{"name": "dot", "width": 1, "format": "png"}]}
PHOTO = {"renditions": [{"name": "thumb", "width": 64}, {"name": "large", "width": 200, "format": "webp"}]}
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")


def memory_mb(pid: int) -> float:
    """Resident memory in MB (10^6 bytes); 0 of a process that is gone."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6
    return 0.0


class Watch(Beside):
    """Watches the memory of decoders and the size of the write-ahead log while the `with` block runs."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(self._weigh_on)
        self._log = cluster.data / "ledger.sqlite3-wal"
        self._cluster, self._keepers = cluster, cluster.pids("worker")
        self.log_mb: list[float] = []
        self.decoders_mb: list[float] = []

    def _weigh_on(self) -> None:
        while not self.over.wait(SAMPLE_SECONDS):
            self.log_mb.append(self._log.stat().st_size / 1e6)
            decoders = [pid for keeper in self._keepers for pid in self._cluster.decoders(keeper)]
            self.decoders_mb.append(max(map(memory_mb, decoders), default=0.0))


class SlowReaders(Beside):
    """Clients that read pages of jobs slowly, one after the other, while the `with` block runs."""

    def __init__(self, port: int) -> None:
        super().__init__(self._read_on, READERS)
        self._address = ("127.0.0.1", port)
        self.pages = 0

    def _read_on(self) -> None:
        while not self.over.wait(READ_SECONDS):
            with socket.socket() as reader:
                reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, READ_BYTES)
                reader.connect(self._address)
                reader.sendall(b"GET /jobs?limit=500 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                while not self.over.wait(READ_SECONDS) and reader.recv(READ_BYTES):
                    pass
                self.pages += 1


class Feeder:
    """Clients that upload POSTs of FILES files and keep the queue filled."""

    def __init__(self, port: int, recipe: Any, images: list[bytes]) -> None:
        self._port, self._images = port, images
        self._recipe = json.dumps(recipe).encode()
        self._lock = threading.Lock()
        self._left = 0

    def feed(self, jobs: int) -> float:
        """Upload so many, and wait until all jobs of the cluster have ended. Returns the seconds."""
        with contextlib.closing(self._connection()) as web:
            ended = wait_until(lambda: counts(web), ENDED_SECONDS_MAX, "a first beat")["done"]
        began = time.monotonic()
        self._left = jobs
        with ThreadPoolExecutor(CLIENTS) as clients:
            for done in [clients.submit(self._post_on) for _ in range(CLIENTS)]:
                done.result()
        with contextlib.closing(self._connection()) as web:
            wait_until(lambda: counts(web)["done"] == ended + jobs, ENDED_SECONDS_MAX, "all jobs to be done")
        return time.monotonic() - began

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)

    def _post_on(self) -> None:
        with contextlib.closing(self._connection()) as web:
            while count := self._take():
                while counts(web)["queued"] > WAITING_MAX:
                    time.sleep(0.1)
                self._post(web, count)

    def _take(self) -> int:
        with self._lock:
            count = min(FILES, self._left)
            self._left -= count
            return count

    def _post(self, web: http.client.HTTPConnection, count: int) -> None:
        boundary = secrets.token_hex(16)
        parts = [
            b'--%b\r\nContent-Disposition: form-data; name="image"; filename="i"\r\n\r\n%b\r\n'
            % (boundary.encode(), random.choice(self._images))
            for _ in range(count)
        ]
        parts.append(
            b'--%b\r\nContent-Disposition: form-data; name="recipe"\r\n\r\n%b\r\n--%b--\r\n'
            % (boundary.encode(), self._recipe, boundary.encode())
        )
        web.request("POST", "/upload", b"".join(parts), {"Content-Type": f"multipart/form-data; boundary={boundary}"})
        answer = web.getresponse()
        text = answer.read()
        assert answer.status == 202, text


def counts(web: http.client.HTTPConnection) -> dict[str, int]:
    """Jobs by state as of the last beat; nothing before the first one."""
    web.request("GET", "/stats")
    found: dict[str, int] = json.loads(web.getresponse().read()).get("jobs", {})
    return found


def dots() -> list[bytes]:
    """Images of one pixel."""
    return [saved(Image.new("RGB", (1, 1), (shade, 0, 0)), "PNG") for shade in range(16)]


def photographs() -> list[bytes]:
    """Small images of five formats, 5 to 230 KB, with much detail."""
    sizes = [(320, 240), (240, 320), (200, 200), (160, 120)]
    greys = [Image.effect_noise(size, 60).convert("RGB") for size in sizes]
    return [saved(grey, kind) for grey in greys for kind in FORMATS]


def saved(image: Image.Image, kind: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


class Bench:
    """One cluster, its readings and its load."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.port = int(cluster.url.rpartition(":")[2])
        self.pids = {role: cluster.pids(role) for role in ("broker", "web", "worker")}

    def weigh(self) -> dict[str, float]:
        """The memory of each process, by its name, after a pause."""
        time.sleep(SETTLE_SECONDS)
        assert self.pids == {role: self.cluster.pids(role) for role in self.pids}, "a process was replaced"
        labels = {"worker": "keeper"}
        return {
            f"{labels.get(role, role)}_{number}": memory_mb(pid)
            for role, pids in self.pids.items()
            for number, pid in enumerate(pids, 1)
        }

    def noops(self, first: int, jobs: int) -> tuple[dict[str, float], dict[str, float], float]:
        """The memory after `first` jobs and after all, and the jobs per second between."""
        feeder = Feeder(self.port, DOT, dots())
        feeder.feed(first)
        before = self.weigh()
        seconds = feeder.feed(jobs - first)
        return before, self.weigh(), (jobs - first) / seconds

    def images(self, count: int) -> tuple[float, float, float]:
        """The heaviest decoder of the first and of the second half, and images a second."""
        feeder, seconds, heaviest = Feeder(self.port, PHOTO, photographs()), 0.0, []
        for half in (count // 2, count - count // 2):
            with Watch(self.cluster) as watch:
                seconds += feeder.feed(half)
            heaviest.append(max(watch.decoders_mb))
        return heaviest[0], heaviest[1], count / seconds


@contextlib.contextmanager
def running() -> Iterator[Bench]:
    """The cluster of one run."""
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder, contextlib.ExitStack() as stack:
        cluster = Cluster(Path(folder), workers=os.cpu_count() or 1, cache_url="none", log_level="warning")
        stack.callback(cluster.stop)
        yield Bench(cluster.start())


def main() -> None:
    """Load, weigh, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory")
    for name, count in (("jobs", 200_000), ("first", 20_000), ("images", 20_000)):
        parser.add_argument(f"--{name}", type=int, default=count)
    asked = parser.parse_args()
    with running() as bench, Watch(bench.cluster) as watch, SlowReaders(bench.port) as readers:
        before, after, jobs_rate = bench.noops(asked.first, asked.jobs)
        print(f"{asked.jobs} jobs, {jobs_rate:.0f} a second", file=sys.stderr)
        early, late, images_rate = bench.images(asked.images)
    rows = [(name, before[name], after[name], after[name] - before[name]) for name in before]
    rows.append(("heaviest decoder, first and second half of the images", early, late, late - early))
    table(("MB resident", f"after {asked.first:,}", f"after {asked.jobs:,}", "growth"), rows)
    figures = {
        "jobs": asked.jobs, "first": asked.first, "images": asked.images,
        "jobs_a_second": round(jobs_rate), "images_a_second": round(images_rate),
        "mb_before": {name: round(mb, 1) for name, mb in before.items()},
        "mb_after": {name: round(mb, 1) for name, mb in after.items()},
        "decoder_mb": [round(early, 1), round(late, 1)], "wal_mb_max": round(max(watch.log_mb), 1),
        "slow_readers": READERS, "pages_read": readers.pages,
    }  # fmt: skip
    close("memory", figures)


if __name__ == "__main__":
    main()
