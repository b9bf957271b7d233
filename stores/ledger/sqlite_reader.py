"""The readers of the SQLite ledger, for web: any number of read-only connections.

Knows no message and no policy. The writer is sqlite.py.
"""

import contextlib
import os
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

from jobs.errors import LedgerBusy, StoreFault
from jobs.job import Row
from jobs.limits import BATCH_JOBS_MAX
from jobs.records import ActionEntry, BatchEntry, IntervalEntry, KeyEntry, Mark, Where
from stores.ledger.deliveries.reads import WebReads
from stores.ledger.statements import (
    QUERIES,
    counted,
    id_list,
    intervals_after,
    listed,
    many_jobs,
    mark_of,
    newest_actions,
    one_job,
    rows,
    stored_keys,
)

_READ_SECONDS = 1.0
"""How long a reader waits for a lock. Only a recovery holds a lock that stops readers."""


def open_reader(path: str | os.PathLike[str], wait_seconds: float = _READ_SECONDS) -> "SqliteReader":
    """A reader of the ledger at `path`, which need not exist yet. `wait_seconds`: how long it waits for a lock before
    it raises LedgerBusy; on an event loop this must be 0."""
    return SqliteReader(Path(path).absolute(), wait_seconds)


def copy_ledger(path: Path, target: Path) -> None:
    """Copy the ledger, in the state of one moment, into a synced file. The broker may write to it meanwhile.

    The copy is made in one step, because in several steps each commit would restart it. SQLite cannot reuse its log
    meanwhile: for 100,000 jobs that is some tenths of a second. Raises StoreFault.
    """
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
    except sqlite3.Error as error:
        raise StoreFault(f"the ledger {path} cannot be copied: {error}") from None


class SqliteReader(WebReads):
    """Reads committed data over one connection. The first read opens it; it is reopened after a failure, or if another
    file is at the path. For one thread at a time."""

    def __init__(self, path: Path, wait_seconds: float) -> None:
        self._wait_seconds = wait_seconds
        self._path = path
        self._address = f"{path.as_uri()}?mode=ro"
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def mark(self) -> Mark:
        return mark_of(self._read("meta")[0])

    def job(self, job: str) -> Row | None:
        return one_job(self._read, job)

    def jobs(self, ids: list[str]) -> list[Row]:
        return many_jobs(self._read, ids)

    def fates(self, ids: list[str]) -> dict[str, str]:
        asked, count = id_list(ids)
        return dict(self._read("fates", (asked, asked, 2 * count)))

    def tenants(self) -> set[str]:
        return {tenant for tenant, *_ in self._read("tenants")}

    def keys(self, keys: list[bytes]) -> dict[bytes, KeyEntry]:
        return stored_keys(self._read, keys)

    def batch(self, batch: str) -> list[Row]:
        return rows(self._read("batch", (batch, BATCH_JOBS_MAX)))

    def batch_counts(self, batch: str) -> dict[tuple[str, str], int]:
        return dict(Counter(self._read("batch_counts", (batch, BATCH_JOBS_MAX))))

    def batch_entry(self, batch: str) -> BatchEntry | None:
        return next((BatchEntry(*found) for found in self._read("batch_entry", (batch,))), None)

    def page(self, where: Where, before: int | None, limit: int, scan_max: int) -> tuple[list[Row], int | None]:
        return listed(self._read, where, "newest", before, limit, scan_max)

    def count(self, where: Where, before: int | None, scan_max: int) -> tuple[int, int | None]:
        return counted(self._read, where, before, scan_max)

    def actions(self, before: str | None, limit: int) -> list[ActionEntry]:
        return newest_actions(self._read, before, limit)

    def intervals(self, after: int) -> list[IntervalEntry]:
        return intervals_after(self._read, after)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _read(self, name: str, parameters: Any = ()) -> list[Any]:
        try:
            return self._connected().execute(QUERIES[name], parameters).fetchall()
        except (sqlite3.Error, OSError) as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                raise LedgerBusy("the ledger is locked for a moment: try again") from None
            self.close()
            raise StoreFault(f"the ledger cannot be read ({error})") from None

    def _connected(self) -> sqlite3.Connection:
        found = os.stat(self._path)
        file = (found.st_dev, found.st_ino)
        if self._connection is None or file != self._file:
            self.close()
            self._connection = sqlite3.connect(
                self._address, uri=True, isolation_level=None, timeout=self._wait_seconds, check_same_thread=False
            )
            self._file = file
        return self._connection
