"""A fake broker for tests of a real `python -m worker`."""

import hashlib
import io
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import zmq
from PIL import Image

from host.files.folders import endpoint
from jobs import wire
from jobs.job import Original, Spec, encode
from jobs.recipes.recipe import canonical, parse
from stores.blobs.local import LocalBlobs
from tests.support.clusters.cluster import START_SECONDS, Cluster, alive, children_of, wait_until
from tests.support.patience import Patience

T = TypeVar("T")
QUICK = {"renditions": [{"name": "large", "width": 60, "format": "webp"}, {"name": "thumb", "width": 20}]}
SLOW = {"renditions": [{"name": "thumb", "width": 8}, {"name": "large", "format": "webp", "lossless": True}]}
"""Seconds of work on a `noise` image, in one call into C."""
MEMORY_BYTES = 1 << 30
POLL_MILLISECONDS = 100
SILENCE_SECONDS = 60.0
"""More than any work in a test takes on a slow machine: this broker sends no beats, and a silent one is left."""


def noise(side: int) -> bytes:
    """A BMP of random grey pixels, which is slow to encode."""
    stream = io.BytesIO()
    Image.effect_noise((side, side), 100).convert("RGB").save(stream, "BMP")
    return stream.getvalue()


def job_id(number: int) -> str:
    """One of many ids."""
    return f"{number:026d}"


class FakeBroker:
    """Binds the workers' socket of `cluster`, greets one worker and records all that it says."""

    def __init__(self, cluster: Cluster) -> None:
        self._context = zmq.Context()
        self._router = self._context.socket(zmq.ROUTER)
        self._router.linger = 0
        self._router.bind(endpoint(cluster.run, "workers"))
        self._worker = b""
        self.received: list[Any] = []
        self._seen = 0
        cluster.data.mkdir(mode=0o700, exist_ok=True)
        self.blobs = LocalBlobs(cluster.data)

    def close(self) -> None:
        """Close the socket. Harmless when called twice."""
        self._router.close()
        self._context.term()

    def say(self, message: Any) -> None:
        """To the worker that spoke last."""
        self._router.send_multipart([self._worker, wire.encode(message)])

    def expect(self, kind: type[T], seconds: float = START_SECONDS) -> T:
        """The next message of this type; what comes before it is passed over (but is in `received`)."""
        patience = Patience(seconds)
        while True:
            while self._seen < len(self.received):
                self._seen += 1
                if type(found := self.received[self._seen - 1]) is kind:
                    return found
            patience.check(f"{kind.__name__}, heard {self.received}")
            if self._router.poll(POLL_MILLISECONDS):
                self._receive()

    def greet(self, silence_seconds: float = SILENCE_SECONDS) -> wire.Ready:
        """Hear a Ready and welcome the worker. It beats five times in `silence_seconds`."""
        ready = self.expect(wire.Ready)
        self.say(wire.Welcome(1, silence_seconds))
        return ready

    def assign(self, number: int, image: bytes, recipe: Any = QUICK, **fields: Any) -> wire.LeaseRef:
        """Store an original and assign a job on it, lease 1 unless said otherwise."""
        assignment = self.assignment(number, image, recipe, **fields)
        self.say(wire.Assign([assignment]))
        return wire.LeaseRef(assignment.job, assignment.lease)

    def assignment(
        self, number: int, image: bytes, recipe: Any = QUICK, tenant: str = "t", **fields: Any
    ) -> wire.Assignment:
        """Store an original, and return its assignment without sending it."""
        job = job_id(number)
        original = Original(f"raw/{job[-2:]}/{job}", "", 0, 0, len(image), hashlib.sha256(image).hexdigest())
        self.blobs.put(original.name, image)
        spec = Spec("a.bmp", None, None, None, canonical(parse(recipe)), original, tenant)
        asked = {"lease": 1, "seconds": 60.0, "memory_bytes": MEMORY_BYTES, "alone": False, **fields}
        return wire.Assignment(job=job, spec=encode(spec), **asked)

    def forget(self) -> None:
        """Settle all answers under lease 1, and go on as if nothing had been said."""
        while self._router.poll(0):
            self._receive()
        answered = [one for said in self.received if isinstance(said, wire.Finished | wire.Failed) for one in said.jobs]
        self.settle(*(wire.LeaseRef(job, 1) for job in {one.job for one in answered}))
        self.received, self._seen = [], 0

    def settle(self, *refs: wire.LeaseRef) -> None:
        """Tell the worker that its answers under these leases are settled."""
        self.say(wire.Settled(list(refs)))

    def _receive(self) -> None:
        self._worker, frame = self._router.recv_multipart()
        self.received.append(wire.from_worker.decode(frame))


class Worker:
    """A real worker process and its children."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.pid = process.pid

    @property
    def nursery(self) -> int:
        """Its nursery's pid."""
        return wait_until(lambda: children_of(self.pid), START_SECONDS, "a nursery")[0]

    @property
    def decoder(self) -> int:
        """Its decoder's pid."""
        return wait_until(lambda: children_of(self.nursery), START_SECONDS, "a decoder")[0]

    def other_decoder(self, than: int) -> int:
        """Wait for the decoder that replaces `than`. Returns its pid."""
        fresh = wait_until(
            lambda: [pid for nursery in children_of(self.pid) for pid in children_of(nursery) if pid != than],
            START_SECONDS,
            "another decoder",
        )
        return fresh[0]

    def family(self) -> list[int]:
        """All of its processes."""
        return [self.pid, self.nursery, self.decoder]


def gone(*pids: int) -> bool:
    """Whether none of these runs any more."""
    return not any(map(alive, pids))


@contextmanager
def worker_under_test(
    cluster: Cluster, *, silence_seconds: float = SILENCE_SECONDS, **settings: object
) -> Iterator[tuple[FakeBroker, Worker]]:
    """A fake broker that has greeted a real worker, with the result cache off unless asked for."""
    broker = FakeBroker(cluster)
    try:
        process = cluster.start_role("worker", **{"cache_url": "none", **settings})
        broker.greet(silence_seconds)
        yield broker, Worker(process)
    finally:
        for process in cluster.by_hand:  # with unsettled answers it would wait for another broker
            process.kill()
            process.wait()
        broker.close()


def end(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal."""
    os.kill(pid, number)
