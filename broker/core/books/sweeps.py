"""The sweeps: orders to delete blobs that no row names any more. Workers carry them out.

Owns the offers, their back-off, and the records that this needs. A sweep is in one of three places: with a worker
(`sweeping`), ready to be offered (`offerable`), or delayed because it failed (`stuck`, until `due`). Failed sweeps are
counted apart, so that retention and the orphan scan go on beside them. Deletes nothing itself. Knows no other book.
"""

from itertools import islice

from broker.core.books.model import Stuck, Worker
from broker.core.books.roster import Roster
from jobs.records import SweepEntry
from jobs.wire import BLOB_CHARACTERS_MAX, NAMES_MAX, Sweep, SweepsView

BATCH = 100
AGAIN_SECONDS, AGAIN_SECONDS_MAX = 60.0, 3600.0
"""Back-off of a sweep that failed or was not answered, doubled each time. A restart begins anew, because somebody may
have repaired the disk."""
WAITING_MAX = 1000
"""Back-pressure: while so many wait, retention, the orphan scan and purges of many jobs add none. This bounds
memory."""
STUCK_MAX = 10_000
"""The same limit for sweeps that fail. So many take some 10 MB of memory."""
SWEEPS_MAX = STUCK_MAX + 2 * WAITING_MAX
"""From here on, a purge of a single job is refused, too."""


class Sweeps:
    """All sweeps that are not done. `entries`: by job."""

    def __init__(self, silence_seconds: float) -> None:
        self.entries: dict[str, SweepEntry] = {}
        self.sweeping: dict[str, tuple[Worker, tuple[str, ...], float]] = {}
        """By job: which worker deletes, which names it was sent, and when."""
        self.offerable: dict[str, None] = {}
        """The jobs whose sweeps the next worker gets, in order."""
        self.stuck: dict[str, Stuck] = {}
        """By job: the sweeps that failed."""
        self._unheard_seconds = max(AGAIN_SECONDS, 2 * silence_seconds)
        self.clear()

    def clear(self) -> None:
        """Begin a turn: nothing to write."""
        self.written: list[SweepEntry] = []
        self.done: list[str] = []
        """The jobs whose sweeps are to be forgotten."""

    def restore(self, entries: list[SweepEntry]) -> None:
        """Take in the sweeps of the ledger. An earlier version may have accepted names that are too long for a file or
        a message. Nothing can exist under such a name, so it is dropped."""
        for entry in entries:
            if len(entry.job) > BLOB_CHARACTERS_MAX:
                self.done.append(entry.job)
                continue
            names = tuple(name for name in entry.names if len(name) <= BLOB_CHARACTERS_MAX)
            self.entries[entry.job] = entry if len(names) == len(entry.names) else SweepEntry(entry.job, names)
            self.offerable[entry.job] = None

    def may_add(self) -> bool:
        """Whether retention, the orphan scan or a purge of many jobs may add sweeps."""
        return len(self.entries) - len(self.stuck) < WAITING_MAX and len(self.stuck) < STUCK_MAX

    def is_full(self) -> bool:
        """Whether there are so many sweeps that a purge of a single job must be refused."""
        return len(self.entries) >= SWEEPS_MAX

    def add(self, job: str, names: tuple[str, ...]) -> None:
        """Add blobs that no row names any more. They are recorded first, then a worker deletes them."""
        known = self.entries.get(job)
        merged = names if known is None else tuple(dict.fromkeys(known.names + names))
        self._write(job, merged[:NAMES_MAX])  # an orphan scan finds the rest again

    def drop(self, job: str) -> None:
        """The job runs again and makes blobs of the same names, so they must not be deleted any more."""
        if job in self.entries:
            self.stuck.pop(job, None)
            self.offerable.pop(job, None)
            self._forget(job)

    def offer(self, roster: Roster, now: float) -> list[tuple[bytes, Sweep]]:
        """Give sweeps to each worker that has none. Returns the messages to send."""
        sends: list[tuple[bytes, Sweep]] = []
        busy = {worker.peer for worker, _, _ in self.sweeping.values()}
        for worker in roster.for_images():
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
        """A worker has deleted the names that it was sent for this job. Other names of the job are offered next."""
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
        """A worker could not delete all names that it was sent for this job."""
        sweeper, _, sent_at = self.sweeping.get(job, (None, (), 0.0))
        if sweeper is worker:
            self._put_off(job, sent_at, why)

    def lost(self, gone: Worker) -> None:
        """The worker is gone: its sweeps are offered to others."""
        for job in [job for job, sent in self.sweeping.items() if sent[0] is gone]:
            del self.sweeping[job]
            self.offerable[job] = None

    def look(self, now: float) -> None:
        """Once a beat: put off sweeps that were not answered for too long, and offer again those that are due."""
        since = now - self._unheard_seconds
        for job, (_, _, sent_at) in list(self.sweeping.items()):
            if sent_at <= since:
                self._put_off(job, sent_at, "its worker does not say that it is done")
        for job, stuck in self.stuck.items():
            if stuck.due <= now and job not in self.sweeping:
                self.offerable[job] = None

    def view(self, scan_why: str) -> SweepsView:
        """What the beat shows of sweeps. `scan_why`: why the orphan scan fails, or ""."""
        newest = next(reversed(self.stuck.values()), None)
        return SweepsView(len(self.entries), len(self.stuck), newest.why if newest else "", scan_why)

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
        """Forget a sweep that is done or void, and also drop a record of it from this turn. The commit writes new
        sweeps after it removes done ones, so the sweep would come back at a restart and delete the job's new files."""
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
