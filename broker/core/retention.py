"""Removal by age: what ended longer ago than the retention goes as a purge takes it, a few jobs at a time.

Owns the pace: a step each beat, and at once while steps come back full; none while many sweeps wait,
so that workers delete no slower than this removes, and memory is bounded.
"""

from broker.core.books.events import Expire, Expired
from broker.core.books.model import Entry
from broker.core.books.state import Books

EXPIRE_ROWS = 100
"""Of one step: 3 ms of the loop's CPU, measured at 400,000 rows; what one worker is given to delete at once."""
STEP_SECONDS = 60.0
"""What a clock may be put forward at once: jobs then go so much too early at most."""
TRUST_SECONDS = 3600.0
"""After a larger step. A machine that woke up takes it, too, and removes nothing for an hour."""


def look(books: Books, now: float) -> None:
    """Ask for what is too old, if it is time and the workers keep up."""
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
    """The wall clock went forward by so many seconds beside the monotonic one. If it is wrong, it makes all that is
    kept old: nothing goes before a person or the time service had the time to set it right."""
    if seconds > STEP_SECONDS:
        books.trusted_at = max(books.trusted_at, now + TRUST_SECONDS)
