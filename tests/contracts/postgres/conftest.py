"""Ledgers in new databases of the session's server, and a second hand on the same database. A second server for the
tests that kill theirs."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from stores.ledger.postgres.candidate import PostgresCandidate
from stores.ledger.postgres.ledger import PostgresLedger
from tests.support.clusters.cluster import wait_until
from tests.support.servers.postgres import PostgresServer, server_or_skip

Open = Callable[[str], PostgresLedger]


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    """An empty database."""
    return postgres.database()


@pytest.fixture(scope="package")
def mortal() -> Iterator[PostgresServer]:
    """The server of all tests that kill it, stop it or change its settings."""
    server = server_or_skip("faults of the PostgreSQL server")
    yield server
    server.close()


@pytest.fixture
def server(mortal: PostgresServer) -> Iterator[PostgresServer]:
    """A server that may be killed, stopped, followed and changed by ALTER SYSTEM. At the end it is as before."""
    yield mortal
    assert mortal.process
    if mortal.process.poll() is not None:
        mortal.start()
    with psycopg.connect(mortal.url, autocommit=True) as sql:
        sql.execute("ALTER SYSTEM RESET ALL")
        sql.execute("SELECT pg_reload_conf()")
        changed = (
            "SELECT 1 FROM pg_stat_replication UNION ALL"
            " SELECT 1 FROM pg_settings WHERE sourcefile LIKE '%postgresql.auto.conf'"
        )
        wait_until(lambda: not sql.execute(changed).fetchall(), 10, "the server to be as before")


@pytest.fixture
def open_ledger() -> Iterator[Open]:
    """Takes the term at an address and restores, waiting for the term; closes the ledger at the end."""
    opened: list[PostgresLedger] = []

    def take(url: str) -> PostgresLedger:
        ledger = wait_until(PostgresCandidate(url).take, 20, "the term")
        assert ledger
        opened.append(ledger)
        ledger.restore()
        return ledger

    yield take
    for ledger in opened:
        ledger.close()


@pytest.fixture
def sql(url: str) -> Iterator[psycopg.Connection]:
    """An administrator's connection to the database."""
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def end_term(sql: psycopg.Connection) -> None:
    """Make the term look as if its holder had not renewed it in time."""
    sql.execute("UPDATE pixmill.term SET until = clock_timestamp()")


def is_free(url: str, lock: str = "") -> bool:
    """Whether a broker that starts now, and holds this lock, gets the term; it gives it back at once."""
    candidate = PostgresCandidate(url, lock=lambda: lock)
    ledger = candidate.take()
    candidate.close()
    if ledger is not None:
        ledger.close()
    return ledger is not None
