"""One connection to a PostgreSQL server: several statements in one round trip, with a deadline of its own.

Owns psycopg's low-level interface (libpq's pipeline mode). psycopg has no time-out for an answer, and a server that
stands still closes no connection: so this file waits on the socket itself. Knows no statement and no term.
"""

import contextlib
import re
import select
import time
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from stores.ledger.postgres.statements import Asked

CONNECT_SECONDS = 3
_PLAIN = {"connect_timeout": CONNECT_SECONDS, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
"""Parameters of the connection, for each that the address does not set."""
_BINARY = 1
_PORTS = re.compile(r"[0-9,]*", re.ASCII)


class ServerFault(Exception):
    """The server did not do what was asked. `code`: its SQLSTATE; empty if the connection was lost, or no answer came
    in time. `place`: which of the statements it refused."""

    def __init__(self, detail: str, code: str = "", place: int = -1) -> None:
        super().__init__(detail)
        self.detail, self.code, self.place = detail, code, place


_FORM = (
    "it must be as postgresql://USER:PASSWORD@HOST:PORT/DATABASE, where %2F stands for a slash in the password, and "
    "%40 for an @"
)


def address_of(url: str) -> str:
    """Server and database for a message. Raises ServerFault if it is no address. Neither shows the password: libpq's
    own message would quote it, and if it was not encoded, libpq takes parts of it for the host or the database."""
    try:
        found = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except psycopg.ProgrammingError:
        raise ServerFault(_FORM, "08001") from None
    place, port = found.get("host") or found.get("hostaddr") or "localhost", found.get("port") or "5432"
    database = found.get("dbname") or found.get("user") or "postgres"
    if "@" in database or "@" in place[1:] or not _PORTS.fullmatch(port):  # an @ may begin the name of a local socket
        raise ServerFault(_FORM, "08001")
    return f"{database} on {place}:{port}"


class Connection:
    """Connects when it is made, which takes CONNECT_SECONDS at most for each address of the server. Raises ServerFault.
    After the first lost connection or late answer it stays closed."""

    def __init__(self, url: str, application: str) -> None:
        try:
            chosen = {**_PLAIN, "application_name": application, **conninfo_to_dict(url), "client_encoding": "utf8"}
            self._connection = psycopg.connect(make_conninfo("", **chosen), autocommit=True, prepare_threshold=None)
        except psycopg.Error as error:
            raise ServerFault(_line(str(error))) from None
        self._pg = self._connection.pgconn
        self._pg.nonblocking = 1
        self._pg.enter_pipeline_mode()
        self._poll = select.poll()

    def run(self, asked: Sequence[Asked], deadline: float) -> list[list[tuple[Any, ...]]]:
        """The rows of each statement. All are one transaction, and one round trip. Raises ServerFault: with a code if
        the server rolled back, without one if nobody knows what it did; the latter also at `deadline` (monotonic)."""
        try:
            for statement, values in asked:
                self._pg.send_query_params(
                    statement.text, statement.values(values), statement.oids, [_BINARY] * len(statement.oids), _BINARY
                )
            self._pg.pipeline_sync()
            results = self._results(deadline)
        except psycopg.Error as error:
            self.close()
            raise ServerFault(_line(str(error))) from None
        if len(results) != len(asked):
            self.close()
            raise ServerFault("the connection was lost")
        return [self._rows(result) for result in results]

    def close(self) -> None:
        """Close the connection, without waiting for the server."""
        with contextlib.suppress(psycopg.Error):
            self._connection.close()

    def _results(self, deadline: float) -> list[pq.abc.PGresult]:
        """Send what is left and read the results, up to the end of the transaction."""
        results: list[pq.abc.PGresult] = []
        refused: ServerFault | None = None
        while True:
            self._wait(deadline)
            while not self._pg.is_busy():
                result = self._pg.get_result()
                if result is None:  # the end of one statement's results
                    if self._pg.status != pq.ConnStatus.OK:
                        raise psycopg.OperationalError(self._pg.get_error_message())
                    continue
                if result.status == pq.ExecStatus.PIPELINE_SYNC:
                    if refused is not None:
                        raise refused
                    return results
                if result.status == pq.ExecStatus.FATAL_ERROR and refused is None:
                    refused = self._refusal(result, len(results))
                results.append(result)

    def _refusal(self, result: pq.abc.PGresult, place: int) -> ServerFault:
        code = result.error_field(pq.DiagnosticField.SQLSTATE)
        if code is None or self._pg.status != pq.ConnStatus.OK:
            raise psycopg.OperationalError(result.get_error_message())
        return ServerFault(_line(result.get_error_message()), code.decode(), place)

    def _wait(self, deadline: float) -> None:
        """Wait until something has arrived, and read it. Meanwhile send what is left."""
        unsent = self._pg.flush()
        while True:
            self._poll.register(self._pg.socket, select.POLLIN | (select.POLLOUT if unsent else 0))
            left = deadline - time.monotonic()
            ready = self._poll.poll(max(0, int(left * 1000) + 1)) if left > 0 else []
            if not ready:
                raise psycopg.OperationalError("no answer in time")
            if ready[0][1] & ~select.POLLOUT:
                self._pg.consume_input()
                return
            unsent = self._pg.flush()

    def _rows(self, result: pq.abc.PGresult) -> list[tuple[Any, ...]]:
        if not result.ntuples:
            return []
        reader = Transformer(self._connection)
        reader.set_pgresult(result)
        return reader.load_rows(0, result.ntuples, tuple)


def _line(message: str) -> str:
    """A message of the server on one line."""
    return " ".join(message.split())
