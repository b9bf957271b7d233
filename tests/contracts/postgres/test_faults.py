"""Faults of the server and of the way to it: no call hangs, and the next start tells what was committed."""

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from jobs.errors import LedgerFailed, StoreFault
from jobs.records import Lane, LookUp, Records, Refill
from stores.ledger.postgres.candidate import PostgresCandidate
from stores.ledger.postgres.ledger import PostgresLedger
from stores.ledger.postgres.reader import open_reader
from stores.ledger.postgres.term import BELIEF_SECONDS
from tests.contracts.postgres.conftest import Open
from tests.contracts.rows import ended, job_id, row, row_of
from tests.support.clusters.cluster import wait_until
from tests.support.clusters.mounts import small_disk
from tests.support.patience import stretched
from tests.support.servers.postgres import PostgresServer
from tests.support.servers.proxy import Proxy

pytestmark = pytest.mark.cluster


@pytest.fixture
def proxy(postgres: PostgresServer) -> Iterator[Proxy]:
    proxy = Proxy(postgres.port)
    yield proxy
    proxy.close()


@contextlib.contextmanager
def server_on(disk: Path) -> Iterator[PostgresServer]:
    """A server in that folder."""
    server = PostgresServer(folder=disk)
    try:
        yield server
    finally:
        server.close()


def fill(file: Path) -> None:
    """Write into `file` until its disk is full."""
    with file.open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(1 << 16))


def commit_until_refused(ledger: PostgresLedger) -> list[int]:
    """Commit one large row after another until the ledger fails; the rows that were answered."""
    for seq in range(1, 1000):
        try:
            ledger.commit(Records(jobs=[row(seq, spec=os.urandom(100_000))]))
        except LedgerFailed:
            return [*range(1, seq)]
    raise AssertionError("1000 large rows fit on the full disk")


def through(proxy: Proxy, url: str) -> str:
    address, _, database = url.rpartition("/")
    return f"{address.rpartition(':')[0]}:{proxy.port}/{database}"


def test_a_turn_is_one_round_trip_to_look_up_and_one_to_commit(url: str, proxy: Proxy, open_ledger: Open) -> None:
    ledger = open_ledger(through(proxy, url))
    ledger.commit(Records(jobs=[row(seq) for seq in range(1, 100)]))
    before = proxy.round_trips
    ledger.look_up(LookUp(ids=[job_id(7)], keys=[b"k" * 32], grants=["g"], commands=[job_id(8)], scanned=[job_id(9)]))
    assert proxy.round_trips == before + 1
    ledger.commit(Records(jobs=[ended(1), row(100)], removed=[2], swept=["j"], released=[b"q"]))
    assert proxy.round_trips == before + 2


@pytest.mark.parametrize(("cut", "kept"), [("cut_before_request", False), ("cut_before_answer", True)])
def test_a_commit_whose_answer_is_lost_ends_the_writer_and_the_next_start_tells(
    url: str, proxy: Proxy, open_ledger: Open, cut: str, kept: bool
) -> None:
    ledger = open_ledger(through(proxy, url))
    getattr(proxy, cut)()
    with pytest.raises(LedgerFailed):
        ledger.commit(Records(jobs=[row(1)]))
    assert proxy.was_cut.is_set()
    with pytest.raises(LedgerFailed):
        ledger.commit(Records(jobs=[row(2)]))
    following = open_ledger(url)
    assert row_of(following, job_id(1)) == (row(1) if kept else None)
    assert row_of(following, job_id(2)) is None


def test_a_server_that_stands_still_holds_no_call_longer_than_the_belief(
    server: PostgresServer, open_ledger: Open
) -> None:
    ledger = open_ledger(server.database())
    with server.stopped():
        began = time.monotonic()
        with pytest.raises(LedgerFailed, match="no answer in time"):
            ledger.look_up(LookUp(ids=[job_id(1)]))
        assert BELIEF_SECONDS - 0.1 < time.monotonic() - began < BELIEF_SECONDS + stretched(2)


def test_a_commit_that_a_standing_server_carries_out_late_is_decided_before_the_next_term(
    server: PostgresServer, open_ledger: Open
) -> None:
    """The commit is in the server's buffer when its sender gives up. It counts if the server carries it out before
    another start takes the term, else the fence refuses it. Either way the next start and the ledger agree."""
    url = server.database()
    ledger = open_ledger(url)
    with server.stopped(), pytest.raises(LedgerFailed):
        ledger.commit(Records(jobs=[row(1)]))
    following = open_ledger(url)
    found = row_of(following, job_id(1))
    following.commit(Records(jobs=[row(2)]))
    assert row_of(following, job_id(1)) == found


def test_a_server_killed_at_commits_keeps_all_that_was_answered(server: PostgresServer, open_ledger: Open) -> None:
    url = server.database()
    ledger = open_ledger(url)
    for seq in range(1, 20):
        ledger.commit(Records(jobs=[row(seq)]))
    server.kill()
    with pytest.raises(LedgerFailed):
        ledger.commit(Records(jobs=[row(20)]))
    candidate = PostgresCandidate(url)
    with pytest.raises(LedgerFailed, match="cannot be reached"):
        candidate.take()
    server.start()
    following = wait_until(candidate.take, 20, "the term after a crash of the server")
    assert following
    candidate.close()
    (queued,) = following.queued([Refill(Lane(1, "small"), -1, 100)])
    assert [found.seq for found in queued] == [*range(1, 20)]
    following.close()


def test_a_replica_gets_no_term_and_a_promoted_one_is_another_history(
    server: PostgresServer, open_ledger: Open
) -> None:
    url = server.database()
    name = url.rpartition("/")[2]
    first = open_ledger(url)
    first.commit(Records(jobs=[row(1)]))
    first.close()
    replica = server.replica()
    try:
        with pytest.raises(LedgerFailed, match="is a replica"):
            PostgresCandidate(replica.url_of(name)).take()
        reader = open_reader(replica.url_of(name))
        with pytest.raises(StoreFault):
            reader.tenants()
        replica.promote()
        assert reader.tenants() == set(), "the same reader goes on"
        reader.close()
        second = open_ledger(replica.url_of(name))
        assert row_of(second, job_id(1)) == row(1)
        assert second.history != first.history
        second.close()
    finally:
        replica.close()


def test_of_several_hosts_the_primary_is_found_also_after_a_failover(server: PostgresServer, open_ledger: Open) -> None:
    url = server.database()
    open_ledger(url).close()
    replica = server.replica()
    try:
        hosts = f"127.0.0.1:{replica.port},127.0.0.1:{server.port}"
        several = url.replace(f"127.0.0.1:{server.port}", hosts) + "?target_session_attrs=read-write"
        first = open_ledger(several)
        first.commit(Records(jobs=[row(1)]))
        server.wait_for(replica)
        server.kill()
        with pytest.raises(LedgerFailed):
            first.commit(Records(jobs=[row(2)]))
        replica.promote()
        second = open_ledger(several)
        assert row_of(second, job_id(1)) == row(1)
        second.close()
    finally:
        replica.close()


def test_a_full_disk_of_the_server_ends_the_writer_and_loses_nothing(open_ledger: Open) -> None:
    with (
        TemporaryDirectory(prefix="pg-") as place,
        small_disk(Path(place), 160) as disk,
        server_on(disk) as server,
    ):
        url = server.database()
        ledger = open_ledger(url)
        fill(disk / "ballast")
        answered = commit_until_refused(ledger)
        (disk / "ballast").unlink()
        following = open_ledger(url)
        existing = following.look_up(LookUp(ids=[job_id(seq) for seq in range(1, 1000)])).existing
        assert existing >= {job_id(seq) for seq in answered}
        following.close()


def durability(ledger: PostgresLedger) -> str:
    """What its commits rest on, read now."""
    ledger.tidy()
    return ledger.durability.word


def test_what_commits_rest_on_is_read_at_the_start_and_again(
    server: PostgresServer, open_ledger: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stores.ledger.postgres.ledger.DURABILITY_SECONDS", 0.0)
    ledger = open_ledger(server.database())
    assert ledger.durability.word == "local"
    replica = server.replica()
    try:
        wait_until(lambda: durability(ledger) == "asynchronous", 10, "the server to know its replica")
        with psycopg.connect(server.url, autocommit=True) as sql:
            sql.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            sql.execute("SELECT pg_reload_conf()")

        wait_until(lambda: durability(ledger) == "synchronous", 10, "the new settings")
    finally:
        replica.close()


def test_a_commit_that_waits_for_a_standby_is_not_ended_and_stays_unseen(
    server: PostgresServer, open_ledger: Open
) -> None:
    """To end it would show its rows, which are on no replica yet: web would take them for committed."""
    url = server.database()
    open_ledger(url).close()
    candidate = PostgresCandidate(url)
    with psycopg.connect(url, autocommit=True) as sql:
        sql.execute("UPDATE pixmill.term SET until = clock_timestamp() - interval '2 seconds'")
        sql.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        sql.execute("SELECT pg_reload_conf()")
        wait_until(lambda: sql.execute("SHOW synchronous_standby_names").fetchall() == [("nobody",)], 5, "the setting")
        waiting = threading.Thread(target=_commit_change, args=(url, 7))
        waiting.start()
        states = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        wait_until(lambda: sql.execute(states).fetchall(), 5, "the commit to wait for a replica")
        for _ in range(3):
            with pytest.raises(LedgerFailed, match="waits for a synchronous replica"):
                candidate.take()
        assert sql.execute("SELECT change FROM pixmill.meta").fetchall() == [(0,)]
        sql.execute("ALTER SYSTEM RESET synchronous_standby_names")
        sql.execute("SELECT pg_reload_conf()")
        waiting.join()
    ledger = candidate.take()
    assert ledger
    assert ledger.restore().meta.change == 7
    ledger.close()


def _commit_change(url: str, change: int) -> None:
    with psycopg.connect(url) as holder:
        holder.execute("UPDATE pixmill.term SET turn = turn + 1")
        holder.execute("UPDATE pixmill.meta SET change = %s", [change])
