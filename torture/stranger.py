"""A hostile web process and hostile workers, for torture/frames.py: they connect to the sockets of a broker, and send
it mutated frames, messages at their bounds, and good ones between. Decides nothing about a job.
"""

import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import zmq

from host.files.folders import endpoint
from jobs import ids, wire
from jobs.job import Cost, Original, Rendition, Spec, encode
from jobs.records import Where
from torture.extremes import ROOMS, Extremes
from torture.mutants import Mutator

BATCH = 500
EXTREME_BATCH = 20
GOOD_SHARE = 0.1
WORKERS = 4
LINGER_MS = 60_000
WEB = "mutants"


class Frames:
    """Valid messages of web and workers, with ids of submitted jobs."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._jobs = [self.mint()]

    def mint(self) -> str:
        """A new id."""
        return ids.mint(time.time(), self._random.randbytes(ids.RANDOM_BYTES))

    def submit(self, files: int = 1) -> wire.Submit:
        """A Submit of new jobs, which later messages name."""
        jobs = [self._new_job(self.mint()) for _ in range(files)]
        self._jobs = [*self._jobs[-20:], *(job.id for job in jobs)]
        return wire.Submit(WEB, self._request(), time.time(), jobs)

    def from_web(self) -> list[Any]:
        """One of each."""
        one, named = self._random.choice(self._jobs), (WEB, self._request())
        where = Where("", "queued", None, "r", "default")
        commands = [
            kind(*named, *which)
            for kind in (wire.Cancel, wire.Requeue, wire.Purge)
            for which in ((one,), (None, where))
        ]
        return [
            self.submit(),
            self.submit(3),
            *commands,
            wire.Pause(*named),
            wire.Resume(*named),
            wire.DrainWorker(*named, "w0"),
        ]

    def from_worker(self, incarnation: str) -> list[Any]:
        """One of each, Leaving and Draining aside where they would end it at once."""
        job, lease = self._random.choice(self._jobs), self._random.randint(1, 3)
        rendition = Rendition("thumb", ids.rendition_name(job, "thumb", "0" * 64, "jpg"), "jpeg", 32, 24, 99, "0" * 64)
        return [
            self.ready(incarnation),
            wire.Started([wire.Start(job, lease, time.time())]),
            wire.Described([wire.Description(job, lease, b"facts")]),
            wire.Published([wire.Publication(job, lease, rendition)]),
            wire.Finished([wire.Finish(job, lease, [rendition], Cost(5.0, 10**7))]),
            wire.Failed([wire.Failure(job, lease, "undecodable", "no image")]),
            wire.Returned([wire.LeaseRef(job, lease)]),
            wire.Swept([job]),
            wire.Found("", [ids.original_name(job)], None),
            wire.WorkerBeat([wire.Held(job, lease, True)]),
            wire.Draining(),
            wire.Leaving(),
        ]

    def recent(self) -> list[str]:
        """Ids of the latest jobs."""
        return self._jobs[-5:]

    def ready(self, incarnation: str) -> wire.Ready:
        """A worker's introduction."""
        return wire.Ready(incarnation, f"{incarnation}-name", 1, 2, "engine", [])

    def _request(self) -> str:
        return self._random.randbytes(8).hex()

    def _new_job(self, job: str) -> wire.NewJob:
        original = Original(ids.original_name(job), "png", 4, 3, 99, "0" * 64)
        spec = encode(Spec("a.png", "r", None, "default", '{"renditions":[]}', original, ""))
        key = self._random.randbytes(32)
        return wire.NewJob(job, "", 1, 12, "r", "default", None, self._random.randbytes(32), spec, key, key)


class Stranger:
    """All sockets of a hostile peer that may connect to the broker."""

    def __init__(self, run: Path, seed: int) -> None:
        self._context = zmq.Context()
        self._run, self._random = run, random.Random(seed)
        self.frames = Frames(seed)
        self._extremes = Extremes(seed, [self.frames.mint()])
        self.sent: Counter[str] = Counter()
        self._push = self._socket(zmq.PUSH, "jobs")
        self._dealers = [self._socket(zmq.DEALER, "workers") for _ in range(WORKERS)]
        self._acks = self._socket(zmq.SUB, "receipts")
        self._acks.subscribe(wire.acks_topic(WEB))
        self._changes = self._socket(zmq.SUB, "changes")
        self._changes.subscribe(b"")

    def batch(self, mutator_seed: int) -> None:
        """Send BATCH mutants, as web and as a worker in turn, with good frames between."""
        web = Mutator(mutator_seed, [wire.encode(message) for message in self.frames.from_web()])
        worker = Mutator(mutator_seed, [wire.encode(message) for message in self.frames.from_worker("w0")])
        for number in range(BATCH):
            dealer = self._random.choice(self._dealers)
            if self._random.random() < GOOD_SHARE:
                self._good(dealer)
            if number % 2:
                self._send(self._push, web.next())
            else:
                self._send(dealer, worker.next())
        self._listen()

    def extremes(self) -> None:
        """Send EXTREME_BATCH messages at their bounds, as web and as a worker in turn."""
        self._reconnect()
        for number in range(EXTREME_BATCH):
            room = self._random.choice(ROOMS)
            kind = self._random.choice(wire.FROM_WEB if number % 2 else wire.FROM_WORKER)
            frame = wire.encode(self._extremes.message(kind, room))
            (self._push if number % 2 else self._random.choice(self._dealers)).send(frame)
        self._extremes.pool[1:] = [*self._extremes.pool[1:][-20:], *self.frames.recent()]
        self._listen()
        self.sent["extreme"] += EXTREME_BATCH

    def _reconnect(self) -> None:
        """Go on as the same workers on fresh connections, each with a budget of its own: of one that is over its budget
        the broker decodes nothing. The former ones end once all is sent."""
        for number, former in enumerate(self._dealers):
            former.close(LINGER_MS)
            self._dealers[number] = self._socket(zmq.DEALER, "workers")
            self._dealers[number].send(wire.encode(self.frames.ready(f"w{number}")))

    def _listen(self) -> None:
        """Hear all that came. What is to be swept is, as by good workers: else it piles up, as it should."""
        for heard in (self._acks, self._changes):
            while heard.poll(0):
                heard.recv_multipart()
        for dealer in self._dealers:
            while dealer.poll(0):
                for frame in dealer.recv_multipart():
                    message = wire.to_worker.decode(frame)
                    if isinstance(message, wire.Sweep):
                        dealer.send(wire.encode(wire.Swept([job for job, _ in message.sweeps])))

    def giant(self) -> None:
        """Send a frame that is too large: the broker's socket disconnects the sender, which reconnects."""
        self._dealers[0].send(bytes(wire.FRAME_BYTES_MAX + 1))
        self._push.send(bytes(wire.FRAME_BYTES_MAX + 1))
        self.sent["giant"] += 2

    def is_served(self, seconds: float) -> bool:
        """Whether a good Submit, repeated each second, is answered: committed, or refused where the queue is full."""
        submit, until = self.frames.submit(), time.monotonic() + seconds
        while time.monotonic() < until:
            self._push.send(wire.encode(submit))
            while self._acks.poll(1000):
                heard = wire.to_web.decode(self._acks.recv_multipart()[1])
                if isinstance(heard, wire.Acks) and any(ack.request == submit.request for ack in heard.acks):
                    return True
        return False

    @property
    def done(self) -> int:
        """How many mutants and extremes were sent."""
        return self.sent["mutated"] + self.sent["extreme"]

    def close(self) -> None:
        """Close all sockets."""
        self._context.destroy(0)

    def _good(self, dealer: "zmq.Socket[bytes]") -> None:
        name = f"w{self._dealers.index(dealer)}"
        dealer.send(wire.encode(self._random.choice([self.frames.ready(name), *self.frames.from_worker(name)])))
        self._push.send(wire.encode(self._random.choice([self.frames.submit(), *self.frames.from_web()])))
        self.sent["good"] += 2

    def _send(self, to: "zmq.Socket[bytes]", frame: bytes) -> None:
        if self._random.random() < 0.02:
            to.send_multipart([frame, b"", self._random.randbytes(9)])
        else:
            to.send(frame)
        self.sent["mutated"] += 1

    def _socket(self, kind: int, name: str) -> "zmq.Socket[bytes]":
        made = self._context.socket(kind)
        made.linger, made.sndtimeo = 0, 60_000
        made.connect(endpoint(self._run, name))
        return made
