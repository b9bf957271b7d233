"""Moves all entries of one ledger into another, in bounded steps.

Owns the order, how a killed move goes on, and the proof at the end: a digest over every entry of both ledgers. Knows no
driver: whoever calls holds the terms of both.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from jobs.deliveries import DeliveryRow, Endpoint
from jobs.errors import SetupFault
from jobs.job import Row
from jobs.records import (
    ActionEntry,
    BatchEntry,
    DeadlineEntry,
    GrantEntry,
    IntervalEntry,
    KeyEntry,
    Meta,
    PurgedEntry,
    Records,
    Restored,
    Where,
)
from stores.ledger import MovableLedger

STEP = 500
"""Entries of one transaction: at most some MB, and some milliseconds."""
SEQ_MAX = 2**62
TOLD_EACH = 50_000
"""A line of progress after so many jobs."""
Told = Callable[[str], None]


class Contents(NamedTuple):
    """What a ledger holds: how many entries of each kind, and a SHA-256 (hex) over all of them but the epoch."""

    counts: dict[str, int]
    digest: str


def pour(source: MovableLedger, target: MovableLedger, told: Told) -> Contents:
    """Bring all of `source` into `target`, which holds nothing, or what an earlier call brought. The epoch of `target`
    is above that of `source` then. Raises SetupFault if they differ at the end: then `source` has changed since."""
    restored = source.restore()
    moved = 0
    for rows in _jobs(source, last_seq(target)):
        target.commit(Records(jobs=rows))
        _keep_terms(source, target)
        moved += len(rows)
        if moved % TOLD_EACH < len(rows):
            told(f"{moved} jobs are moved")
    for kind, entry in _ENTRIES.items():
        for entries in _entries(source, entry, _reached(target, entry)):
            brought: Any = {each.id: each for each in entries} if entry is ActionEntry else entries
            target.commit(Records(**{kind: brought}))
            _keep_terms(source, target)
    for records in _whole(restored):
        target.commit(records)
        _keep_terms(source, target)
    target.raise_epoch(restored.meta.epoch)
    target.put_identity(source.identity())
    return compared(source, target)


def compared(source: MovableLedger, target: MovableLedger) -> Contents:
    """What both hold. Raises SetupFault if that differs."""
    here, there = contents(source, target), contents(target, source)
    if here != there:
        differing = [kind for kind in here.counts if here.counts[kind] != there.counts[kind]] or ["entries"]
        raise SetupFault(
            f"the ledgers differ in {', '.join(differing)}: FROM has changed since its move began, or TO has. Empty TO "
            "(docs/machines.md says how), and move again"
        )
    return here


def contents(ledger: MovableLedger, other: MovableLedger) -> Contents:
    """What `ledger` holds. The term of the `other` one is kept meanwhile."""
    digest, counts = hashlib.sha256(), dict[str, int]()

    def take(kind: str, entries: list[Any]) -> None:
        for entry in entries:
            digest.update(msgspec.msgpack.encode((kind, entry)))
        counts[kind] = counts.get(kind, 0) + len(entries)
        _keep_terms(ledger, other)

    for rows in _jobs(ledger, 0):
        take("jobs", [_without_nul(row) for row in rows])
    for kind, entry in _ENTRIES.items():
        for entries in _entries(ledger, entry):
            take(kind, entries)
    restored = ledger.restore()
    take("sweeps", sorted(restored.sweeps, key=lambda entry: entry.job))
    take("quarantine", sorted(restored.quarantine, key=lambda entry: entry.content))
    take("tenants", sorted(restored.tenants, key=lambda entry: entry.tenant))
    take("paused", restored.paused)
    take("meta", [_without_epoch(restored.meta)])
    return Contents({kind: counts.get(kind, 0) for kind in _KINDS}, digest.hexdigest())


_ENTRIES: dict[str, Any] = {
    "keys": KeyEntry,
    "grants": GrantEntry,
    "purged": PurgedEntry,
    "batches": BatchEntry,
    "deadlines": DeadlineEntry,
    "actions": ActionEntry,
    "intervals": IntervalEntry,
    "deliveries": DeliveryRow,
    "endpoints": Endpoint,
}
"""The kinds of entries beside jobs, in the order in which they are moved, each by its name in Records."""
_KINDS = ("jobs", *_ENTRIES, "sweeps", "quarantine", "tenants", "paused", "meta")


def last_seq(ledger: MovableLedger) -> int:
    """The seq of the newest job; 0 if there is none."""
    low, high = 0, SEQ_MAX
    while low < high:
        middle = (low + high) // 2
        found, _ = ledger.matching(Where(), middle, 1, 1)
        low, high = (found[0].seq, high) if found else (low, middle)
    return low


def _reached(ledger: MovableLedger, kind: Any) -> Any:
    """Behind which entry a move goes on: None, or the last one, of the kinds that must not come again. A delivery's
    seq is new in each commit, and an action's count would be added. There are few actions (jobs.limits.ACTIONS_MAX)."""
    if kind is DeliveryRow:
        return ledger.restore().last_delivery
    last = None
    for entries in _entries(ledger, kind) if kind is ActionEntry else ():
        last = entries[-1].id
    return last


def _jobs(ledger: MovableLedger, after: int) -> Iterator[list[Row]]:
    while rows := ledger.matching(Where(), after, STEP, STEP)[0]:
        yield rows
        after = rows[-1].seq


def _entries(ledger: MovableLedger, kind: Any, after: Any = None) -> Iterator[list[Any]]:
    while entries := ledger.entries(kind, after, STEP):
        yield entries
        after = entries[-1].seq if kind is DeliveryRow else msgspec.structs.astuple(entries[-1])[0]


def _whole(restored: Restored) -> Iterator[Records]:
    """What a broker keeps in memory as well. The counts come last: a ledger without them is not whole."""
    for start in range(0, len(restored.sweeps), STEP):
        yield Records(sweeps=restored.sweeps[start : start + STEP])
    for start in range(0, len(restored.quarantine), STEP):
        yield Records(quarantined=restored.quarantine[start : start + STEP])
    for start in range(0, len(restored.tenants), STEP):
        yield Records(tenants=restored.tenants[start : start + STEP])
    for start in range(0, len(restored.paused), STEP):
        yield Records(paused=restored.paused[start : start + STEP])
    yield Records(meta=restored.meta)


def _without_nul(row: Row) -> Row:
    """PostgreSQL keeps no NUL in a text, and stores U+FFFD for it (stores/ledger/postgres/values.py): a stranger's
    reference may have one, and must not make a ledger immovable."""
    return Row._make(value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in row)


def _without_epoch(meta: Meta) -> Meta:
    return Meta(meta.change, 0, meta.paused, dict(sorted(meta.counts.items())))


def _keep_terms(*ledgers: MovableLedger) -> None:
    for ledger in ledgers:
        ledger.tidy()
