"""Batches: a batch's end is told once, however its jobs end, over any number of restarts.

A batch is the jobs of one POST of several files, or those that joined it while it was open. It ends when nobody can
join it and all its jobs have ended. Owns who may join, and when a batch is looked at: after one of its jobs has ended,
when it is closed, when its time to be open is over, and once after each start. Whether it has ended is the ledger's to
say, by the jobs themselves. There is no count that could be wrong, and no batch stays in memory.
"""

from itertools import islice

from msgspec.structs import replace

from broker.core import quota
from broker.core.audit import actions
from broker.core.books.events import BatchesFound, BatchOrdered, FindBatches, Submitted
from broker.core.books.state import Books
from jobs.job import Hooks, decode_hooks, encode
from jobs.limits import BATCH_JOBS_MAX, OPEN_BATCHES_ALL, OPEN_BATCHES_MAX
from jobs.records import BatchCount, BatchEntry
from jobs.webhooks.events import of_batch
from jobs.wire import BATCH_ENDED, COMMITTED, REFUSED, Ack, Change, CloseBatch, OpenBatch, SubmitToBatch

AT_ONCE = 10
"""Batches of one look. To count 10,000 jobs by state takes SQLite 12 ms of CPU if they came one batch after the other,
and 35 ms if they came mixed."""


def ordered(books: Books, event: BatchOrdered, now: float) -> None:
    """Open or close a batch. A repeat changes nothing."""
    command = event.command
    fresh = books.fresh_batches.get(command.batch)
    known = fresh[0] if fresh else event.known
    refused = None
    if isinstance(command, CloseBatch):
        refused = _close(books, command, known, now)
    elif known is None:
        refused = _open(books, command, now)
    seconds = quota.frees(books, command.tenant or "", now) if refused == "rate_limited" else 0.0
    outcome = REFUSED if refused else COMMITTED
    books.ack(command.web, Ack(command.request, outcome, code=refused, retry_seconds=seconds))


def _open(books: Books, command: OpenBatch, now: float) -> str | None:
    """A batch is open without a job, so it is counted by itself."""
    batches = books.batches_open
    if batches.counts.get(command.tenant, 0) >= OPEN_BATCHES_MAX:
        return "too_many_at_once"
    if batches.count >= OPEN_BATCHES_ALL:
        return "queue_full"
    if not quota.count_open(books, command.tenant, now):
        return "rate_limited"
    at = now + books.offset
    until = at + books.policy.partial_seconds
    _write(books, BatchEntry(command.batch, command.tenant, at, None, until, _kept(command.hooks)), 0)
    batches.add(command.tenant, 1)
    return None


def _close(books: Books, command: CloseBatch, known: BatchEntry | None, now: float) -> str | None:
    if known is None or command.tenant not in (None, known.tenant):
        return "not_found"
    closes = known.ended_at is None and known.open_until is not None
    if closes:
        _write(books, replace(known, open_until=None), 0)
        books.batches_open.add(known.tenant, -1)
        books.batches_open.unsure[command.batch] = None
    actions.record(books, command, int(closes), now)
    return None


def refusal(books: Books, event: Submitted, at: float) -> Ack | None:
    """Why the jobs of this Submit cannot join the open batch that they name; None: they can."""
    submit = event.submit
    entry, jobs = _named(books, event) or (None, 0)
    if entry is None or {(job.batch, job.tenant) for job in submit.jobs} != {(entry.batch, entry.tenant)}:
        return Ack(submit.request, REFUSED, code="not_found")
    if entry.ended_at is not None or entry.open_until is None or entry.open_until <= at:
        return Ack(submit.request, REFUSED, code="batch_closed")
    if jobs + len(submit.jobs) > BATCH_JOBS_MAX:
        return Ack(submit.request, REFUSED, code="batch_full", left=max(0, BATCH_JOBS_MAX - jobs))
    return None


def is_new(books: Books, event: Submitted) -> bool:
    """Whether the jobs of this Submit, which names no open batch, are of one batch that nobody has made, or of none. A
    batch that is known would begin anew, whoever's it is."""
    jobs = event.submit.jobs
    if len({job.batch for job in jobs}) > 1:
        return False
    return jobs[0].batch is None or _named(books, event) is None


def joined(books: Books, event: Submitted, at: float) -> None:
    """The jobs of this Submit are accepted. Those of one batch make it, or join it: its time begins anew."""
    submit = event.submit
    if isinstance(submit, SubmitToBatch):
        if (named := _named(books, event)) is not None:
            entry, jobs = named
            _write(books, replace(entry, open_until=at + books.policy.partial_seconds), jobs + len(submit.jobs))
    elif (batch := submit.jobs[0].batch) is not None:
        _write(books, BatchEntry(batch, submit.jobs[0].tenant, at, hooks=_kept(submit.hooks)), len(submit.jobs))


def look(books: Books, now: float) -> None:
    """Ask the ledger which batches have ended: of those that may have, and while there is none of these, of those that
    were there at the start. And which were open for too long: a clock that was put forward ends none before it is
    trusted, for that end is for good."""
    batches = books.batches_open
    if not batches.unsure and batches.walk is None and batches.first is None:
        return
    at = books.believed_at(now)
    behind = batches.behind if batches.first is not None and batches.first <= at else None
    if not batches.unsure and batches.walk is None and behind is None:
        return
    ids = list(islice(batches.unsure, AT_ONCE))
    for batch in ids:
        del batches.unsure[batch]
    books.find_batches = FindBatches(ids, None if ids else batches.walk, AT_ONCE, at, behind)


def found(books: Books, event: BatchesFound, now: float) -> None:
    """These have ended, and it was not told."""
    batches, at = books.batches_open, books.believed_at(now)
    for each in event.finished:
        ended(books, each, now + books.offset)
    if event.walked is not None:
        batches.unsure.update(dict.fromkeys(event.walked))
        batches.walk = event.walked[-1] if event.walked else None
    if event.open is not None:
        over = [each for each in event.open if each[0] <= at]
        batches.unsure.update((batch, None) for _, batch in over)
        batches.behind = over[-1] if over else batches.behind
        later = event.open[len(over) :]
        batches.first = later[0][0] if later else None if len(event.open) < AT_ONCE else 0.0


def stepped(books: Books, now: float) -> None:
    """The wall clock was set. If it went back, batches may be over before the last one that was."""
    batches, at = books.batches_open, books.believed_at(now)
    if at < batches.behind[0]:
        batches.behind, batches.first = (at, ""), 0.0


def ended(books: Books, found: BatchCount, at: float) -> None:
    """A batch has ended: called once for each, in the turn that writes its end. So what is told of it belongs here."""
    entry = replace(found.entry, ended_at=at)
    books.change += 1
    books.meta_changed = True
    _write(books, entry, 0)
    if entry.open_until is not None:
        books.batches_open.add(entry.tenant, -1)
    books.changes.append(Change(books.change, entry.batch, entry.tenant, BATCH_ENDED, 0))
    if entry.hooks is not None:
        hooks = decode_hooks(entry.hooks)
        type_, body = of_batch(
            entry.batch, found.counts, closed=entry.open_until is None, change=books.change, base=hooks.base, at=at
        )
        books.deliveries.tell(
            entry.tenant, hooks.urls, type_.value, body, books.change, at, job=None, batch=entry.batch
        )


def _named(books: Books, event: Submitted) -> tuple[BatchEntry, int] | None:
    batch = event.submit.jobs[0].batch or ""
    return books.fresh_batches.get(batch) or event.batches.get(batch)


def _kept(hooks: Hooks | None) -> bytes | None:
    return encode(hooks) if hooks else None


def _write(books: Books, entry: BatchEntry, jobs: int) -> None:
    """Write the batch in this turn, where later events find it. An open one has so many jobs."""
    books.fresh_batches[entry.batch] = entry, jobs
    books.records.batches.append(entry)
    if entry.open_until is not None and entry.ended_at is None:
        books.batches_open.came(entry.open_until)
