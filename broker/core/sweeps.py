"""Who deletes the blobs that no row names any more, and when one that could not is asked again.

Owns the offers and their back-off. A sweep is in one place: with a worker (`core.sweeping`), to be offered
(`core.offerable`), or put off because it failed before (`core.stuck`, until `due`). What failed is counted apart, so
that retention and walk go on beside it. Deletes nothing: workers do.
"""

from itertools import islice

from broker.core.books.model import Stuck, Worker
from broker.core.books.state import Books
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


def may_add(books: Books) -> bool:
    """Whether there is room for the sweeps of what nobody waits for."""
    return len(books.sweeps) - len(books.stuck) < WAITING_MAX and len(books.stuck) < STUCK_MAX


def offer(books: Books, now: float) -> None:
    """Give each worker without sweeps some of those that nobody does."""
    busy = {worker.peer for worker, _, _ in books.sweeping.values()}
    for worker in books.roster.by_peer.values():
        if not books.offerable:
            return
        if worker.peer not in busy and not worker.draining:
            batch = [books.sweeps[job] for job in islice(books.offerable, BATCH)]
            for entry in batch:
                del books.offerable[entry.job]
                books.sweeping[entry.job] = worker, entry.names[:NAMES_MAX], now
            books.send(worker.peer, Sweep([(entry.job, list(entry.names[:NAMES_MAX])) for entry in batch]))


def failed(books: Books, job: str, worker: Worker, why: str) -> None:
    """A worker says that it could not delete all that it was told to of this job."""
    sweeper, _, sent_at = books.sweeping.get(job, (None, (), 0.0))
    if sweeper is worker:
        _put_off(books, job, sent_at, why)


def look(books: Books, now: float) -> None:
    """Once a beat: put off what nobody has told of for too long, and offer again what is due."""
    since = now - max(AGAIN_SECONDS, 2 * books.policy.silence_seconds)
    for job, (_, _, sent_at) in list(books.sweeping.items()):
        if sent_at <= since:
            _put_off(books, job, sent_at, "its worker does not say that it is done")
    for job, stuck in books.stuck.items():
        if stuck.due <= now and job not in books.sweeping:
            books.offerable[job] = None


def view(books: Books) -> SweepsView:
    """What the beat says of them."""
    newest = next(reversed(books.stuck.values()), None)
    return SweepsView(len(books.sweeps), len(books.stuck), newest.why if newest else "", books.walk.why)


def check(books: Books) -> None:
    """Raises AssertionError where a sweep is in no place, or in two."""
    assert not books.sweeping.keys() & books.offerable.keys(), "offered twice"
    assert books.stuck.keys() <= books.sweeps.keys() >= books.offerable.keys(), "a sweep that is none"
    assert books.sweeps.keys() <= books.sweeping.keys() | books.offerable.keys() | books.stuck.keys(), "a lost sweep"


def _put_off(books: Books, job: str, sent_at: float, why: str) -> None:
    del books.sweeping[job]
    stuck = books.stuck.pop(job, None) or Stuck()
    stuck.tries += 1
    stuck.due = sent_at + min(AGAIN_SECONDS * 2 ** min(stuck.tries - 1, 9), AGAIN_SECONDS_MAX)
    stuck.why = why
    books.stuck[job] = stuck
