"""The ledger in memory: both interfaces over one state, for tests and simulations.

It stores and refuses the same records as SqliteLedger. A test can make a commit fail, with or without its records
written; after that the ledger works again only after a start (`restore`).
"""

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

import msgspec

from jobs.deliveries import DeliveryRow, Endpoint
from jobs.errors import LedgerFailed
from jobs.intervals import INTERVALS_SECONDS
from jobs.job import GIVEN_ONCE, Row, State
from jobs.limits import BATCH_JOBS_MAX
from jobs.records import (
    PURGED,
    ActionEntry,
    Aged,
    BatchCount,
    BatchEntry,
    DeadlineEntry,
    Durability,
    GrantEntry,
    IntervalEntry,
    KeyEntry,
    Lane,
    LookedUp,
    LookUp,
    Mark,
    Meta,
    OpenPlace,
    PurgedEntry,
    QuarantineEntry,
    Records,
    Refill,
    Restored,
    SweepEntry,
    TenantEntry,
    Where,
)
from stores.ledger import Entry
from stores.ledger.deliveries.memory import MemoryDeliveries

_STATES = frozenset(state.value for state in State)


class MemoryLedger(MemoryDeliveries):
    """Ledger and LedgerReader in one. Committed records survive every failure of the ledger."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[int, Row] = {}
        """Every job by seq, in order of acceptance."""
        self._identity = secrets.token_hex(8)
        self.meta = Meta(counts={state.value: 0 for state in State})
        self.commits = 0
        self.schema = 0
        self.believed_until = inf
        self.durability = Durability()
        self.nonce = 0
        """The nonce of each term: with 0, leases are small numbers."""
        self._by_id: dict[str, int] = {}
        self._keys: dict[bytes, KeyEntry] = {}
        self._grants: dict[str, GrantEntry] = {}
        self._sweeps: dict[str, SweepEntry] = {}
        self._purged: dict[str, float] = {}
        self._quarantine: dict[bytes, QuarantineEntry] = {}
        self._tenants: dict[str, TenantEntry] = {}
        self._batches: dict[str, BatchEntry] = {}
        self._deadlines: dict[int, float] = {}
        self._actions: dict[str, ActionEntry] = {}
        self._intervals: dict[int, IntervalEntry] = {}
        self._paused: set[str] = set()
        self._last_seq = 0
        self._failed = False
        self._fail_next: str | None = None

    def fail_next_commit(self, *, kept: bool = False) -> None:
        """Make the next commit raise LedgerFailed. `kept`: its records are written all the same."""
        self._fail_next = "kept" if kept else "lost"

    def restore(self) -> Restored:
        """As Ledger.restore."""
        self._failed = False
        self.meta.epoch += 1
        self._last_seq = max(self.rows, default=0)
        due_lanes, endpoints, last_delivery, waiting = self._restored_deliveries()
        queued = {(row.priority, row.lane) for row in self._in_state(State.QUEUED)}
        return Restored(
            meta=_copy(self.meta),
            running=self._in_state(State.RUNNING),
            delayed=self._in_state(State.DELAYED),
            lanes=[Lane(*lane) for lane in sorted(queued)],
            sweeps=list(self._sweeps.values()),
            quarantine=sorted(self._quarantine.values(), key=lambda entry: entry.at),
            tenants=[self._tenants[tenant] for tenant in sorted(self._tenants)],
            nonce=self.nonce,
            due_lanes=due_lanes,
            endpoints=endpoints,
            last_delivery=last_delivery,
            deliveries_waiting=waiting,
            paused=sorted(self._paused),
            open_batches=dict(Counter(self._batches[batch].tenant for _, batch in self.open_batches((0.0, ""), 10**6))),
            interval=self._intervals[max(self._intervals)] if self._intervals else None,
        )

    def commit(self, records: Records) -> None:
        self._refuse_if_failed()
        fault = self._fault(records)
        if fault is None and self._fail_next != "lost":
            self._apply(records)
        if fault is not None or self._fail_next is not None:
            self._failed, self._fail_next = True, None
            raise LedgerFailed(fault or "the ledger was told to fail")
        self.commits += 1

    def wal_bytes(self) -> int:
        """As Ledger.wal_bytes."""
        return 0

    def tidy(self, busy: bool = False) -> None:
        """As Ledger.tidy."""
        self._refuse_if_failed()

    def look_up(self, asked: LookUp) -> LookedUp:
        """As Ledger.look_up."""
        self._refuse_if_failed()
        commands: dict[str, Row] = {}
        room, reached = asked.room, 0
        for job in asked.commands:
            reached += 1
            if (row := self.job(job)) is not None:
                commands[job] = row
                room -= len(row.spec) + len(row.outcome)
                if room <= 0:
                    break
        return LookedUp(
            existing={*self._by_id.keys() & set(asked.ids), *self._purged.keys() & set(asked.repeated)},
            keys=self.keys(asked.keys),
            grants={grant: self._grants[grant] for grant in asked.grants if grant in self._grants},
            commands=commands,
            reached=reached,
            scanned=self.jobs(asked.scanned),
            batches={
                batch: (entry, len(self._of_batch(batch)))
                for batch, entry in self._batches.items()
                if batch in asked.batches
            },
        )

    def keys(self, keys: list[bytes]) -> dict[bytes, KeyEntry]:
        self._refuse_if_failed()
        return {key: self._keys[key] for key in keys if key in self._keys and self._keys[key].job in self._by_id}

    def entries(self, kind: type[Entry], after: str | bytes | int | None, limit: int) -> list[Entry]:
        """As MovableLedger.entries."""
        self._refuse_if_failed()
        purged = {job: PurgedEntry(job, at) for job, at in self._purged.items()}
        stored: dict[type, dict[Any, Any]] = {KeyEntry: self._keys, GrantEntry: self._grants, PurgedEntry: purged}
        stored[BatchEntry], stored[ActionEntry], stored[IntervalEntry] = self._batches, self._actions, self._intervals
        stored[DeadlineEntry] = {seq: DeadlineEntry(seq, at) for seq, at in self._deadlines.items()}
        stored |= {DeliveryRow: self.delivery_rows, Endpoint: self.endpoints}
        found = stored[kind]
        return [found[name] for name in sorted(found) if after is None or name > after][:limit]

    def identity(self) -> str:
        """As Ledger.identity."""
        return self._identity

    def put_identity(self, identity: str) -> None:
        """As MovableLedger.put_identity."""
        self._identity = identity

    def raise_epoch(self, above: int) -> None:
        """As MovableLedger.raise_epoch."""
        self._refuse_if_failed()
        self.meta.epoch = max(self.meta.epoch, above)

    def forget_keys(self, before: float) -> None:
        self._refuse_if_failed()
        self._keys = {key: entry for key, entry in self._keys.items() if entry.at >= before}

    def forget_grants(self, before: float) -> None:
        self._refuse_if_failed()
        self._grants = {name: entry for name, entry in self._grants.items() if entry.expires_at >= before}

    def forget_purged(self, before: float) -> None:
        self._refuse_if_failed()
        self._purged = {job: at for job, at in self._purged.items() if at >= before}

    def ended_before(self, before: float, limit: int) -> list[Row]:
        self._refuse_if_failed()
        ends = {row.seq: row.ended_at for row in self.rows.values() if row.ended_at is not None}
        old = sorted((at, seq) for seq, at in ends.items() if at < before)
        return [self.rows[seq] for _, seq in old[:limit]]

    def ended_after(self, after: tuple[float, int], before: float, limit: int) -> list[Aged]:
        self._refuse_if_failed()
        ended = ((row.ended_at, row) for row in self.rows.values() if row.ended_at is not None)
        found = sorted(Aged(at, row.seq, row.id, row.tenant) for at, row in ended if at < before)
        return [each for each in found if (each.ended_at, each.seq) > after][:limit]

    def forget_batches(self, before: float) -> None:
        self._refuse_if_failed()
        kept = (entry for entry in self._batches.values() if entry.ended_at is None or entry.ended_at >= before)
        self._batches = {entry.batch: entry for entry in kept}

    def forget_actions(self, before: float, keep: int) -> None:
        self._refuse_if_failed()
        kept = set(sorted(self._actions, reverse=True)[:keep])
        self._actions = {name: each for name, each in self._actions.items() if name in kept and each.at >= before}

    def actions(self, before: str | None, limit: int) -> list[ActionEntry]:
        ids = (name for name in self._actions if before is None or name < before)
        return [self._actions[name] for name in sorted(ids, reverse=True)[:limit]]

    def intervals(self, after: int) -> list[IntervalEntry]:
        return [self._intervals[at] for at in sorted(self._intervals) if at > after]

    def finished_batches(self, ids: list[str], at: float) -> list[BatchCount]:
        self._refuse_if_failed()
        waiting = {row.batch for row in self.rows.values() if row.ended_at is None}
        found = (self._batches[batch] for batch in sorted(set(ids) & self._batches.keys()))
        closed = [entry for entry in found if entry.ended_at is None and (entry.open_until or at) <= at]
        return [self._counted(entry) for entry in closed if entry.batch not in waiting]

    def _counted(self, entry: BatchEntry) -> BatchCount:
        rows = self._of_batch(entry.batch) if entry.hooks is not None else []
        return BatchCount(entry, dict(Counter(str(row.state) for row in rows)))

    def open_batches(self, after: OpenPlace, limit: int) -> list[OpenPlace]:
        self._refuse_if_failed()
        waiting = (entry for entry in self._batches.values() if entry.ended_at is None)
        found = sorted((entry.open_until, entry.batch) for entry in waiting if entry.open_until is not None)
        return [each for each in found if each > after][:limit]

    def unended_batches(self, after: str, limit: int) -> list[str]:
        self._refuse_if_failed()
        waiting = (batch for batch, entry in self._batches.items() if entry.ended_at is None)
        return sorted(batch for batch in waiting if batch > after)[:limit]

    def expiring(self, limit: int) -> list[Row]:
        self._refuse_if_failed()
        waiting = sorted((at, seq) for seq, at in self._deadlines.items() if seq in self.rows)
        return [self.rows[seq] for _, seq in waiting[:limit]]

    def queued(self, refills: list[Refill]) -> list[list[Row]]:
        self._refuse_if_failed()
        return [self._queued(refill) for refill in refills]

    def _queued(self, refill: Refill) -> list[Row]:
        found = [
            row
            for row in self._in_state(State.QUEUED)
            if Lane(row.priority, row.lane) == refill.lane and row.position > refill.after
        ]
        return sorted(found, key=lambda row: row.position)[: refill.limit]

    def counted(self) -> dict[tuple[str, str], int]:
        """The committed counts of tenants, by tenant and state, without zeros (for tests)."""
        tenants = self._tenants.values()
        return {(each.tenant, state): count for each in tenants for state, count in each.counts.items() if count}

    def matching(self, where: Where, after_seq: int, limit: int, scan_max: int) -> tuple[list[Row], int | None]:
        self._refuse_if_failed()
        beyond = [self.rows[seq] for seq in sorted(self.rows) if seq > after_seq]
        return _listed(beyond, where, limit, scan_max)

    def mark(self) -> Mark:
        return Mark(self.meta.epoch, self.meta.change)

    def job(self, job: str) -> Row | None:
        return self.rows[self._by_id[job]] if job in self._by_id else None

    def jobs(self, ids: list[str]) -> list[Row]:
        return [self.rows[self._by_id[job]] for job in ids if job in self._by_id]

    def tenants(self) -> set[str]:
        return {*self._tenants, *(row.tenant for row in self.rows.values())} - {""}

    def fates(self, ids: list[str]) -> dict[str, str]:
        found = {job: PURGED for job in ids if job in self._purged}
        return found | {row.id: row.state for row in self.jobs(ids)}

    def batch(self, batch: str) -> list[Row]:
        return self._of_batch(batch)[:BATCH_JOBS_MAX]

    def _of_batch(self, batch: str) -> list[Row]:
        return [self.rows[seq] for seq in sorted(self.rows) if self.rows[seq].batch == batch]

    def batch_counts(self, batch: str) -> dict[tuple[str, str], int]:
        return Counter((row.tenant, row.state) for row in self.batch(batch))

    def batch_entry(self, batch: str) -> BatchEntry | None:
        return self._batches.get(batch)

    def page(self, where: Where, before: int | None, limit: int, scan_max: int) -> tuple[list[Row], int | None]:
        return _listed(self._before(before), where, limit, scan_max)

    def count(self, where: Where, before: int | None, scan_max: int) -> tuple[int, int | None]:
        rows, following = _listed(self._before(before), where, scan_max, scan_max)
        return len(rows), following

    def _before(self, before: int | None) -> list[Row]:
        return [self.rows[seq] for seq in sorted(self.rows, reverse=True) if before is None or seq < before]

    def close(self) -> None:
        """Committed records stay; `restore` is the next start."""

    def _refuse_if_failed(self) -> None:
        if self._failed:
            raise LedgerFailed("the ledger failed before")

    def _in_state(self, state: State) -> list[Row]:
        return [row for row in self.rows.values() if row.state == state]

    def _fault(self, records: Records) -> str | None:
        """Why the schema would refuse `records`; None: it would not."""
        new = [row for row in records.jobs if row.seq > self._last_seq]
        known = [row for row in records.jobs if row.seq <= self._last_seq]
        ids, seqs = {row.id for row in new}, {row.seq for row in new}
        if any(row.state not in _STATES for row in records.jobs):
            return "an unknown state"
        if min(len(ids), len(seqs)) < len(new) or not ids.isdisjoint(self._by_id):
            return "a second job of one id or seq"
        if any(row.seq not in self.rows for row in known):
            return "an update of a job that is not there"
        return self._delivery_fault(records)

    def _apply(self, records: Records) -> None:
        for row in records.jobs:
            self._write(row)
        for seq in records.removed:
            removed = self.rows.pop(seq, None)
            if removed is not None:
                del self._by_id[removed.id]
        for entry in records.purged:
            self._purged.setdefault(entry.job, entry.at)
        self._keys.update((entry.key, entry) for entry in records.keys)
        self._grants.update((entry.grant, entry) for entry in records.grants)
        for job in records.swept:
            self._sweeps.pop(job, None)
        self._sweeps.update((entry.job, entry) for entry in records.sweeps)
        self._quarantine.update((entry.content, entry) for entry in records.quarantined)
        for content in records.released:
            self._quarantine.pop(content, None)
        self._tenants.update(
            (entry.tenant, TenantEntry(entry.tenant, _counts(entry.counts))) for entry in records.tenants
        )
        for batch in records.batches:
            self._write_batch(batch)
        self._paused.difference_update(records.resumed)
        self._paused.update(records.paused)
        for deadline in records.deadlines:
            if deadline.expires_at is None:
                self._deadlines.pop(deadline.seq, None)
            else:
                self._deadlines.setdefault(deadline.seq, deadline.expires_at)
        for action in records.actions.values():
            known = self._actions.get(action.id)
            counted = known and msgspec.structs.replace(known, count=known.count + action.count)
            self._actions[action.id] = counted or action
        self._intervals.update((interval.at, interval) for interval in records.intervals)
        if records.intervals:
            last = records.intervals[-1].at
            kept = (at for at in self._intervals if last - INTERVALS_SECONDS < at <= last)
            self._intervals = {at: self._intervals[at] for at in kept}
        if records.meta is not None:
            self.meta = _copy(records.meta, epoch=self.meta.epoch)
        self._apply_deliveries(records)
        self._last_seq = max([self._last_seq, *(row.seq for row in records.jobs)])

    def _write(self, row: Row) -> None:
        before = self.rows.get(row.seq)
        if before is not None:
            row = row._replace(**{name: getattr(before, name) for name in GIVEN_ONCE})
        self.rows[row.seq] = row
        self._by_id[row.id] = row.seq

    def _write_batch(self, entry: BatchEntry) -> None:
        """A batch that is known keeps what is said of it once."""
        if (known := self._batches.get(entry.batch)) is not None:
            entry = msgspec.structs.replace(known, ended_at=entry.ended_at, open_until=entry.open_until)
        self._batches[entry.batch] = entry


def _copy(meta: Meta, epoch: int | None = None) -> Meta:
    return Meta(meta.change, meta.epoch if epoch is None else epoch, meta.paused, _counts(meta.counts))


def _counts(counts: Mapping[str, int]) -> dict[str, int]:
    return {state.value: counts.get(state, 0) for state in State}


def _listed(beyond: Iterable[Row], where: Where, limit: int, scan_max: int) -> tuple[list[Row], int | None]:
    """A page of the rows in `beyond`, in their order. Rows of other tenants or times do not count as scanned."""
    scope = msgspec.structs.replace(where, state=None, code=None, preset=None)
    if where.tenant is None:
        scope = msgspec.structs.replace(scope, reference=None)
    reachable = [row for row in beyond if _matches(row, scope)]
    found = [row for row in reachable[:scan_max] if _matches(row, where)]
    if len(found) > limit:
        return found[:limit], found[limit - 1].seq
    ended = len(reachable) <= scan_max
    return found, None if ended else reachable[scan_max - 1].seq


def _matches(row: Row, where: Where) -> bool:
    exact = ("tenant", "state", "code", "reference", "preset")
    return (
        all(getattr(where, name) in (None, getattr(row, name)) for name in exact)
        and (where.accepted_after is None or row.accepted_at >= where.accepted_after)
        and (where.accepted_before is None or row.accepted_at < where.accepted_before)
    )
