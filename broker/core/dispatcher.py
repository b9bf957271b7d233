"""The dispatcher: feed it events, ask it for effects. Sans-I/O; docs/architecture.md draws it.

    core.handle(event, now)     a fact
    core.tick(now, heard_all)   time passed; whether everything that workers said was read
    core.drain(now) -> Effects  what to commit, then send
    core.deadline               when to tick at the latest

Owns the matching of jobs and workers. Matching costs O(assignments): no scan of workers or jobs.
"""

from collections import Counter
from collections.abc import Callable
from itertools import islice
from math import ceil
from operator import attrgetter
from typing import Any

from broker.core import accept, answers, commands, quota, retention, sweeps, walk
from broker.core.entry import Entry
from broker.core.events import (
    ClockRead,
    Commanded,
    Effects,
    Event,
    Expired,
    Heard,
    Matched,
    Ordered,
    PeerLost,
    Policy,
    Refilled,
    Submitted,
    Walked,
)
from broker.core.outlook import waiting
from broker.core.roster import Worker
from broker.core.state import Core
from jobs import wire
from jobs.job import Code, Fault, Happening, State
from jobs.lanes import SMALL
from jobs.records import Meta, Restored, TenantEntry
from jobs.retry import BACKOFF_SECONDS_MAX

ASSIGNED = Happening.ASSIGNED.value
RUNNING, DELAYED = State.RUNNING, State.DELAYED
"""Looked up once: on Python 3.11 a member costs as much as a call, and these are asked for ten times a job."""

DELAYED_MAX = 4096
"""Jobs in back-off, all of them in memory: so many fail of one cause, and no more is given out until some are due."""
LATE_TIMES = 4.0
"""What a worker's first job may take of the time that others may wait behind it, before these are asked back."""

HANDLERS: dict[type, Callable[[Core, Any, float], None]] = {
    Submitted: accept.submitted,
    Commanded: commands.commanded,
    Matched: commands.matched,
    Ordered: commands.ordered,
    Expired: retention.expired,
}
ANSWERS: dict[type, Callable[[Core, Worker, Any, float], None]] = {
    wire.Started: answers.started,
    wire.Published: answers.published,
    wire.Finished: answers.finished,
    wire.Failed: answers.failed,
    wire.Returned: answers.returned,
}


class Dispatcher:
    """Decides who does what. One instance a broker process, one thread."""

    def __init__(self, policy: Policy) -> None:
        self.core = Core(policy)
        self._policy = policy
        self._next_beat = 0.0
        self._look_at = 0.0
        """When to look next for workers that are late."""
        self._stopping = False

    def restore(self, restored: Restored, now: float, offset: float) -> None:
        """Begin from what the ledger holds; running jobs wait for their holders' Ready."""
        core, meta = self.core, restored.meta
        core.offset = offset
        core.change = core.change_sent = meta.change
        core.epoch, core.paused = meta.epoch, meta.paused
        core.counts.update(meta.counts)
        for tenant in restored.tenants:
            core.restore_share(tenant)
        core.quarantine.update((entry.content, entry) for entry in restored.quarantine)
        core.restore_sweeps(restored.sweeps)
        core.backlog.restore(restored.lanes)
        core.grace_until = now + self._policy.grace_seconds
        for row in restored.running:
            core.entries[row.id] = core.orphans[row.id] = Entry.from_row(row)
        for row in restored.delayed:
            entry = core.entries[row.id] = Entry.from_row(row)
            core.backlog.delay(entry, min((entry.due_at or 0.0) - offset, now + BACKOFF_SECONDS_MAX))
        core.walk = walk.Progress(now)
        self._next_beat = now

    @property
    def epoch(self) -> int:
        """The number of this broker's term."""
        return self.core.epoch

    @property
    def trusted_at(self) -> float:
        """From when on (monotonic seconds) something may go because the wall clock makes it old."""
        return self.core.trusted_at

    def is_beat_due(self, now: float) -> bool:
        """Whether the next `tick` makes one."""
        return now >= self._next_beat

    def peers(self) -> list[bytes]:
        """The connections of all workers."""
        return list(self.core.roster.by_peer)

    def name_of(self, peer: bytes) -> str:
        """The label of the worker at a connection."""
        worker = self.core.roster.by_peer.get(peer)
        return worker.name if worker else "gone"

    def stop(self) -> None:
        """Assign nothing from now on; what was read is settled, and the process leaves."""
        self._stopping = True

    def handle(self, event: Event, now: float) -> None:
        """Take in one fact."""
        if (handler := HANDLERS.get(type(event))) is not None:
            handler(self.core, event, now)
        elif isinstance(event, Heard):
            self._heard(event, now)
        elif isinstance(event, PeerLost):
            worker = self.core.roster.by_peer.get(event.peer)
            if worker is not None:
                answers.worker_lost(self.core, worker, now, "its process died")
        elif isinstance(event, Walked):
            self._walked(event, now)
        elif isinstance(event, Refilled):
            self._refilled(event)
        else:
            assert isinstance(event, ClockRead), event
            retention.stepped(self.core, event.offset - self.core.offset, now)
            self.core.offset = event.offset

    def tick(self, now: float, heard_all: bool = True) -> None:
        """Judge time: delays, recalls, the beat, walk, retention; and silence where all that workers said was read
        (`heard_all`), for unread mail is none."""
        core = self.core
        if now > self._next_beat + self._policy.silence_seconds / 2:
            self._excuse(now)
        if heard_all:
            self._judge_silence(now)
        for entry in core.backlog.due(now):
            core.requeue_head(entry)
            core.touch(entry)
        if self.is_beat_due(now):
            self._next_beat = now + self._policy.beat_seconds
            core.roster_changed = True
            core.service.fold()
            core.backlog.turns.seconds.update(core.service.by_size())
            if not core.counts[RUNNING]:
                core.backlog.turns.forget()
            sweeps.look(core, now)
            core.age_quarantine(now)
            for worker in core.roster.by_peer.values():
                core.send(worker.peer, wire.BrokerBeat(core.epoch))
                self._repeat_abandons(worker)
        if now >= self._look_at:
            self._recall_late(now)
        self._recall(now)
        walk.step(core, now)
        retention.look(core, now)

    def _judge_silence(self, now: float) -> None:
        core = self.core
        for worker in core.roster.silent(now - self._policy.silence_seconds):
            answers.worker_lost(core, worker, now, "unheard for too long")
        if core.orphans and now >= core.grace_until:
            for entry in reversed(core.orphans.copy().values()):
                answers.lost(core, entry, now, "its worker did not come back")
            core.orphans.clear()

    def _excuse(self, now: float) -> None:
        """This process stood still, and so did its sockets: what was said meanwhile may still be on its way."""
        self.core.roster.excuse(now)
        if self.core.orphans:
            self.core.grace_until = now + self._policy.grace_seconds

    @property
    def deadline(self) -> float:
        """When `tick` is due at the latest (monotonic seconds)."""
        core = self.core
        times = [self._next_beat, core.walk.due]
        if (unheard := core.roster.longest_unheard) is not None:
            times.append(unheard + self._policy.silence_seconds + 0.001)
        if (due := core.backlog.next_due) is not None:
            times.append(due)
        if core.orphans:
            times.append(core.grace_until)
        if core.prefetched and len(core.recalled) < core.roster.idle and not core.paused:
            times.append(next(iter(core.prefetched.values()))[1] + self._policy.recall_seconds)
        if core.prefetched and not core.paused:
            times.append(self._look_at)
        return min(times)

    def drain(self, now: float) -> Effects:
        """Match what can be matched, then hand out everything of this turn."""
        core = self.core
        if not self._stopping:
            self._match(now)
            if core.offerable:
                sweeps.offer(core, now)
        for entry in core.backlog.trimmed():
            if not entry.dirty:
                del core.entries[entry.id]
        records, changes = core.records, core.changes
        for entry in core.dirty:
            if entry.id not in core.gone:
                records.jobs.append(entry.row())
            changes.append(core.change_of(entry))
            entry.dirty = False
            state = entry.state
            if state is not RUNNING and not entry.windowed and state is not DELAYED:
                del core.entries[entry.id]  # in memory is what waits here or runs
        if core.dirty or core.meta_changed:
            records.meta = Meta(core.change, core.epoch, core.paused, _plain(core.counts))
        records.tenants += [TenantEntry(tenant, _plain(share.counts)) for tenant, share in core.counted.items()]
        effects = Effects(
            records, core.receipts, core.sends(), self._changes(), self._beat(now), core.backlog.refills(),
            core.expire,
        )  # fmt: skip
        core.clear()
        return effects

    def check(self) -> None:
        """Raises AssertionError where the books disagree with themselves."""
        core = self.core
        core.roster.check()
        core.backlog.check()
        sweeps.check(core)
        for entry in core.entries.values():
            held = entry.holder is not None or entry.id in core.orphans
            assert held == (entry.state is State.RUNNING), f"{entry.id} is {entry.state}, held={held}"
            assert entry.holder is None or entry.holder.leases.get(entry.id) is entry
        for job, (entry, _) in core.prefetched.items():
            assert entry.holder is not None and entry.started_at is None, f"{job} is not prefetched"
        for state in State:
            parts = [share.counts[state] for share in core.shares.values()]
            assert min(parts, default=0) >= 0 and sum(parts) <= core.counts[state], f"{state}: {parts}"

    def _heard(self, event: Heard, now: float) -> None:
        core, message = self.core, event.message
        worker = core.roster.by_peer.get(event.peer)
        if isinstance(message, wire.Ready):
            return self._ready(event.peer, message, now)
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

    def _ready(self, peer: bytes, ready: wire.Ready, now: float) -> None:
        """A worker introduces itself: its live leases go on, the others are void or lost."""
        core = self.core
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
        core.send(peer, wire.Welcome(core.epoch, self._policy.silence_seconds))
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
        self._repeat_abandons(worker)
        if told_to_drain:  # and the order was lost with the connection
            worker.draining = True
            core.roster.settle(worker)
            core.send(peer, wire.Drain())
        for entry in reversed(before.values()):
            core.orphans.pop(entry.id, None)
            answers.lost(core, entry, now, "its worker does not have it")

    def _repeat_abandons(self, worker: Worker) -> None:
        for entry in worker.leases.values():
            if entry.outcome.cancel_requested:
                self.core.batch(worker.peer, wire.Abandon, wire.LeaseRef(entry.id, entry.lease))

    def _walked(self, event: Walked, now: float) -> None:
        worker = self.core.roster.by_peer.get(event.peer)
        if worker is None:
            return self.core.send(event.peer, wire.Introduce(self.core.epoch))
        self.core.roster.hear(worker, now)
        return walk.walked(self.core, event, now)

    def _refilled(self, event: Refilled) -> None:
        core, rows = self.core, event.rows
        entries = [Entry.from_row(row) for row in rows if row.id not in core.entries]
        last = rows[-1].position if rows else None
        kept = core.backlog.refilled(event.refill, entries, last, complete=len(rows) < event.refill.limit)
        core.entries.update((entry.id, entry) for entry in kept)

    def _match(self, now: float) -> None:
        """What is to be served next waits for an idle worker, unless it is prefetched. Nothing is given out in its
        place: no worker would ever be idle for a job that is not prefetched."""
        core, backlog, roster = self.core, self.core.backlog, self.core.roster
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
        core = self.core
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
        memory = self._policy.decoder_bytes_max * (2 if entry.outcome.memory_tries else 1)
        assignment = wire.Assignment(entry.id, entry.lease, self._policy.job_seconds, memory, entry.alone, entry.spec)
        return core.batch(worker.peer, wire.Assign, assignment)

    def _refuse_long(self, entry: Entry, now: float) -> None:
        """Of an earlier version's ledger: no message can bring it to a worker."""
        detail = f"what is asked has {len(entry.spec)} bytes, spec_bytes_max allows {wire.SPEC_BYTES_MAX}"
        self.core.move(entry, RUNNING)
        self.core.end(entry, State.FAILED, now, Fault(Code.OPERATION_FAILED.value, detail))

    def _recall(self, now: float) -> None:
        """Ask back unstarted jobs that wait behind others while workers are idle."""
        core = self.core
        spare = core.roster.idle - len(core.recalled)
        while spare > 0 and core.prefetched and not core.paused and not self._stopping:
            entry, since = next(iter(core.prefetched.values()))
            if now < since + self._policy.recall_seconds or entry.holder is None:
                return
            self._ask_back(entry, entry.holder)
            spare -= 1

    def _recall_late(self, now: float) -> None:
        """Ask back what waits behind a job that takes much longer than was thought; its worker is given no more."""
        core = self.core
        late = max(LATE_TIMES * self._policy.prefetch_seconds, self._policy.recall_seconds)
        self._look_at = now + late / 2
        if not core.prefetched or core.paused or self._stopping:
            return
        for worker in core.roster.by_peer.values():
            if len(worker.leases) > 1 and not worker.late and now >= worker.busy_since + late:
                worker.late = True
                core.roster.settle(worker)
                for entry in worker.leases.values():
                    if entry.id in core.prefetched:
                        self._ask_back(entry, worker)

    def _ask_back(self, entry: Entry, holder: Worker) -> None:
        core = self.core
        del core.prefetched[entry.id]
        core.recalled.add(entry.id)
        core.batch(holder.peer, wire.Recall, wire.LeaseRef(entry.id, entry.lease))

    def _changes(self) -> wire.Changes | None:
        core = self.core
        if core.change == core.change_sent:
            return None
        changes = sorted(core.changes, key=attrgetter("change"))
        message = wire.Changes(core.epoch, core.change_sent, core.change, changes)
        core.change_sent = core.change
        return message

    def _beat(self, now: float) -> wire.Beat | None:
        core = self.core
        if not core.roster_changed:
            return None
        views = [self._view(worker) for worker in islice(core.roster.by_peer.values(), wire.ITEMS_MAX)]
        oldest, waiting = core.backlog.oldest_at(), self._waiting(now)
        return wire.Beat(
            core.epoch, now + core.offset, core.change, core.paused, _plain(+core.counts),
            min(oldest.values(), default=None), views, self._wanted(waiting), core.accepted.per_minute(now),
            core.ended.per_minute(now), self._shares(oldest, now), waiting, quota.over(core, now), sweeps.view(core),
        )  # fmt: skip

    def _shares(self, oldest: dict[str, float], now: float) -> dict[str, wire.Share]:
        return {
            tenant: wire.Share(
                _plain(+share.counts), oldest.get(tenant), share.accepted.per_minute(now), share.ended.per_minute(now)
            )
            for tenant, share in self.core.shares.items()
            if any(share.counts.values())
        }

    def _waiting(self, now: float) -> wire.Waiting:
        core = self.core
        queued = {tenant: share.counts[State.QUEUED] for tenant, share in core.shares.items()}
        queued[""] = core.counts[State.QUEUED] - sum(queued.values())
        return waiting(core.service, core.backlog, core.roster, queued, now)

    def _view(self, worker: Worker) -> wire.WorkerView:
        state = "draining" if worker.draining else "busy" if worker.leases else "idle"
        jobs = [wire.WorkerJob(entry.id, entry.started_at, entry.tenant) for entry in worker.leases.values()]
        return wire.WorkerView(worker.name, worker.incarnation, state, worker.capacity, jobs, worker.since)

    def _wanted(self, waiting: wire.Waiting) -> int:
        """How many workers would end what waits and runs within `wanted_seconds`."""
        core = self.core
        jobs = core.counts[State.RUNNING] + (0 if core.paused else core.counts[State.QUEUED])
        seconds = sum(
            core.service.of(entry.lane) or 0.0
            for worker in core.roster.by_peer.values()
            for entry in worker.leases.values()
        )
        if not core.paused:
            seconds += sum(view.queued * (core.service.of(view.lane) or 0.0) for view in waiting.lanes)
        return min(jobs, max(ceil(seconds / self._policy.wanted_seconds), int(jobs > 0)))


def _plain(counts: "Counter[str]") -> dict[str, int]:
    return {str(state): count for state, count in counts.items()}
