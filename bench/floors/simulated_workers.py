"""Many workers in one process: real sessions on sockets of their own, and decoders that only let time pass.

    python -m bench.floors.simulated_workers RUN WORKERS CAPACITY MILLISECONDS REPORT

Each decoder takes MILLISECONDS for a job, from the moment in which its session hands it over. At SIGTERM the process
writes to REPORT how many jobs it ended, and by how many seconds in all they ended too late, because this process was
still at work for other workers, or had no CPU. Owns no file of a job.
"""

import heapq
import json
import secrets
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

import zmq

from host.files.folders import endpoint
from jobs import wire
from jobs.job import Cost
from jobs.wire import Assignment
from worker.core import events
from worker.core.session import Session

COST = Cost(20.0, 1 << 20)
DRAIN_SECONDS, SILENCE_SECONDS = 30.0, 60.0


class SimulatedWorker:
    """One worker: its session, its socket, and the job in its decoder."""

    def __init__(self, dealer: Any, name: str, capacity: int, job_seconds: float, now: float) -> None:
        self.dealer, self._job_seconds = dealer, job_seconds
        incarnation = secrets.token_hex(8)
        self._session = Session(incarnation, name, 1, capacity, "stub", DRAIN_SECONDS, SILENCE_SECONDS, now)
        self._session.handle(events.Connected(), now)
        self._session.handle(events.DecoderIdle(), now)
        self._run: tuple[Assignment, float] | None = None
        self._due = 0.0
        self.wake_at = now
        self.jobs, self.late_seconds = 0, 0.0

    def step(self, now: float) -> None:
        """Read all that has arrived, end the job if its time is over, and carry out what the session wants."""
        while (frame := self._received()) is not None:
            self._session.handle(events.Received(wire.to_worker.decode(frame)), now)
        if self._run is not None and now >= self._due:
            self._end(*self._run, now)
        self._session.tick(now)
        effects = self._session.drain()
        for message in effects.sends:
            self.dealer.send(wire.encode(message))
        for assignment in effects.begin:
            self._run, self._due = (assignment, time.time()), now + self._job_seconds
        deadline = self._session.deadline
        self.wake_at = min(deadline, self._due) if self._run is not None else deadline

    def _end(self, assignment: Assignment, began_at: float, now: float) -> None:
        job, lease = assignment.job, assignment.lease
        self._run = None
        self.jobs += 1
        self.late_seconds += now - self._due
        self._session.handle(events.DecoderBegan(job, lease, began_at), now)
        self._session.handle(events.DecoderFinished(job, lease, [], COST, time.time()), now)
        self._session.handle(events.DecoderIdle(), now)

    def _received(self) -> bytes | None:
        try:
            frame: bytes = self.dealer.recv(zmq.NOBLOCK)
        except zmq.Again:
            return None
        return frame

    @property
    def unread(self) -> bool:
        """Whether a message waits. To be asked after a send, which may consume the descriptor's edge."""
        return bool(self.dealer.getsockopt(zmq.EVENTS) & zmq.POLLIN)


class Simulation:
    """All workers of this process, and the order in which they wake."""

    def __init__(self, run: Path, count: int, capacity: int, job_seconds: float) -> None:
        context = zmq.Context()
        self.over = False
        self._epoll = select.epoll()
        self.workers: dict[int, SimulatedWorker] = {}
        self._alarms: list[tuple[float, int]] = []
        for number in range(count):
            dealer: Any = context.socket(zmq.DEALER)
            dealer.linger = 0
            dealer.connect(endpoint(run, "workers"))
            descriptor = dealer.getsockopt(zmq.FD)
            worker = SimulatedWorker(dealer, f"sim-{number}", capacity, job_seconds, time.monotonic())
            self.workers[descriptor] = worker
            self._epoll.register(descriptor, select.EPOLLIN)
            heapq.heappush(self._alarms, (worker.wake_at, descriptor))

    def turn(self) -> None:
        """Wait for a message or for the next alarm, and step those whose turn it is."""
        wait = self._alarms[0][0] - time.monotonic()
        if wait > 0:  # epoll alone would round up to milliseconds
            select.select([self._epoll.fileno()], [], [], wait)
        for descriptor, _ in self._epoll.poll(0, len(self.workers)):
            self._step(descriptor)
        while self._alarms[0][0] <= time.monotonic():
            at, descriptor = heapq.heappop(self._alarms)
            if self.workers[descriptor].wake_at == at:
                self._step(descriptor)

    def _step(self, descriptor: int) -> None:
        worker = self.workers[descriptor]
        before = worker.wake_at
        worker.step(time.monotonic())
        while worker.unread:
            worker.step(time.monotonic())
        if worker.wake_at != before or worker.wake_at <= time.monotonic():
            heapq.heappush(self._alarms, (worker.wake_at, descriptor))

    def stop(self, *_: object) -> None:
        """End after this turn."""
        self.over = True


def main(run: str, count: int, capacity: int, milliseconds: float, report: str) -> None:
    """Work until told to stop, report."""
    simulation = Simulation(Path(run), count, capacity, milliseconds / 1000)
    signal.signal(signal.SIGTERM, simulation.stop)
    while not simulation.over:
        simulation.turn()
    workers = simulation.workers.values()
    figures = {"jobs": sum(each.jobs for each in workers), "late_seconds": sum(each.late_seconds for each in workers)}
    Path(report).write_text(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), sys.argv[5])
