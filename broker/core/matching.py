"""Who works on what: jobs are matched to workers, prefetched, and asked back.

Costs O(assignments): no scan of workers or jobs. Owns no order of jobs (books/turns.py) and none of workers
(books/roster.py).
"""

from broker.core.books.model import DELAYED, RUNNING, Entry, Worker
from broker.core.books.state import Books
from jobs import wire
from jobs.job import Code, Fault, Happening, State
from jobs.lanes import SMALL

ASSIGNED = Happening.ASSIGNED.value

DELAYED_MAX = 4096
"""Jobs in back-off, all of them in memory: so many fail of one cause, and no more is given out until some are due."""

LATE_TIMES = 4.0
"""What a worker's first job may take of the time that others may wait behind it, before these are asked back."""


class Matching:
    """Gives out leases over the books of one core. `stopping`: it gives out none from now on."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self.look_at = 0.0
        """When to look next for workers that are late."""
        self.stopping = False

    def match(self, now: float) -> None:
        """What is to be served next waits for an idle worker, unless it is prefetched. Nothing is given out in its
        place: no worker would ever be idle for a job that is not prefetched."""
        books, backlog, roster = self._books, self._books.backlog, self._books.roster
        if books.paused or books.counts[DELAYED] >= DELAYED_MAX:
            return
        heavy_max, alone = books.reserve.heavy_max(len(roster.by_peer), now), books.reserve.alone(now)
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
        if len(entry.spec) > wire.SPEC_BYTES_MAX:
            return self._refuse_long(entry, now)
        if worker.leases:
            books.prefetched[entry.id] = (entry, now)
        else:
            worker.busy_since = now
            worker.late = False
        books.move(entry, RUNNING)
        entry.lease += 1
        entry.worker = worker.incarnation
        books.roster.serve(worker, entry)
        books.log(entry, ASSIGNED, now)
        memory = self._books.policy.decoder_bytes_max * (2 if entry.outcome.memory_tries else 1)
        assignment = wire.Assignment(
            entry.id, entry.lease, self._books.policy.job_seconds, memory, entry.alone, entry.spec
        )
        return books.batch(worker.peer, wire.Assign, assignment)

    def _refuse_long(self, entry: Entry, now: float) -> None:
        """Of an earlier version's ledger: no message can bring it to a worker."""
        detail = f"what is asked has {len(entry.spec)} bytes, spec_bytes_max allows {wire.SPEC_BYTES_MAX}"
        self._books.move(entry, RUNNING)
        self._books.end(entry, State.FAILED, now, Fault(Code.OPERATION_FAILED.value, detail))

    def recall(self, now: float) -> None:
        """Ask back unstarted jobs that wait behind others while workers are idle."""
        books = self._books
        spare = books.roster.idle - len(books.recalled)
        while spare > 0 and books.prefetched and not books.paused and not self.stopping:
            entry, since = next(iter(books.prefetched.values()))
            if now < since + self._books.policy.recall_seconds or entry.holder is None:
                return
            self._ask_back(entry, entry.holder)
            spare -= 1

    def recall_late(self, now: float) -> None:
        """Ask back what waits behind a job that takes much longer than was thought; its worker is given no more."""
        books = self._books
        late = max(LATE_TIMES * self._books.policy.prefetch_seconds, self._books.policy.recall_seconds)
        self.look_at = now + late / 2
        if not books.prefetched or books.paused or self.stopping:
            return
        for worker in books.roster.by_peer.values():
            if len(worker.leases) > 1 and not worker.late and now >= worker.busy_since + late:
                worker.late = True
                books.roster.settle(worker)
                for entry in worker.leases.values():
                    if entry.id in books.prefetched:
                        self._ask_back(entry, worker)

    def _ask_back(self, entry: Entry, holder: Worker) -> None:
        books = self._books
        del books.prefetched[entry.id]
        books.recalled.add(entry.id)
        books.batch(holder.peer, wire.Recall, wire.LeaseRef(entry.id, entry.lease))
