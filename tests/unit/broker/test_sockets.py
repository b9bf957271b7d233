"""What the loop sees of ZeroMQ: messages or None, sent or not, and who is new or gone."""

import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import zmq

from broker.sockets import Sockets, open_sockets
from host.files.folders import endpoint
from host.sockets.addresses import Wires
from jobs import wire
from jobs.errors import SetupFault
from tests.support.patience import stretched

MILLISECONDS = 5000


class Peers:
    """The broker's sockets, and those of others that are connected to them."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.sockets = Sockets(Wires(run), logging.getLogger("broker"))
        self.context: zmq.Context[Any] = zmq.Context()
        self.made: list[Any] = []

    def connect(self, kind: int, name: str) -> Any:
        made = self.context.socket(kind)
        made.connect(endpoint(self.run, name))
        self.made.append(made)
        return made

    def close(self) -> None:
        for made in self.made:
            made.close(0)
        self.context.term()
        self.sockets.close()


@pytest.fixture
def peers() -> Iterator[Peers]:
    with TemporaryDirectory(prefix="pm-") as folder:
        made = Peers(Path(folder))
        yield made
        made.close()


def test_where_nothing_is_said_nothing_is_read(peers: Peers) -> None:
    sockets = peers.sockets
    assert sockets.receive_from_worker() is None
    assert sockets.receive_from_web() is None
    assert sockets.subscribed({sockets.acks, sockets.changes}) == []
    assert not sockets.has_lost_connections()


def test_a_message_of_web_is_read_with_all_its_frames(peers: Peers) -> None:
    push = peers.connect(zmq.PUSH, "jobs")
    push.send_multipart([b"one", b"two"])
    push.send(b"three")
    read = list[tuple[list[bytes], bytes | None]]()
    while len(read) < 2:
        assert peers.sockets.pull.poll(MILLISECONDS)
        received = peers.sockets.receive_from_web()
        assert received is not None
        read.append(received)
    assert read == [([b"one", b"two"], None), ([b"three"], None)]


def test_a_worker_is_answered_until_its_connection_ends_and_its_end_is_told(peers: Peers) -> None:
    sockets, worker = peers.sockets, peers.connect(zmq.DEALER, "workers")
    worker.send(b"ready")
    assert sockets.router.poll(MILLISECONDS)
    received = sockets.receive_from_worker()
    assert received is not None
    peer, frames, key = received
    assert (frames, key) == ([b"ready"], None)
    assert sockets.send_to_worker(peer, (b"welcome",))
    assert worker.poll(MILLISECONDS) and worker.recv() == b"welcome"
    worker.close(0)
    assert sockets.monitor.poll(MILLISECONDS)
    assert sockets.has_lost_connections()
    assert not sockets.has_lost_connections(), "told once"
    until = time.monotonic() + stretched(MILLISECONDS / 1000)
    while sockets.send_to_worker(peer, (b"beat",)):  # ZeroMQ tells the end some milliseconds before a send fails
        assert time.monotonic() < until
        sockets.notice_ends()


def test_a_worker_that_nobody_knows_is_told_nothing(peers: Peers) -> None:
    assert not peers.sockets.send_to_worker(b"nobody", (b"beat",))


def test_only_who_subscribes_to_acks_is_greeted(peers: Peers) -> None:
    sockets, acks, changes = (
        peers.sockets,
        peers.connect(zmq.SUB, "receipts"),
        peers.connect(zmq.SUB, "changes"),
    )
    acks.subscribe(wire.acks_topic("web"))
    changes.subscribe(wire.CHANGES_TOPIC)
    for publisher in (sockets.acks, sockets.changes):
        assert publisher.poll(MILLISECONDS)
    assert sockets.subscribed(set()) == [], "neither is ready, as far as was said"
    assert sockets.subscribed({sockets.acks, sockets.changes}) == [wire.acks_topic("web")]
    assert not sockets.changes.poll(0)
    sockets.publish_acks(wire.acks_topic("web"), b"hello")
    sockets.publish_changes(wire.CHANGES_TOPIC, b"news")
    assert acks.poll(MILLISECONDS) and acks.recv_multipart() == [wire.acks_topic("web"), b"hello"]
    assert changes.poll(MILLISECONDS) and changes.recv_multipart() == [wire.CHANGES_TOPIC, b"news"]


def test_the_first_address_that_is_free_is_bound_and_nothing_of_another_stays() -> None:
    """A broker that lost the term, and stands still, holds one of the four ports of the first address."""
    log = logging.getLogger("broker")
    with socket.create_server(("127.0.0.2", 0)) as held:
        taken = Wires(Path(), ("127.0.0.2", held.getsockname()[1] - 1))
        with socket.create_server(("127.0.0.3", 0)) as found:
            free = Wires(Path(), ("127.0.0.3", min(found.getsockname()[1], 60_000)))
        bound = open_sockets([taken, free], log)
        try:
            assert bound.pull.getsockopt_string(zmq.LAST_ENDPOINT).endswith(free.endpoint("jobs")[-6:])
        finally:
            bound.close()
        with pytest.raises(SetupFault, match="cannot be bound"):
            open_sockets([taken], log)
        with socket.create_server(taken.address or ("", 0)):
            pass  # its first port was let go
