"""The statements for the records of one turn: each table's rows as arrays. Pure: Records in, statements out."""

from collections.abc import Iterable, Sequence
from operator import attrgetter, itemgetter
from typing import Any

import msgspec

from jobs.deliveries import DeliveryUpdate
from jobs.intervals import INTERVALS_SECONDS
from jobs.job import Row, State
from jobs.records import Meta, Records, TenantEntry
from stores.ledger.postgres.statements import CHANGING, COLUMNS, Asked, asked

_STATES = tuple(state.value for state in State)
_changing = itemgetter(*map([*COLUMNS].index, ("seq", *CHANGING)))


def writes(records: Records, last_seq: int) -> list[Asked]:
    """All of `records`, in order. A row is new if its seq is above `last_seq`. Done sweeps are removed before new ones
    are written: a superfluous sweep is harmless, a missing one leaves files."""
    new = [row for row in records.jobs if row.seq > last_seq]
    known = [row for row in records.jobs if row.seq <= last_seq]
    found: list[Asked] = []
    if new:
        found.append(asked("insert_jobs", [*zip(*new, strict=True)]))
    if known:
        found.append(_updates(known))
    found += _lesser_writes(records)
    if records.deliveries or records.attempted or records.untold or records.endpoints or records.recovered:
        found += _of_deliveries(records)
    if records.actions:
        found.append(asked("put_actions", _columns(records.actions.values())))
    if records.intervals:
        last = records.intervals[-1].at
        found.append(asked("put_intervals", _columns({entry.at: entry for entry in records.intervals}.values())))
        found.append(asked("forget_intervals", [last - INTERVALS_SECONDS, last]))
    if records.meta is not None:
        found.append(asked("put_meta", _meta(records.meta)))
    return found


def _updates(known: list[Row]) -> Asked:
    columns = zip(*map(_changing, known), strict=True)
    return asked("update_jobs", [*columns, len(known)])


def _lesser_writes(records: Records) -> Iterable[Asked]:
    """All but changed jobs and meta. A statement may write a row only once, so the last entry of a row counts."""
    if records.removed:
        yield asked("remove_jobs", [records.removed])
    if records.purged:
        yield asked("put_purged", _columns(records.purged))
    if records.keys:
        yield asked("put_keys", _columns({entry.key: entry for entry in records.keys}.values()))
    if records.grants:
        yield asked("put_grants", _columns({entry.grant: entry for entry in records.grants}.values()))
    if records.swept:
        yield asked("remove_sweeps", [records.swept])
    if records.sweeps:
        sweeps = {entry.job: msgspec.json.encode(entry.names).decode() for entry in records.sweeps}
        yield asked("put_sweeps", [[*sweeps], [*sweeps.values()]])
    if records.quarantined:
        yield asked("put_quarantine", _columns({entry.content: entry for entry in records.quarantined}.values()))
    if records.released:
        yield asked("remove_quarantine", [records.released])
    if records.batches:
        yield asked("put_batches", _columns({entry.batch: entry for entry in records.batches}.values()))
    if records.deadlines:
        yield from _of_deadlines({entry.seq: entry.expires_at for entry in records.deadlines})
    if records.resumed:
        yield asked("remove_paused", [records.resumed])
    if records.paused:
        yield asked("put_paused", [[*dict.fromkeys(records.paused)]])
    if records.tenants:
        yield asked("put_tenants", _tenants({entry.tenant: entry for entry in records.tenants}))


def _of_deadlines(newest: dict[int, float | None]) -> Iterable[Asked]:
    if gone := [seq for seq, expires_at in newest.items() if expires_at is None]:
        yield asked("remove_deadlines", [gone])
    if waiting := {seq: expires_at for seq, expires_at in newest.items() if expires_at is not None}:
        yield asked("put_deadlines", [[*waiting], [*waiting.values()]])


def _of_deliveries(records: Records) -> Iterable[Asked]:
    if records.deliveries:
        yield asked("put_deliveries", [*zip(*records.deliveries, strict=True)])
    if records.attempted:
        newest = {update.seq: update for update in records.attempted}.values()
        yield asked("update_deliveries", dict(zip(DeliveryUpdate._fields, zip(*newest, strict=True), strict=True)))
    if ended := [update.seq for update in records.attempted if update.due_at is None]:
        yield asked("drop_unkept", [ended])
    if records.untold:
        yield asked("drop_untold", [records.untold])
        yield asked("put_untold", [records.untold])
    if records.recovered:
        yield asked("remove_endpoints", [records.recovered])
    if records.endpoints:
        yield asked("put_endpoints", _columns({entry.lane: entry for entry in records.endpoints}.values()))


def _columns(entries: Iterable[Any]) -> list[Sequence[Any]]:
    """The fields of structs as columns."""
    return [*zip(*map(msgspec.structs.astuple, entries), strict=True)]


def _tenants(entries: dict[str, TenantEntry]) -> list[Sequence[Any]]:
    counts = [*map(attrgetter("counts"), entries.values())]
    return [[*entries], *([each.get(state, 0) for each in counts] for state in _STATES)]


def _meta(meta: Meta) -> list[int]:
    return [meta.change, int(meta.paused), *(meta.counts.get(state, 0) for state in _STATES)]
