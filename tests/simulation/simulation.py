"""Both cores in one process: the real Dispatcher and Sessions on a fake network, clock and ledger.

Everything that happens is drawn from one seed, so a seed replays the very same run. Messages of one
connection keep their order and those of several do not; a connection that breaks loses what is under way.
Brokers die (also in the middle of a commit that may have lasted or not), workers die, hang, drain and
reconnect. After `chaos_seconds` faults stop, and then every job that was promised must end, once, and the
orphan scans of the last broker must leave exactly the files that rows name (what a job left before it ended is for the
second).
"""

import hashlib
import heapq
import logging
import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from broker.core.books.events import (
    BatchesFound,
    BatchOrdered,
    Commanded,
    Effects,
    NamesListed,
    OverdueFound,
    PeerLost,
    Policy,
    Received,
    Refilled,
)
from broker.core.dispatcher import Dispatcher
from broker.flight.facts import Began, Intake, Turn, decide
from broker.flight.recorder import Recorder
from broker.frames.outbox import digest, outgoing
from jobs import wire
from jobs.errors import LedgerFailed
from jobs.ids import job_of, original_name
from jobs.job import EventKind, Rendition, Row, decode_outcome
from jobs.records import ActionEntry, BatchEntry, LookUp
from stores.ledger.memory import MemoryLedger
from tests.simulation.simulated_worker import Connection, SimulatedWorker

OFFSET = 1_800_000_000.0
ENDED = {"done", "failed", "dead", "cancelled"}
WORKERS = 4


def _was_cancelled(row: Row) -> bool:
    """Whether somebody asked for its end."""
    return any(entry.event == EventKind.CANCEL_REQUESTED for entry in decode_outcome(row.outcome).timeline)


class Simulation:
    """One run. `run` returns the summary; it raises AssertionError where a promise was broken.
    The brokers' flight recorders write to the folder `flight`, if any."""

    def __init__(
        self, seed: int, jobs: int = 150, chaos_seconds: float = 30.0, flight: Path | None = None, pairs: float = 0.0
    ) -> None:
        self.random = random.Random(seed)
        self.now, self.jobs, self.chaos = 0.0, jobs, chaos_seconds
        self.pairs = pairs
        """The share of POSTs that are of two files; half as many come into a batch that was opened for them."""
        self.policy = Policy(
            window=8, silence_seconds=2.0, grace_seconds=0.5, orphan_seconds=100.0, partial_seconds=4.0
        )
        self.ledger = MemoryLedger()
        self.dispatcher: Dispatcher | None = None
        self.flight = flight
        self.recorder: Recorder | None = None
        self.inbox: list[Any] = []
        self.intake = Intake()
        self.connections: dict[bytes, Connection] = {}
        self.asked: dict[str, Any] = {}
        """What web has sent and got no acknowledgement for, by request."""
        self.promised: set[str] = set()
        self.ended: dict[str, str] = {}
        self.batches: set[str] = set()
        self.opened: dict[str, wire.Submit] = {}
        """By open batch, the POST to it."""
        self.unposted: set[str] = set()
        """The batches whose POST is still to be sent."""
        self.refused: set[str | None] = set()
        """Jobs that came too late for their batch."""
        self.files = {f"raw/zz/stray{number}" for number in range(100)}
        """What the blob store holds, all of it old; at first, what was never promised."""
        self.named: dict[str, set[str]] = {}
        """What the rows name, by job."""
        self.counts: Counter[str] = Counter()
        self.trace = hashlib.sha256()
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = 0
        self._turn_at = 0.0

    def run(self) -> dict[str, Any]:
        """Chaos, then calm until all has ended."""
        self.start_broker()
        for _ in range(WORKERS):
            self.start_worker()
        for number in range(self.jobs):
            self.after(self.random.uniform(0.0, self.chaos), partial(self.post, number))
        self.after(self.random.expovariate(1.0), self.fault)
        self.after(1.0, self.ask_again)
        self.after(self.chaos, self.kill_broker)
        end = self.chaos + 300.0
        while self._queue and self.now < end and not self.is_over():
            self.now, _, step = heapq.heappop(self._queue)
            step()
        left = sorted(self.promised - self.ended.keys())
        assert self.now >= self.chaos and not left and not self.asked, f"never ended: {left}, unasked {self.asked}"
        assert self.files == set().union(*self.named.values()), "files that no row names"
        assert self.ledger.unended_batches("", 1) == [], "a batch that never ended"
        assert {
            entry.batch for entry in self.ledger.entries(BatchEntry, None, 1000)
        } == self.batches | self.opened.keys()
        assert self.promised == self.ended.keys() == {row.id for row in self.ledger.rows.values()}
        self.judge_actions()
        return {
            "jobs": len(self.promised), "batches": len(self.batches), **dict(sorted(self.counts.items())),
            "ended": dict(sorted(Counter(self.ended.values()).items())),
            "seconds": round(self.now, 3), "trace": self.trace.hexdigest()[:16],
        }  # fmt: skip

    def is_over(self) -> bool:
        settled = not self.asked and not self.unposted and self.promised == self.ended.keys()
        settled = settled and not any(map(self.is_unended, self.batches | self.opened.keys()))
        return self.now >= self.chaos and settled and self.files == set().union(*self.named.values())

    def is_unended(self, batch: str) -> bool:
        entry = self.ledger.batch_entry(batch)
        return entry is not None and entry.ended_at is None

    def after(self, seconds: float, step: Callable[[], None]) -> None:
        """Let something happen later."""
        self._serial += 1
        heapq.heappush(self._queue, (self.now + seconds, self._serial, step))

    @property
    def calm(self) -> bool:
        """Whether faults have stopped."""
        return self.now >= self.chaos

    # -- web

    def post(self, number: int) -> None:
        content = bytes([number % 40])
        job = wire.NewJob(
            f"j{number:05}", "t", self.random.randrange(3), self.random.choice((0, 9_000_000)), None, None, None,
            content, b"spec",
        )  # fmt: skip
        request = f"post {number}"
        expires_in = self.random.uniform(0.1, 3.0) if self.random.random() < 0.3 else None
        jobs = [job]
        if self.pairs and self.random.random() < self.pairs:
            batch = f"b{number:05}"
            jobs = [msgspec.structs.replace(job, batch=batch, id=f"j{each:05}") for each in (number, number + 40_000)]
            self.batches.add(batch)
        submit = wire.Submit("web", request, OFFSET + self.now, jobs, None, "", expires_in)
        if self.pairs and len(jobs) == 1 and self.random.random() < self.pairs / 2:
            batch = f"o{number:05}"
            jobs = [msgspec.structs.replace(job, batch=batch)]
            self.unposted.add(batch)
            self.opened[batch] = wire.SubmitToBatch("web", request, submit.at, jobs, None, "", expires_in)
            self.ask(wire.OpenBatch("web", f"open {number}", batch, "t"))
        else:
            self.ask(submit)
        if self.random.random() < 0.15:
            self.after(self.random.uniform(0.0, 2.0), lambda: self.cancel(number))

    def cancel(self, number: int) -> None:
        request = f"cancel {number}"
        self.ask(wire.Cancel("web", request, f"j{number:05}", action=wire.Action(request)))

    def join(self, batch: str) -> None:
        self.unposted.discard(batch)
        self.ask(self.opened[batch])

    def ask(self, message: Any) -> None:
        """Ask until there is an acknowledgement."""
        self.asked[message.request] = message
        self.push(message)

    def ask_again(self) -> None:
        for message in list(self.asked.values()):
            self.push(message)
        self.after(1.0, self.ask_again)

    def push(self, message: Any) -> None:
        self.after(self.random.uniform(0.0, 0.01), lambda: self.arrive(message))

    def receive(self, ack: wire.Ack) -> None:
        asked = self.asked.pop(ack.request, None)
        if isinstance(asked, wire.OpenBatch):
            delay = self.random.choice((0.0, 0.1, 3.99, 6.0))
            self.after(delay, lambda: self.join(asked.batch))
        elif isinstance(asked, wire.SubmitToBatch) and ack.code == "batch_closed":
            self.refused.add(asked.jobs[0].id)
            self.counts["refused"] += 1
        elif isinstance(asked, wire.Submit):
            assert ack.outcome == wire.COMMITTED, ack
            self.promised.update(ack.ids)
            if isinstance(asked, wire.SubmitToBatch) and self.random.random() < 0.5:
                self.ask(wire.CloseBatch("web", f"close {ack.request}", asked.jobs[0].batch or ""))
        elif isinstance(asked, wire.Cancel) and ack.code == "not_found" and asked.id not in self.refused:
            self.asked[ack.request] = asked  # its job is yet to come

    # -- the broker

    def start_broker(self) -> None:
        self.dispatcher, self.intake = Dispatcher(self.policy), Intake()
        began = Began(self.now, OFFSET, self.ledger.restore())
        if self.flight is not None:
            self.recorder = Recorder(self.flight, logging.getLogger("simulation"))
            self.recorder.began(self.dispatcher, began)
        self.dispatcher.restore(began.restored, self.now, OFFSET)
        self.counts["brokers started"] += 1
        self.wake(0.0)

    def kill_broker(self) -> None:
        if self.dispatcher is None:
            return
        self.dispatcher = None
        if self.recorder is not None:
            self.recorder.close()
        self.inbox = []
        self.counts["brokers killed"] += 1
        for connection in list(self.connections.values()):
            self.break_off(connection)
        self.after(self.random.uniform(0.01, 1.5), self.start_broker)

    def arrive(self, fact: Any) -> None:
        """A frame, or the end of a connection, reaches the broker."""
        if self.dispatcher is not None:
            self.inbox.append(fact)
            self.wake(self.random.uniform(0.0, 0.002))

    def wake(self, seconds: float) -> None:
        """Let the broker turn at the latest then."""
        at = self.now + max(seconds, 0.0001)
        if not self.now < self._turn_at <= at:
            self._turn_at = at
            self.after(at - self.now, lambda: self.turn(at))

    def turn(self, at: float) -> None:
        dispatcher = self.dispatcher
        if dispatcher is None or at != self._turn_at:
            return
        batch, self.inbox = self.inbox[:16], self.inbox[16:]
        for fact in batch:
            self.take_in(fact)
        intake, self.intake = self.intake, Intake()
        turn = Turn(self.now, intake.facts, all_read=not self.inbox, stop=False)
        if self.recorder is not None:
            self.recorder.turn(dispatcher, turn)
        try:
            self.carry_out(decide(dispatcher, self.now, intake.events, turn.all_read, turn.stop), dispatcher.epoch)
        except LedgerFailed:
            self.counts["commits failed"] += 1
            return self.kill_broker()
        dispatcher.check()
        return self.wake(0.0 if self.inbox else dispatcher.deadline - self.now)

    def take_in(self, fact: Any) -> None:
        if isinstance(fact, wire.Submit):
            found = self.ledger.look_up(LookUp(ids=[fact.jobs[0].id], batches=[fact.jobs[0].batch or ""]))
            self.intake.submitted([(fact, wire.encode(fact))], found.existing, {}, {}, found.batches)
        elif isinstance(fact, wire.OpenBatch | wire.CloseBatch):
            self.intake.add(BatchOrdered(fact, self.ledger.batch_entry(fact.batch)), wire.encode(fact))
        elif isinstance(fact, Received) and isinstance(fact.message, wire.Found):
            rows = self.ledger.jobs(sorted({job_of(name) for name in fact.message.names}))
            self.intake.add(NamesListed(fact.peer, fact.message, rows), wire.encode(fact.message))
        elif isinstance(fact, wire.Cancel):
            self.intake.add(Commanded(fact, self.ledger.job(fact.id or "")), wire.encode(fact))
        elif isinstance(fact, Received):
            self.intake.received(fact.peer, fact.message, wire.encode(fact.message))
        else:
            self.intake.add(fact)

    def carry_out(self, effects: Effects, epoch: int) -> None:
        if self.recorder is not None:
            self.recorder.decided(digest(effects.records, outgoing(effects, epoch)))
        self.judge_batches(effects)
        if effects.records:
            try:
                self.ledger.commit(effects.records)
            finally:
                self.witness([row.id for row in effects.records.jobs])
        for ack in [ack for acks in effects.acks.values() for ack in acks]:
            self.receive(ack)
        for peer, message in effects.sends:
            self.send_down(peer, message)
        for refill in effects.refills:
            (rows,) = self.ledger.queued([refill])
            self.intake.add(Refilled(refill, rows))
            self.wake(0.0)
        if (wanted := effects.find_batches) is not None:
            walked = None if wanted.after is None else self.ledger.unended_batches(wanted.after, wanted.limit)
            opened = None if wanted.behind is None else self.ledger.open_batches(wanted.behind, wanted.limit)
            self.intake.add(BatchesFound(self.ledger.finished_batches(wanted.ids, wanted.at), walked, opened))
            self.wake(0.0)
        if effects.find_overdue is not None:
            rows = self.ledger.expiring(effects.find_overdue.limit)
            self.intake.add(OverdueFound(rows, len(rows) < effects.find_overdue.limit))
            self.wake(0.0)

    def judge_actions(self) -> None:
        """Whatever failed, each job that somebody cancelled has one action that counts it, and no other job has."""
        told = sorted(entry.filter for entry in self.ledger.entries(ActionEntry, None, 10_000) if entry.count)
        cancelled = [row.id for row in self.ledger.rows.values() if _was_cancelled(row)]
        assert told == sorted(f'{{"job":"{job}"}}' for job in cancelled)
        self.counts["actions"] += len(told)

    def judge_batches(self, effects: Effects) -> None:
        """Each batch ends once: all its jobs have ended, and no earlier commit said so."""
        for entry in effects.records.batches:
            if entry.ended_at is not None:
                (before,) = self.ledger.finished_batches([entry.batch], entry.ended_at)
                assert before.entry.ended_at is None
                self.counts["batches ended"] += 1
                self.counts["batches that nobody closed"] += entry.open_until is not None
                assert entry.open_until is None or entry.open_until <= entry.ended_at

    def witness(self, jobs: list[str]) -> None:
        """Each job ends once, and nothing changes it after that."""
        for job in jobs:
            row = self.ledger.job(job)
            if row is None:
                continue
            self.trace.update(repr((self.now, row)).encode())
            if job not in self.named:
                self.files.add(original_name(job))
            outcome = decode_outcome(row.outcome)
            self.named[job] = {original_name(job), *(rendition.blob for rendition in outcome.renditions)}
            assert self.named[job] <= self.files, f"{job}: deleted, though named"
            before = self.ended.get(job)
            assert before is None or row.state == before, f"{job} was {before} and is {row.state}"
            if row.code == "expired":
                self.counts["expired"] += 1
                assert row.attempts == 0 and outcome.expires_at is not None, f"{job} expired though it was begun"
                assert outcome.expires_at <= (row.ended_at or 0.0), f"{job} expired too early"
            if row.state in ENDED:
                self.ended[job] = row.state
                self.promised.add(job)

    # -- the network

    def connect(self, worker: SimulatedWorker) -> None:
        """A worker's socket connects, as soon as a broker is there."""
        if worker.gone or worker.connection is not None:
            return
        if self.dispatcher is None:
            return self.after(0.1, lambda: self.connect(worker))
        self._serial += 1
        peer = f"{worker.name}/{self._serial}".encode()
        worker.connection = self.connections[peer] = Connection(peer, worker)
        return worker.connected()

    def break_off(self, connection: Connection) -> None:
        """A connection ends: what is under way is lost; the broker may never be told."""
        connection.alive = False
        self.connections.pop(connection.peer, None)
        worker = connection.worker
        if worker.connection is connection:
            worker.connection = None
            worker.disconnected()
            self.after(self.random.uniform(0.001, 0.2), lambda: self.connect(worker))
        if self.random.random() < 0.7:
            self.after(self.random.uniform(0.0, 0.3), lambda: self.arrive(PeerLost(connection.peer)))

    def send_up(self, connection: Connection, message: Any) -> None:
        """A worker's message, on its way to the broker."""
        self.travel(connection, "up", lambda: self.arrive(Received(connection.peer, message)))

    def send_down(self, peer: bytes, message: Any) -> None:
        """The broker's message to a worker; one that cannot be reached is lost."""
        connection = self.connections.get(peer)
        if connection is None:
            self.after(0.0, lambda: self.arrive(PeerLost(peer)))
        else:
            self.travel(connection, "down", lambda: connection.worker.receive(message))

    def travel(self, connection: Connection, way: str, step: Callable[[], None]) -> None:
        delay = self.random.expovariate(1000.0) if self.random.random() < 0.98 else self.random.uniform(0.0, 0.5)
        at = connection.arrival[way] = max(connection.arrival[way] + 1e-9, self.now + delay)
        self.after(at - self.now, lambda: step() if connection.alive else None)

    # -- workers and faults

    def start_worker(self) -> None:
        self.counts["workers started"] += 1
        worker = SimulatedWorker(self, f"w{self.counts['workers started']}", self.random.randrange(1, 4))
        self.after(self.random.uniform(0.0, 0.3), lambda: self.connect(worker))

    def end_worker(self, worker: SimulatedWorker) -> None:
        """A worker process is gone, and another one starts."""
        worker.gone = True
        if worker.connection is not None:
            self.break_off(worker.connection)
        self.after(self.random.uniform(0.01, 0.5), self.start_worker)

    def fault(self) -> None:
        """One thing goes wrong; the next one is drawn."""
        if self.calm:
            return
        kind = self.random.choices(("worker", "connection", "hang", "drain", "broker", "commit"), (5, 4, 2, 3, 1, 1))[0]
        workers = [connection.worker for connection in self.connections.values()]
        if kind == "broker":
            self.kill_broker()
        elif kind == "commit":
            self.ledger.fail_next_commit(kept=self.random.random() < 0.5)
        elif workers:
            self.harm(kind, self.random.choice(workers))
        self.after(self.random.expovariate(2.0), self.fault)

    def harm(self, kind: str, worker: SimulatedWorker) -> None:
        if kind == "worker":
            self.counts["workers killed"] += 1
            self.end_worker(worker)
        elif kind == "connection" and worker.connection is not None:
            self.counts["connections broken"] += 1
            self.break_off(worker.connection)
        elif kind == "hang":
            self.counts["workers hung"] += 1
            worker.hang(self.random.uniform(0.5, 5.0))
        elif kind == "drain":
            self.counts["workers drained"] += 1
            worker.drain()

    def picture(self, job: str) -> Rendition:
        """What a decoder makes of a job: always the same."""
        return Rendition("thumb", f"processed/{job[-2:]}/{job}.thumb", "jpeg", 1, 1, 1, "d" * 64)
