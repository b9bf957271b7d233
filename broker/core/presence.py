"""Workers as they come, speak, fall silent and go: who is here, and what becomes of what they held.

Owns the judgement of silence. What they say of their jobs goes to broker/core/answers.py.
"""

from collections.abc import Callable
from typing import Any

from broker.core import answers, sweeps, walk
from broker.core.books.events import Heard, Walked
from broker.core.books.model import Worker
from broker.core.books.state import Core
from jobs import wire

ANSWERS: dict[type, Callable[[Core, Worker, Any, float], None]] = {
    wire.Started: answers.started,
    wire.Published: answers.published,
    wire.Finished: answers.finished,
    wire.Failed: answers.failed,
    wire.Returned: answers.returned,
}


def heard(core: Core, event: Heard, now: float) -> None:
    """A worker said something: a sign of life, and what it says of itself or of its jobs."""
    message = event.message
    worker = core.roster.by_peer.get(event.peer)
    if isinstance(message, wire.Ready):
        return _ready(core, event.peer, message, now)
    if worker is None:
        return core.send(event.peer, wire.Introduce(core.epoch))
    core.roster.hear(worker, now)
    answer = ANSWERS.get(type(message))
    if answer is not None:
        answer(core, worker, message, now)
    elif isinstance(message, wire.WorkerBeat):
        for held in message.holding:
            if answers.held(core, worker, held.job, held.lease) is None:
                core.settle(worker.peer, held.job, held.lease)
    elif isinstance(message, wire.Swept):
        for job in message.jobs:
            core.swept(job, worker)
        for job, why in message.failed:
            sweeps.failed(core, job, worker, why)
    elif isinstance(message, wire.Draining):
        worker.draining = core.roster_changed = True
        core.roster.settle(worker)
    elif isinstance(message, wire.Leaving):
        answers.worker_lost(core, worker, now, "it left")
    return None


def _ready(core: Core, peer: bytes, ready: wire.Ready, now: float) -> None:
    """A worker introduces itself: its live leases go on, the others are void or lost."""
    former = core.roster.by_peer.get(peer)
    if former is not None and former.incarnation != ready.incarnation:
        answers.worker_lost(core, former, now, "its connection is another's")
    known = core.roster.by_incarnation.get(ready.incarnation)
    before = {entry.id: entry for entry in core.orphans.values() if entry.worker == ready.incarnation}
    told_to_drain = known is not None and known.draining and not ready.draining
    if known is not None:
        before.update(known.leases)
        core.roster.remove(known)
        core.forget_sweeper(known)
    worker = Worker(peer, ready, known.since if known else now + core.offset, now)
    core.roster.add(worker)
    core.roster_changed = True
    core.send(peer, wire.Welcome(core.epoch, core.policy.silence_seconds))
    for held in ready.holding:
        entry = before.get(held.job)
        if entry is None or entry.lease != held.lease:
            core.settle(peer, held.job, held.lease)
            continue
        before.pop(held.job, None)
        core.orphans.pop(held.job, None)
        core.roster.adopt(worker, entry)
        if not held.started and len(worker.leases) > 1:
            core.prefetched[entry.id] = (entry, now)
        if held.started and entry.started_at is None:
            answers.begin(core, entry, now)
    repeat_abandons(core, worker)
    if told_to_drain:  # and the order was lost with the connection
        worker.draining = True
        core.roster.settle(worker)
        core.send(peer, wire.Drain())
    for entry in reversed(before.values()):
        core.orphans.pop(entry.id, None)
        answers.lost(core, entry, now, "its worker does not have it")


def repeat_abandons(core: Core, worker: Worker) -> None:
    """What is to be cancelled is said again, for the last time may have been lost."""
    for entry in worker.leases.values():
        if entry.outcome.cancel_requested:
            core.batch(worker.peer, wire.Abandon, wire.LeaseRef(entry.id, entry.lease))


def walked(core: Core, event: Walked, now: float) -> None:
    """A worker told the old names of one step of the walk."""
    worker = core.roster.by_peer.get(event.peer)
    if worker is None:
        return core.send(event.peer, wire.Introduce(core.epoch))
    core.roster.hear(worker, now)
    return walk.walked(core, event, now)


def judge_silence(core: Core, now: float) -> None:
    """What nobody heard of for too long is lost: workers, and running jobs whose workers do not come back."""
    for worker in core.roster.silent(now - core.policy.silence_seconds):
        answers.worker_lost(core, worker, now, "unheard for too long")
    if core.orphans and now >= core.grace_until:
        for entry in reversed(core.orphans.copy().values()):
            answers.lost(core, entry, now, "its worker did not come back")
        core.orphans.clear()


def excuse(core: Core, now: float) -> None:
    """This process stood still, and so did its sockets: what was said meanwhile may still be on its way."""
    core.roster.excuse(now)
    if core.orphans:
        core.grace_until = now + core.policy.grace_seconds
