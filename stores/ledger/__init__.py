"""The ledger's two faces: one writer (the broker), many readers (web). Owns no driver.

Every method but `commit` reads only; every read fetches all its rows before it returns, because
a half-read cursor pins SQLite's write-ahead log.
"""

from typing import Protocol

from jobs.job import Row
from jobs.records import KeyEntry, LookedUp, LookUp, Records, Restored, Where


class Ledger(Protocol):
    """The broker's ledger. All methods raise LedgerFailed; after one, the process must end."""

    def restore(self) -> Restored:
        """Raise the epoch by one, durably, and read what a starting dispatcher needs."""

    def commit(self, records: Records) -> None:
        """Write all of `records` in one transaction and one sync. On return they are durable."""

    def tidy(self, busy: bool = False) -> None:
        """Make ready for the commits to come: called between two, when all is said that waited for the last. `busy`: if
        it can wait, let it."""

    def look_up(self, asked: LookUp) -> LookedUp:
        """What there is of all that a turn asks for, in one call: of one moment, for nobody else writes. Keys are known
        that are stored, not forgotten, and whose jobs are not purged; grants that were used and are not forgotten; ids
        are `repeated` whose row a purge removed, and that are not forgotten. At least one command is reached."""

    def forget_keys(self, before: float) -> None:
        """Drop entries stored before wall time `before` (no sync of its own is needed)."""

    def forget_grants(self, before: float) -> None:
        """Drop the uses of grants that expired before wall time `before` (no sync of its own is needed)."""

    def forget_purged(self, before: float) -> None:
        """Drop what purges before wall time `before` left behind (no sync of its own is needed)."""

    def ended_before(self, before: float, limit: int) -> list[Row]:
        """Up to `limit` jobs that ended before wall time `before`, the first ended first."""

    def queued(self, priority: int, lane: str, after: int, limit: int) -> list[Row]:
        """Queued rows of one lane with position > `after`, in order of position."""

    def matching(self, where: Where, after_seq: int, limit: int, scan_max: int) -> tuple[list[Row], int | None]:
        """Up to `limit` rows with seq > `after_seq` that match, in order of seq, walking at most
        `scan_max` rows; and the seq to go on after, None at the end."""

    def close(self) -> None: ...


class LedgerReader(Protocol):
    """Web's read-only view. Raises StoreFault where the ledger cannot be read."""

    def job(self, job: str) -> Row | None:
        """One job by id."""

    def jobs(self, ids: list[str]) -> list[Row]:
        """The rows of these ids that exist, in the order asked."""

    def fates(self, ids: list[str]) -> dict[str, str]:
        """The state of each of these jobs that has a row, PURGED for those that a purge removed, all
        of one moment; what is in neither is absent."""

    def tenants(self) -> set[str]:
        """All tenants with a name that ever had a job."""

    def keys(self, keys: list[bytes]) -> dict[bytes, KeyEntry]:
        """The stored entries of those Idempotency-Keys (HMACs) that are known and not forgotten, and whose jobs are not
        purged."""

    def batch(self, batch: str) -> list[Row]:
        """The jobs of one POST of several files, in file order."""

    def page(self, where: Where, before: int | None, limit: int, scan_max: int) -> tuple[list[Row], int | None]:
        """Newest accepted first: up to `limit` rows with seq < `before` (None: from the newest)
        that match, reading at most `scan_max` rows; and the seq to go on before, None at the end."""

    def count(self, where: Where, before: int | None, scan_max: int) -> tuple[int, int | None]:
        """How many match among the `scan_max` newest rows with seq < `before` (None: from the newest), without reading
        them; and the seq to go on before, None at the end."""

    def close(self) -> None: ...
