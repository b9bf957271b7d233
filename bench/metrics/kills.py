"""Scrapes under load, for a minute, while web processes are killed in turn, and the broker now and then.

    python -m bench.metrics.kills [--seconds 60]

Four clients upload small pictures. One in five kills is the broker's. It tells how many counters fell, and whether the
counted uploads are those that the clients had answers to.
"""

import argparse
import os
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

import httpx2

from bench.metrics.scrapes import Scraper
from bench.parts.report import close, table
from tests.support.clusters.cluster import Cluster
from tests.support.pictures.images import TEST_DATA

CLIENTS = 4
BROKERS_TURN = 5
ROUTE = (("code", "202"), ("route", "POST /upload"))


class Killed(NamedTuple):
    """`asked`: uploads that clients began, `answered`: those with a 202, `counted`: those that the metrics tell."""

    kills: int
    scrapes: int
    missed: int
    fell: list[str]
    asked: int
    answered: int
    counted: int


class Client(threading.Thread):
    """Uploads one picture after the other until `over`."""

    def __init__(self, cluster: Cluster, picture: bytes, over: threading.Event) -> None:
        super().__init__(daemon=True)
        self._cluster, self._picture, self._over = cluster, picture, over
        self.asked = self.answered = 0

    def run(self) -> None:
        """As a thread."""
        headers = {"Content-Type": "image/png"}
        while not self._over.wait(0.01):
            self.asked += 1
            try:
                url = f"{self._cluster.url}/upload"
                answer = httpx2.post(url, content=self._picture, headers=headers, timeout=30, verify=False)
            except httpx2.HTTPError:
                continue
            self.answered += answer.status_code == 202


def run(folder: Path, seconds: float, scrape_seconds: float, kill_seconds: float) -> Killed:
    """Start a cluster in `folder`, load and scrape it for so long, and kill one process each `kill_seconds`."""
    cluster = Cluster(folder, web_processes=2, workers=1)
    over, picture = threading.Event(), (TEST_DATA / "1x1.png").read_bytes()
    try:
        cluster.start()
        scraper = Scraper(cluster, scrape_seconds)
        clients = [Client(cluster, picture, over) for _ in range(CLIENTS)]
        for thread in (scraper, *clients):
            thread.start()
        kills, until = 0, time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(kill_seconds)
            kills += 1
            role = "broker" if kills % BROKERS_TURN == 0 else "web"
            if pids := cluster.pids(role, "ready"):
                os.kill(pids[kills % len(pids)], signal.SIGKILL)
        cluster.wait_complete()
        over.set()
        for client in clients:
            client.join()
        scraper.close()
    finally:
        over.set()
        cluster.stop()
    counted = scraper.highest.get(("pixmill_web_requests_total", ROUTE), 0.0)
    asked, answered = sum(each.asked for each in clients), sum(each.answered for each in clients)
    return Killed(kills, scraper.scrapes, scraper.missed, scraper.fell, asked, answered, int(counted))


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser("python -m bench.metrics.kills")
    parser.add_argument("--seconds", type=float, default=60.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder:
        killed = run(Path(folder), seconds, scrape_seconds=1.0, kill_seconds=3.0)
    table(("kills", "scrapes", "missed", "counters that fell", "asked", "answered", "counted"), [
        (killed.kills, killed.scrapes, killed.missed, len(killed.fell), killed.asked, killed.answered, killed.counted)
    ])  # fmt: skip
    for line in killed.fell[:20]:
        print(line)
    close("metrics.kills", {**killed._asdict(), "fell": len(killed.fell), "seconds": seconds})


if __name__ == "__main__":
    main()
