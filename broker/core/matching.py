"""Assigns jobs to workers: to idle ones, as a prefetch, or away again by a recall.

Costs O(assignments): it scans neither all workers nor all jobs. The order of jobs is books/turns.py's, the order of
workers is books/roster.py's.
"""

from broker.core.books.model import DELAYED, RUNNING, Entry, Worker
from broker.core.books.state import Books
from jobs import wire
from jobs.job import Code, EventKind, Fault, State
from jobs.lanes import SMALL
from jobs.leases import next_lease
from jobs.units import exceeded

ASSIGNED = EventKind.ASSIGNED.value

DELAYED_MAX = 4096
"""Limit of delayed jobs, which are all in memory. So many failures have one cause, so nothing is assigned until some
of these jobs are due."""

LATE_TIMES = 4.0
"""A worker is late when its current job has taken so many times `prefetch_seconds`: the jobs behind are recalled."""


class Matching:
    """Assigns the jobs of one core. `stopping`: it assigns none from now on."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self.look_at = 0.0
        """When to look for late workers next (monotonic seconds)."""
        self.stopping = False

    def match(self, now: float) -> None:
        """Assign jobs in order, to idle workers first, then as prefetches.

        A job is prefetched if all of these hold:

        - The broker does not stop, the queue is not paused, and fewer than DELAYED_MAX jobs are delayed.
        - No worker is idle (Roster.next_idle).
        - A worker that holds a job can take another one (Roster.takes_none). It has said nothing of draining, holds
          fewer than CAPACITY jobs, and none that is large or runs alone. It did not have jobs recalled behind a late
          one (`recall_late`). All jobs that it holds are expected to take less than `prefetch_seconds` together. The
          expected time of a job is its lane's mean (Service.expected); a class that was never measured has a long
          guess, UNKNOWN_SECONDS.
        - The job is the next one (Turns.choose), is small, and does not run alone. If the next job may not be
          prefetched, nothing is: later jobs would keep every worker busy, and this one would starve.

        A prefetched job may still be recalled: `recall`, `recall_late`."""
        books, backlog, roster = self._books, self._books.backlog, self._books.roster
        if self.stopping or books.paused or books.counts[DELAYED] >= DELAYED_MAX:
            return
        heavy_max, alone = books.reserve.heavy_max(roster.count_for_images(), now), books.reserve.alone(now)
        while (worker := roster.next_idle()) is not None:
            if (window := backlog.turns.choose(roster.heavy < heavy_max, alone)) is None:
                break
            self._assign(backlog.take(window), worker, now)
        while (worker := roster.next_spare()) is not None:
            window = backlog.turns.choose(roster.heavy < heavy_max, alone)
            if window is None or window.size != SMALL or window.jobs[0].alone:
                return
            self._assign(backlog.take(window), worker, now)

    def _assign(self, entry: Entry, worker: Worker, now: float) -> None:
        books = self._books
        if entry.outcome.expires_at is not None and books.end_if_late(entry, now):
            return None
        if len(entry.spec) > wire.SPEC_BYTES_MAX:
            return self._refuse_long(entry, now)
        if worker.leases:
            books.prefetched[entry.id] = (entry, now)
        else:
            worker.busy_since = now
            worker.late = False
        books.move(entry, RUNNING)
        entry.lease = next_lease(entry.lease, books.nonce)
        entry.worker = worker.incarnation
        books.roster.lease(worker, entry)
        books.log(entry, ASSIGNED, now)
        memory = self._books.policy.decoder_bytes_max * (2 if entry.outcome.memory_tries else 1)
        assignment = wire.Assignment(
            entry.id, entry.lease, self._books.policy.job_seconds, memory, entry.alone, entry.spec
        )
        return books.batch(worker.peer, wire.Assign, assignment)

    def _refuse_long(self, entry: Entry, now: float) -> None:
        """Fail a job whose spec is too long for a message: an earlier version accepted it."""
        detail = exceeded("spec_bytes_max", wire.SPEC_BYTES_MAX, len(entry.spec))
        self._books.move(entry, RUNNING)
        self._books.end(entry, State.FAILED, now, Fault(Code.OPERATION_FAILED.value, detail))

    @property
    def recalled_at(self) -> float | None:
        """When the next prefetched job may be recalled for an idle worker (monotonic seconds); None: none may be."""
        books = self._books
        if books.paused or len(books.recalled) >= books.roster.idle or (oldest := self._oldest()) is None:
            return None
        return oldest[1] + books.policy.recall_seconds

    def _oldest(self) -> tuple[Entry, float] | None:
        """The prefetched job that waits longest, and since when. Jobs of paused tenants stay where they are: as things
        are, no other worker would get them."""
        waiting, paused = self._books.prefetched.values(), self._books.holds.paused
        if not paused:
            return next(iter(waiting), None)
        return next((each for each in waiting if each[0].tenant not in paused), None)

    def recall(self, now: float) -> None:
        """Recall prefetched jobs that wait behind others while workers are idle."""
        books = self._books
        spare = books.roster.idle - len(books.recalled)
        while spare > 0 and not books.paused and not self.stopping and (oldest := self._oldest()) is not None:
            entry, since = oldest
            if now < since + self._books.policy.recall_seconds or entry.holder is None:
                return
            self._ask_back(entry, entry.holder)
            spare -= 1

    def recall_late(self, now: float) -> None:
        """Recall the jobs behind one that takes much longer than expected. Its worker gets no more until it ends."""
        books = self._books
        late = max(LATE_TIMES * self._books.policy.prefetch_seconds, self._books.policy.recall_seconds)
        self.look_at = now + late / 2
        if not books.prefetched or books.paused or self.stopping:
            return
        for worker in books.roster.for_images():
            if len(worker.leases) > 1 and not worker.late and now >= worker.busy_since + late:
                worker.late = True
                books.roster.settle(worker)
                for entry in worker.leases.values():
                    if entry.id in books.prefetched and entry.tenant not in books.holds.paused:
                        self._ask_back(entry, worker)

    def _ask_back(self, entry: Entry, holder: Worker) -> None:
        books = self._books
        del books.prefetched[entry.id]
        books.recalled.add(entry.id)
        books.batch(holder.peer, wire.Recall, wire.LeaseRef(entry.id, entry.lease))
