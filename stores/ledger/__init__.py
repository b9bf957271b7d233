"""The ledger's two interfaces: one for its writer (the broker), one for its readers (web). Owns no driver.

A read fetches all its rows before it returns, because an open cursor keeps SQLite from reusing its write-ahead log.
"""

from typing import Protocol

from jobs.job import Row
from jobs.records import KeyEntry, LookedUp, LookUp, Records, Restored, Where


class Ledger(Protocol):
    """The broker's ledger. All methods raise LedgerFailed; after one, the process must end."""

    def restore(self) -> Restored:
        """Raise the epoch by one, durably, and read the data that a starting dispatcher needs."""

    def commit(self, records: Records) -> None:
        """Write all of `records` in one transaction and one sync. On return they are durable."""

    def tidy(self, busy: bool = False) -> None:
        """Do maintenance that later commits need. It is called between two commits, after the messages that waited for
        the last one were sent. `busy`: postpone it if that is possible."""

    def look_up(self, asked: LookUp) -> LookedUp:
        """Read all that a turn needs, in one call. The answers are consistent, because nobody else writes. A key is
        found if it is not forgotten and its job is not purged; a grant if it was used and is not forgotten; a
        `repeated` id if a purge removed its row and it is not forgotten. At least one command is reached."""

    def forget_keys(self, before: float) -> None:
        """Drop Idempotency-Keys that were stored before wall time `before` (needs no sync of its own)."""

    def forget_grants(self, before: float) -> None:
        """Drop the uses of grants that expired before wall time `before` (needs no sync of its own)."""

    def forget_purged(self, before: float) -> None:
        """Drop the ids of jobs that were purged before wall time `before` (needs no sync of its own)."""

    def ended_before(self, before: float, limit: int) -> list[Row]:
        """Up to `limit` jobs that ended before wall time `before`, the first ended first."""

    def queued(self, priority: int, lane: str, after: int, limit: int) -> list[Row]:
        """Queued rows of one lane with position > `after`, in order of position."""

    def matching(self, where: Where, after_seq: int, limit: int, scan_max: int) -> tuple[list[Row], int | None]:
        """Up to `limit` matching rows with seq > `after_seq`, in order of seq; it reads at most `scan_max` rows. And
        the seq after which to continue; None: that was all."""

    def close(self) -> None: ...


class LedgerReader(Protocol):
    """Web's read-only view. Raises StoreFault where the ledger cannot be read."""

    def job(self, job: str) -> Row | None:
        """One job by id."""

    def jobs(self, ids: list[str]) -> list[Row]:
        """The rows of these ids that exist, in the order asked."""

    def fates(self, ids: list[str]) -> dict[str, str]:
        """By job, its state if it has a row, PURGED if a purge removed it. A job that is neither is absent. All answers
        are from one moment."""

    def tenants(self) -> set[str]:
        """All tenants with a name that ever had a job."""

    def keys(self, keys: list[bytes]) -> dict[bytes, KeyEntry]:
        """The entries of these Idempotency-Keys (HMACs), except forgotten ones and those whose jobs are purged."""

    def batch(self, batch: str) -> list[Row]:
        """The jobs of one POST of several files, in file order."""

    def page(self, where: Where, before: int | None, limit: int, scan_max: int) -> tuple[list[Row], int | None]:
        """Up to `limit` matching rows with seq < `before` (None: from the newest), newest first; it reads at most
        `scan_max` rows. And the seq before which to continue; None: that was all."""

    def count(self, where: Where, before: int | None, scan_max: int) -> tuple[int, int | None]:
        """How many of the `scan_max` newest rows with seq < `before` (None: from the newest) match. And the seq before
        which to continue; None: that was all."""

    def close(self) -> None: ...
