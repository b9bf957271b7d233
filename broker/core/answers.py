"""Applies what workers report of their jobs, and the loss of a worker.

The lease number is a fencing token. A report under a lease that is not the job's live one changes nothing; the worker
gets Settled for it and forgets it.
"""

from broker.core.books.events import LostLease
from broker.core.books.model import Entry, Worker
from broker.core.books.state import Books
from broker.core.strangers import fetches
from jobs.deliveries import is_delivery
from jobs.ids import is_rendition_of
from jobs.job import Code, EventKind, Rendition, State
from jobs.leases import count_of
from jobs.limits import RENDITIONS_MAX
from jobs.retry import Again, End, after_failure, after_loss_unstarted
from jobs.wire import Described, Failed, Failure, Finish, Finished, Published, Returned, Started

STARTED, DESCRIBED, RENDITION = EventKind.STARTED.value, EventKind.DESCRIBED.value, EventKind.RENDITION.value
RETURNED = EventKind.RETURNED.value
LOST, ERROR = EventKind.LOST.value, EventKind.ERROR.value
_KNOWN = frozenset(code.value for code in Code)
ANOTHERS = "its worker named a file that is not this job's"


def held(books: Books, worker: Worker, job: str, lease: int) -> Entry | None:
    """The job, if this worker holds it under this very lease."""
    entry = worker.leases.get(job)
    return entry if entry is not None and entry.lease == lease else None


def started(books: Books, worker: Worker, message: Started, now: float) -> None:
    """Decoders began: from here on a loss is charged."""
    for start in message.jobs:
        entry = held(books, worker, start.job, start.lease)
        if entry is None:
            books.settle(worker.peer, start.job, start.lease)
        elif entry.started_at is None:
            begin(books, entry, now, start.at)


def begin(books: Books, entry: Entry, now: float, at: float | None = None) -> None:
    """A decoder began the job, at wall time `at`."""
    now = _at(books, entry, at, now)
    books.prefetched.pop(entry.id, None)
    books.recalled.discard(entry.id)
    entry.started_at = now + books.offset
    entry.attempts += 1
    books.figures.began(entry.lane, entry.outcome.timeline, entry.due, now, books.offset)
    books.log(entry, STARTED, now)


def _at(books: Books, entry: Entry, wall: float | None, now: float) -> float:
    """The monotonic time of an event that a worker dates by its own wall clock. That clock may be wrong, so the time
    is kept between the job's last event and now."""
    if wall is None:
        return now
    last = entry.outcome.timeline[-1].at
    at = (wall if wall > last else last) - books.offset
    return at if at < now else now


def described(books: Books, worker: Worker, message: Described, now: float) -> None:
    """Facts of originals were found: each is a change of its job's row."""
    for description in message.jobs:
        entry = held(books, worker, description.job, description.lease)
        if entry is None:
            books.settle(worker.peer, description.job, description.lease)
        elif not entry.outcome.cancel_requested:
            _describe(books, entry, description.facts, now)


def _describe(books: Books, entry: Entry, facts: bytes, now: float) -> None:
    if facts == entry.outcome.facts:
        return
    entry.outcome.facts = facts
    books.log(entry, DESCRIBED, now)
    books.changes.append(books.change_of(entry, facts=facts))


def published(books: Books, worker: Worker, message: Published, now: float) -> None:
    """Renditions were published: each one is a change of its job's row."""
    for publication in message.renditions:
        entry = held(books, worker, publication.job, publication.lease)
        if entry is None:
            books.settle(worker.peer, publication.job, publication.lease)
        elif not is_rendition_of(publication.rendition.blob, entry.id):
            continue  # only a forged message does this: a file of another job is neither shown here nor ever swept
        elif entry.outcome.cancel_requested:
            _hide(books, entry, [publication.rendition])
        else:
            _publish(books, entry, publication.rendition, now)


def _publish(books: Books, entry: Entry, rendition: Rendition, now: float) -> None:
    renditions = entry.outcome.renditions
    if rendition in renditions:
        return
    kept = [other for other in renditions if other.name != rendition.name]
    if len(kept) == RENDITIONS_MAX:
        return
    renditions[:] = [*kept, rendition]
    books.log(entry, RENDITION, now, rendition.name)
    books.changes.append(books.change_of(entry, rendition))
    if (hooks := entry.outcome.hooks) is not None and hooks.renditions:
        books.tell_rendition(entry, rendition, now)


def _hide(books: Books, entry: Entry, renditions: list[Rendition]) -> None:
    """Sweep renditions that were published after a cancel. Those that were shown before stay: a name may come twice."""
    shown = {rendition.blob for rendition in entry.outcome.renditions}
    hidden = tuple(rendition.blob for rendition in renditions if rendition.blob not in shown)
    if hidden:
        books.sweeps.add(entry.id, hidden)


def finished(books: Books, worker: Worker, message: Finished, now: float) -> None:
    """All renditions of these jobs are published."""
    for finish in message.jobs:
        books.settle(worker.peer, finish.job, finish.lease)
        entry = held(books, worker, finish.job, finish.lease)
        if entry is not None:
            ended = _at(books, entry, finish.ended_at, now)
            books.record_service_time(entry, ended)
            if [picture for picture in finish.renditions if not is_rendition_of(picture.blob, entry.id)]:
                _fail(books, entry, Failure(entry.id, entry.lease, Code.STORE_ERROR.value, ANOTHERS), ended)
            else:
                _finish(books, entry, finish, ended)


def _finish(books: Books, entry: Entry, finish: Finish, now: float) -> None:
    outcome = entry.outcome
    if outcome.cancel_requested:
        _hide(books, entry, finish.renditions)
        return books.cancel(entry, now)
    if not finish.cached and entry.started_at is None:
        begin(books, entry, now, finish.began_at)
    if finish.facts:
        _describe(books, entry, finish.facts, now)
    for rendition in finish.renditions:
        _publish(books, entry, rendition, now)
    if finish.cached:
        books.figures.began(entry.lane, entry.outcome.timeline, entry.due, now, books.offset)
    cpu_ms = finish.cost.cpu_ms if finish.cost is not None else None
    books.figures.finished(entry.preset, cpu_ms, finish.times, cached=finish.cached)
    outcome.renditions = finish.renditions
    outcome.cost = finish.cost
    outcome.cached = finish.cached
    outcome.error = None
    entry.code = None
    books.end(entry, State.DONE, now)


def failed(books: Books, worker: Worker, message: Failed, now: float) -> None:
    """These tries ended without their renditions."""
    for failure in message.jobs:
        books.settle(worker.peer, failure.job, failure.lease)
        entry = held(books, worker, failure.job, failure.lease)
        if entry is not None and entry.is_fetch:
            _fail(books, entry, failure, now)
        elif entry is not None:
            if failure.code != Code.CANCELLED:
                books.record_service_time(entry, now)
            elif entry.started_at is not None:  # a cancelled job's time is no measure of a whole one
                books.spent(entry, worker, now)
            _fail(books, entry, failure, now)


def _fail(books: Books, entry: Entry, failure: Failure, now: float) -> None:
    code = Code(failure.code) if failure.code in _KNOWN else Code.OPERATION_FAILED
    if code is Code.CANCELLED:
        return books.cancel(entry, now) if entry.outcome.cancel_requested else give_back(books, entry, now)
    if entry.is_fetch:
        return fetches.failed(books, entry, failure, code, now)
    books.log(entry, ERROR, now, f"{code.value}: {failure.detail}")
    outcome = entry.outcome
    outcome.crashes += code is Code.DECODER_CRASHED
    outcome.memory_tries += code is Code.MEMORY_OVER_LIMIT
    if entry.started_at is None and code is Code.DECODER_LOST:
        return _uncharged(books, entry, now, failure.detail)
    unstarted = entry.started_at is None and code is Code.STORE_ERROR
    outcome.losses += unstarted
    verdict = after_failure(
        code, job=entry.id, attempts=entry.attempts + (outcome.losses if unstarted else 0),
        attempts_max=books.policy.attempts_max, crashes=outcome.crashes, memory_tries=outcome.memory_tries,
    )  # fmt: skip
    _count_retry(books, verdict, code)
    books.follow(entry, verdict, now, failure.detail)


def _count_retry(books: Books, verdict: Again | End, code: Code) -> None:
    if isinstance(verdict, Again):
        books.figures.retried(code.value)


def returned(books: Books, worker: Worker, message: Returned, now: float) -> None:
    """A worker gave these back: it drains, was asked to (Recall), or replaces its decoder."""
    for ref in message.leases:
        if worker.is_courier and is_delivery(ref.job):
            books.deliveries.returned(worker, ref, now + books.offset)
            continue
        books.settle(worker.peer, ref.job, ref.lease)
        entry = held(books, worker, ref.job, ref.lease)
        if entry is not None:
            if entry.started_at is not None:
                books.spent(entry, worker, now)
            give_back(books, entry, now)


def give_back(books: Books, entry: Entry, now: float) -> None:
    """End a lease without counting an attempt. The job is first in its lane again."""
    if entry.started_at is not None:
        entry.attempts -= 1
    books.log(entry, RETURNED, now)
    if entry.outcome.cancel_requested:
        return books.cancel(entry, now)
    books.release(entry)
    books.requeue_head(entry)


def lost(books: Books, entry: Entry, now: float, why: str) -> None:
    """The job's holder is gone. It counts as an attempt only if a decoder had begun."""
    books.log(entry, LOST, now, why)
    books.lost.append(LostLease(entry.id, count_of(entry.lease), _worker_of(entry), entry.attempts, why))
    books.figures.lost(why)
    if entry.started_at is None:
        return _uncharged(books, entry, now, why)
    verdict = after_failure(
        Code.DECODER_LOST, job=entry.id, attempts=entry.attempts, attempts_max=books.policy.attempts_max,
        crashes=entry.outcome.crashes, memory_tries=entry.outcome.memory_tries,
    )  # fmt: skip
    _count_retry(books, verdict, Code.DECODER_LOST)
    books.follow(entry, verdict, now, why)


def _worker_of(entry: Entry) -> str:
    """The name of the last worker that had it, also if that did not come back after a restart of the broker."""
    return next((each.worker for each in reversed(entry.outcome.timeline) if each.worker), "")


def _uncharged(books: Books, entry: Entry, now: float, why: str) -> None:
    entry.outcome.losses += 1
    books.follow(entry, after_loss_unstarted(entry.outcome.losses), now, why)


def worker_lost(books: Books, worker: Worker, now: float, why: str) -> None:
    """A worker is dead or silent: its leases end, its connection is forgotten."""
    books.roster.remove(worker)
    books.roster_changed = True
    books.sweeps.lost(worker)
    if worker.is_courier:
        books.deliveries.lost(worker, now + books.offset)
    for entry in reversed(worker.leases.copy().values()):  # each is put first in its lane: the oldest must be last
        lost(books, entry, now, why)
