"""Workers connect, send messages, fall silent and leave: keeps the roster, and decides what happens to their leases.

Owns the judgement of silence. Their reports of jobs go to broker/core/answers.py.
"""

from collections.abc import Callable
from typing import Any

from broker.core import answers, orphan_scan
from broker.core.books.events import NamesListed, Received
from broker.core.books.model import Progress, Worker
from broker.core.books.state import Books
from broker.core.strangers import carrying, fetches
from jobs import wire
from jobs.deliveries import is_delivery

ANSWERS: dict[type, Callable[[Books, Worker, Any, float], None]] = {
    wire.Started: answers.started,
    wire.Described: answers.described,
    wire.Published: answers.published,
    wire.Finished: answers.finished,
    wire.Failed: answers.failed,
    wire.Returned: answers.returned,
    wire.Delivered: carrying.delivered,
    wire.Fetched: fetches.fetched,
}


def received(books: Books, event: Received, now: float) -> None:
    """A worker's message arrived. Any message is a sign of life."""
    message = event.message
    worker = books.roster.by_peer.get(event.peer)
    if isinstance(message, wire.Ready):
        return _ready(books, event.peer, message, now)
    if worker is None:
        return books.send(event.peer, wire.Introduce(books.epoch))
    books.roster.seen(worker, now)
    answer = ANSWERS.get(type(message))
    if answer is not None:
        answer(books, worker, message, now)
    elif isinstance(message, wire.WorkerBeat):
        for held in message.holding:
            if worker.is_courier and books.deliveries.holds(worker, held):
                continue
            if answers.held(books, worker, held.job, held.lease) is None:
                books.settle(worker.peer, held.job, held.lease)
        worker.cache = message.cache
    elif isinstance(message, wire.Swept):
        for job in message.jobs:
            books.sweeps.swept(job, worker)
        for job, why in message.failed:
            books.sweeps.failed(job, worker, why)
    elif isinstance(message, wire.Draining):
        worker.draining = books.roster_changed = True
        books.roster.settle(worker)
    elif isinstance(message, wire.Leaving):
        answers.worker_lost(books, worker, now, "it left")
    return None


def _ready(books: Books, peer: bytes, ready: wire.Ready, now: float) -> None:
    """A worker introduces itself, with the leases that it holds. Live ones go on, others of these are void. Jobs that
    the broker thought it had, but that it does not name, are lost."""
    former = books.roster.by_peer.get(peer)
    if former is not None and former.incarnation != ready.incarnation:
        answers.worker_lost(books, former, now, "its connection is another's")
    known = books.roster.by_incarnation.get(ready.incarnation)
    before = {entry.id: entry for entry in books.orphans.values() if entry.worker == ready.incarnation}
    drain_requested = known is not None and known.draining and not ready.draining
    if known is not None:
        before.update(known.leases)
        books.roster.remove(known)
        books.sweeps.lost(known)
    worker = Worker(peer, ready, known.since if known else now + books.offset, now)
    books.roster.add(worker)
    books.roster_changed = True
    books.send(peer, wire.Welcome(books.epoch, books.policy.silence_seconds))
    if worker.is_courier:
        books.deliveries.introduced(worker, known, ready.holding, now + books.offset)
    for held in ready.holding:
        if worker.is_courier and is_delivery(held.job):
            continue
        entry = before.get(held.job)
        if entry is None or entry.lease != held.lease:
            books.settle(peer, held.job, held.lease)
            continue
        before.pop(held.job, None)
        if books.orphans.pop(held.job, None) is not None and not entry.is_fetch:
            books.backlog.taken_before(entry)
        books.roster.adopt(worker, entry)
        if not held.started and len(worker.leases) > 1 and not entry.is_fetch:
            books.prefetched[entry.id] = (entry, now)
        if held.started and entry.started_at is None:
            answers.begin(books, entry, now)
    repeat_abandons(books, worker)
    if drain_requested:  # the order may have been lost with the former connection
        worker.draining = True
        books.roster.settle(worker)
        books.send(peer, wire.Drain())
    for entry in reversed(before.values()):
        books.orphans.pop(entry.id, None)
        answers.lost(books, entry, now, "its worker does not have it")


def repeat_abandons(books: Books, worker: Worker) -> None:
    """Send Abandon again for all jobs to be cancelled: the last one may have been lost."""
    for entry in worker.leases.values():
        if entry.outcome.cancel_requested:
            books.batch(worker.peer, wire.Abandon, wire.LeaseRef(entry.id, entry.lease))


def scanned(books: Books, progress: Progress, event: NamesListed, now: float) -> None:
    """A worker answered one step of the orphan scan with old names."""
    worker = books.roster.by_peer.get(event.peer)
    if worker is None:
        return books.send(event.peer, wire.Introduce(books.epoch))
    books.roster.seen(worker, now)
    return orphan_scan.scanned(books, progress, event, now)


def judge_silence(books: Books, now: float) -> None:
    """Give up workers that are silent for too long, and, after the grace, running jobs whose workers did not return."""
    for worker in books.roster.silent(now - books.policy.silence_seconds):
        answers.worker_lost(books, worker, now, "unheard for too long")
    if books.orphans and now >= books.grace_until:
        for entry in reversed(books.orphans.copy().values()):
            answers.lost(books, entry, now, "its worker did not come back")
        books.orphans.clear()


def excuse(books: Books, now: float) -> None:
    """This process did not run for some time, so messages of that time may still be unread: count silence anew."""
    books.roster.excuse(now)
    if books.orphans:
        books.grace_until = now + books.policy.grace_seconds
