"""Retention: purges jobs that ended longer ago than `retention_seconds`, a few at a time.

Owns the pace: one step each beat, and the next one at once if a step was full. While many sweeps wait there is no step,
so jobs go no faster than workers delete their files, and memory is bounded.
"""

from broker.core.books.events import Expire, Expired
from broker.core.books.model import Entry
from broker.core.books.state import Books

EXPIRE_ROWS = 100
"""Jobs of one step: 3 ms of the loop's CPU, measured at 400,000 rows. One worker deletes the files of as many at
once."""
STEP_SECONDS = 60.0
"""A smaller step of the wall clock is accepted: jobs may be removed earlier by that much."""
TRUST_SECONDS = 3600.0
"""How long nothing is removed after a larger step. A machine that wakes from sleep makes such a step, too."""


def look(books: Books, now: float) -> None:
    """Ask the ledger for jobs that are too old, if a step is due and the workers keep up."""
    policy = books.policy
    due = max(books.expire_at, books.trusted_at)
    if policy.retention_seconds and now >= due and books.sweeps.may_add():
        books.expire = Expire(now + books.offset - policy.retention_seconds, EXPIRE_ROWS)
        books.expire_at = now + policy.beat_seconds


def expired(books: Books, event: Expired, now: float) -> None:
    """These ended too long ago."""
    for row in event.rows:
        books.remove(Entry.from_row(row), now)
    if len(event.rows) == event.expire.limit:
        books.expire_at = now


def stepped(books: Books, seconds: float, now: float) -> None:
    """The wall clock was put forward by `seconds`. If that is wrong, every job looks old. So nothing is removed for
    TRUST_SECONDS, in which somebody, or the time service, can correct the clock."""
    if seconds > STEP_SECONDS:
        books.trusted_at = max(books.trusted_at, now + TRUST_SECONDS)
