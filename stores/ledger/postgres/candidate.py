"""A broker that wants the term: connects, brings the schema up to date, and takes the term when it is free.

Owns the order of a start, and what may be waited for: a server that is down or starting, a term that another broker
holds. What no waiting cures is a SetupFault. All times of the term are the database's.
"""

import os
import re
import socket
import time
from collections.abc import Callable
from typing import Any

from jobs.errors import LedgerFailed, SetupFault
from stores.ledger.postgres import schema
from stores.ledger.postgres.connection import Connection, ServerFault, address_of
from stores.ledger.postgres.ledger import PostgresLedger
from stores.ledger.postgres.progress import watched
from stores.ledger.postgres.statements import asked
from stores.ledger.postgres.term import AGAIN_SECONDS, BELIEF_SECONDS, GONE_SECONDS, TERM_SECONDS, Term

SERVER_LEAST = 13
_MENDED = re.compile(
    r"authentication failed|no password supplied|does not exist|no such (user|database)|permission denied"
    r"|pg_hba\.conf|not permitted to log in"
)
"""What a server, or a pooler, says that refuses a connection until a person mends that: libpq tells no code there. All
else may pass. (A broker under systemd that ends with status 2 is not started again.)"""
_RACES = frozenset({"23505", "42P06", "42P07", "40001", "40P01", "55P03"})
"""Codes of a start beside another broker, which makes the schema first, or has the term's row."""
_PASSING = frozenset({"08", "25", "53", "57", "58"})
"""Classes of codes that a later try may not meet: a lost connection, a server that becomes a primary, one without room
or memory, one that ends or begins, and a fault of its disk."""


class PostgresCandidate:
    """Takes the term of the ledger at `url`. `make` is asked before an empty database becomes a ledger: if it says
    False, jobs existed, and the ledger is lost. `lock` names a lock of the machine that the caller holds, as
    lock_name: a holder who named the same one has ended. `uses`: the ledgers that may be opened (schema.py).
    `progress` is called by another thread while the server works on a migration. As Candidate."""

    again_seconds = AGAIN_SECONDS
    predecessor_seconds = TERM_SECONDS + 2.0

    def __init__(
        self,
        url: str,
        make: Callable[[], bool] = lambda: True,
        lock: Callable[[], str] = str,
        uses: tuple[str, ...] = (schema.WHOLE,),
        progress: Callable[[], None] = lambda: None,
    ) -> None:
        self._url, self._make, self._lock, self._uses, self._progress = url, make, lock, uses, progress
        try:
            self._address = address_of(url)
        except ServerFault as fault:
            raise SetupFault(f"PIXMILL_LEDGER_URL is no address of PostgreSQL ({fault.detail}): correct it") from None
        self.refusal = (
            f"another broker holds the term of the ledger {self._address}: stop it, set PIXMILL_LEDGER_URL to another "
            "database, or let brokers stand by (PIXMILL_BROKERS)"
        )
        self._connection: Connection | None = None

    def take(self) -> PostgresLedger | None:
        """As Candidate.take. Raises SetupFault for what a person must change."""
        try:
            return self._take()
        except (SetupFault, LedgerFailed):
            self.close()
            raise
        except ServerFault as fault:
            self.close()
            if fault.code in _RACES:
                return None
            raise self._fault(fault) from None

    def close(self) -> None:
        """Close the connection, if this candidate has one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _take(self) -> PostgresLedger | None:
        if self._connection is None:
            self._connection = Connection(self._url, "pixmill broker")
        ((version, encoding, recovers, has_namespace, exists),) = self._ask("server")
        self._refuse_server(version, encoding)
        if recovers:
            raise LedgerFailed(f"the ledger {self._address} is a replica, which takes no commits")
        if not exists:
            self._refuse_lost()
            schema.begin(self._connection, has_namespace)
        number = self._known_schema()
        if any(waits for waits, _ in self._ask("end_expired")):
            raise LedgerFailed(f"a commit in the ledger {self._address} waits for a synchronous replica of the server")
        nonce, lock, sent_at = os.urandom(16), self._lock(), time.monotonic()
        holder = f"{socket.gethostname()} {os.getpid()} {lock}"
        taken = self._ask("take", [nonce, holder, TERM_SECONDS, GONE_SECONDS, lock])
        if not taken:
            return None
        connection, self._connection = self._connection, None
        ledger = PostgresLedger(connection, self._address, Term(taken[0][0], nonce, 0, sent_at))
        if number < schema.SCHEMA:
            with watched(self._url, self._progress):
                ledger.migrate(number)
        return ledger

    def _refuse_server(self, version: int, encoding: str) -> None:
        if version < SERVER_LEAST * 10_000:
            raise SetupFault(f"{self._address} is PostgreSQL {version // 10_000}: use {SERVER_LEAST} or a later one")
        if encoding != "UTF8":
            raise SetupFault(
                f"the database {self._address} has the encoding {encoding}, which cannot hold every name: make one "
                "with ENCODING 'UTF8' (docs/machines.md)"
            )

    def _known_schema(self) -> int:
        number: int
        ((number, use),) = self._ask("schema")
        if number > schema.SCHEMA:
            raise SetupFault(
                f"the ledger {self._address} has schema {number}, this pixmill knows {schema.SCHEMA}: "
                "use the pixmill that wrote it"
            )
        if use not in self._uses:
            why = "a move filled it in part: end that move" if use == schema.FILLING else "it was moved elsewhere"
            raise SetupFault(
                f"the ledger {self._address} is not in use ({why}): correct PIXMILL_LEDGER_URL (docs/machines.md)"
            )
        return number

    def _refuse_lost(self) -> None:
        if not self._make():
            raise SetupFault(
                f"the ledger {self._address} is empty, but files of its jobs exist: restore it from a backup "
                "(docs/reliability.md)"
            )

    def _fault(self, fault: ServerFault) -> LedgerFailed | SetupFault:
        """LedgerFailed if a later try may succeed, else SetupFault."""
        if fault.code[:2] not in _PASSING and (fault.code or _MENDED.search(fault.detail)):
            return SetupFault(
                f"the ledger {self._address} cannot be opened ({fault.detail}): correct PIXMILL_LEDGER_URL, or the "
                "rights of its user (docs/machines.md)"
            )
        return LedgerFailed(f"the ledger {self._address} cannot be reached ({fault.detail})")

    def _ask(self, name: str, values: Any = ()) -> list[tuple[Any, ...]]:
        """The rows of one statement. It waits for no lock longer than LOCK_TIMEOUT of queries.sql says."""
        assert self._connection
        _, found = self._connection.run([asked("bound_waits"), asked(name, values)], time.monotonic() + BELIEF_SECONDS)
        return found
