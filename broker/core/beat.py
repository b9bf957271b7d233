"""The beat: what the broker tells every second of queue, workers and tenants (GET /stats shows it).

Owns its figures, and how many workers are wanted. Decides nothing about a job.
"""

from itertools import islice
from math import ceil

from broker.core import quota, sweeps
from broker.core.books.model import Worker
from broker.core.books.state import Core, plain
from broker.core.outlook import waiting
from jobs import wire
from jobs.job import State


def beat(core: Core, now: float) -> wire.Beat | None:
    """The beat, where something that it says may have changed."""
    if not core.roster_changed:
        return None
    views = [_view(core, worker) for worker in islice(core.roster.by_peer.values(), wire.ITEMS_MAX)]
    oldest, waiting = core.backlog.oldest_at(), _waiting(core, now)
    return wire.Beat(
        core.epoch, now + core.offset, core.change, core.paused, plain(+core.counts),
        min(oldest.values(), default=None), views, _wanted(core, waiting), core.accepted.per_minute(now),
        core.ended.per_minute(now), _shares(core, oldest, now), waiting, quota.over(core, now), sweeps.view(core),
    )  # fmt: skip


def _shares(core: Core, oldest: dict[str, float], now: float) -> dict[str, wire.Share]:
    return {
        tenant: wire.Share(
            plain(+share.counts), oldest.get(tenant), share.accepted.per_minute(now), share.ended.per_minute(now)
        )
        for tenant, share in core.shares.items()
        if any(share.counts.values())
    }


def _waiting(core: Core, now: float) -> wire.Waiting:
    queued = {tenant: share.counts[State.QUEUED] for tenant, share in core.shares.items()}
    queued[""] = core.counts[State.QUEUED] - sum(queued.values())
    return waiting(core.service, core.backlog, core.roster, queued, now)


def _view(core: Core, worker: Worker) -> wire.WorkerView:
    state = "draining" if worker.draining else "busy" if worker.leases else "idle"
    jobs = [wire.WorkerJob(entry.id, entry.started_at, entry.tenant) for entry in worker.leases.values()]
    return wire.WorkerView(worker.name, worker.incarnation, state, worker.capacity, jobs, worker.since)


def _wanted(core: Core, waiting: wire.Waiting) -> int:
    """How many workers would end what waits and runs within `wanted_seconds`."""
    jobs = core.counts[State.RUNNING] + (0 if core.paused else core.counts[State.QUEUED])
    seconds = sum(
        core.service.of(entry.lane) or 0.0
        for worker in core.roster.by_peer.values()
        for entry in worker.leases.values()
    )
    if not core.paused:
        seconds += sum(view.queued * (core.service.of(view.lane) or 0.0) for view in waiting.lanes)
    return min(jobs, max(ceil(seconds / core.policy.wanted_seconds), int(jobs > 0)))
