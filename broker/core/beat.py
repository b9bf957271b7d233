"""The beat: the state of queue, workers and tenants, which the broker publishes every second (GET /stats shows it).

Owns the beat's figures and the number of workers that are wanted. Decides nothing about a job.
"""

from itertools import islice
from math import ceil

from broker.core import quota
from broker.core.books.model import Worker
from broker.core.books.state import Books, plain
from broker.core.outlook import waiting
from jobs import wire
from jobs.job import State


def beat(books: Books, scan_why: str, now: float) -> wire.Beat | None:
    """The beat; None if nothing that it shows has changed. `scan_why`: why the orphan scan fails, or ""."""
    if not books.roster_changed:
        return None
    views = [_view(books, worker) for worker in islice(books.roster.by_peer.values(), wire.ITEMS_MAX)]
    oldest, waiting = books.backlog.oldest_at(), _waiting(books, now)
    return wire.Beat(
        books.epoch, now + books.offset, books.change, books.paused, plain(+books.counts),
        min(oldest.values(), default=None), views, _wanted(books, waiting), books.accepted.per_minute(now),
        books.ended.per_minute(now), _shares(books, oldest, now), waiting, quota.over(books, now),
        books.sweeps.view(scan_why),
    )  # fmt: skip


def _shares(books: Books, oldest: dict[str, float], now: float) -> dict[str, wire.Share]:
    return {
        tenant: wire.Share(
            plain(+share.counts), oldest.get(tenant), share.accepted.per_minute(now), share.ended.per_minute(now)
        )
        for tenant, share in books.shares.items()
        if any(share.counts.values())
    }


def _waiting(books: Books, now: float) -> wire.Waiting:
    queued = {tenant: share.counts[State.QUEUED] for tenant, share in books.shares.items()}
    queued[""] = books.counts[State.QUEUED] - sum(queued.values())
    return waiting(books.service, books.backlog, books.roster, queued, now)


def _view(books: Books, worker: Worker) -> wire.WorkerView:
    state = "draining" if worker.draining else "busy" if worker.leases else "idle"
    jobs = [wire.WorkerJob(entry.id, entry.started_at, entry.tenant) for entry in worker.leases.values()]
    return wire.WorkerView(worker.name, worker.incarnation, state, worker.capacity, jobs, worker.since)


def _wanted(books: Books, waiting: wire.Waiting) -> int:
    """How many workers could end all waiting and running jobs within `wanted_seconds`."""
    jobs = books.counts[State.RUNNING] + (0 if books.paused else books.counts[State.QUEUED])
    seconds = sum(
        books.service.of(entry.lane) or 0.0
        for worker in books.roster.by_peer.values()
        for entry in worker.leases.values()
    )
    if not books.paused:
        seconds += sum(view.queued * (books.service.of(view.lane) or 0.0) for view in waiting.lanes)
    return min(jobs, max(ceil(seconds / books.policy.wanted_seconds), int(jobs > 0)))
