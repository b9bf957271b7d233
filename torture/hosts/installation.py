"""Hosts of network namespaces: web, the broker, and two workers, over CURVE, with blobs in S3. With a standby there is
a second broker on a fourth host, and the ledger is in PostgreSQL.

Owns their processes, keys and folders; with a standby, a broker that ends is started again, as systemd would. Without
it web and the broker share a folder, for the ledger. The clients and the stores are on no host.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.clusters import lab
from tests.support.clusters.beside import Repeated
from tests.support.clusters.cluster import ROOT, Cluster
from tests.support.servers.postgres import PostgresServer
from tests.support.servers.seaweed import ENVIRON, SeaweedServer
from torture.hosts.clients import PAUSE_SECONDS, WEB_PORT, Promise, asked

END_SECONDS = 60.0
BROKER_PORT = 7000
AGAIN_SECONDS = 0.5
"""Until a broker that ended is started again."""


class Installation:
    """The hosts with their processes. `hosts`: by the name of their role. `brokers`: the names of the brokers' hosts.
    `ledger`: the PostgreSQL server, if there is a standby."""

    def __init__(self, folder: Path, stack: ExitStack, standby: bool) -> None:
        lab.begin()
        self.brokers = ("broker", "standby") if standby else ("broker",)
        store = SeaweedServer(lab.HERE)
        stack.callback(store.close)
        self.hosts = {name: lab.Host(name, number) for number, name in enumerate(("web", "workers", *self.brokers), 1)}
        for host in self.hosts.values():
            stack.callback(host.close)
        addresses = [f"tcp://{self.hosts[name].address}:{BROKER_PORT}" for name in self.brokers]
        self._common: dict[str, Any] = {"brokers": ",".join(addresses), "blobs_url": store.url(), "cache_url": "none"}
        self.ledger = self._server(stack) if standby else None
        made = {name: self._on(name, folder, stack) for name in self.hosts}
        self.keys = self._make_keys(made["broker"], made["workers"].data)
        for name in self.brokers[1:]:
            made[name].data.mkdir(mode=0o700)
            shutil.copytree(self.keys, made[name].data / "curve")
        made["broker"].start_role("broker")
        web = {"data": made["broker"].data, "host": self.address, "port": WEB_PORT, "public_without_keys": 1}
        made["web"].start_role("web", **web)
        for _ in range(2):
            made["workers"].start_role("worker")
        if standby:
            keeping = Repeated(partial(self._keep_brokers, made, {"broker": made["broker"].by_hand[0]}))
            stack.enter_context(keeping)

    def _server(self, stack: ExitStack) -> PostgresServer:
        server = PostgresServer("listen_addresses=*")
        stack.callback(server.close)
        server.open_to(f"{lab.NETWORK}.0/24")
        self._common["ledger_url"] = server.url_of(server.database().rpartition("/")[2], lab.HERE)
        return server

    def _keep_brokers(self, made: dict[str, Cluster], running: dict[str, "subprocess.Popen[bytes]"]) -> None:
        """Start each broker that does not run."""
        for name in self.brokers:
            if name not in running or running[name].poll() is not None:
                running[name] = made[name].start_unready("broker")
        time.sleep(AGAIN_SECONDS)

    @property
    def address(self) -> str:
        """Of web."""
        return self.hosts["web"].address

    def _on(self, name: str, folder: Path, stack: ExitStack) -> Cluster:
        cluster = Cluster(folder / name, **self._common)
        cluster.folder.mkdir()
        cluster.environ |= ENVIRON
        cluster.before = partial(self.hosts[name].enter, os.getpid())
        stack.callback(cluster.stop, 30.0)
        return cluster

    @staticmethod
    def _make_keys(broker: Cluster, workers: Path) -> Path:
        for words in ((), ("crew", "worker")):
            command = [sys.executable, "-m", "broker", "keys", *words]
            subprocess.run(command, cwd=ROOT, env=broker.environ, check=True, capture_output=True)
        workers.mkdir(mode=0o700)
        shutil.copytree(broker.data / "curve" / "crew", workers / "curve")
        return broker.data / "curve"

    def jobs(self, promises: Iterable[Promise]) -> dict[str, Any]:
        """Every promised job, once all have ended; those that have not after END_SECONDS as they are."""
        until = time.monotonic() + END_SECONDS
        found = {}
        for promise in promises:
            while True:
                _, job = asked(self.address, "GET", f"/jobs/{promise.job}")
                if job.get("ended_at") or time.monotonic() > until:
                    break
                time.sleep(PAUSE_SECONDS)
            found[promise.job] = job
        return found


@contextmanager
def installed(*, standby: bool) -> Iterator[Installation]:
    """An installation in a temporary folder. Nothing of it is left."""
    with tempfile.TemporaryDirectory(prefix="hosts-") as folder, ExitStack() as stack:
        yield Installation(Path(folder), stack, standby)
