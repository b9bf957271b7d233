"""Web's reads beside a replica that lags: it decides nothing, and no list is older than what was told."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from host.settings.settings import Settings
from jobs.errors import StoreFault
from jobs.records import Meta, Records, Where
from stores.ledger import LedgerReader
from stores.ledger.postgres.ledger import PostgresLedger
from stores.ledger.postgres.reader import PostgresReader, open_reader, open_replica
from tests.contracts.postgres.conftest import Open
from tests.contracts.rows import ended, job_id, row
from tests.support.clusters.cluster import wait_until
from tests.support.servers.postgres import PostgresServer, server_or_skip
from web.access.parts import open_web
from web.broker.reads import InThreads, Reading, Reads

pytestmark = pytest.mark.cluster


class Pair:
    """A new ledger on a primary, and its replica."""

    def __init__(self, primary: PostgresServer, replica: PostgresServer, open_ledger: Open) -> None:
        self.primary, self.replica = primary, replica
        self.url = primary.database()
        self.ledger: PostgresLedger = open_ledger(self.url)
        self.replica_url = self.replica.url_of(self.url.rpartition("/")[2])

    def replays(self, on: bool) -> None:
        """Whether the replica replays what it receives."""
        with psycopg.connect(self.replica.url, autocommit=True) as connection:
            connection.execute(f"SELECT pg_wal_replay_{'resume' if on else 'pause'}()".encode())

    def commit(self, *rows: Any) -> None:
        self.ledger.commit(Records(jobs=[*rows], meta=Meta(change=max(each.change for each in rows))))


@pytest.fixture(scope="module")
def followed() -> Iterator[tuple[PostgresServer, PostgresServer]]:
    """A primary and its replica, for the tests that leave them so."""
    primary = server_or_skip("reads beside a replica of PostgreSQL")
    replica = primary.replica()
    yield primary, replica
    replica.close()
    primary.close()


@pytest.fixture
def pair(followed: tuple[PostgresServer, PostgresServer], open_ledger: Open) -> Pair:
    return Pair(*followed, open_ledger)


@pytest.fixture
def reads(pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reads]:
    """As a web process has them; at the end all connections are closed, when the last thread is done."""
    settings = Settings(data=str(tmp_path), ledger_url=pair.url, ledger_read_url=pair.replica_url)
    reads = open_web(settings, logging.getLogger("web")).reads
    opened = list[LedgerReader]()

    def counted(real: Callable[[Settings], LedgerReader], settings: Settings) -> LedgerReader:
        opened.append(real(settings))
        return opened[-1]

    pools = [reads.quick, reads.long, reads.replica._replica if reads.replica else None]
    idle = list[list[LedgerReader]]()
    for pool in pools:
        assert isinstance(pool, InThreads)
        monkeypatch.setattr(pool, "_open", partial(counted, pool._open.func, settings))  # type: ignore[attr-defined]
        idle.append(pool._idle)
    yield reads
    wait_until(lambda: len(opened) == sum(map(len, idle)), 10, "the last read to end")
    for reader in opened:
        reader.close()


def source(ledger: LedgerReader) -> str:
    assert isinstance(ledger, PostgresReader)
    return "primary" if ledger._is_primary else "replica"


def page(ledger: LedgerReader) -> dict[int, str]:
    return {found.seq: found.state for found in ledger.page(Where(), None, 10, 100)[0]}


def result(reading: Reading, read: Callable[[LedgerReader], Any]) -> Any:
    return asyncio.run(reading.do(read))


def test_a_replica_that_stands_still_hides_no_job_and_takes_back_no_end(pair: Pair, reads: Reads) -> None:
    pair.commit(row(1))
    pair.primary.wait_for(pair.replica)
    replica = open_replica(pair.replica_url)
    pair.replays(False)
    pair.commit(ended(1, change=9), row(2, change=10))
    assert page(replica) == {1: "queued"}, "the replica lags"
    for reading in (reads.quick, reads.long):
        assert result(reading, lambda ledger: ledger.job(job_id(2))) == row(2, change=10)
        assert result(reading, lambda ledger: ledger.fates([job_id(1)])) == {job_id(1): "done"}
    assert result(reads.lists, page) == {1: "done", 2: "queued"}
    assert result(reads.lists, source) == "primary"
    assert reads.replica
    assert asyncio.run(reads.replica.state()) == "behind"
    pair.replays(True)
    pair.primary.wait_for(pair.replica)
    assert asyncio.run(reads.replica.state()) == "current"
    assert result(reads.lists, source) == "replica"
    replica.close()


def test_lists_come_from_the_replica_while_the_primary_is_away(pair: Pair, reads: Reads) -> None:
    pair.commit(row(1))
    pair.primary.wait_for(pair.replica)
    with pair.primary.stopped():
        with pytest.raises(StoreFault):
            result(reads.quick, lambda ledger: ledger.job(job_id(1)))
        assert result(reads.lists, page) == {1: "queued"}
        assert asyncio.run(reads.replica.state()) == "readable"  # type: ignore[union-attr]


def test_a_replica_is_never_taken_for_the_primary(pair: Pair) -> None:
    pair.primary.wait_for(pair.replica)
    reader = open_reader(pair.replica_url)
    with pytest.raises(StoreFault) as fault:
        reader.tenants()
    assert "LEDGER_URL must name the primary" in str(fault.value.__cause__)
    reader.close()
