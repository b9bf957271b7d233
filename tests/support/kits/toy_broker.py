"""Enough of a broker for the tests of web: it decides by its ledger, and jobs end when a test says so."""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import zmq

from host.files.folders import endpoint
from jobs import wire
from jobs.job import (
    ENDED,
    REQUEUEABLE,
    Cost,
    EventKind,
    Fault,
    Outcome,
    Rendition,
    Row,
    State,
    TimelineEntry,
    decode_outcome,
    encode,
)
from jobs.lanes import lane_of
from jobs.records import KeyEntry, LookUp, Meta, PurgedEntry, Records, Where
from jobs.wire import (
    COMMITTED,
    CONFLICT,
    KNOWN,
    REFUSED,
    Ack,
    Acks,
    Beat,
    Cancel,
    Change,
    Changes,
    DrainWorker,
    Hello,
    NewJob,
    Purge,
    Requeue,
    Share,
    Submit,
    WorkerView,
)
from stores.ledger import Ledger
from tests.contracts.rows import row_of


def _share(rows: list[Row]) -> Share:
    counts = {state.value: sum(row.state == state for row in rows) for state in State}
    return Share(counts, min((row.accepted_at for row in rows if row.state == State.QUEUED), default=None), 0.5, 0.25)


STEP_ROWS = 2
"""Of a command over many."""


class ToyBroker:
    """`handle` answers what web asks; `tell` is given every Changes message."""

    def __init__(self, ledger: Ledger, tell: Callable[[Changes], object]) -> None:
        self.ledger, self.tell = ledger, tell
        restored = ledger.restore()
        self.epoch, self.change, self.paused = restored.meta.epoch, restored.meta.change, restored.meta.paused
        self.refuse: str | None = None
        """A code with which every Submit is refused."""
        self.full = self.full_after = 0
        """So many steps of a purge of many that begin at that place or later are refused."""
        self.heard: list[object] = []
        self.used: Counter[str] = Counter()
        """Uses of grants, by id."""
        self.workers: list[WorkerView] = []

    def handle(self, message: wire.FromWeb) -> Ack:
        """The acknowledgement of one request."""
        self.heard.append(message)
        match message:
            case Submit():
                return self._submit(message)
            case Cancel() | Requeue() | Purge():
                return self._over(message)
            case DrainWorker(incarnation=incarnation):
                found = [worker for worker in self.workers if worker.incarnation == incarnation]
                return Ack(message.request, COMMITTED if found else REFUSED, code=None if found else "not_found")
            case _:
                self.paused = isinstance(message, wire.Pause)
                return Ack(message.request, COMMITTED)

    def _submit(self, message: Submit) -> Ack:
        if self.ledger.look_up(LookUp(ids=[job.id for job in message.jobs])).existing:
            return Ack(message.request, COMMITTED)
        entries = self.ledger.look_up(LookUp(keys=[job.key for job in message.jobs if job.key])).keys
        if entries:
            known = [entries[job.key] for job in message.jobs if job.key in entries]
            same = all(entry.fingerprint == message.jobs[0].fingerprint for entry in known)
            ids = [entry.job for entry in known] if same else []
            return Ack(message.request, KNOWN if same else CONFLICT, ids)
        if self.refuse:
            return Ack(message.request, REFUSED, code=self.refuse)
        if (use := message.grant) and self.used[use.grant] + len(message.jobs) > use.count:
            left = use.count - self.used[use.grant]
            return Ack(message.request, REFUSED, code="grant_used_up", left=left)
        if message.grant:
            self.used[message.grant.grant] += len(message.jobs)
        rows = [self._row(job, message.at) for job in message.jobs]
        keys = [KeyEntry(job.key, job.id, job.fingerprint or b"", message.at) for job in message.jobs if job.key]
        self._commit(rows, keys=keys)
        return Ack(message.request, COMMITTED, seq=rows[0].seq, accepted_at=message.at)

    def _row(self, job: NewJob, at: float) -> Row:
        self.change += 1
        outcome = Outcome(timeline=[TimelineEntry(at, EventKind.ACCEPTED, 0, None, None)])
        return Row(
            seq=self.change, id=job.id, tenant=job.tenant, state=State.QUEUED, priority=job.priority,
            lane=lane_of(job.priority, job.tenant, job.pixels).name, position=self.change, lease=0, attempts=0,
            change=self.change, accepted_at=at, ended_at=None, due_at=None,
            started_at=None, worker=None, reference=job.reference, preset=job.preset, batch=job.batch, code=None,
            content=job.content, spec=job.spec, outcome=encode(outcome),
        )  # fmt: skip

    def _over(self, message: Cancel | Requeue | Purge) -> Ack:
        if message.id is None:
            if isinstance(message, Purge) and self.full and message.after >= self.full_after:
                self.full -= 1
                return Ack(message.request, REFUSED, code="sweeps_full")
            rows, following = self.ledger.matching(message.where or Where(), message.after, STEP_ROWS, 10_000)
            done = [row for row in rows if self._change(message, row) is None]
            return Ack(message.request, COMMITTED, matched=len(rows), changed=len(done), following=following)
        row = row_of(self.ledger, message.id)
        code = self._change(message, row) if row else "not_found"
        return Ack(message.request, REFUSED if code else COMMITTED, code=code)

    def _change(self, message: object, row: Row) -> str | None:
        if isinstance(message, Purge):
            if row.state not in ENDED:
                return "job_not_ended"
            self._commit([], removed=row)
        elif isinstance(message, Requeue):
            if message.change is not None and row.change > message.change:
                return None
            if row.state not in REQUEUEABLE:
                return "not_requeueable"
            self.update(row.id, State.QUEUED, attempts=0)
        else:
            if row.state in ENDED:
                return "job_ended"
            self.update(row.id, State.CANCELLED)
        return None

    def update(
        self,
        job: str,
        state: State,
        *,
        attempts: int = 1,
        renditions: list[Rendition] | None = None,
        error: Fault | None = None,
    ) -> None:
        """Give a job a new state, as if a worker had said so."""
        row = row_of(self.ledger, job)
        assert row is not None
        self.change += 1
        outcome = decode_outcome(row.outcome)
        outcome.renditions, outcome.error, outcome.cost = renditions or [], error, Cost(1.5, 4096)
        ended_at = time.time() if state in ENDED else None
        code = error.code if error else None
        changed = row._replace(state=state, attempts=attempts, change=self.change, ended_at=ended_at, code=code)
        self._commit([changed._replace(outcome=encode(outcome))])

    def publish(self, job: str, rendition: Rendition) -> None:
        """One rendition of a running job landed."""
        row = row_of(self.ledger, job)
        assert row is not None
        self.change += 1
        outcome = decode_outcome(row.outcome)
        outcome.renditions.append(rendition)
        self._commit([row._replace(change=self.change, outcome=encode(outcome))], rendition=rendition)

    def beat(self) -> Beat:
        """What /stats will say."""
        rows, _ = self.ledger.matching(Where(), 0, 10_000, 10_000)
        all_of_them = _share(rows)
        tenants = {
            tenant: _share([row for row in rows if row.tenant == tenant]) for tenant in {row.tenant for row in rows}
        }
        return Beat(
            self.epoch, time.time(), self.change, self.paused, all_of_them.counts, all_of_them.oldest_at, self.workers,
            1, 2.0, 3.0, tenants,
        )  # fmt: skip

    def _commit(
        self,
        rows: list[Row],
        *,
        keys: list[KeyEntry] | None = None,
        removed: Row | None = None,
        rendition: Rendition | None = None,
    ) -> None:
        first = self.change - len(rows)
        if removed:
            self.change += 1
        self.ledger.commit(
            Records(
                jobs=rows,
                keys=keys or [],
                removed=[removed.seq] if removed else [],
                purged=[PurgedEntry(removed.id, time.time())] if removed else [],
                meta=Meta(self.change, self.epoch, self.paused, {}),
            )
        )
        changes = [self._told(row, rendition) for row in rows]
        if removed:
            changes.append(Change(self.change, removed.id, removed.tenant, removed.state, 0, removed=True))
        self.tell(Changes(self.epoch, first, self.change, changes))

    def _told(self, row: Row, rendition: Rendition | None) -> Change:
        error = decode_outcome(row.outcome).error
        code, detail = (error.code, error.detail) if error else (None, None)
        return Change(row.change, row.id, row.tenant, row.state, row.attempts, code, detail, rendition)


class SocketBroker:
    """A ToyBroker behind real sockets, in a thread. Other threads speak to it through `do`."""

    def __init__(self, run: Path, ledger: Callable[[], Ledger]) -> None:
        self._run, self._open = run, ledger
        self._orders, self._order_writer = os.pipe()
        self._order: Callable[[ToyBroker], object] | None = None
        self._done = threading.Event()
        self._result: object = None
        self.mute = False
        """Take what is sent and say nothing: a broker that hangs after its commit."""
        self._thread = threading.Thread(target=self._serve)
        self._ready = threading.Event()
        self._thread.start()
        assert self._ready.wait(10)

    def do(self, order: Callable[[ToyBroker], object]) -> object:
        """The result of `order`, carried out in the broker's thread."""
        self._order = order
        self._done.clear()
        os.write(self._order_writer, b"x")
        assert self._done.wait(10)
        return self._result

    def stop(self) -> None:
        """End the thread and free the sockets."""
        os.write(self._order_writer, b"q")
        self._thread.join(10)
        assert not self._thread.is_alive()
        os.close(self._orders)
        os.close(self._order_writer)

    def _serve(self) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        jobs, acks, changes = context.socket(zmq.PULL), context.socket(zmq.XPUB), context.socket(zmq.XPUB)
        for socket, name in ((jobs, "jobs"), (acks, "acks"), (changes, "changes")):
            socket.linger = 0
            if socket is not jobs:
                socket.setsockopt(zmq.XPUB_VERBOSE, 1)
            socket.bind(endpoint(self._run, name))
        ledger = self._open()
        toy = ToyBroker(ledger, lambda told: changes.send_multipart([wire.CHANGES_TOPIC, wire.encode(told)]))
        poller = zmq.Poller()
        for readable in (jobs, acks, changes, self._orders):
            poller.register(readable, zmq.POLLIN)
        self._ready.set()
        beat_at, running = 0.0, True
        while running:
            events = dict(poller.poll(50))
            if jobs in events:
                message = wire.from_web.decode(jobs.recv())
                ack = toy.handle(message)
                if not self.mute:
                    told = wire.encode(Acks(toy.epoch, [ack]))
                    acks.send_multipart([wire.acks_topic(message.web), told])
            if acks in events and (subscription := acks.recv())[:1] == b"\1":
                acks.send_multipart([subscription[1:], wire.encode(Hello(toy.epoch))])
            if changes in events:
                changes.recv()
            if self._orders in events:
                running = os.read(self._orders, 1) == b"x"
                if running and self._order:
                    self._result = self._order(toy)
                    self._done.set()
            if time.monotonic() > beat_at:
                beat_at = time.monotonic() + 0.5
                changes.send_multipart([wire.BEAT_TOPIC, wire.encode(toy.beat())])
        context.destroy(linger=0)
        ledger.close()
