"""nginx in front of web hosts that are killed, replaced and restarted: requests that fail, and uploads that it retried.

Runs the shipped files of deploy/nginx. tests/integration/test_nginx_files.py asserts on the first at a smaller scale.
Counts uploads by the first answer: nobody repeats them before that.
"""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2

from bench.parts.report import close_scenarios, skipped
from pixmill.pictures import RECIPE, numbered
from tests.support.clusters.cluster import Cluster
from tests.support.clusters.nginx import MISSING, NGINX, Front, begun, free_port, retried
from torture.restarts import SETTINGS, rolling
from torture.restarts import broken as broken_restarts

UPLOADS, ROUNDS, RESTARTS = 500, 5, 10
CLIENTS = 8
SIDE = 256
"""Of the pictures, in pixels: some milliseconds of work."""
Figures = dict[str, Any]


class Hosts:
    """Two web hosts of one cluster: processes by hand, each on a port of its own, behind nginx. (Beside them is the web
    process of the supervisor, to which nobody speaks.)"""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        cluster.environ |= {"PIXMILL_TRUSTED_PROXIES": "127.0.0.1"}
        self._cluster = cluster.start()
        self.ports = [free_port(), free_port()]
        self.processes = [self.start(port) for port in self.ports]
        self.front = Front(folder, [f"127.0.0.1:{port}" for port in self.ports], cluster.data)

    def start(self, port: int) -> subprocess.Popen[bytes]:
        """One more web process on `port`, ready."""
        return self._cluster.start_role("web", port=port)


class Uploads:
    """Uploads through `front`, each under a key and on a connection of its own, by CLIENTS threads; never repeated."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._lock = threading.Lock()
        self.answers: dict[str, int] = {}
        """The status of each upload by its key; 0 if the connection broke."""
        self._image = numbered(1, SIDE)

    def one(self, key: str = "") -> int:
        """Upload once; the status."""
        key = key or secrets.token_hex(8)
        headers = {"Content-Type": "image/png", "Idempotency-Key": key, "Connection": "close"}
        try:
            with httpx2.Client(timeout=30, verify=False) as client:
                address = f"{self._front.url}/upload?recipe={quote(RECIPE)}"
                status = client.post(address, content=self._image, headers=headers).status_code
        except httpx2.TransportError:
            status = 0
        with self._lock:
            self.answers[key] = status
        return status

    def failed(self) -> list[str]:
        """The keys of uploads without a 202."""
        return [key for key, status in self.answers.items() if status != 202]

    def many(self, count: int, halfway: Callable[[], object]) -> None:
        """Upload so many, and call `halfway` when half of them have begun."""
        with ThreadPoolExecutor(CLIENTS) as pool:
            running = [pool.submit(self.one) for _ in range(count // 2)]
            running[len(running) // 2].result()
            running += [pool.submit(self.one) for _ in range(count - count // 2)]
            halfway()
            for upload in running:
                upload.result()

    @contextmanager
    def without_pause(self) -> Iterator[None]:
        """Upload while the block runs."""
        over = threading.Event()

        def loop() -> None:
            while not over.is_set():
                self.one()
                over.wait(0.02)

        threads = [threading.Thread(target=loop) for _ in range(CLIENTS // 2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()


def host_killed(cluster: Cluster, folder: Path, uploads: int) -> Figures:
    """SIGKILL one of two web hosts in the middle of `uploads`."""
    hosts = Hosts(cluster, folder)
    with hosts.front as front:
        load = Uploads(front)
        load.many(uploads, lambda: os.kill(hosts.processes[0].pid, signal.SIGKILL))
        return _figures(front, load)


def hosts_in_turn(cluster: Cluster, folder: Path, rounds: int) -> Figures:
    """Replace each of two web hosts in turn, as a new release does: SIGTERM, and a new process on the same port. A
    connection that arrives as the old process closes its port is reset: no such gap is where a supervisor keeps it."""
    hosts = Hosts(cluster, folder)
    with hosts.front as front:
        load = Uploads(front)
        with load.without_pause():
            for _ in range(rounds):
                for place, port in enumerate(hosts.ports):
                    time.sleep(0.5)
                    hosts.processes[place].send_signal(signal.SIGTERM)
                    hosts.processes[place].wait(30)
                    hosts.processes[place] = hosts.start(port)
            time.sleep(0.5)
        return {"replaced": 2 * rounds, **_figures(front, load)}


def _figures(front: Front, load: Uploads) -> Figures:
    """What nginx and the clients say. Each failed upload is repeated once, under its key."""
    requests, failed = front.requests(), load.failed()
    lost = [request for request in requests if request["status"] != 202]
    return {
        "uploads": len(requests),
        "failed": len(failed),
        "failed_before_nginx_had_begun_to_send": sum(not begun(request) for request in lost),
        "retried": sum(retried(request) for request in requests),
        "sent_twice": sum(len(_sent(request)) > 1 for request in requests),
        "kept_by_repeats": [load.one(key) for key in failed].count(202),
    }


def _sent(request: dict[str, Any]) -> list[str]:
    """The tries of a request to which nginx sent something."""
    return [sent for sent in request["sent"].split(",") if sent.strip() not in ("", "-", "0")]


def restarts(folder: Path, count: int) -> Figures:
    """Renew every process behind nginx so many times under load, as torture/restarts.py does without nginx."""
    socket = folder / "web.sock"
    cluster = Cluster(folder / "restarts", **SETTINGS, host=f"unix:{socket}", trusted_proxies="unix")
    cluster.folder.mkdir()
    try:
        cluster.start()
        with Front(folder / "nginx", [f"unix:{socket}"], cluster.data) as front:
            cluster.url = front.url
            return rolling(cluster, count)
    finally:
        cluster.stop()


def broken(name: str, figures: Figures) -> list[str]:
    """What of a scenario's figures is not as it must be."""
    if name == "restarts":
        return broken_restarts("rolling", figures)
    must = {"failed_before_nginx_had_begun_to_send": 0, "sent_twice": 0, "kept_by_repeats": figures["failed"]}
    wrong = [f"{name}: {key} is {figures[key]}" for key, value in must.items() if figures[key] != value]
    return wrong if figures["retried"] else [*wrong, f"{name}: nginx never met a host that was away"]


def main() -> int:
    """Run all, print; 1 where anything is broken."""
    if skipped(NGINX, MISSING):
        return 0
    found: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory(prefix="pixmill-nginx-") as name:
        folder = Path(name)
        found["host_killed"] = _of(folder / "killed", lambda cluster, at: host_killed(cluster, at, UPLOADS))
        found["hosts_in_turn"] = _of(folder / "turns", lambda cluster, at: hosts_in_turn(cluster, at, ROUNDS))
        found["restarts"] = restarts(folder, RESTARTS)
    return close_scenarios("nginx", found, broken)


def _of(folder: Path, scenario: Callable[[Cluster, Path], Figures]) -> Figures:
    """A scenario on a cluster of its own, which is stopped at the end."""
    folder.mkdir()
    cluster = Cluster(folder, cache_url="none")
    try:
        return scenario(cluster, folder / "nginx")
    finally:
        cluster.stop()


if __name__ == "__main__":
    sys.exit(main())
