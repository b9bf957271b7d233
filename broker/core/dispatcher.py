"""The dispatcher: feed it events, ask it for effects. Sans-I/O; docs/architecture.md draws it.

    core.handle(event, now)     a fact
    core.tick(now, heard_all)   time passed; whether everything that workers said was read
    core.drain(now) -> Effects  what to commit, then send
    core.deadline               when to tick at the latest

Owns the order of a turn. Who works on what is broker/core/matching.py's, who is here broker/core/presence.py's, what
is told every second broker/core/beat.py's.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from broker.core import accept, answers, beat, commands, presence, retention, sweeps, walk
from broker.core.books.events import (
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
from broker.core.books.model import DELAYED, RUNNING, Entry, Progress
from broker.core.books.state import Core, plain
from broker.core.matching import Matching
from jobs import wire
from jobs.job import State
from jobs.records import Meta, Restored, TenantEntry
from jobs.retry import BACKOFF_SECONDS_MAX

HANDLERS: dict[type, Callable[[Core, Any, float], None]] = {
    Submitted: accept.submitted,
    Commanded: commands.commanded,
    Matched: commands.matched,
    Ordered: commands.ordered,
    Expired: retention.expired,
}


class Dispatcher:
    """Decides who does what. One instance a broker process, one thread."""

    def __init__(self, policy: Policy) -> None:
        self.core = Core(policy)
        self._policy = policy
        self._next_beat = 0.0
        self._matching = Matching(self.core)

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
        core.walk = Progress(now)
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
        self._matching.stopping = True

    def handle(self, event: Event, now: float) -> None:
        """Take in one fact."""
        if (handler := HANDLERS.get(type(event))) is not None:
            handler(self.core, event, now)
        elif isinstance(event, Heard):
            presence.heard(self.core, event, now)
        elif isinstance(event, PeerLost):
            worker = self.core.roster.by_peer.get(event.peer)
            if worker is not None:
                answers.worker_lost(self.core, worker, now, "its process died")
        elif isinstance(event, Walked):
            presence.walked(self.core, event, now)
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
            presence.excuse(self.core, now)
        if heard_all:
            presence.judge_silence(self.core, now)
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
                presence.repeat_abandons(self.core, worker)
        if now >= self._matching.look_at:
            self._matching.recall_late(now)
        self._matching.recall(now)
        walk.step(core, now)
        retention.look(core, now)

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
            times.append(self._matching.look_at)
        return min(times)

    def drain(self, now: float) -> Effects:
        """Match what can be matched, then hand out everything of this turn."""
        core = self.core
        if not self._matching.stopping:
            self._matching.match(now)
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
            records.meta = Meta(core.change, core.epoch, core.paused, plain(core.counts))
        records.tenants += [TenantEntry(tenant, plain(share.counts)) for tenant, share in core.counted.items()]
        effects = Effects(
            records, core.receipts, core.sends(), self._changes(), beat.beat(core, now), core.backlog.refills(),
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

    def _refilled(self, event: Refilled) -> None:
        core, rows = self.core, event.rows
        entries = [Entry.from_row(row) for row in rows if row.id not in core.entries]
        last = rows[-1].position if rows else None
        kept = core.backlog.refilled(event.refill, entries, last, complete=len(rows) < event.refill.limit)
        core.entries.update((entry.id, entry) for entry in kept)

    def _changes(self) -> wire.Changes | None:
        core = self.core
        if core.change == core.change_sent:
            return None
        changes = sorted(core.changes, key=attrgetter("change"))
        message = wire.Changes(core.epoch, core.change_sent, core.change, changes)
        core.change_sent = core.change
        return message
