"""Mutated and extreme frames at real processes: a million mutants, and a hundred thousand messages with the longest
texts and lists that are taken (torture/extremes.py).

First at a broker, over its own sockets, as a web process and as workers. Good frames go between, so that there are
jobs, workers and leases to be confused, and now and then a request that must be answered. Then at a web process and a
worker, by a broker that means no good (torture/false_broker.py). At the end the same processes must do their work,
nothing but warnings may be in their log, and none may have grown: its memory is read after a tenth of the frames
(WARM), and from there on.
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

from bench.parts.processes import memory_mb
from bench.parts.report import close, table
from host.files.folders import endpoint
from jobs import ids, wire
from jobs.job import Cost, Original, Rendition, Spec, encode
from jobs.records import Where
from tests.support.clusters.cluster import Cluster, wait_until
from torture.extremes import ROOMS, Extremes
from torture.false_broker import FalseBroker
from torture.mutants import Mutator

FRAMES, EXTREMES = 1_000_000, 100_000
TO_BROKER = 0.6
"""Of both; the rest goes to web and worker."""
EXTREME_BATCH = 20
WARM = 0.1
GROWTH_MB_MAX = 20.0
TOLD = ('"sweep failed"', '"orphan scan failed"')
"""A worker's errors over names that are none, which a false broker has it delete."""
QUEUED_MAX = 200
"""Jobs of 32 kB, which are in memory while they wait: full from the first batches on."""
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


class Growth:
    """Resident memory of a process while frames come, in MB."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.warm = self.end = self.most = 0.0

    def look(self, share: float) -> None:
        """After this share of all frames."""
        now = memory_mb(self._pid, "VmRSS")
        if share <= WARM:
            self.warm = max(self.warm, now)
        self.end, self.most = now, max(self.most, now)

    def figures(self, role: str) -> dict[str, float]:
        """For the table."""
        return {f"{role}_rss_warm_mb": round(self.warm, 1), f"{role}_rss_end_mb": round(self.end, 1),
                f"{role}_rss_most_mb": round(self.most, 1)}  # fmt: skip


class Stranger:
    """All the sockets of someone who may connect, and means no good."""

    def __init__(self, run: Path, seed: int) -> None:
        self._context = zmq.Context()
        self._run, self._random = run, random.Random(seed)
        self.frames = Frames(seed)
        self._extremes = Extremes(seed, [self.frames.mint()])
        self.sent: Counter[str] = Counter()
        self._push = self._socket(zmq.PUSH, "jobs")
        self._dealers = [self._socket(zmq.DEALER, "workers") for _ in range(WORKERS)]
        self._acks = self._socket(zmq.SUB, "acks")
        self._acks.subscribe(wire.acks_topic(WEB))
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
        self._listen()

    def extremes(self) -> None:
        """EXTREME_BATCH messages at their bounds, to each of both sockets in turn."""
        for number in range(EXTREME_BATCH):
            room = self._random.choice(ROOMS)
            kind = self._random.choice(wire.FROM_WEB if number % 2 else wire.FROM_WORKER)
            frame = wire.encode(self._extremes.message(kind, room))
            (self._push if number % 2 else self._random.choice(self._dealers)).send(frame)
        self._extremes.pool[1:] = [*self._extremes.pool[1:][-20:], *self.frames.recent()]
        self._listen()
        self.sent["extreme"] += EXTREME_BATCH

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
        """A frame that no socket takes: the sender is cut off, and comes again."""
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
        """Of both kinds."""
        return self.sent["mutated"] + self.sent["extreme"]

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


def at_broker(folder: Path, mutants: int, extremes: int, seed: int) -> dict[str, Any]:
    """Send both to a broker of its own; what became of it."""
    cluster = Cluster(folder, queued_max=QUEUED_MAX)
    try:
        broker = cluster.start_role("broker", orphan_seconds=10**9, log_format="json")
        stranger, growth = Stranger(cluster.run, seed), Growth(broker.pid)
        began, total = time.monotonic(), max(1, mutants + extremes)
        served = True
        while served and stranger.done < total and broker.poll() is None:
            if stranger.sent["mutated"] * extremes <= stranger.sent["extreme"] * mutants and mutants:
                stranger.batch(seed * 1_000_003 + stranger.sent["mutated"])
            else:
                stranger.extremes()
            if stranger.sent["extreme"] % (10 * EXTREME_BATCH) == 0:
                served = stranger.is_served(60)
                growth.look(stranger.done / total)
        stranger.giant()
        served &= broker.poll() is None and stranger.is_served(60)
        seconds = time.monotonic() - began
        stranger.close()
        ended = broker.poll()
        broker.terminate()
        wait_until(lambda: broker.poll() is not None, 30, "the broker to end")
        log = cluster.log()
        return {
            "mutated": stranger.sent["mutated"], "extreme": stranger.sent["extreme"], "good": stranger.sent["good"],
            "seconds": round(seconds, 1), **growth.figures("broker"),
            "served_at_the_end": served, "ended_before": ended, "exit_status": broker.returncode,
            "dropped": sum(map(int, re.findall(r'"stopped".*"dropped": (\d+)', log))),
            "unsaid": sum(map(int, re.findall(r'"stopped".*"unsaid": (\d+)', log))),
            "errors": _errors(log),
        }  # fmt: skip
    finally:
        cluster.stop(60)


def at_web_and_worker(folder: Path, mutants: int, extremes: int, seed: int) -> dict[str, Any]:
    """Send both to a web process and a worker of its own; what became of them."""
    cluster = Cluster(folder, log_format="json", capacity=3)
    broker = None
    try:
        with_ledger = cluster.start_role("broker")  # web reads one
        with_ledger.terminate()
        with_ledger.wait(30)
        broker = FalseBroker(cluster.run, seed)
        worker, web = cluster.start_role("worker"), cluster.start_role("web", port=cluster.take_port())
        broker.meet()
        growths = {"web": Growth(web.pid), "keeper": Growth(worker.pid)}
        began, total = time.monotonic(), max(1, mutants + extremes)
        served = True
        while served and broker.done < total and worker.poll() is None and web.poll() is None:
            if broker.sent["mutated"] * extremes <= broker.sent["extreme"] * mutants and mutants:
                broker.mutants(BATCH // 2)
            else:
                broker.extremes(EXTREME_BATCH // 2)
            served = broker.is_received() and _live(cluster)
            for growth in growths.values():
                growth.look(broker.done / total)
        broker.beat()
        served &= _live(cluster)
        return {
            "mutated": broker.sent["mutated"], "extreme": broker.sent["extreme"],
            "seconds": round(time.monotonic() - began, 1),
            **{name: figure for role, growth in growths.items() for name, figure in growth.figures(role).items()},
            "served_at_the_end": served, "ended_before": worker.poll() or web.poll(),
            "errors": _errors(cluster.log()),
        }  # fmt: skip
    finally:
        if broker is not None:
            broker.close()
        cluster.stop(60)


def _live(cluster: Cluster) -> bool:
    with cluster.client() as client:
        return client.get("/health/live").status_code == 200


def _errors(log: str) -> list[str]:
    told = [line for line in log.splitlines() if not any(event in line for event in TOLD)]
    return [line for line in told if '"error"' in line or not line.startswith("{")]


def held(found: dict[str, Any]) -> bool:
    """Whether all lived on, and none grew."""
    grown = [
        found[name.replace("_warm_", "_end_")] - warm for name, warm in found.items() if name.endswith("_rss_warm_mb")
    ]
    return bool(found["served_at_the_end"] and not found["errors"] and max(grown) <= GROWTH_MB_MAX)


def main() -> int:
    """Run, print; 1 if anything but drops came of it."""
    parser = argparse.ArgumentParser(prog="python -m torture.frames", description=__doc__)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--extremes", type=int, default=EXTREMES)
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    found = {}
    for name, runs, share in (("broker", at_broker, TO_BROKER), ("others", at_web_and_worker, 1 - TO_BROKER)):
        with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder:
            counts = int(asked.frames * share), int(asked.extremes * share)
            found[name] = runs(Path(folder), *counts, asked.seed)
        rows = [(label, str(value)[-2000:]) for label, value in found[name].items()]
        table((f"mutated and extreme frames at {name}, seed {asked.seed}", ""), rows)
    close("frames", {name: {**one, "errors": len(one["errors"])} for name, one in found.items()})
    return 0 if all(map(held, found.values())) and found["broker"]["exit_status"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
