"""Web's view of the PostgreSQL ledger: read-only, over one connection for one thread at a time.

Owns how long a read may take, when the connection is opened again, and that nobody takes a replica for the primary.
Knows no term and no message.
"""

import time
from collections.abc import Sequence
from typing import Any

from jobs.errors import SetupFault, StoreFault
from jobs.job import Row
from jobs.limits import BATCH_JOBS_MAX
from jobs.records import ActionEntry, BatchEntry, IntervalEntry, KeyEntry, Mark, Where
from stores.ledger.deliveries.reads import WebReads
from stores.ledger.postgres.connection import Connection, ServerFault, address_of
from stores.ledger.postgres.statements import asked
from stores.ledger.statements import counted, intervals_after, listed, mark_of, newest_actions, rows

READ_SECONDS = 2.0
"""How long one read may take, after which the connection is given up. A list of 10,000 rows takes some 0.1 s."""


def open_reader(url: str) -> "PostgresReader":
    """A reader of the primary at `url`, whose server need not run yet. Raises SetupFault if that is no address."""
    return PostgresReader(url, _checked(url, "PIXMILL_LEDGER_URL"), is_primary=True)


def open_replica(url: str) -> "PostgresReader":
    """The same for a replica, or for any server that follows one."""
    return PostgresReader(url, _checked(url, "PIXMILL_LEDGER_READ_URL"), is_primary=False)


def _checked(url: str, setting: str) -> str:
    try:
        return address_of(url)
    except ServerFault as fault:
        raise SetupFault(f"{setting} is no address of PostgreSQL ({fault.detail}): correct it") from None


class PostgresReader(WebReads):
    """Reads committed data. The first read connects; a read on a connection that the server has ended since the last
    one connects again. As LedgerReader. `is_primary`: decisions rest on it, so a server in recovery is refused."""

    def __init__(self, url: str, address: str, *, is_primary: bool) -> None:
        self._url, self._address, self._is_primary = url, address, is_primary
        self._connection: Connection | None = None

    @staticmethod
    def _many(seqs: list[int]) -> Sequence[Any]:
        return [seqs]

    def mark(self) -> Mark:
        return mark_of(self._read("meta")[0])

    def job(self, job: str) -> Row | None:
        return next(iter(rows(self._read("job", [job]))), None)

    def jobs(self, ids: list[str]) -> list[Row]:
        found = {row.id: row for row in rows(self._read("jobs", [ids]))} if ids else {}
        return [found[job] for job in ids if job in found]

    def fates(self, ids: list[str]) -> dict[str, str]:
        return dict(self._read("fates", [ids])) if ids else {}

    def tenants(self) -> set[str]:
        return {tenant for tenant, *_ in self._read("tenants")}

    def keys(self, keys: list[bytes]) -> dict[bytes, KeyEntry]:
        return {key: KeyEntry(key, *rest) for key, *rest in self._read("keys", [keys])} if keys else {}

    def batch(self, batch: str) -> list[Row]:
        return rows(self._read("batch", [batch, BATCH_JOBS_MAX]))

    def batch_counts(self, batch: str) -> dict[tuple[str, str], int]:
        found = self._read("batch_counts", [batch, BATCH_JOBS_MAX])
        return {(tenant, state): number for tenant, state, number in found}

    def batch_entry(self, batch: str) -> BatchEntry | None:
        return next((BatchEntry(*found) for found in self._read("batch_entry", [batch])), None)

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

    def _read(self, name: str, values: Any = ()) -> list[tuple[Any, ...]]:
        deadline = time.monotonic() + READ_SECONDS
        try:
            if self._connection is not None:
                try:
                    return self._once(name, values, deadline)
                except ServerFault:
                    self.close()
                    if time.monotonic() >= deadline:
                        raise  # else perhaps only this connection is old
            self._connection = self._connected(deadline)
            return self._once(name, values, deadline)
        except ServerFault as fault:
            self.close()
            # The address is for the log alone: a client gets the sentence.
            raise StoreFault("the ledger cannot be read") from ServerFault(f"{self._address}: {fault.detail}")

    def _connected(self, deadline: float) -> Connection:
        """A new connection. A server becomes a replica by a restart only, so that is asked once."""
        connection = Connection(self._url, "pixmill web")
        if self._is_primary:
            ((recovers,),) = connection.run([asked("recovers")], deadline)[0]
            if recovers:
                connection.close()
                raise ServerFault("the server is a replica: LEDGER_URL must name the primary")
        return connection

    def _once(self, name: str, values: Any, deadline: float) -> list[tuple[Any, ...]]:
        assert self._connection is not None
        (found,) = self._connection.run([asked(name, values)], deadline)
        return found
