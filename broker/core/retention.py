"""Removal by age: what ended longer ago than the retention goes as a purge takes it, a few jobs at a time.

Owns the pace: a step each beat, and at once while steps come back full; none while many sweeps wait,
so that workers delete no slower than this removes, and memory is bounded.
"""

from broker.core import sweeps
from broker.core.books.events import Expire, Expired
from broker.core.books.model import Entry
from broker.core.books.state import Core

EXPIRE_ROWS = 100
"""Of one step: 3 ms of the loop's CPU, measured at 400,000 rows; what one worker is given to delete at once."""
STEP_SECONDS = 60.0
"""What a clock may be put forward at once: jobs then go so much too early at most."""
TRUST_SECONDS = 3600.0
"""After a larger step. A machine that woke up takes it, too, and removes nothing for an hour."""


def look(core: Core, now: float) -> None:
    """Ask for what is too old, if it is time and the workers keep up."""
    policy = core.policy
    due = max(core.expire_at, core.trusted_at)
    if policy.retention_seconds and now >= due and sweeps.may_add(core):
        core.expire = Expire(now + core.offset - policy.retention_seconds, EXPIRE_ROWS)
        core.expire_at = now + policy.beat_seconds


def expired(core: Core, event: Expired, now: float) -> None:
    """These ended too long ago."""
    for row in event.rows:
        core.remove(Entry.from_row(row), now)
    if len(event.rows) == event.expire.limit:
        core.expire_at = now


def stepped(core: Core, seconds: float, now: float) -> None:
    """The wall clock went forward by so many seconds beside the monotonic one. If it is wrong, it makes all that is
    kept old: nothing goes before a person or the time service had the time to set it right."""
    if seconds > STEP_SECONDS:
        core.trusted_at = max(core.trusted_at, now + TRUST_SECONDS)
