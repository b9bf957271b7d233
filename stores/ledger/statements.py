"""The statements of queries.sql, and the reads that the writer and the readers share.

Knows no connection: a Read is a function that runs a statement by name and fetches all its rows.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

import msgspec

from jobs.deliveries import DeliveryRow, Endpoint
from jobs.intervals import INTERVALS_KEPT, INTERVALS_SECONDS
from jobs.job import GIVEN_ONCE, Row, State
from jobs.records import (
    ActionEntry,
    BatchEntry,
    DeadlineEntry,
    GrantEntry,
    IntervalEntry,
    KeyEntry,
    Mark,
    Meta,
    PurgedEntry,
    Records,
    TenantEntry,
    Where,
)
from stores.ledger.deliveries import reads as deliveries

HERE = Path(__file__).parent
SEQ_MAX = 2**63 - 1
ID_MAX = "~"
"""Behind all ids."""
FORGET_MAX = 10_000
"""How many entries one call drops at most, so that no call stops the event loop for long."""
DISORDER_SECONDS = 10.0
"""Jobs are accepted in the order of seq, but their wall times may go back: by a clock that was set, or at another
broker. A search by time looks this much farther on both sides. What a greater step back hides is not found."""

Read = Callable[[str, Any], list[Any]]


def named(text: str) -> dict[str, str]:
    """The statements of a .sql text, each under its line `-- name: xyz`."""
    _, *parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


CHANGING = tuple(name for name in Row._fields if name not in GIVEN_ONCE)
"""The columns that update_job sets, in this order; then comes its seq."""
QUERIES = named(
    (HERE / "queries.sql")
    .read_text()
    .format(
        columns=", ".join(Row._fields),
        marks=", ".join("?" * len(Row._fields)),
        changing=", ".join(f"{name} = ?" for name in CHANGING),
    )
) | named(deliveries.text("sqlite.sql"))


def rows(found: Iterable[Sequence[Any]]) -> list[Row]:
    """Jobs from rows of their columns."""
    return [Row._make(row) for row in found]


def one_job(read: Read, job: str) -> Row | None:
    """The job of that id."""
    return next(iter(rows(read("job", (job,)))), None)


def id_list(ids: list[str]) -> tuple[str, int]:
    """The parameters of a statement over many ids: as JSON, and how many."""
    return msgspec.json.encode(ids).decode(), len(ids)


def many_jobs(read: Read, ids: list[str]) -> list[Row]:
    """The jobs with these ids that exist, in the order of the ids."""
    found = {row.id: row for row in rows(read("jobs", id_list(ids)))}
    return [found[job] for job in ids if job in found]


def intervals_after(read: Read, after: int) -> list[IntervalEntry]:
    """The intervals that began after wall time `after`, the first one first."""
    return [IntervalEntry(*row) for row in read("entries_intervals", (after, INTERVALS_KEPT + 1))]


def newest_actions(read: Read, before: str | None, limit: int) -> list[ActionEntry]:
    """The newest actions with an id below `before`."""
    return [ActionEntry(*row) for row in read("actions", (ID_MAX if before is None else before, limit))]


def stored_keys(read: Read, keys: list[bytes]) -> dict[bytes, KeyEntry]:
    """The stored entries of these keys."""
    sizes = [len(key) for key in keys]
    places = msgspec.json.encode(list(zip(accumulate(sizes, initial=1), sizes, strict=False))).decode()
    found = (KeyEntry(*row) for row in read("keys", (b"".join(keys), places, len(keys))))
    return {entry.key: entry for entry in found}


def joined(found: Iterable[Sequence[Any]]) -> dict[str, tuple[BatchEntry, int]]:
    """The batches in rows of joined_batches, and how many jobs each has."""
    return {entry[0]: (BatchEntry(*entry), jobs) for *entry, jobs in found}


_SKIPPING = ("state", "code", "preset", "accepted_after", "accepted_before")
"""The filters by which a list passes rows of its index by."""


def _source(where: Where) -> str:
    return "all" if where.tenant is None else "tenant" if where.reference is None else "reference"


def _bounds(read: Read, where: Where, low: int, high: int) -> dict[str, int]:
    """The seqs between which (both excluded) all jobs between `low` and `high` are that were accepted in its time."""
    if where.accepted_after is not None:
        ((first,),) = read("accepted_from", {"at": where.accepted_after - DISORDER_SECONDS})
        low = max(low, first - 1)
    if where.accepted_before is not None:
        ((first,),) = read("accepted_from", {"at": where.accepted_before + DISORDER_SECONDS})
        high = min(high, first)
    return {"low": low, "high": high}


def counted(read: Read, where: Where, before: int | None, scan_max: int) -> tuple[int, int | None]:
    """How many of the `scan_max` newest jobs before seq `before` match; and where the next scan starts."""
    source, filters = _source(where), msgspec.structs.asdict(where)
    bounds = _bounds(read, where, -1, SEQ_MAX if before is None else before)
    edge = read(f"edge_newest_{source}", {**filters, **bounds, "scan_max": scan_max})
    if edge:
        bounds["low"] = edge[0][0]
    ((count,),) = read(f"count_{source}", {**filters, **bounds, "scan_max": scan_max})
    return count, edge[0][0] + 1 if edge else None


def listed(
    read: Read, where: Where, order: Literal["newest", "oldest"], start: int | None, limit: int, scan_max: int
) -> tuple[list[Row], int | None]:
    """A page of matching jobs, after seq `start` in this order; and where the next page starts.

    A first statement finds the edge of the scan, a second one reads the rows within it. So a job that is purged or
    accepted between the two moves no other job out of the page.
    """
    source, filters = _source(where), msgspec.structs.asdict(where)
    reached, step = ("low", 1) if order == "newest" else ("high", -1)
    low, high = (-1, start) if order == "newest" else (start, SEQ_MAX)
    bounds = _bounds(read, where, -1 if low is None else low, SEQ_MAX if high is None else high)
    following = None
    if any(filters[name] is not None for name in _SKIPPING) or (where.reference and source == "all"):
        edge = read(f"edge_{order}_{source}", {**filters, **bounds, "scan_max": scan_max})
        if edge:
            bounds[reached] = edge[0][0]
            following = edge[0][0] + step
    found = rows(read(f"rows_{order}_{source}", {**filters, **bounds, "limit": limit + 1}))
    if len(found) > limit:
        return found[:limit], found[limit - 1].seq
    return found, following


ENTRIES: dict[type, tuple[str, str | bytes | int]] = {
    KeyEntry: ("entries_keys", b""),
    GrantEntry: ("entries_grants", ""),
    PurgedEntry: ("entries_purged", ""),
    BatchEntry: ("entries_batches", ""),
    DeadlineEntry: ("entries_deadlines", -1),
    ActionEntry: ("entries_actions", ""),
    IntervalEntry: ("entries_intervals", -1),
    DeliveryRow: ("entries_deliveries", -1),
    Endpoint: ("entries_endpoints", ""),
}
"""By kind of entry, the statement that reads them in order, and what is before the first one."""


def meta_of(found: Sequence[int]) -> Meta:
    """Meta from its row."""
    epoch, change, paused, *counts = found
    return Meta(change, epoch, bool(paused), _by_state(counts))


def mark_of(found: Sequence[int]) -> Mark:
    """The mark in the row of meta."""
    epoch, change, *_ = found
    return Mark(epoch, change)


def tenant_of(found: Sequence[Any]) -> TenantEntry:
    """A tenant's counts from its row."""
    tenant, *counts = found
    return TenantEntry(tenant, _by_state(counts))


def _by_state(counts: Iterable[int]) -> dict[str, int]:
    return {state.value: count for state, count in zip(State, counts, strict=True)}


def _all_states(counts: dict[str, int]) -> dict[str, int]:
    return {state.value: counts.get(state, 0) for state in State}


def meta_parameters(meta: Meta) -> dict[str, int]:
    """The parameters of put_meta. The epoch is not among them, because only a start changes it."""
    return {"change": meta.change, "paused": meta.paused, **_all_states(meta.counts)}


def lesser_writes(records: Records) -> list[tuple[str, list[Any]]]:
    """The statements and parameters for all of `records` except changed jobs and meta, in order.

    Done sweeps are removed before new ones are written: a superfluous sweep is harmless, a missing one leaves files.
    """
    writes: list[tuple[str, list[Any]]] = [
        ("remove_job", [(seq,) for seq in records.removed]),
        ("put_purged", [(entry.job, entry.at) for entry in records.purged]),
        ("put_key", [(entry.key, entry.job, entry.fingerprint, entry.at) for entry in records.keys]),
        ("put_grant", [(entry.grant, entry.used, entry.expires_at) for entry in records.grants]),
        ("remove_sweep", [(job,) for job in records.swept]),
        ("put_sweep", [(entry.job, msgspec.json.encode(entry.names).decode()) for entry in records.sweeps]),
        ("put_quarantine", [(entry.content, entry.engine, entry.at) for entry in records.quarantined]),
        ("remove_quarantine", [(content,) for content in records.released]),
        ("put_batch", [msgspec.structs.astuple(entry) for entry in records.batches]),
        ("remove_paused", [(tenant,) for tenant in records.resumed]),
        ("put_paused", [(tenant,) for tenant in records.paused]),
        ("put_tenant", [{"tenant": entry.tenant, **_all_states(entry.counts)} for entry in records.tenants]),
    ]
    if records.deadlines:
        writes += _of_deadlines(records)
    if records.deliveries or records.attempted or records.untold or records.endpoints or records.recovered:
        writes += _of_deliveries(records)
    if records.intervals:
        last = records.intervals[-1].at
        writes.append(("put_interval", [msgspec.structs.astuple(entry) for entry in records.intervals]))
        writes.append(("forget_intervals", [(last - INTERVALS_SECONDS, last)]))
    if records.actions:
        writes.append(("put_action", [msgspec.structs.astuple(entry) for entry in records.actions.values()]))
    return [write for write in writes if write[1]]


def _of_deadlines(records: Records) -> list[tuple[str, list[Any]]]:
    newest = {entry.seq: entry.expires_at for entry in records.deadlines}
    return [
        ("remove_deadline", [(seq,) for seq, expires_at in newest.items() if expires_at is None]),
        ("put_deadline", [(seq, expires_at) for seq, expires_at in newest.items() if expires_at is not None]),
    ]


def _of_deliveries(records: Records) -> list[tuple[str, list[Any]]]:
    untold = [(job,) for job in records.untold]
    return [
        ("put_delivery", [tuple(row) for row in records.deliveries]),
        ("update_delivery", [tuple(update) for update in records.attempted]),
        ("drop_unkept", [(update.seq,) for update in records.attempted if update.due_at is None]),
        ("drop_untold", untold),
        ("put_untold", untold),
        ("remove_endpoint", [(lane,) for lane in records.recovered]),
        ("put_endpoint", [msgspec.structs.astuple(entry) for entry in records.endpoints]),
    ]
