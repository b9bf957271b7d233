"""The parts on tcp: a cluster over CURVE does its work; strangers, wrong keys and borrowed names do not get in."""

import logging
import os
import resource
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from host.files.folders import data_folder
from host.settings.brokers import SOCKETS
from host.settings.settings import Settings
from host.sockets import connections, curve
from host.sockets.addresses import HANDSHAKE_MS, Wires
from host.sockets.allowed import Role
from host.sockets.bound import bound
from jobs import wire
from tests.support.clusters.cluster import ROOT, Cluster, wait_until
from tests.support.patience import stretched
from tests.support.pictures.images import corners, saved

pytestmark = pytest.mark.cluster
SOFT_DESCRIPTORS = 200
QUIET_SECONDS = 0.5
"""Nothing is answered for so long: a handshake on loopback takes milliseconds."""


def free_port() -> int:
    """The first of as many free ports as the broker binds."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = int(first.getsockname()[1])
        try:
            for number in range(len(SOCKETS)):
                socket.create_server(("127.0.0.1", port + number)).close()
        except (OSError, OverflowError):
            continue
        return port


def keys(cluster: Cluster, name: str = "", role: Role | None = None) -> Path:
    """What `python -m broker keys NAME ROLE` makes."""
    return curve.make_keys(data_folder(Settings(data=str(cluster.data))) / "curve", name, role)


class Peer:
    """A DEALER of somebody: with the keys in `folder`, or none."""

    def __init__(self, port: int, folder: Path | None) -> None:
        self._context = zmq.Context()
        self.dealer = self._context.socket(zmq.DEALER)
        self.dealer.linger = 0
        self.client = curve.Client(folder) if folder else None
        if self.client:
            self.client.dress(self.dealer)
        self.monitor: Any = self.dealer.get_monitor_socket(curve.REFUSED)
        self.dealer.connect(Wires(Path(), ("127.0.0.1", port)).endpoint("workers"))

    def ready(self, incarnation: str) -> list[Any]:
        """What the broker says to a Ready of `incarnation`, in the first moment."""
        self.dealer.send(wire.encode(wire.Ready(incarnation, "peer", 1, 0, "engine", [])))
        received = []
        until = time.monotonic() + QUIET_SECONDS
        while self.dealer.poll(max(0, int(1000 * (until - time.monotonic())))):
            received.append(wire.to_worker.decode(self.dealer.recv()))
        return [type(message) for message in received if not isinstance(message, wire.BrokerBeat)]

    def close(self) -> None:
        self.dealer.disable_monitor()
        self._context.destroy(0)


@pytest.fixture
def peer() -> Iterator[Callable[[int, Path | None], Peer]]:
    peers: list[Peer] = []

    def make(port: int, folder: Path | None) -> Peer:
        peers.append(Peer(port, folder))
        return peers[-1]

    yield make
    for one in peers:
        one.close()


def test_a_cluster_over_curve_does_its_work(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(brokers=f"tcp://127.0.0.1:{free_port()}")
    command = [sys.executable, "-m", "broker", "keys"]
    subprocess.run(
        command, cwd=ROOT, env=os.environ | cluster.environ, check=True, capture_output=True, timeout=stretched(60)
    )
    cluster.start()
    job = cluster.upload(saved(corners(), "png"))["id"]
    assert cluster.ended(job)["state"] == "done"
    assert not list(cluster.run.glob("jobs.sock")), "no local socket of the broker"
    [worker] = cluster.workers()
    public = (cluster.data / "curve" / "client.key").read_bytes()
    assert worker["incarnation"] == bound(worker["incarnation"].partition(".")[0], public)


def test_only_allowed_keys_get_in_and_each_speaks_for_itself(
    new_cluster: Callable[..., Cluster], peer: Callable[[int, Path | None], Peer], tmp_path: Path
) -> None:
    port = free_port()
    cluster = new_cluster(brokers=f"tcp://127.0.0.1:{port}")
    ours = keys(cluster)
    cluster.start_role("broker")
    stranger = tmp_path / "stranger"
    curve.make_keys(stranger)
    (stranger / "broker.key").write_bytes((ours / "broker.key").read_bytes())

    for folder in (stranger, None):
        refused = peer(port, folder)
        assert refused.ready("00") == []
        assert refused.monitor.poll(2000)
    assert cluster.log().count("stranger_refused") == 1, "however often it tries"

    allowed, other = peer(port, ours), peer(port, keys(cluster, "other"))
    assert allowed.client and other.client
    name = bound(secrets.token_hex(8), allowed.client.key)
    assert wire.Welcome in allowed.ready(name)
    assert other.ready(name) == []
    assert "belongs to another key" in cluster.log()
    assert wire.Welcome in other.ready(bound("0", other.client.key)), "allowed while the broker ran"


def test_whose_key_is_not_allowed_says_so_once(new_cluster: Callable[..., Cluster], tmp_path: Path) -> None:
    cluster = new_cluster(brokers=f"tcp://127.0.0.1:{free_port()}")
    ours = keys(cluster)
    (ours / "allowed" / "local.key").unlink()
    cluster.start_roles("broker", "worker", "web")
    wait_until(lambda: cluster.log().count("the broker does not allow our key") == 2, 10, "both to say so")
    wait_until(lambda: "stranger_refused" in cluster.log(), 10, "the broker to say so")


def test_a_key_has_so_many_connections_and_another_one_when_one_of_them_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connections, "CONNECTIONS_MAX", 3)
    folder, port = curve.make_keys(tmp_path / "curve"), free_port()
    context: Any = zmq.Context()
    try:
        counted = connections.Connections({Role.WEB: [port], Role.WORKER: [0]}, connections.of_kernel)
        server = curve.Server(context, folder, logging.getLogger("test"), counted)
        listener = context.socket(zmq.PULL)
        server.dress(listener, Role.WEB)
        monitor = listener.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        listener.bind(f"tcp://127.0.0.1:{port}")
        client, opened = curve.Client(folder), []
        for _ in range(5):
            opened.append(context.socket(zmq.PUSH))
            client.dress(opened[-1])
            opened[-1].linger = 0
            opened[-1].connect(f"tcp://127.0.0.1:{port}")

        def let_in() -> int:
            """How many handshakes succeeded since the last call."""
            server.answer(time.monotonic())
            found = 0
            while monitor.poll(0):
                monitor.recv_multipart()
                found += 1
            return found

        found = wait_until(let_in, 10, "a connection")
        until = time.monotonic() + stretched(2.0)
        while time.monotonic() < until:
            found += let_in()
        assert found == 3
        assert [record.message for record in caplog.records] == ["connections_full"]
        for one in opened:
            one.close()
        last = context.socket(zmq.PUSH)
        client.dress(last)
        last.linger = 0
        last.connect(f"tcp://127.0.0.1:{port}")
        assert wait_until(let_in, 10, "another connection") == 1
        listener.disable_monitor()
    finally:
        context.destroy(0)


@pytest.mark.parametrize("told", [False, True])
def test_plain_tcp_is_only_for_who_says_so(
    new_cluster: Callable[..., Cluster], peer: Callable[[int, Path | None], Peer], told: bool
) -> None:
    port = free_port()
    cluster = new_cluster(brokers=f"tcp://127.0.0.1:{port}", **({"curve": 0} if told else {}))
    if told:
        cluster.start_role("broker")
        assert wire.Welcome in peer(port, None).ready("00")
    else:
        with pytest.raises(AssertionError, match=r"run python -m broker keys.+PIXMILL_CURVE=0"):
            cluster.start_role("broker")


def test_strangers_who_say_nothing_hold_a_connection_for_seconds_and_keep_nobody_out(
    new_cluster: Callable[..., Cluster], peer: Callable[[int, Path | None], Peer]
) -> None:
    port, strangers = free_port(), []
    cluster = new_cluster(brokers=f"tcp://127.0.0.1:{port}")
    ours = keys(cluster)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (SOFT_DESCRIPTORS, hard))
    try:
        broker = cluster.start_role("broker")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * SOFT_DESCRIPTORS)), hard))
    before = len(os.listdir(f"/proc/{broker.pid}/fd"))
    try:
        strangers = [socket.create_connection(("127.0.0.1", port + 1), timeout=5) for _ in range(2 * SOFT_DESCRIPTORS)]
        allowed = peer(port, ours)
        assert allowed.client
        assert wire.Welcome in allowed.ready(bound("00", allowed.client.key))
        wait_until(
            lambda: len(os.listdir(f"/proc/{broker.pid}/fd")) < before + 20,
            3 * HANDSHAKE_MS / 1000,
            "the strangers to be cut off",
        )
    finally:
        for stranger in strangers:
            stranger.close()
