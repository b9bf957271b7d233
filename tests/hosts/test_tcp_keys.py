"""Keys while the broker runs: what one opens, and what is left of one that was removed."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import zmq

from host.process.notify import Notices
from host.sockets import curve
from host.sockets.addresses import Wires
from host.sockets.allowed import Role
from host.sockets.bound import bound
from jobs import wire
from jobs.records import Where
from tests.hosts.test_tcp import free_port, keys
from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.pictures.images import corners, saved

pytestmark = pytest.mark.cluster
SECONDS = 10.0
_numbers = itertools.count(1)
QUIET_MS = 500


class Machine:
    """Another machine's sockets of all kinds, with the keys in `folder`."""

    def __init__(self, port: int, folder: Path) -> None:
        self._context, self._wires = zmq.Context(), Wires(Path(), ("127.0.0.1", port))
        self.client = curve.Client(folder)
        self.dealer = self._connect(zmq.DEALER, "workers")
        self.push = self._connect(zmq.PUSH, "jobs")
        self.changes = self._connect(zmq.SUB, "changes")
        self.changes.subscribe(wire.BEAT_TOPIC)
        self.monitor: Any = self.changes.get_monitor_socket(curve.REFUSED)

    def _connect(self, kind: int, name: str) -> Any:
        socket = self._context.socket(kind)
        socket.linger = 0
        self.client.dress(socket)
        socket.connect(self._wires.endpoint(name))
        return socket

    def ready(self) -> None:
        """Introduce a worker that takes no job."""
        name = bound("00", self.client.key)
        self.dealer.send(wire.encode(wire.Ready(name, "theirs", 1, 0, "engine", [])))

    def hears(self, socket: Any, milliseconds: int) -> bool:
        """Whether a message comes in time. Those that came before do not count."""
        while socket.poll(0):
            socket.recv_multipart()
        return bool(socket.poll(milliseconds))

    def close(self) -> None:
        self.changes.disable_monitor()
        self._context.destroy(0)


class Place:
    """A cluster on tcp at `port`, and another machine that is named `name` and has a key for `role`."""

    def __init__(self, cluster: Cluster, port: int, name: str, role: Role | None) -> None:
        self.cluster, self.name = cluster, name
        self._logged = len(cluster.log())
        self.other = Machine(port, keys(cluster, name, role))

    def workers(self) -> int:
        return len(self.cluster.get("/stats")["workers"])

    def log(self) -> str:
        """Since the test began."""
        return self.cluster.log()[self._logged :]

    def allow(self, name: str, to: str) -> None:
        """Rename a file of the allowed keys; one that ends otherwise than in .key lets nobody in."""
        folder = self.cluster.data / "curve" / "allowed"
        (folder / name).rename(folder / to)

    def close(self) -> None:
        """End the other machine, and wait until its worker is given up."""
        self.other.close()
        wait_until(lambda: self.workers() == 1, SECONDS, "our worker to be alone")


@pytest.fixture(scope="module")
def on_tcp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, int]]:
    """A cluster with a web process and a worker, and its port: each test has a machine of its own beside it."""
    port = free_port()
    cluster = Cluster(tmp_path_factory.mktemp("tcp"), silence_seconds=1, brokers=f"tcp://127.0.0.1:{port}")
    cluster.environ["PIXMILL_PORT"] = str(cluster.take_port())
    keys(cluster)
    try:
        cluster.start_roles("broker", "web", "worker")
        yield cluster, port
    finally:
        cluster.stop()


@pytest.fixture
def place(on_tcp: tuple[Cluster, int]) -> Iterator[Callable[..., Place]]:
    places: list[Place] = []

    def make(role: Role | None = None) -> Place:
        places.append(Place(*on_tcp, f"other{next(_numbers)}", role))
        return places[-1]

    yield make
    for one in places:
        one.close()


def test_a_removed_key_is_cut_off_at_once_and_nobody_else_is(place: Callable[..., Place]) -> None:
    here = place()
    cluster, other = here.cluster, here.other
    other.ready()
    wait_until(lambda: here.workers() == 2, SECONDS, "the other machine's worker")
    assert other.hears(other.changes, 5000)

    here.allow(f"{here.name}.key", f"{here.name}.off")
    wait_until(lambda: here.workers() == 1, SECONDS, "its worker to be given up")
    assert other.monitor.poll(5000), "its next connection is refused"
    assert not other.hears(other.changes, 2 * QUIET_MS), "beats come each second"
    other.push.send(wire.encode(wire.Pause("other", "r")))
    other.ready()
    wait_until(lambda: here.log().count("its key is not allowed any more") == 2, SECONDS, "both to be dropped")
    assert cluster.ended(cluster.upload(saved(corners(), "png"))["id"])["state"] == "done"
    assert not cluster.get("/stats")["queue"]["paused"]
    assert here.log().count("key_taken_back") == 2

    here.allow(f"{here.name}.off", f"{here.name}.key")

    def back() -> bool:
        other.ready()
        return here.workers() == 2

    wait_until(back, SECONDS, "its worker to be back")


def test_a_workers_key_opens_nothing_of_webs(place: Callable[..., Place]) -> None:
    here = place(Role.WORKER)
    cluster, other = here.cluster, here.other
    job = cluster.upload(saved(corners(), "png"))["id"]
    cluster.ended(job)
    with contextlib.suppress(zmq.Again):  # its connection may have been refused already
        other.push.send(wire.encode(wire.Purge("other", "r", None, Where())), zmq.NOBLOCK)
    other.ready()
    wait_until(lambda: here.workers() == 2, SECONDS, "its worker")
    assert other.monitor.poll(5000)
    assert not other.hears(other.changes, 3 * QUIET_MS)
    assert cluster.get(f"/jobs/{job}")["state"] == "done"
    said = [line for line in here.log().splitlines() if "other_role_refused" in line]
    assert other.client.key.decode().replace('"', '\\"') in "".join(said)


def test_a_webs_key_is_no_workers(place: Callable[..., Place]) -> None:
    here = place(Role.WEB)
    assert here.other.hears(here.other.changes, 5000)
    here.other.dealer.sndtimeo = QUIET_MS
    with contextlib.suppress(zmq.Again):  # refused already: then there is nobody to send to
        here.other.ready()
    assert not here.other.dealer.poll(2 * QUIET_MS)
    assert here.workers() == 1


@pytest.fixture
def notices() -> Iterator[Callable[[Path], Notices]]:
    """Makes the receiving side of the processes' notices."""
    made: list[Notices] = []

    def make(path: Path) -> Notices:
        made.append(Notices(path))
        return made[-1]

    yield make
    for one in made:
        one.socket.close()


def test_who_is_refused_says_so_until_it_is_let_in(
    place: Callable[..., Place], notices: Callable[[Path], Notices]
) -> None:
    """The notices are read in every wait: a queue of ten that nobody reads has no room for the one that counts."""
    here = place()
    cluster, seen = here.cluster, list[str]()
    ours = curve.Client(cluster.data / "curve").fingerprint
    queue = notices(cluster.run / "by-hand.sock")

    def status(text: str) -> bool:
        seen.extend(said["STATUS"] for _, said in queue.received() if "STATUS" in said)
        return any(text in said for said in seen)

    def health() -> Any:
        status("")
        return httpx2.get(f"{cluster.url}/health/ready").json()

    here.allow("local.key", "local.off")
    wait_until(lambda: status(f"does not allow our key {ours}"), SECONDS, "the worker's status")
    wait_until(lambda: any(ours in reason for reason in health()["reasons"]), SECONDS, "the reason of web")
    assert here.log().count(f"the broker does not allow our key {ours}") == 2, "each says it once"
    here.allow("local.off", "local.key")
    wait_until(lambda: health()["status"] == "ready", SECONDS, "web to be let in")
    wait_until(lambda: status("the broker lets us in"), SECONDS, "the worker to be let in")
    assert "lets us in" in seen[-1]
