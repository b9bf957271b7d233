"""Removal by age: what ended longer ago than the retention goes as a purge takes it, a few jobs at a time.

Owns the pace: a step each beat, and at once while steps come back full; none while many sweeps wait,
so that workers delete no slower than this removes, and memory is bounded.
"""

from broker.core.entry import Entry
from broker.core.events import Expire, Expired
from broker.core.state import Core

EXPIRE_ROWS = 100
"""Of one step: 3 ms of the loop's CPU, measured at 400,000 rows; what one worker is given to delete at once."""
SWEEPS_WAITING_MAX = 1000


def look(core: Core, now: float) -> None:
    """Ask for what is too old, if it is time and the workers keep up."""
    policy = core.policy
    if policy.retention_seconds and now >= core.expire_at and len(core.sweeps) < SWEEPS_WAITING_MAX:
        core.expire = Expire(now + core.offset - policy.retention_seconds, EXPIRE_ROWS)
        core.expire_at = now + policy.beat_seconds


def expired(core: Core, event: Expired, now: float) -> None:
    """These ended too long ago."""
    for row in event.rows:
        core.remove(Entry.from_row(row), now)
    if len(event.rows) == event.expire.limit:
        core.expire_at = now
