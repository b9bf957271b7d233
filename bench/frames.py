"""Mutated frames at a real broker: a million of them over its own sockets, as a web process and as workers.

Good frames go between, so that there are jobs, workers and leases to be confused. At the end the same process
must take a good Submit, and nothing but warnings may be in its log.
"""

import argparse
import random
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import zmq

from bench.mutants import Mutator
from bench.report import close, table
from host.folders import endpoint
from jobs import ids, wire
from jobs.job import Cost, Original, Rendition, Spec, encode
from jobs.records import Where
from tests.support.cluster import Cluster, wait_until

FRAMES = 1_000_000
SEED = 1
BATCH = 500
GOOD_SHARE = 0.1
WORKERS = 4
WEB = "mutants"


class Frames:
    """Good messages of both directions, with ids of jobs that were submitted."""

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
    """All the sockets of someone who may connect, and means no good."""

    def __init__(self, run: Path, seed: int) -> None:
        self._context = zmq.Context()
        self._run, self._random = run, random.Random(seed)
        self.frames = Frames(seed)
        self.sent: Counter[str] = Counter()
        self._push = self._socket(zmq.PUSH, "jobs")
        self._dealers = [self._socket(zmq.DEALER, "workers") for _ in range(WORKERS)]
        self._receipts = self._socket(zmq.SUB, "receipts")
        self._receipts.subscribe(wire.receipts_topic(WEB))
        self._changes = self._socket(zmq.SUB, "changes")
        self._changes.subscribe(b"")

    def batch(self, mutator_seed: int) -> None:
        """BATCH mutants, with good frames between, to each of both sockets in turn."""
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
        for heard in (self._receipts, self._changes, *self._dealers):
            while heard.poll(0):
                heard.recv_multipart()

    def giant(self) -> None:
        """A frame that no socket takes: the sender is cut off, and comes again."""
        self._dealers[0].send(bytes(wire.FRAME_BYTES_MAX + 1))
        self._push.send(bytes(wire.FRAME_BYTES_MAX + 1))
        self.sent["giant"] += 2

    def is_served(self, seconds: float) -> bool:
        """Whether a good Submit, repeated each second, is committed."""
        submit, until = self.frames.submit(), time.monotonic() + seconds
        while time.monotonic() < until:
            self._push.send(wire.encode(submit))
            while self._receipts.poll(1000):
                heard = wire.to_web.decode(self._receipts.recv_multipart()[1])
                if isinstance(heard, wire.Receipts) and any(
                    receipt.request == submit.request and receipt.outcome == wire.COMMITTED
                    for receipt in heard.receipts
                ):
                    return True
        return False

    def close(self) -> None:
        """Be gone."""
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


def run(folder: Path, count: int, seed: int) -> dict[str, Any]:
    """Send `count` mutants to a broker of its own; what became of it."""
    cluster = Cluster(folder)
    try:
        broker = cluster.start_role("broker", orphan_seconds=10**9, log_format="json")
        stranger = Stranger(cluster.run, seed)
        began = time.monotonic()
        while stranger.sent["mutated"] < count and broker.poll() is None:
            stranger.batch(seed * 1_000_003 + stranger.sent["mutated"])
        served = broker.poll() is None and stranger.is_served(60)
        stranger.giant()
        served &= broker.poll() is None and stranger.is_served(60)
        seconds = time.monotonic() - began
        stranger.close()
        ended = broker.poll()
        broker.terminate()
        wait_until(lambda: broker.poll() is not None, 30, "the broker to end")
        log = cluster.log()
        return {
            "mutated": stranger.sent["mutated"], "good": stranger.sent["good"], "seconds": round(seconds, 1),
            "served_at_the_end": served, "ended_before": ended, "exit_status": broker.returncode,
            "dropped": sum(map(int, re.findall(r'"stopped".*"dropped": (\d+)', log))),
            "errors": [line for line in log.splitlines() if '"error"' in line or not line.startswith("{")],
        }  # fmt: skip
    finally:
        cluster.stop()


def main() -> int:
    """Run, print; 1 if anything but drops came of it."""
    parser = argparse.ArgumentParser(prog="python -m bench.frames", description=__doc__)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder:
        found = run(Path(folder), asked.frames, asked.seed)
    table((f"mutated frames, seed {asked.seed}", ""), [(name, str(value)[-2000:]) for name, value in found.items()])
    close("frames", {**found, "errors": len(found["errors"])})
    return 0 if found["served_at_the_end"] and not found["errors"] and found["exit_status"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
