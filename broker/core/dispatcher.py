"""The dispatcher: feed it events, ask it for effects. Sans-I/O; docs/architecture.md draws it.

    core.handle(event, now)     take in a fact
    core.tick(now, all_read)   time passed; all_read: no message of a worker is left unread
    core.drain(now) -> Effects  what to commit, then send
    core.deadline               when to tick at the latest

Owns the order of a turn, and the position of the orphan scan. Other files own the rest: matching.py the
assignments, presence.py the connected workers, beat.py the figures of each second.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from broker.core import accept, answers, beat, commands, orphan_scan, presence, retention
from broker.core.books.events import (
    ClockRead,
    Commanded,
    Effects,
    Event,
    Expired,
    Matched,
    NamesListed,
    Ordered,
    PeerLost,
    Policy,
    Received,
    Refilled,
    Submitted,
)
from broker.core.books.model import DELAYED, RUNNING, Entry, Progress
from broker.core.books.state import Books, plain
from broker.core.matching import Matching
from jobs import wire
from jobs.job import State
from jobs.records import Meta, Restored, TenantEntry
from jobs.retry import BACKOFF_SECONDS_MAX

HANDLERS: dict[type, Callable[[Books, Any, float], None]] = {
    Submitted: accept.submitted,
    Commanded: commands.commanded,
    Matched: commands.matched,
    Ordered: commands.ordered,
    Expired: retention.expired,
}


class Dispatcher:
    """The whole core. One instance per broker process, used by one thread."""

    def __init__(self, policy: Policy) -> None:
        self.books = Books(policy)
        self.scan = Progress(0.0)
        self._policy = policy
        self._next_beat = 0.0
        self._matching = Matching(self.books)

    def restore(self, restored: Restored, now: float, offset: float) -> None:
        """Begin with the content of the ledger. Running jobs wait for the Ready of their workers."""
        books, meta = self.books, restored.meta
        books.offset = offset
        books.change = books.change_sent = meta.change
        books.epoch, books.paused = meta.epoch, meta.paused
        books.counts.update(meta.counts)
        for tenant in restored.tenants:
            books.restore_share(tenant)
        books.quarantine.restore(restored.quarantine)
        books.sweeps.restore(restored.sweeps)
        books.backlog.restore(restored.lanes)
        books.grace_until = now + self._policy.grace_seconds
        for row in restored.running:
            books.entries[row.id] = books.orphans[row.id] = Entry.from_row(row)
        for row in restored.delayed:
            entry = books.entries[row.id] = Entry.from_row(row)
            books.backlog.delay(entry, min((entry.due_at or 0.0) - offset, now + BACKOFF_SECONDS_MAX))
        self.scan = Progress(now)
        self._next_beat = now

    @property
    def epoch(self) -> int:
        """The number of this broker's term."""
        return self.books.epoch

    @property
    def trusted_at(self) -> float:
        """From when on (monotonic seconds) things may be deleted by their age in wall time."""
        return self.books.trusted_at

    def is_beat_due(self, now: float) -> bool:
        """Whether the next `tick` makes a beat."""
        return now >= self._next_beat

    def peers(self) -> list[bytes]:
        """The connections of all workers."""
        return list(self.books.roster.by_peer)

    def name_of(self, peer: bytes) -> str:
        """The label of the worker at a connection."""
        worker = self.books.roster.by_peer.get(peer)
        return worker.name if worker else "gone"

    def stop(self) -> None:
        """Assign nothing from now on. The process answers what it has read, then ends."""
        self._matching.stopping = True

    def handle(self, event: Event, now: float) -> None:
        """Take in one fact."""
        if (handler := HANDLERS.get(type(event))) is not None:
            handler(self.books, event, now)
        elif isinstance(event, Received):
            presence.received(self.books, event, now)
        elif isinstance(event, PeerLost):
            worker = self.books.roster.by_peer.get(event.peer)
            if worker is not None:
                answers.worker_lost(self.books, worker, now, "its process died")
        elif isinstance(event, NamesListed):
            presence.scanned(self.books, self.scan, event, now)
        elif isinstance(event, Refilled):
            self._refilled(event)
        else:
            assert isinstance(event, ClockRead), event
            retention.stepped(self.books, event.offset - self.books.offset, now)
            self.books.offset = event.offset

    def tick(self, now: float, all_read: bool = True) -> None:
        """Time has passed: judge delays, recalls, the beat, the orphan scan and retention. Silence is judged only if
        `all_read`, because a worker with an unread message is not silent."""
        books = self.books
        if now > self._next_beat + self._policy.silence_seconds / 2:
            presence.excuse(self.books, now)
        if all_read:
            presence.judge_silence(self.books, now)
        for entry in books.backlog.due(now):
            books.requeue_head(entry)
            books.touch(entry)
        if self.is_beat_due(now):
            self._next_beat = now + self._policy.beat_seconds
            books.roster_changed = True
            books.service.fold()
            books.backlog.turns.seconds.update(books.service.by_size())
            if not books.counts[RUNNING]:
                books.backlog.turns.forget()
            books.sweeps.look(now)
            if now >= books.trusted_at:
                books.quarantine.age(now + books.offset)
            for worker in books.roster.by_peer.values():
                books.send(worker.peer, wire.BrokerBeat(books.epoch))
                presence.repeat_abandons(self.books, worker)
        if now >= self._matching.look_at:
            self._matching.recall_late(now)
        self._matching.recall(now)
        orphan_scan.step(books, self.scan, now)
        retention.look(books, now)

    @property
    def deadline(self) -> float:
        """When `tick` is due at the latest (monotonic seconds)."""
        books = self.books
        times = [self._next_beat, self.scan.due]
        if (unheard := books.roster.longest_unheard) is not None:
            times.append(unheard + self._policy.silence_seconds + 0.001)
        if (due := books.backlog.next_due) is not None:
            times.append(due)
        if books.orphans:
            times.append(books.grace_until)
        if books.prefetched and len(books.recalled) < books.roster.idle and not books.paused:
            times.append(next(iter(books.prefetched.values()))[1] + self._policy.recall_seconds)
        if books.prefetched and not books.paused:
            times.append(self._matching.look_at)
        return min(times)

    def drain(self, now: float) -> Effects:
        """Assign jobs to workers, then return all effects of this turn."""
        books = self.books
        self._matching.match(now)
        if books.sweeps.offerable and not self._matching.stopping:
            for peer, sweep in books.sweeps.offer(books.roster, now):
                books.send(peer, sweep)
        for entry in books.backlog.trimmed():
            if not entry.dirty:
                del books.entries[entry.id]
        records, changes = books.records, books.changes
        records.sweeps, records.swept = books.sweeps.written, books.sweeps.done
        records.quarantined, records.released = books.quarantine.written, books.quarantine.released
        for entry in books.dirty:
            if entry.id not in books.gone:
                records.jobs.append(entry.row())
            changes.append(books.change_of(entry))
            entry.dirty = False
            state = entry.state
            if state is not RUNNING and not entry.windowed and state is not DELAYED:
                del books.entries[entry.id]  # only queued jobs of a window, delayed and running ones stay in memory
        if books.dirty or books.meta_changed:
            records.meta = Meta(books.change, books.epoch, books.paused, plain(books.counts))
        records.tenants += [TenantEntry(tenant, plain(share.counts)) for tenant, share in books.counted.items()]
        effects = Effects(
            records, books.acks, books.sends(), self._changes(), beat.beat(books, self.scan.why, now),
            books.backlog.refills(), books.expire,
        )  # fmt: skip
        books.clear()
        return effects

    def check(self) -> None:
        """Raises AssertionError where the books contradict each other."""
        books = self.books
        books.roster.check()
        books.backlog.check()
        books.sweeps.check()
        for entry in books.entries.values():
            held = entry.holder is not None or entry.id in books.orphans
            assert held == (entry.state is State.RUNNING), f"{entry.id} is {entry.state}, held={held}"
            assert entry.holder is None or entry.holder.leases.get(entry.id) is entry
        for job, (entry, _) in books.prefetched.items():
            assert entry.holder is not None and entry.started_at is None, f"{job} is not prefetched"
        for state in State:
            parts = [share.counts[state] for share in books.shares.values()]
            assert min(parts, default=0) >= 0 and sum(parts) <= books.counts[state], f"{state}: {parts}"

    def _refilled(self, event: Refilled) -> None:
        books, rows = self.books, event.rows
        entries = [Entry.from_row(row) for row in rows if row.id not in books.entries]
        last = rows[-1].position if rows else None
        kept = books.backlog.refilled(event.refill, entries, last, complete=len(rows) < event.refill.limit)
        books.entries.update((entry.id, entry) for entry in kept)

    def _changes(self) -> wire.Changes | None:
        books = self.books
        if books.change == books.change_sent:
            return None
        changes = sorted(books.changes, key=attrgetter("change"))
        message = wire.Changes(books.epoch, books.change_sent, books.change, changes)
        books.change_sent = books.change
        return message
