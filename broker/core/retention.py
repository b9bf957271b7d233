"""Retention: purges jobs that ended longer ago than `retention_seconds`, a few at a time.

The ledger has ended jobs in the order of their ends, and in no order by tenant: another one would cost each job an
entry at a random place of an index. So where tenants keep their jobs for times of their own, there is a walk for each
time, which passes each job once. It begins anew at a start.

Owns the pace: one step each beat, and the next one at once if a step was full. While many sweeps wait there is no step,
so jobs go no faster than workers delete their files, and memory is bounded.
"""

from broker.core.books.events import AgeWalk, Expire, Expired
from broker.core.books.model import Entry
from broker.core.books.state import Books
from jobs.records import Aged

EXPIRE_ROWS = 100
"""Jobs of one step: 3 ms of the loop's CPU, measured at 400,000 rows. One worker deletes the files of as many at
once."""
WALK_ROWS = 1000
"""Ended jobs that a step of a walk looks at: their ends, ids and tenants only."""
WALK_SECONDS = 0.05
"""From a step of a walk that is behind to the next one."""
STEP_SECONDS = 60.0
"""A smaller step of the wall clock is accepted: jobs may be removed earlier by that much."""
TRUST_SECONDS = 3600.0
"""How long nothing is removed after a larger step. A machine that wakes from sleep makes such a step, too."""


def look(books: Books, now: float) -> None:
    """Ask the ledger for jobs that are too old, if a step is due and the workers keep up."""
    policy, walks = books.policy, books.ages.walks
    if not (policy.retention_seconds or walks):
        return
    if now < max(books.expire_at, books.trusted_at) or not books.sweeps.may_add():
        return
    if walks:
        books.expire = _step(books, now)
    else:
        books.expire = Expire(now + books.offset - policy.retention_seconds, EXPIRE_ROWS, books.deliveries.last > 0)
    books.expire_at = now + policy.beat_seconds


def _step(books: Books, now: float) -> Expire:
    """The next step of the walk whose turn it is. If the clock was put back behind its place, it begins anew."""
    ages, at = books.ages, now + books.offset
    walk = ages.walks[ages.number]
    if walk.after[0] > at - walk.seconds:
        walk.after = (0.0, 0)
    forgets = walk.seconds == ages.keeps
    step = AgeWalk(ages.number, walk.after, walk.tenants, walk.others)
    ages.number, ages.behind = (ages.number + 1) % len(ages.walks), False
    return Expire(at - walk.seconds, EXPIRE_ROWS, forgets and books.deliveries.last > 0, step, not forgets)


def taken(expire: Expire, walk: AgeWalk, found: list[Aged]) -> tuple[list[str], Aged | None]:
    """Of the next jobs of a walk, those that it takes, at most the limit; and the last one that was looked at, None if
    there was none."""
    ids: list[str] = []
    for each in found:
        if walk.takes(each.tenant):
            ids.append(each.id)
            if len(ids) == expire.limit:
                return ids, each
    return ids, found[-1] if found else None


def expired(books: Books, event: Expired, now: float) -> None:
    """These ended too long ago."""
    for row in event.rows:
        books.remove(Entry.from_row(row), now)
    if event.expire.walk is not None:
        _walked(books, event.expire.walk, event, now)
    elif len(event.rows) == event.expire.limit:
        books.expire_at = now


def _walked(books: Books, step: AgeWalk, event: Expired, now: float) -> None:
    """A step of a walk is done. If there is more, it goes on soon."""
    ages = books.ages
    ages.walks[step.number].after = event.reached
    if event.more:
        ages.number, ages.behind = step.number, True
        books.expire_at = now + WALK_SECONDS


def stepped(books: Books, seconds: float, now: float) -> None:
    """The wall clock was put forward by `seconds`. If that is wrong, every job looks old. So nothing is removed for
    TRUST_SECONDS, in which somebody, or the time service, can correct the clock. The offset is still the old one."""
    if seconds > STEP_SECONDS:
        if now >= books.trusted_at:
            books.offset_before = books.offset
        books.trusted_at = max(books.trusted_at, now + TRUST_SECONDS)
