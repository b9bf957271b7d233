"""Tests that due actions are on time under a flood. 16 clients send Submits as fast as they can for a minute; meanwhile
jobs are delayed, recalled, and held by workers that fall silent.

It uses a real broker, over its own sockets, and plays the workers. There are two runs. In one all Submits are new, so
millions of jobs queue up. In the other they repeat a committed one, which queues nothing, so workers are idle and jobs
are recalled. The figures are the gaps between beats, and how late each action was: the retry of a failed job, after its
back-off; the recall of a prefetched job, after another worker is idle; the reassignment of a silent worker's job, after
SILENCE_SECONDS.
"""

import argparse
import functools
import itertools
import multiprocessing
import secrets
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zmq

from bench.parts.report import close, table
from host.files.folders import endpoint
from jobs import ids, wire
from jobs.retry import backoff_seconds
from tests.support.clusters.cluster import ROOT, Cluster

CLIENTS = 16
SECONDS = 60.0
JOBS_PER_SUBMIT = 20
SEND_FRAMES_MAX = 64
"""As in a web process."""
SILENCE_SECONDS = 5.0
BEAT_GAP_MAX, LATE_MAX = 2.0, 1.0
HELD, MEASURED = 3, 25
"""How many jobs wait at one worker until some are recalled; and how many end before, so that the broker has measured
their time."""
WAIT_SECONDS = 20.0
"""A due action that is later than this counts as missing."""


def submit(web: str, count: int) -> wire.Submit:
    """A POST of new jobs."""
    now = time.time()
    names = [ids.mint(now, secrets.token_bytes(ids.RANDOM_BYTES)) for _ in range(count)]
    jobs = [wire.NewJob(name, "", 1, 1, None, None, None, name.encode(), b"spec") for name in names]
    return wire.Submit(web, secrets.token_hex(8), now, jobs)


def flood(run: Path, new: bool, sent: Any) -> None:
    """Send until killed; `sent` counts jobs."""
    context = zmq.Context()
    clients = [_push(context, run) for _ in range(CLIENTS)]
    repeated = submit("repeats", JOBS_PER_SUBMIT)
    for client in itertools.cycle(clients):
        client.send(wire.encode(submit("flood", JOBS_PER_SUBMIT) if new else repeated))
        sent.value += JOBS_PER_SUBMIT


def _push(context: "zmq.Context[Any]", run: Path) -> Any:
    made: Any = context.socket(zmq.PUSH)
    made.linger, made.sndhwm = 0, SEND_FRAMES_MAX
    made.connect(endpoint(run, "jobs"))
    return made


class PlayedWorker:
    """A simulated worker. It ends each job at once, except those that `mind` takes."""

    def __init__(self, stage: "Stage", capacity: int) -> None:
        self.socket: Any = stage.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(endpoint(stage.run, "workers"))
        self.capacity, self.silent = capacity, False
        self.mind: Callable[[wire.Assignment], bool] = lambda _: False
        self.held: dict[str, int] = {}
        self.ended = 0
        self.said_at = 0.0
        name = secrets.token_hex(4)
        self.say(wire.Ready(name, name, 1, capacity, "played", []))

    def say(self, message: Any) -> None:
        """Send a message, unless this worker has fallen silent."""
        if not self.silent:
            self.socket.send(wire.encode(message))
            self.said_at = time.monotonic()

    def end(self, *jobs: str) -> None:
        """These are done."""
        self.ended += len(jobs)
        self.say(wire.Finished([wire.Finish(job, self.held.pop(job), [], None, True) for job in jobs]))

    def leave(self) -> None:
        """Send Leaving, and disconnect."""
        self.say(wire.Leaving())
        self.socket.close(100)


class Stage:
    """The simulated workers of one run, and the measures: `late`, by action, and the `gaps` between beats."""

    def __init__(self, run: Path, new: bool) -> None:
        self.run, self.new = run, new
        self.context = zmq.Context()
        self.workers: list[PlayedWorker] = []
        self.late: dict[str, list[float]] = defaultdict(list)
        self.gaps: list[float] = []
        self.seen: dict[tuple[str, int], float] = {}
        """When each lease of a watched job arrived."""
        self.watched: set[str] = set()
        self.recalled: dict[str, float] = {}
        self.push = _push(self.context, run)
        self.beats: Any = self.context.socket(zmq.SUB)
        self.beats.subscribe(wire.BEAT_TOPIC)
        self.beats.connect(endpoint(run, "changes"))
        self._beat_at: float | None = None

    def worker(self, capacity: int) -> PlayedWorker:
        """A worker more."""
        worker = PlayedWorker(self, capacity)
        self.workers.append(worker)
        return worker

    def leave(self, worker: PlayedWorker) -> None:
        """A worker less."""
        self.workers.remove(worker)
        worker.leave()

    def pump(self) -> None:
        """Hear what came, within 10 ms."""
        poller = zmq.Poller()
        for socket in (self.beats, *(worker.socket for worker in self.workers)):
            poller.register(socket, zmq.POLLIN)
        poller.poll(10)
        while self.beats.poll(0):
            self.beats.recv_multipart()
            now = time.monotonic()
            if self._beat_at is not None:
                self.gaps.append(now - self._beat_at)
            self._beat_at = now
        for worker in list(self.workers):
            while worker.socket.poll(0):
                for frame in worker.socket.recv_multipart():
                    self._receive(worker, wire.to_worker.decode(frame))
            if not worker.silent and time.monotonic() > worker.said_at + 1.0:
                worker.say(wire.WorkerBeat([wire.Held(job, lease, False) for job, lease in worker.held.items()]))

    def _receive(self, worker: PlayedWorker, message: Any) -> None:
        if isinstance(message, wire.Assign):
            for one in message.jobs:
                worker.held[one.job] = one.lease
                if one.job in self.watched:
                    self.seen[one.job, one.lease] = time.monotonic()
            if not worker.silent:
                worker.end(*[one.job for one in message.jobs if not worker.mind(one)])
        elif isinstance(message, wire.Recall):
            for ref in message.leases:
                self.recalled[ref.job] = time.monotonic()
            worker.say(wire.Returned([ref for ref in message.leases if worker.held.pop(ref.job, None)]))

    def until(self, probe: Callable[[], Any]) -> Any:
        """The first true value of `probe`. Raises TimeoutError."""
        end = time.monotonic() + WAIT_SECONDS
        while not (value := probe()):
            if time.monotonic() > end:
                raise TimeoutError("it never came")
            self.pump()
        return value

    def jobs_for(self, worker: PlayedWorker, count: int = 1) -> list[str]:
        """Wait until this worker holds `count` jobs, which it does not end, and watch them. Only jobs under their first
        lease count, because lost jobs have a longer back-off after a failure."""
        before = set(worker.held)
        worker.mind = lambda one: one.lease == 1
        if not self.new:
            self.push.send(wire.encode(submit("stage", count)))
        jobs: list[str] = self.until(lambda: len(taken := sorted(set(worker.held) - before)) >= count and taken)
        self.watched.update(jobs)
        return jobs

    def delayed(self) -> None:
        """A job fails as by a full disk, and is assigned again after its back-off."""
        worker = self.worker(1)
        (job,) = self.jobs_for(worker)
        lease, worker.mind = worker.held.pop(job), lambda one: one.job == job
        worker.say(wire.Failed([wire.Failure(job, lease, "store_error", "")]))
        due = time.monotonic() + backoff_seconds(job, 1)
        came = self.until(lambda: self.seen.get((job, lease + 1)))
        self.late["delayed"].append(came - due)
        for other in self.workers:
            if job in other.held:
                other.end(job)
        self.leave(worker)

    def recall(self) -> None:
        """Give one worker several jobs, then start an idle one. Before that, jobs must end, because nothing is
        prefetched until their mean time is known."""
        if self.new:
            return
        holder = self.worker(HELD)
        self.push.send(wire.encode(submit("stage", MEASURED)))
        self.until(lambda: holder.ended >= MEASURED)
        beats = len(self.gaps)
        self.until(lambda: len(self.gaps) >= beats + 2)
        jobs = self.jobs_for(holder, HELD)
        ready_at = time.monotonic()
        idle = self.worker(1)
        came = self.until(lambda: [at for job, at in self.recalled.items() if job in jobs])
        self.late["recalled"].append(min(came) - ready_at)
        holder.mind = lambda one: False
        holder.end(*holder.held)
        self.until(lambda: not idle.held)
        self.leave(idle)
        self.leave(holder)


def play(run: Path, new: bool, seconds: float) -> Stage:
    """Cause all kinds of due actions, again and again."""
    stage, end = Stage(run, new), time.monotonic() + seconds
    server = stage.worker(8) if new else None
    while time.monotonic() < end:
        mute = stage.worker(1)
        (job,) = stage.jobs_for(mute)
        lease, mute.silent, since = mute.held[job], True, mute.said_at
        while (job, lease + 1) not in stage.seen:
            if time.monotonic() > since + SILENCE_SECONDS + WAIT_SECONDS:
                raise TimeoutError("a silent worker was never lost")
            stage.delayed()
            stage.recall()
            if not new and time.monotonic() > since + SILENCE_SECONDS - 1:
                catcher = stage.worker(1)  # gets the silent worker's job
                stage.until(functools.partial(stage.seen.get, (job, lease + 1)))
                stage.leave(catcher)
        stage.late["silent"].append(stage.seen[job, lease + 1] - since - SILENCE_SECONDS)
        stage.leave(mute)
    if server is not None:
        stage.leave(server)
    return stage


def measure(new: bool, seconds: float, tree: Path) -> dict[str, Any]:
    """One run beside a flood."""
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder:
        cluster = Cluster(Path(folder), tree, log_level="warning", queued_max=10**9)
        sent = multiprocessing.Value("q", 0)
        flooder = multiprocessing.Process(target=flood, args=(cluster.run, new, sent), daemon=True)
        try:
            cluster.start_role("broker")
            flooder.start()
            time.sleep(2)
            try:
                stage = play(cluster.run, new, seconds)
            except TimeoutError as error:
                return {"jobs_sent": sent.value, "never": str(error)}
            figures: dict[str, Any] = {"jobs_sent_per_second": round(sent.value / seconds)}
            figures |= {"beats": len(stage.gaps), "beat_gap_max_s": round(max(stage.gaps), 2)}
            for kind, late in stage.late.items():
                figures |= {kind: len(late), f"{kind}_late_max_s": round(max(late), 3)}
            stage.context.destroy(0)
            return figures
        finally:
            flooder.kill()
            flooder.join()
            cluster.stop(60)


def held(figures: dict[str, Any]) -> bool:
    """Whether all was on time."""
    late = [value for name, value in figures.items() if name.endswith("_late_max_s")]
    return "never" not in figures and figures["beat_gap_max_s"] <= BEAT_GAP_MAX and max(late) <= LATE_MAX


def main() -> int:
    """Measure, print; 1 where something was late."""
    parser = argparse.ArgumentParser(prog="python -m torture.flood", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--tree", type=Path, default=ROOT, help="whose broker: another checkout")
    asked = parser.parse_args()
    found = {kind: measure(kind == "new", asked.seconds, asked.tree) for kind in ("new", "repeats")}
    for kind, figures in found.items():
        table((f"a flood of Submits: {kind}", ""), list(figures.items()))
    close("flood", found)
    return 0 if all(map(held, found.values())) else 1


if __name__ == "__main__":
    sys.exit(main())
