"""The ledgers that the contract suites run over, each in a home of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import psycopg
import pytest

from stores.ledger import Ledger, LedgerReader
from stores.ledger.memory import MemoryLedger
from stores.ledger.postgres.candidate import PostgresCandidate
from stores.ledger.postgres.reader import open_reader as open_postgres_reader
from stores.ledger.sqlite import open_ledger
from stores.ledger.sqlite_reader import open_reader
from tests.support.clusters.cluster import wait_until
from tests.support.servers.postgres import PostgresServer


class Home(Protocol):
    """Where a ledger lives: it can be opened again, as a restart does, and read by others."""

    def restart(self) -> Ledger: ...

    def reader(self) -> LedgerReader: ...


class SqliteHome:
    def __init__(self, path: Path) -> None:
        self._path = path
        self.opened: list[Ledger | LedgerReader] = []

    def restart(self) -> Ledger:
        self.close()
        ledger = open_ledger(self._path)
        self.opened.append(ledger)
        return ledger

    def reader(self) -> LedgerReader:
        reader = open_reader(self._path)
        self.opened.append(reader)
        return reader

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()


class MemoryHome:
    def __init__(self) -> None:
        self._ledger = MemoryLedger()

    def restart(self) -> Ledger:
        return self._ledger

    def reader(self) -> LedgerReader:
        return self._ledger


class PostgresHome:
    def __init__(self, url: str) -> None:
        self._url = url
        self.opened: list[Ledger | LedgerReader] = []

    def restart(self) -> Ledger:
        self.close()
        ledger = wait_until(PostgresCandidate(self._url).take, 10, "the term of a ledger that failed")
        assert ledger
        self.opened.append(ledger)
        return ledger

    def reader(self) -> LedgerReader:
        reader = open_postgres_reader(self._url)
        self.opened.append(reader)
        return reader

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> str:
    return postgres.database()


@pytest.fixture
def emptied(database: str) -> str:
    """A database without a ledger. To drop a schema is quicker than to make a database."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS pixmill CASCADE")
    return database


@pytest.fixture(params=["sqlite", "memory", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    if request.param == "memory":
        yield MemoryHome()
        return
    if request.param == "sqlite":
        home: SqliteHome | PostgresHome = SqliteHome(tmp_path / "ledger.sqlite3")
    else:
        home = PostgresHome(request.getfixturevalue("emptied"))
    yield home
    home.close()


@pytest.fixture
def ledger(home: Home) -> Ledger:
    ledger = home.restart()
    ledger.restore()
    return ledger


@pytest.fixture
def reader(home: Home, ledger: Ledger) -> LedgerReader:
    return home.reader()
