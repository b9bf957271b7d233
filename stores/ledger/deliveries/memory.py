"""The deliveries of the memory ledger: it stores and refuses the same as the databases."""

from collections.abc import Iterable

import msgspec

from jobs.deliveries import DeliveryRow, DeliveryState, DeliveryWhere, Due, DueRefill, Endpoint, matches
from jobs.records import Records
from stores.ledger.deliveries.reads import OF_JOB_MAX, endpoints_of

_STATES = frozenset(state.value for state in DeliveryState)


class MemoryDeliveries:
    """The reads of stores.ledger.Ledger and LedgerReader about deliveries."""

    def __init__(self) -> None:
        self.delivery_rows: dict[int, DeliveryRow] = {}
        """Every delivery by seq."""
        self.endpoints: dict[str, Endpoint] = {}

    def _delivery_fault(self, records: Records) -> str | None:
        """Why the schema would refuse the deliveries in `records`; None: it would not."""
        seqs = {row.seq for row in records.deliveries}
        if len(seqs) < len(records.deliveries) or not seqs.isdisjoint(self.delivery_rows):
            return "a second delivery of one seq"
        if not {row.state for row in records.deliveries} | {row.state for row in records.attempted} <= _STATES:
            return "an unknown state of a delivery"
        return None

    def _apply_deliveries(self, records: Records) -> None:
        rows = self.delivery_rows
        rows.update((row.seq, row) for row in records.deliveries)
        for update in records.attempted:
            if (row := rows.get(update.seq)) is not None:
                rows[row.seq] = row = row._replace(**update._asdict())
                if not row.kept and row.due_at is None:
                    del rows[row.seq]
        for row in [row for row in rows.values() if row.job is not None and row.job in records.untold]:
            if row.due_at is None:
                del rows[row.seq]
            else:
                rows[row.seq] = row._replace(kept=0)
        for lane in records.recovered:
            self.endpoints.pop(lane, None)
        self.endpoints.update((entry.lane, entry) for entry in records.endpoints)

    def _restored_deliveries(self) -> tuple[list[str], list[Endpoint], int, int]:
        """For Restored: `due_lanes`, `endpoints`, `last_delivery` and `deliveries_waiting`."""
        lanes = [row.lane for row in self.delivery_rows.values() if row.due_at is not None]
        endpoints = endpoints_of(map(msgspec.structs.astuple, self.endpoints.values()))
        return sorted(set(lanes)), endpoints, max(self.delivery_rows, default=0), len(lanes)

    def due(self, refills: list[DueRefill]) -> list[list[Due]]:
        return [self._due(refill) for refill in refills]

    def _due(self, refill: DueRefill) -> list[Due]:
        of_lane = [row for row in self.delivery_rows.values() if row.lane == refill.lane]
        found = sorted((row.due_at, row.seq) for row in of_lane if row.due_at is not None)
        return [each for each in found if each > (refill.due_at, refill.seq)][: refill.limit]

    def deliveries_at(self, seqs: list[int]) -> list[DeliveryRow]:
        return [self.delivery_rows[seq] for seq in seqs if seq in self.delivery_rows]

    def matching_deliveries(
        self, where: DeliveryWhere, after: int, limit: int, scan_max: int
    ) -> tuple[list[DeliveryRow], int | None]:
        rows = self.delivery_rows
        return _listed([rows[seq] for seq in sorted(rows) if seq > after], where, limit, scan_max)

    def forget_deliveries(self, before: float) -> None:
        rows = self.delivery_rows
        self.delivery_rows = {
            seq: row for seq, row in rows.items() if row.ended_at is None or row.ended_at >= before
        }  # fmt: skip

    def delivery(self, delivery: str) -> DeliveryRow | None:
        return next((row for row in self.delivery_rows.values() if row.id == delivery), None)

    def deliveries_of(self, job: str) -> list[DeliveryRow]:
        return [row for row in self.delivery_rows.values() if row.job == job][-OF_JOB_MAX:]

    def delivery_page(
        self, where: DeliveryWhere, before: int | None, limit: int, scan_max: int
    ) -> tuple[list[DeliveryRow], int | None]:
        return _listed(self._older(before), where, limit, scan_max)

    def delivery_count(self, where: DeliveryWhere, before: int | None, scan_max: int) -> tuple[int, int | None]:
        found, following = _listed(self._older(before), where, scan_max, scan_max)
        return len(found), following

    def _older(self, before: int | None) -> list[DeliveryRow]:
        rows = self.delivery_rows
        return [rows[seq] for seq in sorted(rows, reverse=True) if before is None or seq < before]


def _listed(
    rows: Iterable[DeliveryRow], where: DeliveryWhere, limit: int, scan_max: int
) -> tuple[list[DeliveryRow], int | None]:
    """A page of the rows, in their order. Rows of other tenants, or of other jobs, do not count as scanned."""
    scope = DeliveryWhere(tenant=where.tenant, job=where.job)
    reachable = [row for row in rows if matches(row, scope)]
    found = [row for row in reachable[:scan_max] if matches(row, where)]
    if len(found) > limit:
        return found[:limit], found[limit - 1].seq
    return found, None if len(reachable) <= scan_max else reachable[scan_max - 1].seq
