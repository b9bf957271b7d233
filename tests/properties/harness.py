"""The dispatcher with a ledger and a clock in hand: effects carried out as broker/loop.py does.

Owns no expectation: the tests beside it do.
"""

from typing import Any, NamedTuple

from broker.core.books.events import (
    BatchesFound,
    BatchOrdered,
    Commanded,
    DeliveriesRead,
    DueRead,
    Effects,
    Expired,
    Matched,
    NamesListed,
    Ordered,
    OverdueFound,
    PeerLost,
    Policy,
    Received,
    Refilled,
    Replayed,
    Submitted,
)
from broker.core.couriers.deliveries import Sending
from broker.core.dispatcher import Dispatcher
from broker.core.retention import WALK_ROWS, taken
from broker.lookups import LATE_SECONDS
from jobs import wire
from jobs.deliveries import DeliveryRow, DeliveryWhere, seq_of
from jobs.ids import job_of
from jobs.job import Hooks, Original, Outcome, Row, Spec, decode_outcome, encode
from jobs.limits import ACTIONS_MAX, LIST_SCAN_MAX, PURGED_SLACK_SECONDS
from jobs.records import LookUp, Where
from stores.ledger import Ledger
from stores.ledger.memory import MemoryLedger

OFFSET = 1_800_000_000.0
TURN_SECONDS = 0.001
BULK_ROWS = 3
ASKS_MAX = 1000
"""How often a turn may ask the ledger for more."""


class Done(NamedTuple):
    """What one turn, with the look-ups that it asked for, did."""

    sends: list[tuple[bytes, Any]]
    acks: list[wire.Ack]
    rows: list[Row]
    committed: bool
    """Whether anything was written at all."""
    sendings: list[Sending]
    """The attempts of deliveries that began."""


class Driver:
    """One broker's core on a ledger that outlives it. `now` is monotonic seconds, and `offset` later by the wall clock.
    Asks of the ledger what the broker asks of it, so any ledger will do."""

    def __init__(self, policy: Policy, ledger: Ledger, offset: float) -> None:
        self.policy, self.ledger, self.offset = policy, ledger, offset
        self.now = 0.0
        self.last: list[Effects] = []
        """The effects of the last turn, drained even where their commit failed."""
        self.unreachable: set[bytes] = set()
        """Connections that have ended, which the next message to them shows."""
        self.start()

    def start(self) -> None:
        """A broker starts on the ledger, whatever became of the one before."""
        self.dispatcher = Dispatcher(self.policy)
        self.dispatcher.restore(self.ledger.restore(), self.now, self.offset)

    def turn(self, tick: bool = False) -> Done:
        """Carry out what was handled, until nothing more is asked for. Raises LedgerFailed."""
        self.now += TURN_SECONDS
        self.last = []
        done = Done([], [], [], False, [])
        if tick:
            self.dispatcher.tick(self.now)
        asked = True
        while asked:
            effects = self.dispatcher.drain(self.now)
            self.last.append(effects)
            assert len(self.last) < ASKS_MAX, "the core asks the ledger for ever"
            if effects.records:
                self.ledger.commit(effects.records)
                done = done._replace(committed=True)
            done.sends.extend(effects.sends)
            done.acks.extend(ack for acks in effects.acks.values() for ack in acks)
            done.rows.extend(effects.records.jobs)
            for refill in effects.refills:
                (rows,) = self.ledger.queued([refill])
                self.dispatcher.handle(Refilled(refill, rows), self.now)
            done.sendings.extend(effects.sendings)
            if effects.forget_actions is not None:
                self.ledger.forget_actions(effects.forget_actions, ACTIONS_MAX)
            answers = [self._batches(effects), self._overdue(effects), self._expired(effects)]
            asked = any(answers) | self._read_deliveries(effects) | bool(effects.refills)
            asked |= self._lose_unreachable(effects)
        return done

    def _lose_unreachable(self, effects: Effects) -> bool:
        """Whether a message of the turn could not be sent: that is told behind the ledger's answers."""
        receivers = [peer for peer, _ in effects.sends] + [sending.peer for sending in effects.sendings]
        lost = [peer for peer in dict.fromkeys(receivers) if peer in self.unreachable]
        for peer in lost:
            self.unreachable.discard(peer)
            self.lose(peer)
        return bool(lost)

    def _read_deliveries(self, effects: Effects) -> bool:
        """Whether the turn asked for deliveries."""
        for due, found in zip(effects.due, self.ledger.due([*effects.due]), strict=True):
            self.dispatcher.handle(DueRead(due, found), self.now)
        if effects.bodies:
            read = DeliveriesRead([*effects.bodies], self.ledger.deliveries_at([*effects.bodies]))
            self.dispatcher.handle(read, self.now)
        return bool(effects.due or effects.bodies)

    def _expired(self, effects: Effects) -> bool:
        """Whether the turn asked for old jobs, and there were some."""
        if effects.expire is None:
            return False
        asked, walk = effects.expire, effects.expire.walk
        if not asked.keep:
            self.ledger.forget_purged(asked.before - PURGED_SLACK_SECONDS)
            self.ledger.forget_batches(asked.before - PURGED_SLACK_SECONDS)
        if asked.deliveries:
            self.ledger.forget_deliveries(asked.before)
        if walk is not None:
            found = self.ledger.ended_after(walk.after, asked.before, WALK_ROWS)
            ids, last = taken(asked, walk, found)
            if last is not None:
                rows = self.ledger.look_up(LookUp(scanned=ids)).scanned
                more = last is not found[-1] or len(found) == WALK_ROWS
                self.dispatcher.handle(Expired(asked, rows, (last.ended_at, last.seq), more), self.now)
            return last is not None
        rows = self.ledger.ended_before(asked.before, asked.limit)
        if rows:
            self.dispatcher.handle(Expired(asked, rows), self.now)
        return bool(rows)

    def _batches(self, effects: Effects) -> bool:
        """Whether the turn asked for batches, and there may be more to ask."""
        if (wanted := effects.find_batches) is None:
            return False
        walked = None if wanted.after is None else self.ledger.unended_batches(wanted.after, wanted.limit)
        opened = None if wanted.behind is None else self.ledger.open_batches(wanted.behind, wanted.limit)
        found = self.ledger.finished_batches(wanted.ids, wanted.at)
        self.dispatcher.handle(BatchesFound(found, walked, opened), self.now)
        return bool(wanted.ids or walked or opened)

    def _overdue(self, effects: Effects) -> bool:
        """Whether the turn asked for jobs with deadlines, and there were some."""
        if effects.find_overdue is None:
            return False
        rows = self.ledger.expiring(effects.find_overdue.limit)
        self.dispatcher.handle(OverdueFound(rows, len(rows) < effects.find_overdue.limit), self.now)
        return bool(rows)

    def receive(self, peer: bytes, *messages: Any) -> None:
        """A worker's messages arrive."""
        for message in messages:
            self.dispatcher.handle(Received(peer, message), self.now)

    def find(self, peer: bytes, names: list[str], following: str | None = None, after: str | None = None) -> None:
        """A worker answers the present step of the orphan scan, or that past `after`."""
        self.found(peer, wire.Found(self.dispatcher.scan.after if after is None else after, names, following))

    def found(self, peer: bytes, found: wire.Found) -> None:
        """A worker's answer to a step of the orphan scan arrives."""
        rows = self.ledger.look_up(LookUp(scanned=sorted({job_of(name) for name in found.names}))).scanned
        self.dispatcher.handle(NamesListed(peer, found, rows), self.now)

    def lose(self, peer: bytes) -> None:
        """A connection is known to have ended."""
        self.dispatcher.handle(PeerLost(peer), self.now)

    def post(self, submit: wire.Submit) -> None:
        """A Submit of web arrives."""
        keys = [job.key for job in submit.jobs if job.key is not None]
        grants = [submit.grant.grant] if submit.grant else []
        ids = [job.id for job in submit.jobs]
        late = self.offset + self.now - LATE_SECONDS
        repeated = ids if submit.at < late else []
        named = [submit.jobs[0].batch] if submit.jobs[0].batch is not None else []
        found = self.ledger.look_up(LookUp(ids=ids, repeated=repeated, keys=keys, grants=grants, batches=named))
        self.dispatcher.handle(Submitted(submit, found.existing, found.keys, found.grants, found.batches), self.now)

    def submit(
        self,
        *jobs: wire.NewJob,
        request: str = "r",
        age: float = 0.0,
        grant: wire.Use | None = None,
        expires_in: float | None = None,
        urls: tuple[str, ...] = (),
        renditions: bool = False,
    ) -> None:
        """A POST of these jobs arrives; of their ends, and if it says so of their `renditions`, the receivers at `urls`
        are told."""
        hooks = Hooks(urls, "http://pix", renditions) if urls else None
        at = self.offset + self.now - age
        self.post(wire.Submit("web", request, at, list(jobs), grant, "", expires_in, hooks))

    def order(self, message: Any) -> None:
        """A command or an order of web arrives. One over many jobs takes its turns at once."""
        if isinstance(message, wire.Replay):
            self._replay(message)
        elif isinstance(message, wire.OpenBatch | wire.CloseBatch):
            known, _ = self.ledger.look_up(LookUp(batches=[message.batch])).batches.get(message.batch, (None, 0))
            self.dispatcher.handle(BatchOrdered(message, known), self.now)
        elif isinstance(message, wire.Pause | wire.Resume | wire.DrainWorker):
            self.dispatcher.handle(Ordered(message), self.now)
        elif message.id is not None:
            row = self.ledger.look_up(LookUp(commands=[message.id])).commands.get(message.id)
            self.dispatcher.handle(Commanded(message, row), self.now)
        else:
            self._order_many(message)

    def _replay(self, message: wire.Replay) -> None:
        following: int | None = None
        if message.id is None:
            where = message.where or DeliveryWhere()
            rows, following = self.ledger.matching_deliveries(where, message.after, BULK_ROWS, LIST_SCAN_MAX)
        else:
            seq = seq_of(message.id)
            rows = [row for row in self.ledger.deliveries_at([seq or 0]) if row.id == message.id]
        self.dispatcher.handle(Replayed(message, rows, following), self.now)

    def _order_many(self, message: Any) -> None:
        after: int | None = 0
        while after is not None:
            if after:
                self.turn()
            after = self.step(message, after)

    def step(self, message: Any, after: int) -> int | None:
        """One step of a command over many arrives, behind the place `after`; where the next one begins."""
        rows, following = self.ledger.matching(message.where or Where(), after, BULK_ROWS, LIST_SCAN_MAX)
        self.dispatcher.handle(Matched(message, rows, following), self.now)
        return following


class DispatcherHarness(Driver):
    """A Driver with a ledger in memory that a test may look into. Where `policy` says nothing of it, small jobs are
    prefetched whatever they take."""

    ledger: MemoryLedger

    def __init__(self, **policy: Any) -> None:
        super().__init__(Policy(**{"prefetch_seconds": 1e6, **policy}), MemoryLedger(), OFFSET)

    def row(self, job: str) -> Row:
        """The job as the ledger has it."""
        row = self.ledger.job(job)
        assert row is not None, f"{job} has no row"
        return row

    def told(self, **wanted: Any) -> list[DeliveryRow]:
        """The deliveries in the ledger that match, in order of creation."""
        return self.ledger.matching_deliveries(DeliveryWhere(**wanted), 0, 10**6, 10**6)[0]

    def outcome(self, job: str) -> Outcome:
        """What happened to the job, as the ledger has it."""
        return decode_outcome(self.row(job).outcome)


def new_job(name: str, **changed: Any) -> wire.NewJob:
    """A small job of normal priority whose content is its own, but for what `changed` says."""
    values: dict[str, Any] = {
        "id": name, "tenant": "t", "priority": 1, "pixels": 0, "reference": None, "preset": None, "batch": None,
        "content": name.encode(), "spec": b"spec",
    }  # fmt: skip
    return wire.NewJob(**{**values, **changed})


def ready(
    name: str, capacity: int = 1, holding: tuple[wire.Held, ...] = (), draining: bool = False, engine: str = "engine"
) -> wire.Ready:
    """A worker called `name`, which is its incarnation too."""
    return wire.Ready(name, name, 1, capacity, engine, list(holding), draining)


def refs(message: Any) -> list[tuple[str, int]]:
    """(job, lease) of each item of an Assign, Recall, Abandon or Settled."""
    items = message.jobs if isinstance(message, wire.Assign) else message.leases
    return [(item.job, item.lease) for item in items]


def leases_in(done: Done, kind: type) -> list[tuple[bytes, str, int]]:
    """(peer, job, lease) of all that messages of one kind named."""
    return [(peer, *ref) for peer, message in done.sends if type(message) is kind for ref in refs(message)]


def past_retention(jobs: int) -> DispatcherHarness:
    """A dispatcher of one window, with so many jobs whose time to be kept, 10 s, is over."""
    harness = DispatcherHarness(retention_seconds=10.0, window=1)
    harness.submit(*(new_job(f"{number:04}") for number in range(jobs)))
    harness.turn()
    harness.order(wire.Cancel("web", "c", None, Where()))
    harness.turn()
    harness.now += 20.0
    return harness


def told_job(name: str, **changed: Any) -> wire.NewJob:
    """A small job with a spec that an event tells of."""
    original = Original(f"raw/ab/{name}", "jpeg", 1, 1, 1, "d" * 64)
    spec = Spec("a.jpg", "ref", '{"a":1}', None, "{}", original, "t")
    return new_job(name, **{"spec": encode(spec), **changed})


def courier(name: str, slots: int = 8, holding: tuple[wire.Held, ...] = (), draining: bool = False) -> wire.Ready:
    """A courier called `name`, which is its incarnation too."""
    return wire.Ready(name, name, 1, 0, "", list(holding), draining, wire.COURIER, slots)
