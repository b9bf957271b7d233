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

from broker.core import accept, answers, batches, beat, commands, deadlines, orphan_scan, presence, retention
from broker.core.audit import actions
from broker.core.books.events import (
    BatchesFound,
    BatchOrdered,
    ClockRead,
    Commanded,
    DeliveriesRead,
    DueRead,
    DurabilityRead,
    Effects,
    Event,
    Expired,
    LoopRead,
    Matched,
    NamesListed,
    Ordered,
    OverdueFound,
    PeerLost,
    Policy,
    Received,
    Refilled,
    Replayed,
    Submitted,
)
from broker.core.books.model import DELAYED, RUNNING, Entry, Progress
from broker.core.books.state import Books, plain
from broker.core.matching import Matching
from broker.core.strangers import carrying, fetches
from jobs import wire
from jobs.job import State
from jobs.lanes import FETCH, size_of
from jobs.records import Meta, Restored, TenantEntry
from jobs.retry import BACKOFF_SECONDS_MAX

HANDLERS: dict[type, Callable[[Books, Any, float], None]] = {
    Submitted: accept.submitted,
    Commanded: commands.commanded,
    Matched: commands.matched,
    Ordered: commands.ordered,
    Expired: retention.expired,
    DueRead: carrying.due_read,
    DeliveriesRead: carrying.rows_read,
    Replayed: carrying.replayed,
    OverdueFound: deadlines.found,
    BatchesFound: batches.found,
    BatchOrdered: batches.ordered,
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
        books.change = books.change_sent = books.began = meta.change
        books.history = restored.history
        books.epoch, books.paused, books.nonce = meta.epoch, meta.paused, restored.nonce
        books.counts.update(meta.counts)
        for tenant in restored.tenants:
            books.restore_share(tenant)
        books.restore_holds(restored.paused)
        for name, count in restored.open_batches.items():
            books.batches_open.add(name, count)
        books.quarantine.restore(restored.quarantine)
        books.sweeps.restore(restored.sweeps)
        books.backlog.restore([lane for lane in restored.lanes if size_of(lane) != FETCH])
        books.sources.restore([lane for lane in restored.lanes if size_of(lane) == FETCH])
        books.hours.restore(restored.interval, now)
        books.grace_until = now + self._policy.grace_seconds
        books.deliveries.restore(
            restored.due_lanes,
            restored.endpoints,
            restored.last_delivery,
            restored.deliveries_waiting,
            restored.nonce,
            books.grace_until,
        )
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

    def hello(self) -> wire.Hello:
        """The answer to a web process that subscribed to its acknowledgements."""
        return wire.Hello(self.books.epoch, self.books.began, self.books.history)

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

    def incarnation_of(self, peer: bytes) -> str:
        """The worker at a connection that `peers` names."""
        return self.books.roster.by_peer[peer].incarnation

    def knows(self, incarnation: str) -> bool:
        """Whether this worker is connected."""
        return incarnation in self.books.roster.by_incarnation

    def workers_of(self, key: str) -> int:
        """How many workers show the key with this fingerprint."""
        return self.books.roster.keys[key]

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
                answers.worker_lost(self.books, worker, now, event.why)
        elif isinstance(event, NamesListed):
            presence.scanned(self.books, self.scan, event, now)
        elif isinstance(event, Refilled):
            self._refilled(event)
        elif isinstance(event, DurabilityRead):
            self.books.durability, self.books.roster_changed = event.word, True
        elif isinstance(event, LoopRead):
            self.books.figures.measured(event.cells)
        else:
            assert isinstance(event, ClockRead), event
            retention.stepped(self.books, event.offset - self.books.offset, now)
            self.books.offset = event.offset
            batches.stepped(self.books, now)

    def tick(self, now: float, all_read: bool = True) -> None:
        """Time has passed: judge delays, recalls, the beat, the orphan scan, retention and
        deadlines. Silence is judged only if
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
            books.roster_changed = books.figures_due = True
            books.figures.number += 1
            books.service.fold()
            books.backlog.turns.seconds.update(books.service.by_size())
            if not books.counts[RUNNING]:
                books.backlog.turns.forget()
                books.sources.turns.forget()
            books.sweeps.look(now)
            actions.look(books, now)
            books.records.intervals += books.hours.look(now, books.believed_at(now))
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
        deadlines.look(books, now)

    @property
    def deadline(self) -> float:
        """When `tick` is due at the latest (monotonic seconds)."""
        books = self.books
        times = [self._next_beat, self.scan.due]
        if books.deadlines.first is not None:
            times.append(books.deadlines.due(books.offset))
        if books.batches_open.first is not None:
            times.append(self._batches_due())
        if (unheard := books.roster.longest_unheard) is not None:
            times.append(unheard + self._policy.silence_seconds + 0.001)
        if (due := books.deliveries.due(books.offset)) is not None and not self._matching.stopping:
            times.append(due)
        if (due := books.backlog.next_due) is not None:
            times.append(due)
        if books.orphans:
            times.append(books.grace_until)
        if books.ages.behind and books.sweeps.may_add():
            times.append(max(books.expire_at, books.trusted_at))
        if books.prefetched and (due := self._matching.recalled_at) is not None:
            times.append(due)
        if books.prefetched and not books.paused:
            times.append(self._matching.look_at)
        return min(times)

    def _batches_due(self) -> float:
        """When to look for batches that were open for too long: by a clock that is trusted, or by the one before."""
        books, due = self.books, self.books.batches_open.due
        return max(due(books.offset), min(books.trusted_at, due(books.offset_before)))

    def drain(self, now: float) -> Effects:
        """Assign jobs to workers, then return all effects of this turn."""
        books = self.books
        self._matching.match(now)
        if books.roster.couriers and not self._matching.stopping:
            fetches.match(books, now)
        batches.look(books, now)
        if books.sweeps.offerable and not self._matching.stopping:
            for peer, sweep in books.sweeps.offer(books.roster, now):
                books.send(peer, sweep)
        for entry in [*books.backlog.trimmed(), *books.sources.trimmed()]:
            if not entry.dirty:
                del books.entries[entry.id]
        records, changes = books.records, books.changes
        records.sweeps, records.swept = books.sweeps.written, books.sweeps.done
        if books.holds.on or books.holds.off:
            records.paused, records.resumed = [*books.holds.on], [*books.holds.off]
        records.quarantined, records.released = books.quarantine.written, books.quarantine.released
        if not books.deliveries.is_unused:
            self._carry(now)
        for entry in books.dirty:
            if entry.id not in books.gone:
                records.jobs.append(entry.row())
            changes.append(books.change_of(entry))
            if entry.outcome.expires_at is not None:
                records.deadlines.append(deadlines.written(entry))
            entry.dirty = False
            state = entry.state
            if state is not RUNNING and not entry.windowed and state is not DELAYED:
                del books.entries[entry.id]  # only queued jobs of a window, delayed and running ones stay in memory
        if books.dirty or books.meta_changed:
            records.meta = Meta(books.change, books.epoch, books.paused, plain(books.counts))
        records.tenants += [TenantEntry(tenant, plain(share.counts)) for tenant, share in books.counted.items()]
        effects = Effects(
            records, books.acks, books.sends(), self._changes(), beat.beat(books, self.scan.why, now),
            [*books.backlog.refills(), *books.sources.refills()], books.expire, books.find_overdue,
            books.deliveries.sendings, books.deliveries.lanes.refills(), books.deliveries.bodies, books.find_batches,
            books.forget_actions, books.lost,
        )  # fmt: skip
        books.clear()
        return effects

    def check(self) -> None:
        """Raises AssertionError where the books contradict each other."""
        books = self.books
        books.roster.check()
        books.backlog.check()
        books.sources.check()
        books.sweeps.check()
        books.deliveries.check()
        assert books.deliveries.couriers == books.roster.couriers
        for entry in books.entries.values():
            held = entry.holder is not None or entry.id in books.orphans
            assert held == (entry.state is State.RUNNING), f"{entry.id} is {entry.state}, held={held}"
            assert entry.holder is None or entry.holder.leases.get(entry.id) is entry
        for job, (entry, _) in books.prefetched.items():
            assert entry.holder is not None and entry.started_at is None, f"{job} is not prefetched"
        opened = books.batches_open
        assert min(opened.counts.values(), default=1) > 0 and sum(opened.counts.values()) == opened.count
        for state in State:
            parts = [share.counts[state] for share in books.shares.values()]
            assert min(parts, default=0) >= 0 and sum(parts) <= books.counts[state], f"{state}: {parts}"

    def _carry(self, now: float) -> None:
        """Begin deliveries, and gather what they write."""
        books, deliveries, records = self.books, self.books.deliveries, self.books.records
        if not self._matching.stopping:
            deliveries.match(now, now + books.offset)
        for peer, delivery, number in deliveries.settled:
            books.settle(peer, delivery, number)
        records.deliveries, records.attempted = deliveries.created, deliveries.attempted
        records.endpoints, records.recovered = [*deliveries.failing.values()], deliveries.recovered

    def _refilled(self, event: Refilled) -> None:
        books, rows = self.books, event.rows
        entries = [Entry.from_row(row) for row in rows if row.id not in books.entries]
        last = rows[-1].position if rows else None
        backlog = books.sources if size_of(event.refill.lane) == FETCH else books.backlog
        kept = backlog.refilled(event.refill, entries, last, complete=len(rows) < event.refill.limit)
        books.entries.update((entry.id, entry) for entry in kept)

    def _changes(self) -> wire.Changes | None:
        books = self.books
        if books.change == books.change_sent:
            return None
        changes = sorted(books.changes, key=attrgetter("change"))
        message = wire.Changes(books.epoch, books.change_sent, books.change, changes)
        books.change_sent = books.change
        return message
