"""The statements of queries.sql, and the reads that the writer and the readers share.

Knows no connection: a Read is a function that runs a statement by name and fetches all its rows.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

import msgspec

from jobs.job import GIVEN_ONCE, Row, State
from jobs.records import KeyEntry, Meta, Records, TenantEntry, Where

HERE = Path(__file__).parent
SEQ_MAX = 2**63 - 1

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
    .format(columns=", ".join("?" * len(Row._fields)), changing=", ".join(f"{name} = ?" for name in CHANGING))
)


def rows(found: Iterable[Sequence[Any]]) -> list[Row]:
    """Jobs from rows of `SELECT *`."""
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


def stored_keys(read: Read, keys: list[bytes]) -> dict[bytes, KeyEntry]:
    """The stored entries of these keys."""
    sizes = [len(key) for key in keys]
    places = msgspec.json.encode(list(zip(accumulate(sizes, initial=1), sizes, strict=False))).decode()
    found = (KeyEntry(*row) for row in read("keys", (b"".join(keys), places, len(keys))))
    return {entry.key: entry for entry in found}


def _source(where: Where) -> str:
    return "all" if where.tenant is None else "tenant" if where.reference is None else "reference"


def counted(read: Read, where: Where, before: int | None, scan_max: int) -> tuple[int, int | None]:
    """How many of the `scan_max` newest jobs before seq `before` match; and where the next scan starts."""
    source, filters = _source(where), msgspec.structs.asdict(where)
    bounds = {"low": -1, "high": SEQ_MAX if before is None else before}
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
    source = _source(where)
    reached, step = ("low", 1) if order == "newest" else ("high", -1)
    bounds = {"low": -1, "high": SEQ_MAX}
    if start is not None:
        bounds["high" if order == "newest" else "low"] = start
    filters = msgspec.structs.asdict(where)
    following = None
    if where.state or where.code or where.preset or (where.reference and source == "all"):
        edge = read(f"edge_{order}_{source}", {**filters, **bounds, "scan_max": scan_max})
        if edge:
            bounds[reached] = edge[0][0]
            following = edge[0][0] + step
    found = rows(read(f"rows_{order}_{source}", {**filters, **bounds, "limit": limit + 1}))
    if len(found) > limit:
        return found[:limit], found[limit - 1].seq
    return found, following


def meta_of(found: Sequence[int]) -> Meta:
    """Meta from its row."""
    epoch, change, paused, *counts = found
    return Meta(change, epoch, bool(paused), _by_state(counts))


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
        ("put_tenant", [{"tenant": entry.tenant, **_all_states(entry.counts)} for entry in records.tenants]),
    ]
    return [write for write in writes if write[1]]
