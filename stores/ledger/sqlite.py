"""The ledger as one SQLite file in WAL mode: one writing connection, many reading ones.

Owns the file, its schema number and its pragmas. The statements are in queries.sql, the tables in schema.sql and the
numbered scripts after it. Knows no message and no policy. The caller must hold a lock, so that only one process writes:
before 3.51.3 SQLite can corrupt a log that two connections write.
"""

import contextlib
import os
import sqlite3
import sys
from collections.abc import Iterator
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any

import msgspec

from host.files.folders import sync_folder
from jobs.errors import LedgerDamaged, LedgerFailed, SetupFault
from jobs.job import Row
from jobs.records import (
    GrantEntry,
    Lane,
    LookedUp,
    LookUp,
    QuarantineEntry,
    Records,
    Restored,
    SweepEntry,
    Where,
)
from stores.ledger.statements import (
    CHANGING,
    HERE,
    QUERIES,
    id_list,
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

_MIGRATIONS = ("schema.sql", "schema-2.sql", "schema-3.sql", "schema-4.sql", "schema-5.sql")
"""The n-th script brings a ledger from schema n - 1 to n."""
SCHEMA = len(_MIGRATIONS)
_SQLITE_LEAST = (3, 38, 0)
"""From this version on, STRICT tables and json_each need no build option."""
_CHECKPOINT_PAGES = 2000
"""Pages of log between checkpoints: 8 MB. A checkpoint takes 10 ms of CPU, and the disk's time. Fewer checkpoints would
not cost less in total."""
_LOG_PAGES_AT = 16
"""Offset of the log's number of pages, 4 bytes, in the index of the log (the file -shm; see SQLite's walformat)."""
_LOG_BYTES = 64 * 1024 * 1024
FORGET_MAX = 10_000
"""How many entries one call drops at most, so that no call stops the event loop for long."""

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


def open_ledger(path: str | os.PathLike[str], sync: str = "full", *, make: bool = True) -> "SqliteLedger":
    """Open the ledger for writing. A missing one is made (if `make`), an older one is migrated.

    With `sync` "normal", a loss of power may lose the last commits; the end of the process never does. Raises
    SetupFault if the file is not a ledger, is from a newer pixmill, or is damaged.
    """
    if sqlite3.sqlite_version_info < _SQLITE_LEAST:
        least = ".".join(map(str, _SQLITE_LEAST))
        raise SetupFault(f"SQLite {sqlite3.sqlite_version} is too old: use a Python built with {least} or later")
    try:
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            _prepare(connection, Path(path), sync, make)
            return SqliteLedger(connection, Path(path))
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, OSError) as error:
        fix = _FIXES.get(_code(error), f"{_RESTORE}, or set PIXMILL_DATA to another folder")
        raise SetupFault(f"the ledger {Path(path)} cannot be opened ({error}): {fix}") from None


def _prepare(connection: sqlite3.Connection, path: Path, sync: str, make: bool) -> None:
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
    for number, script in enumerate(_MIGRATIONS[found:], found + 1):
        sql = (HERE / script).read_text()
        connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")
    sync_folder(path.absolute().parent)  # SQLite syncs the names of its logs but not that of the file itself


class SqliteLedger:
    """The one writer. After the first failure every call fails: the process must end."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection, self._path = connection, path
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

    def tidy(self, busy: bool = False) -> None:
        """As Ledger.tidy: if the log is long (twice as long if `busy`), move it into the file by a checkpoint."""
        self._refuse_if_failed()
        pages = int.from_bytes(os.pread(self._index, 4, _LOG_PAGES_AT), sys.byteorder)
        if pages >= _CHECKPOINT_PAGES * (2 if busy else 1):
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

    def forget_keys(self, before: float) -> None:
        """As Ledger.forget_keys; one call drops the FORGET_MAX oldest at most."""
        self._read("forget_keys", (before, FORGET_MAX))

    def forget_grants(self, before: float) -> None:
        """As Ledger.forget_grants; one call drops the FORGET_MAX oldest at most."""
        self._read("forget_grants", (before, FORGET_MAX))

    def forget_purged(self, before: float) -> None:
        """As Ledger.forget_purged; one call drops the FORGET_MAX oldest at most."""
        self._read("forget_purged", (before, FORGET_MAX))

    def ended_before(self, before: float, limit: int) -> list[Row]:
        return rows(self._read("ended_before", (before, limit)))

    def queued(self, priority: int, lane: str, after: int, limit: int) -> list[Row]:
        return rows(self._read("queued", (priority, lane, after, limit)))

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
