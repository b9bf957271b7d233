"""A worker of the simulation: the real Session, and a decoder that only pretends.

Owns what a keeper owns: the decoder's life and the connection. Draws its luck from the simulation.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, Protocol

from jobs.wire import Assignment, OrphanScan
from worker.core import events
from worker.core.session import Session

CRASHES = {7: "decoder_crashed", 13: "memory_over_limit", 21: "undecodable", 33: "original_missing"}
"""What the contents of these numbers do to a decoder, always."""
NAMES_PER_STEP = 40
"""Fewer than an orphan scan asks for: several steps."""


class Simulation(Protocol):
    """What a worker asks of the simulation around it (tests/simulation/simulation.py)."""

    random: Random
    now: float
    files: set[str]
    counts: Counter[str]

    @property
    def calm(self) -> bool: ...
    def after(self, seconds: float, step: Callable[[], Any]) -> None: ...
    def send_up(self, connection: "Connection", message: Any) -> None: ...
    def break_off(self, connection: "Connection") -> None: ...
    def end_worker(self, worker: "SimulatedWorker") -> None: ...
    def picture(self, job: str) -> Any: ...


class SimulatedWorker:
    """One worker process. `gone`: it has ended, and nothing of it happens any more."""

    def __init__(self, simulation: Simulation, name: str, capacity: int) -> None:
        self.simulation, self.name = simulation, name
        self.session = Session(name, name, 1, capacity, "engine", 3.0, 2.0, simulation.now)
        self.connection: Connection | None = None
        self.gone = False
        self._run: tuple[str, int] | None = None
        self._hung_until = 0.0
        self._late: list[Any] = []
        self.feel(events.DecoderIdle())
        self._alarm()

    def connected(self) -> None:
        self.feel(events.Connected())

    def disconnected(self) -> None:
        self.feel(events.Disconnected())

    def receive(self, message: Any) -> None:
        self.feel(events.Received(message))

    def drain(self) -> None:
        self.feel(events.DrainRequested())

    def hang(self, seconds: float) -> None:
        """The keeper stops turning for a while, as under a SIGSTOP; its decoder does not."""
        self._hung_until = self.simulation.now + seconds
        self.simulation.after(seconds, self._wake_up)

    def _wake_up(self) -> None:
        if self.simulation.now >= self._hung_until:
            late, self._late = self._late, []
            for event in late:
                self.feel(event)

    def feel(self, event: Any) -> None:
        """Tell the session a fact and carry out what it wants."""
        if self.gone:
            return
        if self.simulation.now < self._hung_until:
            self._late.append(event)
            return
        self.session.handle(event, self.simulation.now)
        self._carry_out()

    def _alarm(self) -> None:
        if self.gone:
            return
        if self.simulation.now >= self._hung_until and not self._late:
            self.session.tick(self.simulation.now)
            self._carry_out()
        self.simulation.after(0.05, self._alarm)

    def _carry_out(self) -> None:
        effects = self.session.drain()
        self.session.check()
        for ref in effects.kill:
            if self._run == (ref.job, ref.lease):
                self._run = None
                self.simulation.after(0.05, lambda: self.feel(events.DecoderIdle()))
        for message in effects.sends:
            if self.connection is not None:
                self.simulation.send_up(self.connection, message)
        for assignment in effects.begin:
            self._begin(assignment)
        for sweeping in effects.sweep:
            self.simulation.after(0.01, partial(self._sweep, sweeping))
        if effects.scan is not None:
            self.simulation.after(0.01, partial(self._scan, effects.scan))
        if effects.reconnect and self.connection is not None:
            self.simulation.break_off(self.connection)
        if effects.leave and not self.gone:
            self.simulation.counts["workers left"] += 1
            self.simulation.end_worker(self)

    # -- the files

    def _sweep(self, sweeping: events.Sweeping) -> None:
        if self.gone:
            return
        if self.simulation.now >= sweeping.until:
            self.feel(events.SweepLate(sweeping.job))
        else:
            self.simulation.files.difference_update(sweeping.names)
            self.feel(events.SweepDone(sweeping.job))

    def _scan(self, asked: OrphanScan) -> None:
        found = sorted(name for name in self.simulation.files if name > asked.after)[:NAMES_PER_STEP]
        self.feel(events.NamesFound(asked.after, found, found[-1] if len(found) == NAMES_PER_STEP else None))

    # -- the decoder

    def _begin(self, assignment: Assignment) -> None:
        self._run = run = (assignment.job, assignment.lease)
        seconds = self.simulation.random.expovariate(8.0)
        self.simulation.after(0.002, lambda: self._during(run, events.DecoderBegan(*run, self.simulation.now)))
        landed = events.RenditionLanded(*run, self.simulation.picture(run[0]))
        self.simulation.after(0.002 + seconds, partial(self._land, run, landed))
        self.simulation.after(0.004 + seconds, lambda: self._end(run))

    def _land(self, run: tuple[str, int], landed: events.RenditionLanded) -> None:
        """A rendition is published; now and then beside one of other bytes, as by another engine."""
        if self._run == run and not self.gone:
            self.simulation.files.add(landed.rendition.blob)
            if self.simulation.random.random() < 0.1:
                self.simulation.files.add(f"{landed.rendition.blob}.stray")
        self._during(run, landed)

    def _during(self, run: tuple[str, int], event: Any) -> None:
        if self._run == run:
            self.feel(event)

    def _end(self, run: tuple[str, int]) -> None:
        if self._run != run:
            return
        self._run = None
        code = CRASHES.get(int(run[0][1:]) % 40)
        if code is None and not self.simulation.calm and self.simulation.random.random() < 0.05:
            code = self.simulation.random.choice(("decoder_lost", "store_error"))
        if code is None:
            self.feel(events.DecoderFinished(*run, [self.simulation.picture(run[0])]))
        else:
            self.feel(events.DecoderFailed(*run, code, "simulated"))
        self.feel(events.DecoderIdle())


class Connection:
    """One worker's connection: in order both ways, until it breaks."""

    def __init__(self, peer: bytes, worker: SimulatedWorker) -> None:
        self.peer, self.worker = peer, worker
        self.alive = True
        self.arrival = {"up": 0.0, "down": 0.0}
