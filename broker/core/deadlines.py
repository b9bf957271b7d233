"""Deadlines: a job that was not begun in the time that its upload gave it (`expires_in`) ends `failed`, `expired`.

Owns when they are judged: when a job is about to be assigned or fetched, and when the first deadline of all waiting
jobs has passed. The ledger's index holds all deadlines in order, so the core keeps the first one only, and nothing is
scanned.
"""

from broker.core.books.events import FindOverdue, OverdueFound
from broker.core.books.model import Entry
from broker.core.books.state import Books
from jobs.job import State
from jobs.records import DeadlineEntry

OVERDUE_ROWS = 100
"""Jobs of one step: some milliseconds of the loop."""
LOOK_SECONDS = 0.1
"""Between two steps, unless a step left some over."""
WAITING = (State.QUEUED, State.DELAYED)


def written(entry: Entry) -> DeadlineEntry:
    """What the ledger is to hold of the deadline of this job, which has one."""
    waits = entry.state in WAITING and entry.attempts == 0
    return DeadlineEntry(entry.seq, entry.outcome.expires_at if waits else None)


def look(books: Books, now: float) -> None:
    """Ask the ledger for the jobs whose deadlines have passed, if the first one has. Until it answers, `first` is that
    of the jobs which come meanwhile: its answer does not know them."""
    if now >= books.deadlines.due(books.offset):
        books.deadlines.look_at, books.deadlines.first = now + LOOK_SECONDS, None
        books.find_overdue = FindOverdue(OVERDUE_ROWS)


def found(books: Books, event: OverdueFound, now: float) -> None:
    """These are the first to expire of all waiting jobs."""
    for row in event.rows:
        if row.id in books.gone:
            continue
        entry = books.entries.get(row.id) or Entry.from_row(row)
        if entry.state not in WAITING or books.end_if_late(entry, now):
            continue
        if (expires_at := written(entry).expires_at) is not None:
            return books.deadlines.came(expires_at)
    if not event.complete:
        books.deadlines.came(now + books.offset)
        books.deadlines.look_at = now
    return None
