"""What is looked up in the ledger for a turn of the core: bounded in rows and bytes, and told to the core as events.

Owns those bounds. Knows no socket and decides nothing: broker/loop.py says when.
"""

import time
from bisect import bisect
from itertools import accumulate
from typing import Any

from broker.core.books.events import Commanded, Expire, Expired, Matched, Ordered, Refill, Refilled, Walked
from broker.flight.facts import Intake
from jobs import wire
from jobs.ids import job_of
from jobs.job import Row
from jobs.limits import LIST_WALK_MAX, PURGED_SLACK_SECONDS
from jobs.records import LookedUp, LookUp, Where
from stores.ledger import Ledger

TURN_BYTES = 1024 * 1024
"""Read of workers in a turn, and of web: twice what so many common frames take. A frame that passes it is the last."""
BULK_ROWS = 256
"""Of a step of a command over many, which ends what is read of web in its turn: it may walk LIST_WALK_MAX rows."""
LATE_SECONDS = 1.0
"""A Submit that is older may be a repeat of one whose job has ended since, and was purged: no row tells of it then."""

Command = wire.Cancel | wire.Requeue | wire.Purge


def fit(rows: list[Row], room: int = TURN_BYTES) -> tuple[list[Row], int]:
    """The first of these rows, as many as `room` bytes hold and at least one; and the room that is left."""
    sizes = list(accumulate(len(row.spec) + len(row.outcome) for row in rows))
    fitting = max(1, bisect(sizes, room))
    return rows[:fitting], room - sum(sizes[:fitting][-1:])


def is_step(message: Any) -> bool:
    """Whether it is a step of a command over many jobs."""
    return isinstance(message, Command) and message.id is None


class Lookups:
    """What a turn needs of the ledger. What its messages name is gathered while they are read, and asked for in one
    call when all are (`look_up`)."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._walked: list[tuple[list[str], list[Row]]] = []
        """Of each Found the jobs that it names, and where their rows are to go."""
        self._orders: list[tuple[Any, bytes]] = []
        self._submits: list[tuple[wire.Submit, bytes]] = []

    @property
    def is_behind(self) -> bool:
        """Whether orders wait for the next turn, since the rows of those before them were large. No more of web is to
        be read in it."""
        return bool(self._orders)

    def walked(self, intake: Intake, peer: bytes, found: wire.Found, frame: bytes) -> None:
        """A worker's names arrived. They enter the core in the order of its messages, and get their rows later."""
        rows: list[Row] = []
        intake.add(Walked(peer, found, rows), frame)
        self._walked.append((sorted({job_of(name) for name in found.names}), rows))

    def submitted(self, submit: wire.Submit, frame: bytes) -> None:
        """A POST arrived."""
        self._submits.append((submit, frame))

    def ordered(self, message: Any, frame: bytes) -> None:
        """An order of web arrived."""
        self._orders.append((message, frame))

    def look_up(self, intake: Intake, room: int = TURN_BYTES) -> None:
        """Ask for all that was named, and take in web's orders, then its Submits, in the order of each. Orders on
        single jobs pass `room` bytes of rows by one at most."""
        if not (self._orders or self._submits or self._walked):
            return
        found = self._ledger.look_up(self._asked(room))
        rows = {row.id: row for row in found.walked}
        for ids, into in self._walked:
            into.extend(rows[job] for job in ids if job in rows)
        self._take_orders(intake, found)
        if self._submits:
            intake.submitted(self._submits, found.existing, found.keys, found.grants)
        self._walked, self._submits = [], []

    def _asked(self, room: int) -> LookUp:
        submits = [submit for submit, _ in self._submits]
        late = time.time() - LATE_SECONDS
        return LookUp(
            ids=[job.id for submit in submits for job in submit.jobs],
            repeated=[job.id for submit in submits if submit.at < late for job in submit.jobs],
            keys=[job.key for submit in submits for job in submit.jobs if job.key is not None],
            grants=[submit.grant.grant for submit in submits if submit.grant is not None],
            commands=[message.id for message, _ in self._orders if isinstance(message, Command) and message.id],
            walked=[job for ids, _ in self._walked for job in ids],
            room=room,
        )

    def _take_orders(self, intake: Intake, found: LookedUp) -> None:
        """Take in web's orders, up to the first one whose row was not reached."""
        orders, self._orders = self._orders, []
        reached = found.reached
        for place, (message, frame) in enumerate(orders):
            if is_step(message):
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
        """A step of a command over many: the rows that it matches, as many as a turn's bytes hold."""
        rows, following = self._ledger.matching(message.where or Where(), message.after, BULK_ROWS, LIST_WALK_MAX)
        fitting, _ = fit(rows)
        if len(fitting) < len(rows):
            following = fitting[-1].seq
        intake.add(Matched(message, fitting, following), frame)

    def refill(self, intake: Intake, refills: list[Refill]) -> None:
        """Read what lanes ask for. Where rows are larger than was known, fewer are told, as if fewer had been asked
        for."""
        room = TURN_BYTES
        for asked in refills:
            rows = self._ledger.queued(asked.lane.priority, asked.lane.name, asked.after, asked.limit)
            fitting, room = fit(rows, room)
            if len(fitting) < len(rows):
                asked = Refill(asked.lane, asked.after, len(fitting))
            intake.add(Refilled(asked, fitting))

    def expire(self, intake: Intake, asked: Expire) -> None:
        """Jobs that ended long ago, and what purges left behind that is older still."""
        self._ledger.forget_purged(asked.before - PURGED_SLACK_SECONDS)
        rows = self._ledger.ended_before(asked.before, asked.limit)
        if rows:
            intake.add(Expired(asked, rows))
