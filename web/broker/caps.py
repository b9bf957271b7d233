"""Tenants whom their `running_max` holds back: the file of tenants allows them fewer running jobs than their share.

Pure. A forecast shares the workers by weight (web/broker/forecast.py), which is right for everyone else. The beat names
a tenant only while it has as many running as it may, and leaves out its jobs then. So what is told of it, and of others
beside it, would differ from beat to beat. Therefore it is told alike in all of them: its jobs have no forecast, and its
workers serve nobody else.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from jobs.job import State
from jobs.lanes import tenant_of
from jobs.wire import Beat, Waiting


def held_back(caps: Mapping[str, int], beat: Beat) -> frozenset[str]:
    """The tenants with waiting jobs who get fewer workers than their share. What they leave is shared by the others, so
    that it may hold back more of them."""
    waiting = beat.waiting
    if not caps or waiting is None:
        return frozenset()
    names = {tenant_of(view.lane) for view in waiting.lanes} | {
        name for name in beat.full_tenants if _waits(beat, name)
    }
    left = {name: waiting.weights.get(name, 1.0) for name in names}
    workers, found = float(len(waiting.free)), set[str]()
    while left:
        share = workers / sum(left.values())
        below = {name for name, weight in left.items() if name in caps and caps[name] < share * weight}
        if not below:
            break
        found |= below
        workers -= sum(caps[name] for name in below)
        left = {name: weight for name, weight in left.items() if name not in below}
    return frozenset(found)


def without(held: frozenset[str], caps: Mapping[str, int], waiting: Waiting) -> Waiting:
    """The queue for everyone else: without the jobs of these tenants, and without the workers that serve them. Those
    are taken to be the ones that are free last."""
    if not held or None in waiting.free:
        return waiting
    kept = max(1, len(waiting.free) - sum(caps[name] for name in held))
    free = sorted(seconds for seconds in waiting.free if seconds is not None)[:kept]
    lanes = [view for view in waiting.lanes if tenant_of(view.lane) not in held]
    return replace(waiting, lanes=lanes, free=free)


def _waits(beat: Beat, tenant: str) -> bool:
    share = beat.tenants.get(tenant)
    return share is not None and share.counts.get(State.QUEUED, 0) > 0
