"""The reads of deliveries that all databases share, and the statements' columns.

Knows no connection: a ledger or a reader inherits the reads, and has `_read`, which runs a statement by name and
fetches all its rows.
"""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from jobs.deliveries import CHANGING, DeliveryRow, DeliveryWhere, Due, DueRefill, Endpoint, seq_of

HERE = Path(__file__).parent
SEQ_MAX = 2**63 - 1
OF_JOB_MAX = 100
"""Deliveries of one job that its page shows: the newest ones, of a job that was requeued again and again."""


def text(file: str, **more: str) -> str:
    """The statements of a .sql file here, with the columns in their places."""
    return (
        (HERE / file)
        .read_text()
        .format(
            delivery_columns=", ".join(DeliveryRow._fields),
            delivery_marks=", ".join("?" * len(DeliveryRow._fields)),
            **{"delivery_changing": ", ".join(f"{name} = ?" for name in CHANGING), **more},
        )
    )


def endpoints_of(rows: Iterable[Any]) -> list[Endpoint]:
    """Endpoints from their rows, the one that fails for longest first."""
    return sorted((Endpoint(*row) for row in rows), key=lambda entry: (entry.failing_since, entry.lane))


class Reads:
    """What both kinds of views have."""

    @abstractmethod
    def _read(self, name: str, parameters: Any = ()) -> list[Any]: ...

    @staticmethod
    def _many(seqs: list[int]) -> Sequence[Any]:
        """The parameters of a statement over many seqs."""
        return (msgspec.json.encode(seqs).decode(), len(seqs))

    def deliveries_at(self, seqs: list[int]) -> list[DeliveryRow]:
        """The rows of these seqs that exist, in the order of the seqs."""
        if not seqs:
            return []
        found = {row.seq: row for row in map(DeliveryRow._make, self._read("deliveries_at", self._many(seqs)))}
        return [found[seq] for seq in seqs if seq in found]

    def _listed(
        self, where: DeliveryWhere, order: Literal["newest", "oldest"], start: int | None, limit: int, scan_max: int
    ) -> tuple[list[DeliveryRow], int | None]:
        """A page of matching deliveries, as stores.ledger.statements.listed of jobs."""
        source, filters = _source(where), msgspec.structs.asdict(where)
        reached, step = ("low", 1) if order == "newest" else ("high", -1)
        bounds = {"low": -1, "high": SEQ_MAX}
        if start is not None:
            bounds["high" if order == "newest" else "low"] = start
        edge = self._read(f"delivery_edge_{order}_{source}", {**filters, **bounds, "scan_max": scan_max})
        following = None
        if edge:
            bounds[reached] = edge[0][0]
            following = edge[0][0] + step
        found = self._read(f"delivery_rows_{order}_{source}", {**filters, **bounds, "limit": limit + 1})
        rows = [DeliveryRow._make(row) for row in found]
        if len(rows) > limit:
            return rows[:limit], rows[limit - 1].seq
        return rows, following


class BrokerReads(Reads):
    """As stores.ledger.Ledger."""

    def due(self, refills: list[DueRefill]) -> list[list[Due]]:
        return [list(self._read("due", msgspec.structs.asdict(refill))) for refill in refills]

    def matching_deliveries(
        self, where: DeliveryWhere, after: int, limit: int, scan_max: int
    ) -> tuple[list[DeliveryRow], int | None]:
        return self._listed(where, "oldest", after, limit, scan_max)


class WebReads(Reads):
    """As stores.ledger.LedgerReader."""

    def delivery(self, delivery: str) -> DeliveryRow | None:
        seq = seq_of(delivery)
        found = self.deliveries_at([seq]) if seq is not None else []
        return next((row for row in found if row.id == delivery), None)

    def deliveries_of(self, job: str) -> list[DeliveryRow]:
        found = self._read("deliveries_of", {"job": job, "limit": OF_JOB_MAX})
        return [DeliveryRow._make(row) for row in reversed(found)]

    def delivery_page(
        self, where: DeliveryWhere, before: int | None, limit: int, scan_max: int
    ) -> tuple[list[DeliveryRow], int | None]:
        return self._listed(where, "newest", before, limit, scan_max)

    def delivery_count(self, where: DeliveryWhere, before: int | None, scan_max: int) -> tuple[int, int | None]:
        source, filters = _source(where), msgspec.structs.asdict(where)
        bounds = {"low": -1, "high": SEQ_MAX if before is None else before}
        edge = self._read(f"delivery_edge_newest_{source}", {**filters, **bounds, "scan_max": scan_max})
        if edge:
            bounds["low"] = edge[0][0]
        ((count,),) = self._read(f"delivery_count_{source}", {**filters, **bounds, "scan_max": scan_max})
        return count, edge[0][0] + 1 if edge else None


def _source(where: DeliveryWhere) -> str:
    return "job" if where.job is not None else "tenant" if where.tenant is not None else "all"
