"""Who deletes the blobs that no row names any more, and when one that could not is asked again.

Owns the offers and their back-off. A sweep is in one place: with a worker (`core.sweeping`), to be offered
(`core.offerable`), or put off because it failed before (`core.stuck`, until `due`). What failed is counted apart, so
that retention and walk go on beside it. Deletes nothing: workers do.
"""

from itertools import islice

from broker.core.books.model import Stuck, Worker
from broker.core.books.state import Core
from jobs.wire import NAMES_MAX, Sweep, SweepsView

BATCH = 100
AGAIN_SECONDS, AGAIN_SECONDS_MAX = 60.0, 3600.0
"""After which a sweep is offered again that failed, or of which nothing was heard: doubled each time. A restart begins
anew, for somebody may have mended the disk."""
WAITING_MAX = 1000
"""While more wait, nothing is added by age, by the walk or by a purge of all that match: workers keep up with it, and
memory is bounded."""
STUCK_MAX = 10_000
"""Of those that fail: beyond it the same. What is kept for them in memory is some 10 MB."""
SWEEPS_MAX = STUCK_MAX + 2 * WAITING_MAX
"""Beyond it no job is purged by name either."""


def may_add(core: Core) -> bool:
    """Whether there is room for the sweeps of what nobody waits for."""
    return len(core.sweeps) - len(core.stuck) < WAITING_MAX and len(core.stuck) < STUCK_MAX


def offer(core: Core, now: float) -> None:
    """Give each worker without sweeps some of those that nobody does."""
    busy = {worker.peer for worker, _, _ in core.sweeping.values()}
    for worker in core.roster.by_peer.values():
        if not core.offerable:
            return
        if worker.peer not in busy and not worker.draining:
            batch = [core.sweeps[job] for job in islice(core.offerable, BATCH)]
            for entry in batch:
                del core.offerable[entry.job]
                core.sweeping[entry.job] = worker, entry.names[:NAMES_MAX], now
            core.send(worker.peer, Sweep([(entry.job, list(entry.names[:NAMES_MAX])) for entry in batch]))


def failed(core: Core, job: str, worker: Worker, why: str) -> None:
    """A worker says that it could not delete all that it was told to of this job."""
    sweeper, _, sent_at = core.sweeping.get(job, (None, (), 0.0))
    if sweeper is worker:
        _put_off(core, job, sent_at, why)


def look(core: Core, now: float) -> None:
    """Once a beat: put off what nobody has told of for too long, and offer again what is due."""
    since = now - max(AGAIN_SECONDS, 2 * core.policy.silence_seconds)
    for job, (_, _, sent_at) in list(core.sweeping.items()):
        if sent_at <= since:
            _put_off(core, job, sent_at, "its worker does not say that it is done")
    for job, stuck in core.stuck.items():
        if stuck.due <= now and job not in core.sweeping:
            core.offerable[job] = None


def view(core: Core) -> SweepsView:
    """What the beat says of them."""
    newest = next(reversed(core.stuck.values()), None)
    return SweepsView(len(core.sweeps), len(core.stuck), newest.why if newest else "", core.walk.why)


def check(core: Core) -> None:
    """Raises AssertionError where a sweep is in no place, or in two."""
    assert not core.sweeping.keys() & core.offerable.keys(), "offered twice"
    assert core.stuck.keys() <= core.sweeps.keys() >= core.offerable.keys(), "a sweep that is none"
    assert core.sweeps.keys() <= core.sweeping.keys() | core.offerable.keys() | core.stuck.keys(), "a lost sweep"


def _put_off(core: Core, job: str, sent_at: float, why: str) -> None:
    del core.sweeping[job]
    stuck = core.stuck.pop(job, None) or Stuck()
    stuck.tries += 1
    stuck.due = sent_at + min(AGAIN_SECONDS * 2 ** min(stuck.tries - 1, 9), AGAIN_SECONDS_MAX)
    stuck.why = why
    core.stuck[job] = stuck
