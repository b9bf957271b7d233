"""A machine's key that a stranger has: with it, and without a file of ours, no blob of another job is read, replaced or
deleted."""

import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import msgspec
import pytest
import zmq

from host.sockets import curve
from host.sockets.addresses import Wires
from host.sockets.bound import bound
from jobs import wire
from jobs.ids import RANDOM_BYTES, mint, original_name, rendition_name
from jobs.job import Code, decode_outcome
from jobs.records import Where
from stores.ledger.sqlite_reader import open_reader
from tests.hosts.test_tcp import free_port, keys
from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.patience import Patience, stretched
from tests.support.pictures.images import corners, saved

pytestmark = pytest.mark.cluster
HEARD_SECONDS = 10.0


class Stranger:
    """What speaks to the broker with an allowed key: as a worker, and as a web process."""

    def __init__(self, cluster: Cluster, port: int) -> None:
        client = curve.Client(keys(cluster))
        self._context, wires = zmq.Context(), Wires(cluster.run, ("127.0.0.1", port))
        self.dealer, self.push = (self._context.socket(kind) for kind in (zmq.DEALER, zmq.PUSH))
        for socket, name in ((self.dealer, "workers"), (self.push, "jobs")):
            socket.linger = 0
            client.dress(socket)
            socket.connect(wires.endpoint(name))
        self.key = client.key

    def say(self, message: Any) -> None:
        """As a worker."""
        self.dealer.send(wire.encode(message))

    def expect(self, kind: type[Any]) -> Any:
        """The next message of this type to the worker."""
        patience = Patience(HEARD_SECONDS)
        while True:
            if self.dealer.poll(100):
                message = wire.to_worker.decode(self.dealer.recv())
                if isinstance(message, kind):
                    return message
            patience.check(kind.__name__)

    def close(self) -> None:
        self._context.destroy(0)


class Place:
    """A broker and a web process on tcp, and a job of a victim that one real worker has done."""

    def __init__(self, cluster: Cluster) -> None:
        port = free_port()
        self.cluster = cluster
        cluster.environ |= {"PIXMILL_BROKERS": f"tcp://127.0.0.1:{port}", "PIXMILL_PORT": str(cluster.take_port())}
        keys(cluster)
        cluster.start_role("broker")
        cluster.start_role("web")
        worker = cluster.start_role("worker")
        cluster.ended(cluster.upload(saved(corners(), "png"), preset="avatar")["id"])
        worker.terminate()
        worker.wait(stretched(30))
        reader = open_reader(cluster.data / "ledger.sqlite3")
        [self.row], _ = reader.page(Where(), None, 1, 1)
        reader.close()
        self.files = self.all_files()
        self.stranger = Stranger(cluster, port)

    def all_files(self) -> dict[str, bytes]:
        """Of the victim."""
        found = [path for part in ("raw", "processed") for path in (self.cluster.data / part).rglob("*")]
        return {path.name: path.read_bytes() for path in found if path.name.startswith(self.row.id)}


@pytest.fixture
def place(new_cluster: Callable[..., Cluster]) -> Iterator[Place]:
    place = Place(new_cluster(cache_url="none"))
    yield place
    place.stranger.close()


def test_a_workers_key_makes_no_other_jobs_file_its_own(place: Place) -> None:
    """Neither its original nor its renditions: what is named is not shown, and not swept when the job goes."""
    cluster, stranger, victim = place.cluster, place.stranger, place.row.id
    stranger.say(wire.Ready(bound(secrets.token_hex(8), stranger.key), "evil", 1, 1, "engine", []))
    mine = cluster.upload(saved(corners(), "png") + b"mine")["id"]
    done = decode_outcome(place.row.outcome).renditions[0]
    forgeries = (original_name(victim), done.blob, f"processed/{mine[-2:]}/{mine}./../{victim[-2:]}/{done.blob[13:]}")
    for blob in forgeries:
        [assigned] = stranger.expect(wire.Assign).jobs
        forged = msgspec.structs.replace(done, blob=blob)
        stranger.say(wire.Published([wire.Publication(mine, assigned.lease, forged)]))
        stranger.say(wire.Finished([wire.Finish(mine, assigned.lease, [forged])]))
        stranger.expect(wire.Settled)
        job = cluster.get(f"/jobs/{mine}")
        assert (job["state"], job["renditions"], job["timeline"][-2]["event"]) == ("delayed", [], "error"), blob
        assert job["timeline"][-2]["detail"].startswith(Code.STORE_ERROR), blob
        assert httpx2.get(f"{cluster.url}/jobs/{mine}/renditions/{done.name}").status_code == 404

    [assigned] = stranger.expect(wire.Assign).jobs
    own = msgspec.structs.replace(done, blob=rendition_name(mine, done.name, done.digest, "jpg"))
    stranger.say(wire.Finished([wire.Finish(mine, assigned.lease, [own])]))
    assert cluster.ended(mine)["state"] == "done"
    assert httpx2.delete(f"{cluster.url}/jobs/{mine}?purge=1").status_code == 204
    [(swept, names)] = stranger.expect(wire.Sweep).sweeps
    assert (swept, set(names)) == (mine, {original_name(mine), own.blob})
    assert place.all_files() == place.files


def test_a_job_that_names_another_jobs_original_has_none(place: Place) -> None:
    """A key is not told apart by role: who may work may submit, too."""
    cluster, stranger = place.cluster, place.stranger
    mine = mint(time.time(), secrets.token_bytes(RANDOM_BYTES))
    forged = wire.NewJob(mine, "", 1, 0, None, None, None, place.row.content, place.row.spec)
    stranger.push.send(wire.encode(wire.Submit("evil", "r", time.time(), [forged])))
    wait_until(lambda: httpx2.get(f"{cluster.url}/jobs/{mine}").status_code == 200, HEARD_SECONDS, "the forged job")

    assert httpx2.get(f"{cluster.url}/jobs/{mine}/original").status_code == 404
    assert httpx2.post(f"{cluster.url}/jobs", json={"original": mine}).status_code == 404
    cluster.start_role("worker")
    ended = cluster.ended(mine)
    assert (ended["state"], ended["error"]["code"], ended["renditions"]) == ("dead", Code.ORIGINAL_MISSING, [])
    assert place.all_files() == place.files
