"""The ledger as one SQLite file in WAL mode: one writing connection, many reading ones.

Owns the file, its schema number and its pragmas. The statements are in queries.sql, the tables in schema.sql and the
numbered scripts after it. Knows no message and no policy. The caller must hold a lock, so that only one process writes:
before 3.51.3 SQLite can corrupt a log that two connections write.
"""

import contextlib
import os
import secrets
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from math import inf
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any

import msgspec

from host.files.folders import sync_folder
from jobs.errors import LedgerDamaged, LedgerFailed, SetupFault
from jobs.job import Row
from jobs.leases import NONCE_BITS
from jobs.limits import BATCH_JOBS_MAX, OPEN_BATCHES_ALL
from jobs.records import (
    ASYNCHRONOUS,
    Aged,
    BatchCount,
    BatchEntry,
    Durability,
    GrantEntry,
    IntervalEntry,
    Lane,
    LookedUp,
    LookUp,
    OpenPlace,
    QuarantineEntry,
    Records,
    Refill,
    Restored,
    SweepEntry,
    Where,
)
from stores.ledger import Entry
from stores.ledger.deliveries.reads import BrokerReads, endpoints_of
from stores.ledger.statements import (
    CHANGING,
    ENTRIES,
    FORGET_MAX,
    HERE,
    QUERIES,
    id_list,
    joined,
    lesser_writes,
    listed,
    many_jobs,
    meta_of,
    meta_parameters,
    one_job,
    rows,
    stored_keys,
    tenant_of,
)

_MIGRATIONS = (
    "schema.sql",
    "schema-2.sql",
    "schema-3.sql",
    "schema-4.sql",
    "schema-5.sql",
    "schema-6.sql",
    "schema-7.sql",
    "schema-8.sql",
    "schema-9.sql",
    "schema-10.sql",
    "schema-11.sql",
    "schema-12.sql",
    "schema-13.sql",
    "schema-14.sql",
)
"""The n-th script brings a ledger from schema n - 1 to n."""
SCHEMA = len(_MIGRATIONS)
PROGRESS_STEPS = 100_000
"""Steps of SQLite's machine between two calls of `progress`: some milliseconds."""
_SQLITE_LEAST = (3, 38, 0)
"""From this version on, STRICT tables and json_each need no build option."""
_CHECKPOINT_PAGES = 2000
"""Pages of log between checkpoints: 8 MB. A checkpoint takes 10 ms of CPU, and the disk's time. Fewer checkpoints would
not cost less in total."""
_LOG_PAGES_AT = 16
"""Offset of the log's number of pages, 4 bytes, in the index of the log (the file -shm; see SQLite's walformat)."""
_LOG_PAGE_BYTES = 4096 + 24
"""A page in the log: of SQLite's usual size, behind the head of its frame."""
_LOG_BYTES = 64 * 1024 * 1024

_UNSYNCED = Durability(ASYNCHRONOUS, "PIXMILL_LEDGER_SYNC is normal: a power cut may lose the last commits")
_RESTORE = "restore it from a backup (docs/reliability.md)"
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_FIXES = {
    **dict.fromkeys(_DAMAGED, _RESTORE),
    sqlite3.SQLITE_FULL: "make room on its disk",
    sqlite3.SQLITE_IOERR: "look at its disk, the kernel's log says more",
    sqlite3.SQLITE_READONLY: "let this user write to it and to its folder",
    sqlite3.SQLITE_CANTOPEN: "let this user write to it and to its folder, or set PIXMILL_DATA to another",
}
sqlite3.register_adapter(type(None), dict[None, None]().get)
sqlite3.register_adapter(bytes, bytes)
"""Identity adapters, written in C. Without them, sqlite3 searches for an adapter on every bound None or bytes, which
takes 0.4 us each."""
_changing = itemgetter(*map(Row._fields.index, (*CHANGING, "seq")))
"""Makes the parameters of update_job. Binding is half the cost of a row, so only these columns are bound, and from a
plain tuple, which binds faster than a Row."""


def open_ledger(
    path: str | os.PathLike[str], sync: str = "full", *, make: bool = True, progress: Callable[[], None] = lambda: None
) -> "SqliteLedger":
    """Open the ledger for writing. A missing one is made (if `make`), an older one is migrated. `progress` is called
    again and again while a migration goes on.

    With `sync` "normal", a loss of power may lose the last commits; the end of the process never does. Raises
    SetupFault if the file is not a ledger, is from a newer pixmill, or is damaged.
    """
    if sqlite3.sqlite_version_info < _SQLITE_LEAST:
        least = ".".join(map(str, _SQLITE_LEAST))
        raise SetupFault(f"SQLite {sqlite3.sqlite_version} is too old: use a Python built with {least} or later")
    try:
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            _prepare(connection, Path(path), sync, make, progress)
            return SqliteLedger(connection, Path(path), _UNSYNCED if sync == "normal" else Durability())
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, OSError) as error:
        fix = _FIXES.get(_code(error), f"{_RESTORE}, or set PIXMILL_DATA to another folder")
        raise SetupFault(f"the ledger {Path(path)} cannot be opened ({error}): {fix}") from None


def _prepare(connection: sqlite3.Connection, path: Path, sync: str, make: bool, progress: Callable[[], None]) -> None:
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchall()
    if mode != [("wal",)]:
        raise SetupFault(f"the file system of {path} allows no write-ahead log: set PIXMILL_DATA to a local disk")
    connection.execute(f"PRAGMA synchronous = {'NORMAL' if sync == 'normal' else 'FULL'}")
    connection.execute("PRAGMA wal_autocheckpoint = 0").fetchall()  # an automatic checkpoint hides a failed sync
    connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}").fetchall()
    # To check that a state is one of seven, SQLite fills a table of seven for each row. That is a quarter of the CPU of
    # all writing. The type State allows no other value, and PRAGMA integrity_check still checks them.
    connection.execute("PRAGMA ignore_check_constraints = ON")
    found = connection.execute("PRAGMA user_version").fetchall()[0][0]
    if found > SCHEMA:
        raise SetupFault(
            f"the ledger {path} has schema {found}, this pixmill knows {SCHEMA}: use the pixmill that wrote it"
        )
    if found == 0 and not make:
        raise SetupFault(f"the ledger {path} is missing or empty, but files of its jobs exist: {_RESTORE}")
    connection.set_progress_handler(progress, PROGRESS_STEPS)
    for number, script in enumerate(_MIGRATIONS[found:], found + 1):
        sql = (HERE / script).read_text()
        connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")
    connection.set_progress_handler(None, 0)
    sync_folder(path.absolute().parent)  # SQLite syncs the names of its logs but not that of the file itself


class SqliteLedger(BrokerReads):
    """The one writer. After the first failure every call fails: the process must end."""

    schema = SCHEMA
    believed_until = inf
    """Nobody can take the term before this process ends: its locks are the kernel's (stores/ledger/locked.py)."""

    def __init__(self, connection: sqlite3.Connection, path: Path, durability: Durability) -> None:
        self._connection, self._path, self.durability = connection, path, durability
        self._failure: LedgerFailed | None = None
        self._last_seq: int = connection.execute(QUERIES["last_seq"]).fetchall()[0][0] or 0
        self._index = os.open(f"{path}-shm", os.O_RDONLY | os.O_CLOEXEC)
        """Stays open as long as the connection: closing it would release SQLite's locks on the file."""

    def restore(self) -> Restored:
        with self._transaction():
            self._connection.execute(QUERIES["raise_epoch"])
        return Restored(
            meta=meta_of(self._read("meta")[0]),
            running=rows(self._read("running")),
            delayed=rows(self._read("delayed")),
            lanes=[Lane(*lane) for lane in self._read("lanes")],
            sweeps=[SweepEntry(job, tuple(msgspec.json.decode(names))) for job, names in self._read("sweeps")],
            quarantine=sorted((QuarantineEntry(*row) for row in self._read("quarantine")), key=attrgetter("at")),
            tenants=[tenant_of(row) for row in self._read("tenants")],
            nonce=secrets.randbits(NONCE_BITS),
            due_lanes=[lane for (lane,) in self._read("due_lanes")],
            endpoints=endpoints_of(self._read("endpoints")),
            last_delivery=self._read("last_delivery")[0][0],
            deliveries_waiting=self._read("deliveries_waiting")[0][0],
            paused=[tenant for (tenant,) in self._read("paused")],
            open_batches=dict(Counter(tenant for (tenant,) in self._read("opened_by", (OPEN_BATCHES_ALL,)))),
            interval=next((IntervalEntry(*row) for row in self._read("newest_interval")), None),
        )

    def commit(self, records: Records) -> None:
        """As Ledger.commit. A row is new if its seq is above all earlier ones. The update of a missing row fails, as
        does anything else that the schema forbids."""
        new = [row for row in records.jobs if row.seq > self._last_seq]
        known = [row for row in records.jobs if row.seq <= self._last_seq]
        with self._transaction():
            if new:
                self._connection.executemany(QUERIES["insert_job"], map(tuple, new))
            if known:
                updated = self._connection.executemany(QUERIES["update_job"], map(_changing, known)).rowcount
                if updated != len(known):
                    raise sqlite3.IntegrityError(f"{len(known) - updated} updated jobs have no row")
            for name, parameters in lesser_writes(records):
                self._connection.executemany(QUERIES[name], parameters)
            if records.meta is not None:
                self._connection.execute(QUERIES["put_meta"], meta_parameters(records.meta))
        if new:
            self._last_seq = max(row.seq for row in new)

    def wal_bytes(self) -> int:
        """As Ledger.wal_bytes: its frames since the last checkpoint, not the size of the file, which is used again."""
        return self._log_pages() * _LOG_PAGE_BYTES

    def _log_pages(self) -> int:
        return int.from_bytes(os.pread(self._index, 4, _LOG_PAGES_AT), sys.byteorder)

    def tidy(self, busy: bool = False) -> None:
        """As Ledger.tidy: if the log is long (twice as long if `busy`), move it into the file by a checkpoint."""
        self._refuse_if_failed()
        if self._log_pages() >= _CHECKPOINT_PAGES * (2 if busy else 1):
            self._checkpoint()

    def look_up(self, asked: LookUp) -> LookedUp:
        """As Ledger.look_up: one statement for each kind. SQLite runs in this process, so a statement costs no round
        trip."""
        self._refuse_if_failed()
        existing = {job for (job,) in self._read("existing", id_list(asked.ids))} if asked.ids else set()
        if asked.repeated:
            existing.update(job for (job,) in self._read("purged", id_list(asked.repeated)))
        grants = self._read("grants", id_list(asked.grants)) if asked.grants else []
        commands, reached = self._commands(asked.commands, asked.room)
        return LookedUp(
            existing=existing,
            keys=stored_keys(self._read, asked.keys) if asked.keys else {},
            grants={name: GrantEntry(name, used, expires_at) for name, used, expires_at in grants},
            commands=commands,
            reached=reached,
            scanned=many_jobs(self._read, asked.scanned) if asked.scanned else [],
            batches=joined(self._read("joined_batches", id_list(asked.batches))) if asked.batches else {},
        )

    def _commands(self, ids: list[str], room: int) -> tuple[dict[str, Row], int]:
        """The rows of the first jobs, until `room` bytes are reached; and how many of the jobs were looked up."""
        found: dict[str, Row] = {}
        for reached, job in enumerate(ids, 1):
            if (row := one_job(self._read, job)) is not None:
                found[job] = row
                room -= len(row.spec) + len(row.outcome)
                if room <= 0:
                    return found, reached
        return found, len(ids)

    def entries(self, kind: type[Entry], after: str | bytes | int | None, limit: int) -> list[Entry]:
        """As MovableLedger.entries."""
        name, first = ENTRIES[kind]
        return [kind(*row) for row in self._read(name, (first if after is None else after, limit))]

    def raise_epoch(self, above: int) -> None:
        """As MovableLedger.raise_epoch."""
        with self._transaction():
            self._connection.execute(QUERIES["raise_epoch_above"], (above,))

    def identity(self) -> str:
        """As Ledger.identity."""
        found: str = self._read("identity")[0][0]
        return found

    def put_identity(self, identity: str) -> None:
        """As MovableLedger.put_identity."""
        with self._transaction():
            self._connection.execute(QUERIES["put_identity"], (identity,))

    def forget_keys(self, before: float) -> None:
        """As Ledger.forget_keys; one call drops the FORGET_MAX oldest at most."""
        self._read("forget_keys", (before, FORGET_MAX))

    def forget_grants(self, before: float) -> None:
        """As Ledger.forget_grants; one call drops the FORGET_MAX oldest at most."""
        self._read("forget_grants", (before, FORGET_MAX))

    def forget_purged(self, before: float) -> None:
        """As Ledger.forget_purged; one call drops the FORGET_MAX oldest at most."""
        self._read("forget_purged", (before, FORGET_MAX))

    def forget_deliveries(self, before: float) -> None:
        """As Ledger.forget_deliveries; one call drops the FORGET_MAX oldest at most."""
        self._read("forget_deliveries", (before, FORGET_MAX))

    def ended_before(self, before: float, limit: int) -> list[Row]:
        return rows(self._read("ended_before", (before, limit)))

    def ended_after(self, after: tuple[float, int], before: float, limit: int) -> list[Aged]:
        at, seq = after
        return [Aged(*found) for found in self._read("ended_after", (at, at, seq, before, limit))]

    def forget_batches(self, before: float) -> None:
        """As Ledger.forget_batches; one call drops the FORGET_MAX oldest at most."""
        self._read("forget_batches", (before, FORGET_MAX))

    def forget_actions(self, before: float, keep: int) -> None:
        self._read("forget_actions", {"before": before, "keep": keep})

    def finished_batches(self, ids: list[str], at: float) -> list[BatchCount]:
        if not ids:
            return []
        asked, count = id_list(ids)
        found = [BatchEntry(*row) for row in self._read("finished_batches", (asked, at, count))]
        return [BatchCount(entry, self._states(entry) if entry.hooks is not None else {}) for entry in found]

    def _states(self, entry: BatchEntry) -> dict[str, int]:
        return dict(Counter(state for _, state in self._read("batch_counts", (entry.batch, BATCH_JOBS_MAX))))

    def open_batches(self, after: OpenPlace, limit: int) -> list[OpenPlace]:
        return [*self._read("open_batches", (*after, limit))]

    def unended_batches(self, after: str, limit: int) -> list[str]:
        return [batch for (batch,) in self._read("unended_batches", (after, limit))]

    def expiring(self, limit: int) -> list[Row]:
        return rows(self._read("expiring", (limit,)))

    def queued(self, refills: list[Refill]) -> list[list[Row]]:
        asked = ((refill.lane.priority, refill.lane.name, refill.after, refill.limit) for refill in refills)
        return [rows(self._read("queued", values)) for values in asked]

    def matching(self, where: Where, after_seq: int, limit: int, scan_max: int) -> tuple[list[Row], int | None]:
        return listed(self._read, where, "oldest", after_seq, limit, scan_max)

    def close(self) -> None:
        self._connection.close()
        if self._index >= 0:
            os.close(self._index)
            self._index = -1

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._refuse_if_failed()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise self._failed(error) from error

    def _checkpoint(self) -> None:
        """Move the pages of the log into the file. SQLite's automatic checkpoint does this, too, but hides a failed
        sync. After that the next sync may succeed, and SQLite would reuse the log, although pages were lost."""
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _read(self, name: str, parameters: Any = ()) -> list[Any]:
        self._refuse_if_failed()
        try:
            return self._connection.execute(QUERIES[name], parameters).fetchall()
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _refuse_if_failed(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _failed(self, error: sqlite3.Error) -> LedgerFailed:
        code, name = _code(error), getattr(error, "sqlite_errorname", type(error).__name__)
        detail = f"the ledger {self._path} failed ({error}, {name})" + (f": {_FIXES[code]}" if code in _FIXES else "")
        self._failure = LedgerDamaged(detail) if code in _DAMAGED else LedgerFailed(detail)
        return self._failure


def _code(error: Exception) -> int:
    """SQLite's primary result code, 0 for an error that has none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
