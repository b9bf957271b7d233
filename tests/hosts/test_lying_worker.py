"""A worker that lies: an allowed key of a worker's host, in a stranger's hands, beside an honest worker with work.

It may harm the jobs that it was given. All others end as if it were not there, with their files. The broker goes on.
"""

import contextlib
import itertools
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq

from broker.hearing import OVER
from host.sockets import curve
from host.sockets.addresses import Wires
from host.sockets.allowed import Role
from host.sockets.bound import bound
from jobs import wire
from jobs.ids import original_name, rendition_name
from jobs.job import Rendition
from tests.hosts.test_tcp import free_port, keys
from tests.support.clusters.beside import Repeated
from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.patience import stretched
from tests.support.pictures.images import corners, saved

pytestmark = pytest.mark.cluster
HONEST_JOBS, HONEST_JOBS_FULL = 15, 40
SECONDS = 60.0
LEASES = range(1, 4)
_numbers = itertools.count(1)


class Liar:
    """A raw connection with a worker's key. `given`: the jobs that the broker assigned to it, by their leases."""

    def __init__(self, port: int, folder: Path) -> None:
        self._context = zmq.Context()
        self.client = curve.Client(folder)
        self.dealer: Any = self._context.socket(zmq.DEALER)
        self.dealer.linger, self.dealer.sndhwm = 0, 10
        self.client.dress(self.dealer)
        self.dealer.connect(Wires(Path(), ("127.0.0.1", port)).endpoint("workers"))
        self.name = bound(secrets.token_hex(8), self.client.key)
        self.given: dict[str, int] = {}
        self.frames = 0

    def say(self, message: Any) -> None:
        self.send(wire.encode(message))

    def send(self, frame: bytes) -> None:
        """Send, or wait for room: a flood must not be held up by us."""
        self.dealer.send(frame)
        self.frames += 1

    def ready(self, capacity: int = 2) -> None:
        self.say(wire.Ready(self.name, "evil\n00:00:00 broker ready", 1, capacity, "engine", []))

    def hear(self) -> list[Any]:
        """What the broker said since the last time."""
        said = []
        while self.dealer.poll(0):
            said += [wire.to_worker.decode(frame) for frame in self.dealer.recv_multipart()]
        for message in said:
            if isinstance(message, wire.Assign):
                self.given |= {job.job: job.lease for job in message.jobs}
        return said

    def close(self) -> None:
        self._context.destroy(0)


class Place:
    """A cluster on tcp at `port` with one honest worker, a victim's job that is done, and the liar's connection.
    `jobs`: how many honest ones run beside a lie."""

    def __init__(self, cluster: Cluster, port: int, jobs: int) -> None:
        self.cluster, self.jobs = cluster, jobs
        self.liar = Liar(port, keys(cluster, f"crew{next(_numbers)}", Role.WORKER))
        self.victim = cluster.ended(self.upload(), SECONDS)
        self.files = self.files_of(self.victim["id"])

    def upload(self) -> str:
        """One more picture, unlike all others."""
        return str(self.cluster.upload(saved(corners(), "png") + b"%d" % next(_numbers), preset="avatar")["id"])

    def workers(self) -> int:
        """How many the broker counts."""
        return len(self.cluster.get("/stats")["workers"])

    def files_of(self, job: str) -> dict[str, bytes]:
        parts = [self.cluster.data / part for part in ("raw", "processed")]
        found = [path for part in parts for path in part.rglob(f"{job}*")]
        return {path.name: path.read_bytes() for path in found}

    def rendition_of(self, job: str) -> Rendition:
        """A rendition of the victim, under another job's name."""
        shown = self.victim["renditions"][0]
        blob = rendition_name(job, shown["name"], "0" * 64, "jpg")
        return Rendition(shown["name"], blob, "jpeg", 1, 1, 1, "0" * 64)

    def honest_jobs_end(self, count: int) -> float:
        """Upload so many pictures, and wait for those that the liar was not given. Returns the seconds that it took."""
        began, jobs = time.monotonic(), [self.upload() for _ in range(count)]
        for job in jobs:
            wait_until(lambda job=job: self._ended_or_given(job), SECONDS, f"{job} to end")  # type: ignore[misc]
        return time.monotonic() - began

    def _ended_or_given(self, job: str) -> bool:
        if job in self.liar.given:
            return True
        found = self.cluster.get(f"/jobs/{job}")
        if found["ended_at"] is None:
            return False
        assert (found["state"], found["attempts"]) == ("done", 1), found
        assert len(self.files_of(job)) == 1 + len(found["renditions"]), job
        return True


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, int]]:
    """A cluster with one honest worker, and its port: each test has a liar of its own."""
    port = free_port()
    second = stretched(1.0)
    quick: dict[str, Any] = {"accept_seconds": second, "orphan_seconds": 2 * second, "silence_seconds": 2}
    cluster = Cluster(tmp_path_factory.mktemp("liars"), brokers=f"tcp://127.0.0.1:{port}", cache_url="none", **quick)
    cluster.environ["PIXMILL_PORT"] = str(cluster.take_port())
    keys(cluster)
    try:
        cluster.start_roles("broker", "web", "worker")
        yield cluster, port
    finally:
        cluster.stop()


@pytest.fixture
def place(honest: tuple[Cluster, int], full: bool) -> Iterator[Place]:
    place = Place(*honest, HONEST_JOBS_FULL if full else HONEST_JOBS)
    yield place
    place.liar.close()
    wait_until(lambda: place.workers() == 1, SECONDS, "the liar to be given up")


def lies_about(place: Place, jobs: list[str]) -> Iterator[Any]:
    """Everything that a worker may say, about jobs that it was never given, under each lease that they may have."""
    for job, lease in itertools.product(jobs, LEASES):
        forged = place.rendition_of(job)
        theirs = msgspec.structs.replace(forged, blob=original_name(place.victim["id"]))
        yield wire.Started([wire.Start(job, lease, time.time())])
        yield wire.Published([wire.Publication(job, lease, each) for each in (forged, theirs)])
        yield wire.Finished([wire.Finish(job, lease, [forged])])
        yield wire.Finished([wire.Finish(job, lease, [], None, True)])
        yield wire.Failed([wire.Failure(job, lease, "undecodable", "evil")])
        yield wire.Failed([wire.Failure(job, lease, "decoder_crashed", "evil")])
        yield wire.Returned([wire.LeaseRef(job, lease)])
        yield wire.WorkerBeat([wire.Held(job, lease, True)])
    yield wire.Swept(jobs, [(job, "evil") for job in jobs])


def found_all(place: Place, running: list[str]) -> bool:
    """Name files of others as orphans, if the liar is asked; whether it was."""
    victim, liar = place.victim["id"], place.liar
    liar.say(wire.WorkerBeat([]))
    liar.dealer.poll(500)
    names = [original_name(job) for job in [*running, victim]] + [place.rendition_of(victim).blob]
    names += ["raw/../curve/broker.key", *(f"processed/{victim[-2:]}/{name}" for name in place.files)]
    asked = [message for message in liar.hear() if isinstance(message, wire.OrphanScan)]
    for each in asked:
        liar.say(wire.Found(each.after, names, "raw/zz"))
    return bool(asked)


def test_lies_about_jobs_of_others_change_nothing(place: Place) -> None:
    """Also as Found, which would have files deleted, and in a Ready that claims their leases."""
    liar, victim = place.liar, place.victim
    liar.ready(capacity=0)
    running = [place.upload() for _ in range(place.jobs)]
    for lie in lies_about(place, [victim["id"], *running[:5]]):
        liar.say(lie)
    liar.say(wire.Ready(liar.name, "evil", 1, 0, "engine", [wire.Held(job, 1, True) for job in running]))
    for job in running:
        ended = place.cluster.ended(job, SECONDS)
        assert (ended["state"], ended["attempts"]) == ("done", 1), ended["timeline"]
        assert len(place.files_of(job)) == 1 + len(ended["renditions"])
    liar.ready(capacity=1)  # idle, and asked in its turn
    wait_until(lambda: found_all(place, running), SECONDS, "an orphan scan to be asked of the liar")
    place.honest_jobs_end(1)
    assert place.cluster.get(f"/jobs/{victim['id']}") == victim
    assert place.files_of(victim["id"]) == place.files
    assert "\n00:00:00 broker ready" not in place.cluster.log()


def test_floods_are_not_heard_and_end_nothing(place: Place) -> None:
    """Frames without meaning, as large as one may be, and endless answers about leases that it has not. Other work
    takes longer meanwhile, because all share this machine: the figures are printed."""
    liar = place.liar
    liar.ready(capacity=0)
    alone = place.honest_jobs_end(place.jobs)
    noise = secrets.token_bytes(1024 * 1024)
    answers = wire.encode(wire.Returned([wire.LeaseRef(secrets.token_hex(13), 1) for _ in range(wire.ITEMS_MAX)]))
    ready = wire.encode(wire.Ready(liar.name, "evil", 1, 0, "engine", []))
    frames = itertools.cycle([noise, answers, ready, b"", answers])
    liar.dealer.sndtimeo = 1000
    over = f"worker_not_heard why={OVER} of={liar.client.fingerprint}"

    def flood() -> None:
        with contextlib.suppress(zmq.Again):
            liar.send(next(frames))
        liar.hear()

    with Repeated(flood):
        flooded = place.honest_jobs_end(place.jobs)
        wait_until(lambda: over in place.cluster.log().replace('"', ""), SECONDS, "the flood to be heard no more")
    print(f"{place.jobs} jobs: {alone:.2f} s alone, {flooded:.2f} s beside {liar.frames} frames of a flood")
    wait_until(lambda: place.workers() == 1, SECONDS, "the liar to be given up")
    assert place.cluster.get("/health/ready")["status"] == "ready"
    assert place.files_of(place.victim["id"]) == place.files


def test_a_worker_that_gives_back_all_that_it_is_given_starves_nobody(place: Place) -> None:
    liar = place.liar
    liar.ready(capacity=1)

    def give_back() -> None:
        for message in liar.hear():
            if isinstance(message, wire.Assign):
                liar.say(wire.Returned([wire.LeaseRef(job.job, job.lease) for job in message.jobs]))
                liar.given.clear()
        liar.dealer.poll(10)

    with Repeated(give_back):
        seconds = place.honest_jobs_end(place.jobs)
    print(f"{place.jobs} jobs: {seconds:.2f} s, {liar.frames} given back")


def test_absurd_introductions_are_no_workers(place: Place) -> None:
    liar = place.liar
    honest = place.cluster.workers()[0]
    for changed in (
        {"capacity": 10**9}, {"capacity": -1}, {"name": "x" * 300}, {"incarnation": honest["incarnation"]},
        {"holding": [wire.Held("j", 1, True)] * (wire.ITEMS_MAX + 1)},
    ):  # fmt: skip
        whole = wire.Ready(liar.name, "evil", 1, 0, "engine", [])
        liar.say(msgspec.structs.replace(whole, **changed))
    liar.ready(capacity=0)
    wait_until(lambda: place.workers() == 2, SECONDS, "the last one alone to count")
    assert honest["incarnation"] in [worker["incarnation"] for worker in place.cluster.get("/stats")["workers"]]
    assert place.honest_jobs_end(3) < SECONDS
