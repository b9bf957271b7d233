"""What is looked up in the ledger for a turn of the core: bounded in rows and bytes, and told to the core as events.

Owns those bounds. Knows no socket and decides nothing: broker/loop.py says when.
"""

import time
from bisect import bisect
from itertools import accumulate
from typing import Any

from broker.core.books.events import Commanded, Expire, Expired, Matched, Ordered, Refill, Refilled
from broker.flight.facts import Intake
from jobs import wire
from jobs.job import Row
from jobs.limits import LIST_WALK_MAX, PURGED_SLACK_SECONDS
from jobs.records import Where
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


def submitted(ledger: Ledger, intake: Intake, submits: list[tuple[wire.Submit, bytes]]) -> None:
    """POSTs arrived: which of their ids, keys and grants are known."""
    existing = ledger.existing([job.id for submit, _ in submits for job in submit.jobs])
    late = time.time() - LATE_SECONDS
    if repeated := [job.id for submit, _ in submits if submit.at < late for job in submit.jobs]:
        existing |= ledger.purged(repeated)
    asked = [job.key for submit, _ in submits for job in submit.jobs if job.key is not None]
    grants = [submit.grant.grant for submit, _ in submits if submit.grant is not None]
    intake.submitted(submits, existing, ledger.keys(asked) if asked else {}, ledger.grants(grants) if grants else {})


def ordered(ledger: Ledger, intake: Intake, message: Any, frame: bytes) -> list[Row]:
    """Take in an order of web; the rows that were read for it."""
    if not isinstance(message, Command):
        intake.add(Ordered(message), frame)
        return []
    if message.id is not None:
        row = ledger.row(message.id)
        intake.add(Commanded(message, row), frame)
        return [row] if row else []
    rows, following = ledger.matching(message.where or Where(), message.after, BULK_ROWS, LIST_WALK_MAX)
    fitting, _ = fit(rows)
    if len(fitting) < len(rows):
        following = fitting[-1].seq
    intake.add(Matched(message, fitting, following), frame)
    return fitting


def is_step(message: Any) -> bool:
    """Whether it is a step of a command over many jobs."""
    return isinstance(message, Command) and message.id is None


def refill(ledger: Ledger, intake: Intake, refills: list[Refill]) -> None:
    """Read what lanes ask for. Where rows are larger than was known, fewer are told, as if fewer had been asked for."""
    room = TURN_BYTES
    for asked in refills:
        rows = ledger.queued(asked.lane.priority, asked.lane.name, asked.after, asked.limit)
        fitting, room = fit(rows, room)
        if len(fitting) < len(rows):
            asked = Refill(asked.lane, asked.after, len(fitting))
        intake.add(Refilled(asked, fitting))


def expire(ledger: Ledger, intake: Intake, asked: Expire) -> None:
    """Jobs that ended long ago, and what purges left behind that is older still."""
    ledger.forget_purged(asked.before - PURGED_SLACK_SECONDS)
    rows = ledger.ended_before(asked.before, asked.limit)
    if rows:
        intake.add(Expired(asked, rows))
