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
from jobs.lanes import tenant_of


def beat(books: Books, scan_why: str, now: float) -> wire.Beat | None:
    """The beat; None if nothing that it shows has changed. `scan_why`: why the orphan scan fails, or ""."""
    if not books.roster_changed:
        return None
    views = [_view(books, worker) for worker in islice(books.roster.by_peer.values(), wire.ITEMS_MAX)]
    oldest, waiting = books.backlog.oldest_at(), _waiting(books, now)
    oldest_at = min(oldest.values(), default=None)
    books.hours.seen(
        books.counts[State.QUEUED],
        _seconds_since(books, oldest_at, now),
        books.roster.count_for_images(),
    )
    return wire.Beat(
        books.epoch, now + books.offset, books.change, books.paused, plain(+books.counts),
        oldest_at, views, _wanted(books, waiting), books.accepted.per_minute(now),
        books.ended.per_minute(now), _shares(books, oldest, now), waiting, quota.over(books, now),
        books.sweeps.view(scan_why), books.durability, books.began, books.history, wire.EDITION,
        books.secrets.count(now), books.deliveries.view(), [*books.holds.paused], [*books.holds.full],
        _figures(books, oldest, now) if books.figures_due else None,
    )  # fmt: skip


def _figures(books: Books, oldest: dict[str, float], now: float) -> wire.Figures | None:
    deliveries, stopped = books.deliveries, books.holds.stopped
    queued_at = min((at for tenant, at in oldest.items() if tenant not in stopped), default=None)
    queued, stuck = _seconds_since(books, queued_at, now), _seconds_since(books, deliveries.stuck_since(), now)
    return books.figures.told(books.accepted_ever, deliveries.outcomes, queued, stuck)


def _seconds_since(books: Books, at: float | None, now: float) -> float:
    """Since wall time `at`; 0 for None."""
    return 0.0 if at is None else max(0.0, now + books.offset - at)


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
    return waiting(books.service, books.backlog, books.sources, books.roster, queued, now, books.holds.stopped)


def _view(books: Books, worker: Worker) -> wire.WorkerView:
    state = "draining" if worker.draining else "busy" if worker.leases else "idle"
    jobs = [wire.WorkerJob(entry.id, entry.started_at, entry.tenant) for entry in worker.leases.values()]
    kind, capacity = (wire.COURIER, worker.slots) if worker.is_courier else (wire.IMAGES, worker.capacity)
    return wire.WorkerView(worker.name, worker.incarnation, state, capacity, jobs, worker.since, worker.cache, kind)


def _wanted(books: Books, waiting: wire.Waiting) -> int:
    """How many workers could end all waiting and running jobs within `wanted_seconds`."""
    most = books.holds.most()
    jobs = books.counts[State.RUNNING] + (0 if books.paused else _able(books, most))
    seconds = sum(
        books.service.of(entry.lane) or 0.0 for worker in books.roster.for_images() for entry in worker.leases.values()
    )
    if not books.paused:
        seconds += _useful(books, waiting, most)
    return min(jobs, max(ceil(seconds / books.policy.wanted_seconds), int(jobs > 0)))


def _able(books: Books, most: dict[str, int]) -> int:
    """How many queued jobs may run, if of some tenants at most so many may run at once."""
    queued = books.counts[State.QUEUED]
    for tenant, running_max in most.items():
        if (share := books.shares.get(tenant)) is not None:
            queued -= max(0, share.counts[State.QUEUED] - running_max)
    return queued


def _useful(books: Books, waiting: wire.Waiting, most: dict[str, int]) -> float:
    """The seconds that the queued jobs take, within `wanted_seconds` of as many workers as their tenants may use."""
    if not most:
        return sum(view.queued * (books.service.of(view.lane) or 0.0) for view in waiting.lanes)
    seconds: dict[str, float] = {}
    for view in waiting.lanes:
        tenant = tenant_of(view.lane)
        seconds[tenant] = seconds.get(tenant, 0.0) + view.queued * (books.service.of(view.lane) or 0.0)
    wanted = books.policy.wanted_seconds
    return sum(min(took, most[tenant] * wanted) if tenant in most else took for tenant, took in seconds.items())
