"""A hostile broker, for torture/frames.py: it binds the sockets of a run folder, and sends mutated frames and messages
at their bounds to the real web processes and workers that connect. Decides nothing about a job.
"""

import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import zmq

from host.files.folders import endpoint
from jobs import ids, wire
from jobs.job import Original, Rendition, Spec, encode
from jobs.records import Lane
from torture.extremes import ROOMS, Extremes
from torture.mutants import Mutator

TO_WORKER = tuple(kind for kind in wire.TO_WORKER if kind is not wire.Drain)
"""All but Drain, after which a worker leaves, as it should."""
WAIT_SECONDS = 60.0


class FalseBroker:
    """It sends the same frames for the same seed. It knows the web process after that has subscribed."""

    def __init__(self, run: Path, seed: int) -> None:
        self._context = zmq.Context()
        self._random, self._seed = random.Random(seed), seed
        self._pull, self._router = self._bind(run, zmq.PULL, "jobs"), self._bind(run, zmq.ROUTER, "workers")
        self._acks, self._changes = self._bind(run, zmq.XPUB, "receipts"), self._bind(run, zmq.XPUB, "changes")
        self._topic = b""
        self._peer = b""
        self.received: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self._extremes = Extremes(seed, [ids.mint(1e9, bytes(ids.RANDOM_BYTES))])

    def meet(self) -> None:
        """Return once a web process has subscribed and a worker has said Ready. Raises TimeoutError."""
        end = time.monotonic() + WAIT_SECONDS
        while not (self._topic and self._peer):
            if time.monotonic() > end:
                raise TimeoutError("nobody came")
            self.listen(100)
        self._to_web(self._acks, self._topic, wire.encode(wire.Hello(1)))
        self._to_worker(wire.encode(wire.Welcome(1, 5.0)))

    def listen(self, milliseconds: int = 0) -> None:
        """Count what is said to us."""
        self._router.poll(milliseconds)
        for publisher in (self._acks, self._changes):
            while publisher.poll(0):
                frame = publisher.recv()
                if publisher is self._acks and frame[:1] == b"\1":
                    self._topic = frame[1:]
        while self._router.poll(0):
            self._peer, frame = self._router.recv_multipart()
            self.received[type(wire.from_worker.decode(frame)).__name__] += 1
        while self._pull.poll(0):
            self._pull.recv_multipart()

    def mutants(self, count: int) -> None:
        """Send so many mutants to web and as many to the worker, and the good frames that they are made from."""
        seed = self._seed * 1_000_003 + self.sent["mutated"]
        web, worker = Mutator(seed, self._good_to_web()), Mutator(seed, self._good_to_worker())
        for frame in self._good_to_web():
            self._say_to_web(frame)
        for frame in self._good_to_worker():
            self._to_worker(frame)
        for _ in range(count):
            self._say_to_web(web.next())
            self._to_worker(worker.next())
        self.sent["mutated"] += 2 * count

    def extremes(self, count: int) -> None:
        """Send so many messages at their bounds to web, and as many to the worker."""
        for _ in range(count):
            room = self._random.choice(ROOMS)
            self._say_to_web(wire.encode(self._extremes.message(self._random.choice(wire.TO_WEB), room)))
            self._to_worker(wire.encode(self._extremes.message(self._random.choice(TO_WORKER), room)))
        self.sent["extreme"] += 2 * count

    def is_received(self) -> bool:
        """Whether the worker answers Introduce by Ready: it has read all that came before."""
        before, end = self.received["Ready"], time.monotonic() + WAIT_SECONDS
        while self.received["Ready"] == before and time.monotonic() < end:
            self._to_worker(wire.encode(wire.Introduce(10**6)))
            self.listen(500)
        self._to_worker(wire.encode(wire.Welcome(10**6, 5.0)))
        return self.received["Ready"] > before

    def beat(self) -> None:
        """Send a valid beat, with a change number that no mutant has."""
        beat = wire.Beat(1, time.time(), 2**60, False, {"queued": 1}, None, [], 1, 0.0, 0.0)
        self._to_web(self._changes, wire.BEAT_TOPIC, wire.encode(beat))

    @property
    def done(self) -> int:
        """How many mutants and extremes were sent."""
        return self.sent["mutated"] + self.sent["extreme"]

    def close(self) -> None:
        """Close all sockets."""
        self._context.destroy(0)

    def _good_to_web(self) -> list[bytes]:
        job = ids.mint(time.time(), self._random.randbytes(ids.RANDOM_BYTES))
        rendition = Rendition("thumb", ids.rendition_name(job, "thumb", "0" * 64, "jpg"), "jpeg", 32, 24, 99, "0" * 64)
        change = wire.Change(7, job, "t", "queued", 1, None, None, rendition, False, Lane(1, "s.t"), 3)
        view = wire.WorkerView("name", "w", "busy", 3, [wire.WorkerJob(job, 1e9, "t")], 1e9)
        waiting = wire.Waiting({"s": 0.1}, [wire.LaneView(Lane(1, "s.t"), 9, [(0, 1), (8, 9)])], [0.5, None])
        tenants = {"t": wire.Share({"queued": 9}, 1e9, 1.0, 1.0)}
        beat = wire.Beat(1, 1e9, 7, False, {"queued": 9}, 1e9, [view], 1, 1.0, 1.0, tenants, waiting, {"t": 1e9})
        messages = [
            wire.Hello(1), wire.Acks(1, [wire.Ack("1", wire.COMMITTED, [job])]),
            wire.Changes(1, 6, 7, [change]), beat,
        ]  # fmt: skip
        return [wire.encode(message) for message in messages]

    def _good_to_worker(self) -> list[bytes]:
        job = ids.mint(time.time(), self._random.randbytes(ids.RANDOM_BYTES))
        refs = [wire.LeaseRef(job, 1)]
        original = Original(ids.original_name(job), "png", 4, 3, 99, "0" * 64)
        spec = encode(Spec("a.png", "r", None, "default", '{"renditions":[{"name":"a"}]}', original, ""))
        messages = [
            wire.Welcome(1, 5.0), wire.Introduce(1), wire.Assign([wire.Assignment(job, 1, 5.0, 1 << 28, False, spec)]),
            wire.Recall(refs), wire.Abandon(refs), wire.Settled(refs), wire.Sweep([(job, [ids.original_name(job)])]),
            wire.OrphanScan("", 1e6, 10), wire.BrokerBeat(1),
        ]  # fmt: skip
        return [wire.encode(message) for message in messages]

    def _say_to_web(self, frame: bytes) -> None:
        publisher, topic = self._random.choice(
            ((self._acks, self._topic), (self._changes, wire.CHANGES_TOPIC), (self._changes, wire.BEAT_TOPIC))
        )
        self._to_web(publisher, topic, frame)

    def _to_web(self, publisher: Any, topic: bytes, frame: bytes) -> None:
        publisher.send_multipart([topic, frame])

    def _to_worker(self, frame: bytes) -> None:
        """Send to the worker, if it is connected. Under a flood it may take the broker for silent, and reconnect."""
        try:
            self._router.send_multipart([self._peer, frame])
        except zmq.ZMQError as error:
            if error.errno not in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                raise

    def _bind(self, run: Path, kind: int, name: str) -> Any:
        made: Any = self._context.socket(kind)
        made.linger, made.sndtimeo = 0, 30_000
        if kind == zmq.ROUTER:
            made.router_mandatory = 1
        if kind == zmq.XPUB:
            made.xpub_nodrop = 1
        made.bind(endpoint(run, name))
        return made
