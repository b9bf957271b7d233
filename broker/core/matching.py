"""Who works on what: jobs are matched to workers, prefetched, and asked back.

Costs O(assignments): no scan of workers or jobs. Owns no order of jobs (books/turns.py) and none of workers
(books/roster.py).
"""

from broker.core.books.model import DELAYED, RUNNING, Entry, Worker
from broker.core.books.state import Core
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

    def __init__(self, core: Core) -> None:
        self._core = core
        self.look_at = 0.0
        """When to look next for workers that are late."""
        self.stopping = False

    def match(self, now: float) -> None:
        """What is to be served next waits for an idle worker, unless it is prefetched. Nothing is given out in its
        place: no worker would ever be idle for a job that is not prefetched."""
        core, backlog, roster = self._core, self._core.backlog, self._core.roster
        if core.paused or core.counts[DELAYED] >= DELAYED_MAX:
            return
        heavy_max, alone = core.reserve.heavy_max(len(roster.by_peer), now), core.reserve.alone(now)
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
        core = self._core
        if len(entry.spec) > wire.SPEC_BYTES_MAX:
            return self._refuse_long(entry, now)
        if worker.leases:
            core.prefetched[entry.id] = (entry, now)
        else:
            worker.busy_since = now
            worker.late = False
        core.move(entry, RUNNING)
        entry.lease += 1
        entry.worker = worker.incarnation
        core.roster.serve(worker, entry)
        core.log(entry, ASSIGNED, now)
        memory = self._core.policy.decoder_bytes_max * (2 if entry.outcome.memory_tries else 1)
        assignment = wire.Assignment(
            entry.id, entry.lease, self._core.policy.job_seconds, memory, entry.alone, entry.spec
        )
        return core.batch(worker.peer, wire.Assign, assignment)

    def _refuse_long(self, entry: Entry, now: float) -> None:
        """Of an earlier version's ledger: no message can bring it to a worker."""
        detail = f"what is asked has {len(entry.spec)} bytes, spec_bytes_max allows {wire.SPEC_BYTES_MAX}"
        self._core.move(entry, RUNNING)
        self._core.end(entry, State.FAILED, now, Fault(Code.OPERATION_FAILED.value, detail))

    def recall(self, now: float) -> None:
        """Ask back unstarted jobs that wait behind others while workers are idle."""
        core = self._core
        spare = core.roster.idle - len(core.recalled)
        while spare > 0 and core.prefetched and not core.paused and not self.stopping:
            entry, since = next(iter(core.prefetched.values()))
            if now < since + self._core.policy.recall_seconds or entry.holder is None:
                return
            self._ask_back(entry, entry.holder)
            spare -= 1

    def recall_late(self, now: float) -> None:
        """Ask back what waits behind a job that takes much longer than was thought; its worker is given no more."""
        core = self._core
        late = max(LATE_TIMES * self._core.policy.prefetch_seconds, self._core.policy.recall_seconds)
        self.look_at = now + late / 2
        if not core.prefetched or core.paused or self.stopping:
            return
        for worker in core.roster.by_peer.values():
            if len(worker.leases) > 1 and not worker.late and now >= worker.busy_since + late:
                worker.late = True
                core.roster.settle(worker)
                for entry in worker.leases.values():
                    if entry.id in core.prefetched:
                        self._ask_back(entry, worker)

    def _ask_back(self, entry: Entry, holder: Worker) -> None:
        core = self._core
        del core.prefetched[entry.id]
        core.recalled.add(entry.id)
        core.batch(holder.peer, wire.Recall, wire.LeaseRef(entry.id, entry.lease))
