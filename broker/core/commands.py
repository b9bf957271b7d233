"""Carries out users' commands: cancel, requeue and purge (of one job, or of many in steps), pause, resume, and drain.

All commands are idempotent, and each that is carried out leaves an action (broker/core/audit).
"""

from broker.core import quota
from broker.core.audit import actions
from broker.core.books.events import Commanded, Matched, Ordered
from broker.core.books.model import Entry
from broker.core.books.state import REQUEUED, Books
from jobs.job import ENDED, REQUEUEABLE, EventKind, State
from jobs.records import DeadlineEntry
from jobs.wire import (
    COMMITTED,
    REFUSED,
    Abandon,
    Ack,
    Cancel,
    Drain,
    LeaseRef,
    Pause,
    Purge,
    Requeue,
    Resume,
)

PAUSED_MAX = 1000
"""Tenants that are paused at once: all are in each beat. As many as a file of tenants may have."""
SWEEPS_FULL = "sweeps_full"
"""The code of a refusal: too many deletions of files wait. The command may be repeated when workers have done some."""
CANCEL_REQUESTED = EventKind.CANCEL_REQUESTED.value


def commanded(books: Books, event: Commanded, now: float) -> None:
    """Carry out a command on one job, or refuse it with a code."""
    command, before = event.command, books.change
    refusal = _apply(books, command, _entry(books, event), now)
    if refusal is None:
        actions.record(books, command, int(books.change != before), now)
    outcome = REFUSED if refusal else COMMITTED
    seconds = quota.frees(books, event.row.tenant, now) if refusal == "rate_limited" and event.row else 0.0
    books.ack(command.web, Ack(command.request, outcome, [command.id or ""], refusal, retry_seconds=seconds))


def _entry(books: Books, event: Commanded) -> Entry | None:
    job = event.command.id
    if job is None or job in books.gone:
        return None
    known = books.entries.get(job)
    return known if known is not None or event.row is None else Entry.from_row(event.row)


def _apply(books: Books, command: Cancel | Requeue | Purge, entry: Entry | None, now: float) -> str | None:
    """Carry out a command on one job. Returns the code of a refusal, or None."""
    if entry is None:
        return "not_found"
    if isinstance(command, Cancel):
        return cancel(books, entry, now)
    if isinstance(command, Requeue):
        repeated = command.change is not None and entry.change > command.change
        return None if repeated else requeue(books, entry, now, command.counted)
    if entry.state not in ENDED:
        return "job_not_ended"
    if books.sweeps.is_full():
        return SWEEPS_FULL
    books.remove(entry, now)
    return None


def cancel(books: Books, entry: Entry, now: float) -> str | None:
    """Cancel a job. A waiting one ends at once. A running one ends when its worker has abandoned it; until then
    `cancel_requested` is in its row."""
    if entry.state is State.CANCELLED:
        return None
    if entry.state in ENDED:
        return "job_ended"
    if entry.outcome.cancel_requested:
        return None
    books.log(entry, CANCEL_REQUESTED, now)
    entry.outcome.cancel_requested = True
    if entry.state is State.RUNNING:
        if entry.holder is not None:
            books.batch(entry.holder.peer, Abandon, LeaseRef(entry.id, entry.lease))
        return None
    if entry.windowed:
        books.backlog_of(entry).remove(entry)
    books.cancel(entry, now)
    return None


def requeue(books: Books, entry: Entry, now: float, counted: bool) -> str | None:
    """Run a failed, dead or cancelled job once more, last in its lane. Its attempts begin at 0 and its content leaves
    quarantine. `counted`: it counts against the tenant's rate, and among the jobs that may wait, as an upload does."""
    if entry.state not in REQUEUEABLE:
        return "not_requeueable"
    if entry.id in books.sweeps.sweeping:
        return "broker_silent"  # a worker is deleting blobs whose names the job would use again; repeat it later
    if counted and quota.is_queue_full(books, entry.tenant, 1):
        return "queue_full"
    if counted and not quota.count(books, entry.tenant, now):
        return "rate_limited"
    books.log(entry, REQUEUED, now)
    books.move(entry, State.QUEUED)
    entry.position = books.change
    entry.attempts = 0
    entry.ended_at = entry.code = None
    outcome = entry.outcome
    outcome.error = None
    outcome.cancel_requested = False
    outcome.losses = outcome.crashes = outcome.memory_tries = 0
    if outcome.expires_at is not None:
        outcome.expires_at = None
        books.records.deadlines.append(DeadlineEntry(entry.seq, None))
    if entry.is_fetch:
        outcome.sourced = None
    books.quarantine.release(entry.content)
    books.sweeps.drop(entry.id)
    books.backlog_of(entry).append(entry)
    if entry.tenant not in books.holds.stopped:
        books.reserve.came(entry.lane, now)
    return None


def matched(books: Books, event: Matched, now: float) -> None:
    """Carry out one step of a command over many jobs. A purge waits for workers to delete files, because the names of
    these files are kept in memory."""
    command = event.command
    if isinstance(command, Purge) and not books.sweeps.may_add():
        return books.ack(command.web, Ack(command.request, REFUSED, code=SWEEPS_FULL))
    count = changed = 0
    seconds, is_full = 0.0, False
    for row in event.rows:
        if row.id in books.gone:  # retention removed it after these rows were read
            continue
        entry = books.entries.get(row.id) or Entry.from_row(row)
        before = books.change
        refusal = _apply(books, command, entry, now)
        if refusal == "rate_limited":
            seconds = quota.frees(books, entry.tenant, now)
        is_full = is_full or refusal == "queue_full"
        count += 1
        changed += books.change != before
    actions.record(books, command, changed, now)
    code = "rate_limited" if seconds else "queue_full" if is_full else None
    ack = Ack(
        command.request, COMMITTED, code=code, matched=count, changed=changed, retry_seconds=seconds,
        following=event.following,
    )  # fmt: skip
    return books.ack(command.web, ack)


def ordered(books: Books, event: Ordered, now: float) -> None:
    """Pause, resume, or drain one worker."""
    order = event.order
    if isinstance(order, Pause | Resume):
        if order.tenant is not None:
            return books.ack(order.web, _hold(books, order, order.tenant, now))
        paused = isinstance(order, Pause)
        changed = books.paused != paused
        books.roster_changed = books.roster_changed or changed
        books.meta_changed = books.meta_changed or changed
        books.paused = paused
        actions.record(books, order, int(changed), now)
        return books.ack(order.web, Ack(order.request, COMMITTED))
    worker = books.roster.by_incarnation.get(order.incarnation)
    if worker is None:
        return books.ack(order.web, Ack(order.request, REFUSED, code="not_found"))
    actions.record(books, order, int(not worker.draining), now)
    if not worker.draining:
        worker.draining = True
        books.roster.settle(worker)
        books.roster_changed = True
        books.send(worker.peer, Drain())
    return books.ack(order.web, Ack(order.request, COMMITTED))


def _hold(books: Books, order: Pause | Resume, tenant: str, now: float) -> Ack:
    """Pause or resume one tenant. Whether they have jobs does not matter."""
    holds = books.holds
    if isinstance(order, Pause) and tenant not in holds.paused and len(holds.paused) >= PAUSED_MAX:
        return Ack(order.request, REFUSED, code="paused_full")
    moved = holds.pause(tenant) if isinstance(order, Pause) else holds.resume(tenant)
    if tenant not in holds.stopped and moved:
        for turns in (books.backlog.turns, books.sources.turns):
            for window in turns.lanes_of(tenant):
                books.reserve.came(window.lane, now)
    books.roster_changed = books.roster_changed or moved
    actions.record(books, order, int(moved), now)
    return Ack(order.request, COMMITTED)
