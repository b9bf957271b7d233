"""Accepts the jobs of one POST, all of them or none. It decides by what was read of the ledger for this Submit."""

from broker.core import batches, quota
from broker.core.books.events import Submitted
from broker.core.books.model import Entry
from broker.core.books.state import Books, timeline_entry
from jobs.job import Code, EventKind, Fault, Hooks, Outcome, State
from jobs.lanes import fetch_lane, lane_of
from jobs.records import KeyEntry
from jobs.wire import COMMITTED, CONFLICT, KNOWN, REFUSED, Ack, NewJob, Submit, SubmitToBatch

ACCEPTED, ENDED = EventKind.ACCEPTED.value, EventKind.ENDED.value
QUEUED = State.QUEUED


def submitted(books: Books, event: Submitted, now: float) -> None:
    """Answer a Submit. A repeat of a committed one gets COMMITTED again, before any other rule is looked at."""
    submit = event.submit
    books.secrets.heard(submit.secret, now)
    books.ack(submit.web, _decide(books, event, now))


def _decide(books: Books, event: Submitted, now: float) -> Ack:
    submit = event.submit
    first = submit.jobs[0].id
    if first in event.existing or first in books.fresh_ids:
        return Ack(submit.request, COMMITTED, [job.id for job in submit.jobs])
    if (event.keys or books.fresh_keys) and any(known := _stored(books, event)):
        return _known(submit, known)
    if len(submit.jobs) > 1 and not _all_new(books, event):
        return Ack(submit.request, REFUSED, code="malformed")
    at = now + books.offset
    if at - submit.at > books.policy.orphan_seconds / 2:
        return Ack(submit.request, REFUSED, code="broker_silent")
    together = len(submit.jobs) > 1 or submit.jobs[0].batch is not None
    if together and (refusal := _refusal_of_batch(books, event, now)):
        return refusal
    if quota.is_queue_full(books, submit.jobs[0].tenant, len(submit.jobs)):
        return Ack(submit.request, REFUSED, code="queue_full")
    limited = books.policy.rate_per_minute or books.policy.tenants or submit.grant
    if limited and (refusal := quota.refusal(books, event, now)):
        return refusal
    seq = books.change + 1
    expires_at = None if submit.expires_in is None else at + submit.expires_in
    queued = [_accept(books, job, submit.hooks, at, expires_at, now) for job in submit.jobs]
    if expires_at is not None:
        books.deadlines.came(expires_at)
    books.accepted.add(now, len(submit.jobs))
    books.hours.accepted(len(submit.jobs))
    books.accepted_ever += len(submit.jobs)
    if together:
        batches.joined(books, event, at)
    ids = [job.id for job in submit.jobs]
    if not all(queued):
        return Ack(submit.request, COMMITTED, ids)
    return Ack(submit.request, COMMITTED, ids, seq=seq, accepted_at=at)


def _refusal_of_batch(books: Books, event: Submitted, now: float) -> Ack | None:
    if isinstance(event.submit, SubmitToBatch):
        return batches.refusal(books, event, books.believed_at(now))
    return None if batches.is_new(books, event) else Ack(event.submit.request, REFUSED, code="malformed")


def _all_new(books: Books, event: Submitted) -> bool:
    """Whether no id is used twice. The caller has checked the first id, which is enough for an honest sender."""
    ids = {job.id for job in event.submit.jobs}
    return len(ids) == len(event.submit.jobs) and ids.isdisjoint(event.existing) and ids.isdisjoint(books.fresh_ids)


def _stored(books: Books, event: Submitted) -> list[KeyEntry | None]:
    keys = [job.key for job in event.submit.jobs if job.key is not None]
    return [event.keys.get(key) or books.fresh_keys.get(key) for key in keys]


def _known(submit: Submit, known: list[KeyEntry | None]) -> Ack:
    """Answer a POST whose keys are known. Its jobs share one fingerprint, so those that are not purged prove it."""
    left = [entry for entry in known if entry is not None]
    if len(known) != len(submit.jobs) or any(entry.fingerprint != submit.jobs[0].fingerprint for entry in left):
        return Ack(submit.request, CONFLICT)
    return Ack(submit.request, KNOWN, [entry.job for entry in left])


def _accept(books: Books, job: NewJob, hooks: Hooks | None, at: float, expires_at: float | None, now: float) -> bool:
    """Accept a job. Returns whether it is queued."""
    entry = Entry()
    books.change = change = books.change + 1
    entry.seq = entry.position = entry.change = change
    entry.id, entry.tenant = job.id, job.tenant
    entry.state = QUEUED
    if job.fetch:
        entry.lane = fetch_lane(job.priority, job.tenant)
    else:
        entry.lane = lane_of(job.priority, job.tenant, job.cost_ms)
    entry.lease = entry.attempts = 0
    entry.accepted_at = at
    entry.ended_at = entry.due_at = entry.started_at = entry.worker = entry.code = None
    entry.holder = entry.host = None
    entry.reference, entry.preset, entry.batch = job.reference, job.preset, job.batch
    entry.content, entry.spec = job.content, job.spec
    entry.outcome = outcome = Outcome([timeline_entry((at, ACCEPTED, 0, None, None))])
    if hooks is not None or expires_at is not None:
        outcome.hooks, outcome.expires_at = hooks, expires_at
    entry.dirty, entry.windowed = True, False
    entry.due = entry.seconds = 0.0
    books.dirty.append(entry)
    books.entries[job.id] = entry
    books.fresh_ids.add(job.id)
    if job.tenant:
        books.share(job.tenant).accepted.add(now)
    if job.key is not None and job.fingerprint is not None:
        key = KeyEntry(job.key, job.id, job.fingerprint, at)
        books.fresh_keys[job.key] = key
        books.records.keys.append(key)
    if books.quarantine.entries and books.quarantine.bars(job.content, books.roster.engines):
        _refuse_quarantined(books, entry, at, now)
        return False
    books.count(entry, 1)
    (books.sources if job.fetch else books.backlog).append(entry)
    if entry.tenant not in books.holds.stopped:
        books.reserve.came(entry.lane, now)
    return True


def _refuse_quarantined(books: Books, entry: Entry, at: float, now: float) -> None:
    entry.state = State.FAILED
    entry.code = Code.QUARANTINED.value
    entry.ended_at = at
    entry.outcome.error = Fault(entry.code, "these bytes with this recipe killed a decoder twice")
    books.log(entry, ENDED, now, entry.code)
    books.hours.ended(entry.id, entry.tenant, entry.state._value_, entry.code, at, None, at)
    books.figures.ended(State.FAILED.value, entry.code)
    if entry.batch is not None:
        books.batches_open.unsure[entry.batch] = None
    books.count(entry, 1)
    if entry.outcome.hooks is not None:
        books.tell(entry)
