"""The sweeps: blobs that no row names any more, who deletes them, and when one that could not is asked again.

Owns the offers and their back-off, and what of it is to be written. A sweep is in one place: with a worker
(`sweeping`), to be offered (`offerable`), or put off because it failed before (`stuck`, until `due`). What failed is
counted apart, so that retention and walk go on beside it. Deletes nothing: workers do. Knows no other book.
"""

from itertools import islice

from broker.core.books.model import Stuck, Worker
from broker.core.books.roster import Roster
from jobs.records import SweepEntry
from jobs.wire import BLOB_CHARACTERS_MAX, NAMES_MAX, Sweep, SweepsView

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


class Sweeps:
    """All that wait or are under way. `entries`: each by its job."""

    def __init__(self, silence_seconds: float) -> None:
        self.entries: dict[str, SweepEntry] = {}
        self.sweeping: dict[str, tuple[Worker, tuple[str, ...], float]] = {}
        """By job, who deletes, what it was told to delete, and when."""
        self.offerable: dict[str, None] = {}
        """Those for the next worker, in order."""
        self.stuck: dict[str, Stuck] = {}
        """Those that failed before."""
        self._unheard_seconds = max(AGAIN_SECONDS, 2 * silence_seconds)
        self.clear()

    def clear(self) -> None:
        """Begin a turn: nothing to write."""
        self.written: list[SweepEntry] = []
        self.done: list[str] = []
        """The jobs whose sweeps are to be forgotten."""

    def restore(self, entries: list[SweepEntry]) -> None:
        """Those of a ledger. An earlier version may have taken names that no file can have, and no message can tell:
        there is nothing to be deleted under them."""
        for entry in entries:
            if len(entry.job) > BLOB_CHARACTERS_MAX:
                self.done.append(entry.job)
                continue
            names = tuple(name for name in entry.names if len(name) <= BLOB_CHARACTERS_MAX)
            self.entries[entry.job] = entry if len(names) == len(entry.names) else SweepEntry(entry.job, names)
            self.offerable[entry.job] = None

    def may_add(self) -> bool:
        """Whether there is room for the sweeps of what nobody waits for."""
        return len(self.entries) - len(self.stuck) < WAITING_MAX and len(self.stuck) < STUCK_MAX

    def is_full(self) -> bool:
        """Whether there is no room even for what somebody waits for."""
        return len(self.entries) >= SWEEPS_MAX

    def add(self, job: str, names: tuple[str, ...]) -> None:
        """Blobs that no row names any more: written down, then deleted by a worker."""
        known = self.entries.get(job)
        merged = names if known is None else tuple(dict.fromkeys(known.names + names))
        self._write(job, merged[:NAMES_MAX])  # a walk finds the rest again

    def drop(self, job: str) -> None:
        """The job runs again and makes blobs of the same names: nobody is to delete them any more."""
        if job in self.entries:
            self.stuck.pop(job, None)
            self.offerable.pop(job, None)
            self._forget(job)

    def offer(self, roster: Roster, now: float) -> list[tuple[bytes, Sweep]]:
        """Give each worker without sweeps some of those that nobody does: what to send."""
        sends: list[tuple[bytes, Sweep]] = []
        busy = {worker.peer for worker, _, _ in self.sweeping.values()}
        for worker in roster.by_peer.values():
            if not self.offerable:
                break
            if worker.peer not in busy and not worker.draining:
                batch = [self.entries[job] for job in islice(self.offerable, BATCH)]
                for entry in batch:
                    del self.offerable[entry.job]
                    self.sweeping[entry.job] = worker, entry.names[:NAMES_MAX], now
                sends.append((worker.peer, Sweep([(entry.job, list(entry.names[:NAMES_MAX])) for entry in batch])))
        return sends

    def swept(self, job: str, worker: Worker) -> None:
        """A worker has deleted what it was told to of this job; what is left, or was added since, is offered next."""
        sweeper, sent, _ = self.sweeping.get(job, (None, (), 0.0))
        if sweeper is not worker:
            return
        del self.sweeping[job]
        self.stuck.pop(job, None)
        gone = frozenset(sent)
        if left := tuple(name for name in self.entries[job].names if name not in gone):
            self._write(job, left)
        else:
            self._forget(job)

    def failed(self, job: str, worker: Worker, why: str) -> None:
        """A worker says that it could not delete all that it was told to of this job."""
        sweeper, _, sent_at = self.sweeping.get(job, (None, (), 0.0))
        if sweeper is worker:
            self._put_off(job, sent_at, why)

    def lost(self, gone: Worker) -> None:
        """What this worker was to delete is offered to others."""
        for job in [job for job, sent in self.sweeping.items() if sent[0] is gone]:
            del self.sweeping[job]
            self.offerable[job] = None

    def look(self, now: float) -> None:
        """Once a beat: put off what nobody has told of for too long, and offer again what is due."""
        since = now - self._unheard_seconds
        for job, (_, _, sent_at) in list(self.sweeping.items()):
            if sent_at <= since:
                self._put_off(job, sent_at, "its worker does not say that it is done")
        for job, stuck in self.stuck.items():
            if stuck.due <= now and job not in self.sweeping:
                self.offerable[job] = None

    def view(self, walk_why: str) -> SweepsView:
        """What the beat says of them, and of why the walk fails."""
        newest = next(reversed(self.stuck.values()), None)
        return SweepsView(len(self.entries), len(self.stuck), newest.why if newest else "", walk_why)

    def check(self) -> None:
        """Raises AssertionError where a sweep is in no place, or in two."""
        assert not self.sweeping.keys() & self.offerable.keys(), "offered twice"
        assert self.stuck.keys() <= self.entries.keys() >= self.offerable.keys(), "a sweep that is none"
        assert self.entries.keys() <= self.sweeping.keys() | self.offerable.keys() | self.stuck.keys(), "a lost sweep"

    def _write(self, job: str, names: tuple[str, ...]) -> None:
        entry = self.entries[job] = SweepEntry(job, names)
        self.written.append(entry)
        if job not in self.sweeping and job not in self.stuck:
            self.offerable[job] = None

    def _forget(self, job: str) -> None:
        """Forget a sweep that is done or void, also where this turn has recorded it: new ones are written last, so it
        would come back with a restart, and delete what the job has made again."""
        del self.entries[job]
        self.done.append(job)
        self.written[:] = [entry for entry in self.written if entry.job != job]

    def _put_off(self, job: str, sent_at: float, why: str) -> None:
        del self.sweeping[job]
        stuck = self.stuck.pop(job, None) or Stuck()
        stuck.tries += 1
        stuck.due = sent_at + min(AGAIN_SECONDS * 2 ** min(stuck.tries - 1, 9), AGAIN_SECONDS_MAX)
        stuck.why = why
        self.stuck[job] = stuck
