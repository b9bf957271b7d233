"""Reads from the ledger what the core needs for a turn, bounded in rows and bytes, and passes it on as events.

Owns those bounds. Knows no socket, and decides nothing: broker/loop.py says when to read.
"""

import time
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import msgspec

from broker.core.books.events import (
    AgeWalk,
    BatchesFound,
    BatchOrdered,
    Commanded,
    DeliveriesRead,
    DueRead,
    Expire,
    Expired,
    FindBatches,
    FindOverdue,
    Matched,
    NamesListed,
    Ordered,
    OverdueFound,
    Refilled,
    Replayed,
)
from broker.core.retention import WALK_ROWS, taken
from broker.flight.facts import Intake
from jobs import wire
from jobs.deliveries import DeliveryWhere, DueRefill, seq_of
from jobs.ids import job_of
from jobs.job import Row
from jobs.limits import LIST_SCAN_MAX, PURGED_SLACK_SECONDS
from jobs.records import LookedUp, LookUp, Refill, Where
from stores.ledger import Ledger

TURN_BYTES = 1024 * 1024
"""Bytes that a turn reads from workers, and as many from web: twice what a full turn of common frames has. The frame
that exceeds it is the last of the turn."""
BULK_ROWS = 256
"""Rows of one step of a command over many jobs. A turn has one such step at most, because it may scan LIST_SCAN_MAX
rows."""
LATE_SECONDS = 1.0
"""An older Submit may repeat one whose job has ended and was purged since. That job has no row: its purged id is looked
up, too."""

Command = wire.Cancel | wire.Requeue | wire.Purge
OfBatch = wire.OpenBatch | wire.CloseBatch


def fit(rows: list[Row], room: int = TURN_BYTES) -> tuple[list[Row], int]:
    """As many of the first rows as `room` bytes hold, but at least one; and how many bytes are left."""
    sizes = list(accumulate(len(row.spec) + len(row.outcome) for row in rows))
    fitting = max(1, bisect(sizes, room))
    return rows[:fitting], room - sum(sizes[:fitting][-1:])


def is_step(message: Any) -> bool:
    """Whether it is a step of a command over many jobs."""
    return isinstance(message, Command | wire.Replay) and message.id is None


class Lookups:
    """Reads the ledger for one turn. While messages are read, it gathers the ids that they name; `look_up` then asks
    for all of them in one call."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._scanned: list[tuple[list[str], list[Row]]] = []
        """For each Found: the jobs that it names, and the list to put their rows in."""
        self._orders: list[tuple[Any, bytes]] = []
        self._submits: list[tuple[wire.Submit, bytes]] = []

    @property
    def is_behind(self) -> bool:
        """Whether orders wait for the next turn, because the rows of earlier ones were large. That turn reads nothing
        more from web."""
        return bool(self._orders)

    def scanned(self, intake: Intake, peer: bytes, found: wire.Found, frame: bytes) -> None:
        """A worker's Found arrived. It keeps its place among the worker's messages, and gets its rows in `look_up`."""
        rows: list[Row] = []
        intake.add(NamesListed(peer, found, rows), frame)
        self._scanned.append((sorted({job_of(name) for name in found.names}), rows))

    def submitted(self, submit: wire.Submit, frame: bytes) -> None:
        """A POST arrived."""
        self._submits.append((submit, frame))

    def ordered(self, message: Any, frame: bytes) -> None:
        """A command of web arrived."""
        self._orders.append((message, frame))

    def look_up(self, intake: Intake, room: int = TURN_BYTES) -> None:
        """Ask the ledger for everything that was named, then take in web's commands, then its Submits, each in their
        order. Rows for commands on single jobs stop at `room` bytes; the last one may exceed it."""
        if not (self._orders or self._submits or self._scanned):
            return
        found = self._ledger.look_up(self._asked(room))
        rows = {row.id: row for row in found.scanned}
        for ids, into in self._scanned:
            into.extend(rows[job] for job in ids if job in rows)
        self._take_orders(intake, found)
        if self._submits:
            intake.submitted(self._submits, found.existing, found.keys, found.grants, found.batches)
        self._scanned, self._submits = [], []

    def _asked(self, room: int) -> LookUp:
        submits = [submit for submit, _ in self._submits]
        late = time.time() - LATE_SECONDS
        return LookUp(
            ids=[job.id for submit in submits for job in submit.jobs],
            repeated=[job.id for submit in submits if submit.at < late for job in submit.jobs],
            keys=[job.key for submit in submits for job in submit.jobs if job.key is not None],
            grants=[submit.grant.grant for submit in submits if submit.grant is not None],
            commands=[message.id for message, _ in self._orders if isinstance(message, Command) and message.id],
            scanned=[job for ids, _ in self._scanned for job in ids],
            batches=[
                *(batch for submit in submits if (batch := submit.jobs[0].batch) is not None),
                *(message.batch for message, _ in self._orders if isinstance(message, OfBatch)),
            ],
            room=room,
        )

    def _take_orders(self, intake: Intake, found: LookedUp) -> None:
        """Take in web's commands, up to the first one whose row was not read for want of room."""
        orders, self._orders = self._orders, []
        reached = found.reached
        for place, (message, frame) in enumerate(orders):
            if isinstance(message, wire.Replay):
                self._replay(intake, message, frame)
            elif isinstance(message, OfBatch):
                known = found.batches.get(message.batch)
                intake.add(BatchOrdered(message, known[0] if known else None), frame)
            elif is_step(message):
                self._step(intake, message, frame)
            elif not isinstance(message, Command):
                intake.add(Ordered(message), frame)
            elif message.id and not reached:
                self._orders = orders[place:]
                return
            else:
                reached -= bool(message.id)
                intake.add(Commanded(message, found.commands.get(message.id or "")), frame)

    def _step(self, intake: Intake, message: Any, frame: bytes) -> None:
        """Read the rows for a step of a command over many jobs, as many as TURN_BYTES hold."""
        rows, following = self._ledger.matching(message.where or Where(), message.after, BULK_ROWS, LIST_SCAN_MAX)
        fitting, _ = fit(rows)
        if len(fitting) < len(rows):
            following = fitting[-1].seq
        intake.add(Matched(message, fitting, following), frame)

    def _replay(self, intake: Intake, message: wire.Replay, frame: bytes) -> None:
        """Read the deliveries of a replay."""
        if message.id is None:
            where = message.where or DeliveryWhere()
            rows, following = self._ledger.matching_deliveries(where, message.after, BULK_ROWS, LIST_SCAN_MAX)
            return intake.add(Replayed(message, rows, following), frame)
        seq = seq_of(message.id)
        rows = self._ledger.deliveries_at([seq]) if seq is not None else []
        return intake.add(Replayed(message, [row for row in rows if row.id == message.id], None), frame)

    def due(self, intake: Intake, refills: Sequence[DueRefill]) -> None:
        """Read what lanes of deliveries ask for."""
        if refills:
            for asked, found in zip(refills, self._ledger.due([*refills]), strict=True):
                intake.add(DueRead(asked, found))

    def bodies(self, intake: Intake, seqs: Sequence[int]) -> None:
        """Read the deliveries whose attempts begin."""
        if seqs:
            intake.add(DeliveriesRead([*seqs], self._ledger.deliveries_at([*seqs])))

    def refill(self, intake: Intake, refills: list[Refill]) -> None:
        """Read the rows that lanes ask for. If these are larger than was estimated, fewer are passed on, and the Refill
        says that it asked for so many."""
        if not refills:
            return
        room = TURN_BYTES
        for asked, rows in zip(refills, self._ledger.queued(refills), strict=True):
            fitting, room = fit(rows, room)
            if len(fitting) < len(rows):
                asked = Refill(asked.lane, asked.after, len(fitting))
            intake.add(Refilled(asked, fitting))

    def expire(self, intake: Intake, asked: Expire) -> None:
        """Read jobs that ended long ago, and delete the records of purged ids that are older still."""
        if not asked.keep:
            self._ledger.forget_purged(asked.before - PURGED_SLACK_SECONDS)
            self._ledger.forget_batches(asked.before - PURGED_SLACK_SECONDS)
        if asked.deliveries:
            self._ledger.forget_deliveries(asked.before)
        if asked.walk is not None:
            return self._walk(intake, asked, asked.walk)
        if rows := self._ledger.ended_before(asked.before, asked.limit):
            intake.add(Expired(asked, rows))

    def _walk(self, intake: Intake, asked: Expire, walk: AgeWalk) -> None:
        """Read the next step of a walk over ended jobs. The names of its tenants are not recorded."""
        found = self._ledger.ended_after(walk.after, asked.before, WALK_ROWS)
        ids, last = taken(asked, walk, found)
        if last is not None:
            rows = self._ledger.look_up(LookUp(scanned=ids)).scanned if ids else []
            nameless = msgspec.structs.replace(asked, walk=msgspec.structs.replace(walk, tenants=set()))
            more = last is not found[-1] or len(found) == WALK_ROWS
            intake.add(Expired(nameless, rows, (last.ended_at, last.seq), more))

    def find_overdue(self, intake: Intake, asked: FindOverdue) -> None:
        """Read the jobs that expire first, as many as TURN_BYTES hold."""
        rows = self._ledger.expiring(asked.limit)
        fitting, _ = fit(rows)
        intake.add(OverdueFound(fitting, len(fitting) == len(rows) < asked.limit))

    def find_batches(self, intake: Intake, asked: FindBatches) -> None:
        """Read which batches have ended, and go on with the walk over those that have not."""
        walked = None if asked.after is None else self._ledger.unended_batches(asked.after, asked.limit)
        opened = None if asked.behind is None else self._ledger.open_batches(asked.behind, asked.limit)
        intake.add(BatchesFound(self._ledger.finished_batches(asked.ids, asked.at), walked, opened))
