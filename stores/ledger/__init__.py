"""The ledger's interfaces: for who wants to be its writer (a broker), for its writer, for its readers (web). Owns no
driver.

A read fetches all its rows before it returns, because an open cursor keeps SQLite from reusing its write-ahead log.
"""

from typing import Protocol, TypeVar

from jobs.deliveries import DeliveryRow, DeliveryWhere, Due, DueRefill, Endpoint
from jobs.job import Row
from jobs.records import (
    ActionEntry,
    Aged,
    BatchCount,
    BatchEntry,
    DeadlineEntry,
    Durability,
    GrantEntry,
    IntervalEntry,
    KeyEntry,
    LookedUp,
    LookUp,
    Mark,
    OpenPlace,
    PurgedEntry,
    Records,
    Refill,
    Restored,
    Where,
)


class Candidate(Protocol):
    """A broker that wants the term: the right to be the ledger's one writer. `again_seconds`: the pause between two
    tries. `predecessor_seconds`: how long the broker before this one may keep the term after its end. `refusal`: says
    that another broker has the term, and the fix."""

    again_seconds: float
    predecessor_seconds: float
    refusal: str

    def take(self) -> "Ledger | None":
        """Try once, and wait for nobody. The ledger, opened under the term; None: another broker holds the term. Raises
        SetupFault, and LedgerFailed if the ledger cannot be reached now (a later try may succeed)."""

    def close(self) -> None:
        """Give up what the tries left open. A taken term stays with its ledger."""


class Ledger(Protocol):
    """The broker's ledger. All methods raise LedgerFailed; after one, the process must end."""

    @property
    def believed_until(self) -> float:
        """Until when (monotonic seconds) this writer may believe that the term is its own: from then on another broker
        may have it, and nothing may be sent. A commit or a `tidy` may renew it. Infinite if nobody can take it."""

    @property
    def durability(self) -> Durability:
        """What the commits of now rest on. It may change after each call."""

    @property
    def schema(self) -> int:
        """The number of its schema. An older release that knows only smaller ones does not start on it; 0 in memory."""

    def wal_bytes(self) -> int:
        """How long the write-ahead log is that only `tidy` empties; 0 where a server keeps it."""

    def restore(self) -> Restored:
        """Raise the epoch by one, durably, and read the data that a starting dispatcher needs."""

    def commit(self, records: Records) -> None:
        """Write all of `records` in one transaction and one sync. On return they are durable."""

    def tidy(self, busy: bool = False) -> None:
        """Do maintenance that later commits need. It is called between two commits, after the messages that waited for
        the last one were sent, in each turn: at least once a second, because a beat makes a turn. `busy`: postpone it
        if that is possible."""

    def look_up(self, asked: LookUp) -> LookedUp:
        """Read all that a turn needs, in one call. The answers are consistent, because nobody else writes. A key is
        found if it is not forgotten and its job is not purged; a grant if it was used and is not forgotten; a
        `repeated` id if a purge removed its row and it is not forgotten. At least one command is reached."""

    def identity(self) -> str:
        """The ledger's own name: 16 hex digits, drawn when it was made. A move takes it along, a copy has the same."""

    def forget_keys(self, before: float) -> None:
        """Drop Idempotency-Keys that were stored before wall time `before` (needs no sync of its own)."""

    def forget_grants(self, before: float) -> None:
        """Drop the uses of grants that expired before wall time `before` (needs no sync of its own)."""

    def forget_purged(self, before: float) -> None:
        """Drop the ids of jobs that were purged before wall time `before` (needs no sync of its own)."""

    def ended_before(self, before: float, limit: int) -> list[Row]:
        """Up to `limit` jobs that ended before wall time `before`, the first ended first."""

    def ended_after(self, after: tuple[float, int], before: float, limit: int) -> list[Aged]:
        """Up to `limit` jobs that ended before wall time `before`, in the order of (end, seq), behind `after`."""

    def forget_batches(self, before: float) -> None:
        """Drop batches that ended before wall time `before` (needs no sync of its own)."""

    def forget_actions(self, before: float, keep: int) -> None:
        """Drop actions of before wall time `before`, and all but the `keep` newest (needs no sync of its own)."""

    def finished_batches(self, ids: list[str], at: float) -> list[BatchCount]:
        """Those of these batches that no job can join at wall time `at`, whose jobs have all ended (or are removed),
        and whose end is not written yet."""

    def open_batches(self, after: OpenPlace, limit: int) -> list[OpenPlace]:
        """Up to `limit` batches that are not closed and whose end is not written, in order, behind `after`."""

    def unended_batches(self, after: str, limit: int) -> list[str]:
        """The ids of up to `limit` batches whose end is not written, in order, behind the id `after`."""

    def expiring(self, limit: int) -> list[Row]:
        """Up to `limit` queued jobs with a deadline, the first to expire first: those that were never begun (attempts
        0) and never requeued (position is seq)."""

    def queued(self, refills: list[Refill]) -> list[list[Row]]:
        """What each of these asks for, in order of position; all in one call."""

    def matching(self, where: Where, after_seq: int, limit: int, scan_max: int) -> tuple[list[Row], int | None]:
        """Up to `limit` matching rows with seq > `after_seq`, in order of seq; it reads at most `scan_max` rows. And
        the seq after which to continue; None: that was all."""

    def due(self, refills: list[DueRefill]) -> list[list[Due]]:
        """What each of these asks for, in order; all in one call."""

    def deliveries_at(self, seqs: list[int]) -> list[DeliveryRow]:
        """The deliveries of these seqs that exist, in the order of the seqs."""

    def matching_deliveries(
        self, where: DeliveryWhere, after: int, limit: int, scan_max: int
    ) -> tuple[list[DeliveryRow], int | None]:
        """As `matching`, of deliveries."""

    def forget_deliveries(self, before: float) -> None:
        """Drop deliveries that ended before wall time `before` (needs no sync of its own)."""

    def close(self) -> None:
        """Close the ledger. Another broker may take the term at once, or when this process has ended."""


Entry = TypeVar(
    "Entry",
    KeyEntry,
    GrantEntry,
    PurgedEntry,
    BatchEntry,
    ActionEntry,
    IntervalEntry,
    DeadlineEntry,
    DeliveryRow,
    Endpoint,
)


class MovableLedger(Ledger, Protocol):
    """A ledger whose entries can all be read in order. With `matching` and `restore`, that is all it holds."""

    def entries(self, kind: type[Entry], after: str | bytes | int | None, limit: int) -> list[Entry]:
        """Up to `limit` entries of one kind, in order of their first field, behind that value (None: all)."""

    def raise_epoch(self, above: int) -> None:
        """Let the next epoch be above this one, durably: web and workers follow the highest."""

    def put_identity(self, identity: str) -> None:
        """Take over the name of the ledger that was moved here, durably."""


class LedgerReader(Protocol):
    """Web's read-only view. Raises StoreFault where the ledger cannot be read."""

    def mark(self) -> Mark:
        """How new the state is. What is read later is at least as new."""

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
        """The jobs of a batch, in the order in which they came."""

    def batch_counts(self, batch: str) -> dict[tuple[str, str], int]:
        """The number of a batch's jobs by tenant and state, without their rows."""

    def batch_entry(self, batch: str) -> BatchEntry | None:
        """The batch itself; None if it ended so long ago that it is forgotten."""

    def page(self, where: Where, before: int | None, limit: int, scan_max: int) -> tuple[list[Row], int | None]:
        """Up to `limit` matching rows with seq < `before` (None: from the newest), newest first; it reads at most
        `scan_max` rows. And the seq before which to continue; None: that was all."""

    def count(self, where: Where, before: int | None, scan_max: int) -> tuple[int, int | None]:
        """How many of the `scan_max` newest rows with seq < `before` (None: from the newest) match. And the seq before
        which to continue; None: that was all."""

    def actions(self, before: str | None, limit: int) -> list[ActionEntry]:
        """Up to `limit` actions with an id below `before` (None: from the newest), newest first."""

    def intervals(self, after: int) -> list[IntervalEntry]:
        """The intervals that began after wall time `after`, the first one first."""

    def delivery(self, delivery: str) -> DeliveryRow | None:
        """One delivery by id."""

    def deliveries_of(self, job: str) -> list[DeliveryRow]:
        """The newest deliveries of a job (100 at most), in order of creation."""

    def delivery_page(
        self, where: DeliveryWhere, before: int | None, limit: int, scan_max: int
    ) -> tuple[list[DeliveryRow], int | None]:
        """As `page`, of deliveries."""

    def delivery_count(self, where: DeliveryWhere, before: int | None, scan_max: int) -> tuple[int, int | None]:
        """As `count`, of deliveries."""

    def close(self) -> None: ...
