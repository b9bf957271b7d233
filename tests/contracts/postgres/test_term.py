"""The term of the PostgreSQL ledger: one writer at a time, whatever happens to the others."""

import threading
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from jobs.errors import LedgerFailed, SetupFault
from jobs.records import Records
from stores.ledger.postgres.candidate import PostgresCandidate
from stores.ledger.postgres.schema import plain
from stores.ledger.postgres.statements import Asked
from stores.ledger.postgres.term import GONE_SECONDS
from tests.contracts.postgres.conftest import Open, end_term, is_free
from tests.contracts.rows import job_id, row, row_of
from tests.support.clusters.cluster import wait_until
from tests.support.servers.postgres import PostgresServer

pytestmark = pytest.mark.cluster


def epoch_of(sql: psycopg.Connection) -> int:
    return int(sql.execute("SELECT epoch FROM pixmill.term").fetchall()[0][0])


def test_the_term_has_one_holder_and_is_free_once_it_closes(url: str, open_ledger: Open) -> None:
    ledger = open_ledger(url)
    assert not is_free(url)
    ledger.close()
    assert is_free(url)


def test_a_term_that_was_taken_between_two_commits_ends_the_first_writer(
    url: str, open_ledger: Open, sql: psycopg.Connection
) -> None:
    first = open_ledger(url)
    first.commit(Records(jobs=[row(1)]))
    end_term(sql)
    second = open_ledger(url)
    with pytest.raises(LedgerFailed, match="the term is lost"):
        first.commit(Records(jobs=[row(2)]))
    with pytest.raises(LedgerFailed):
        first.tidy()
    assert row_of(second, job_id(1)) == row(1)
    assert row_of(second, job_id(2)) is None
    second.commit(Records(jobs=[row(2, priority=0)]))
    first.close()
    second.commit(Records(jobs=[row(3)]))


def test_a_term_that_is_taken_while_a_commit_is_on_its_way_rolls_it_back(
    url: str, open_ledger: Open, sql: psycopg.Connection
) -> None:
    ledger, failed = open_ledger(url), list[LedgerFailed]()

    def commit() -> None:
        try:
            ledger.commit(Records(jobs=[row(1)]))
        except LedgerFailed as fault:
            failed.append(fault)

    waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    committing = threading.Thread(target=commit)
    with psycopg.connect(url) as thief:
        thief.execute("UPDATE pixmill.term SET epoch = epoch + 1, nonce = 'thief'")
        committing.start()
        wait_until(lambda: sql.execute(waits).fetchall()[0][0], 5, "the commit to wait for the thief")
    committing.join()
    assert "the term is lost" in failed[0].detail
    assert sql.execute("SELECT count(*) FROM pixmill.jobs").fetchall() == [(0,)]


def test_a_commit_that_was_lost_by_the_server_ends_the_writer(
    url: str, open_ledger: Open, sql: psycopg.Connection
) -> None:
    """As behind a pooler, which goes on with a replica that lacks the last commit."""
    ledger = open_ledger(url)
    ledger.commit(Records(jobs=[row(1)]))
    sql.execute("UPDATE pixmill.term SET turn = turn - 1")
    with pytest.raises(LedgerFailed, match="the term is lost"):
        ledger.commit(Records(jobs=[row(2)]))


def test_a_holder_whose_connection_ended_is_followed_soon_and_no_sooner(
    url: str, open_ledger: Open, sql: psycopg.Connection
) -> None:
    ledger = open_ledger(url)
    sql.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pixmill broker'"
                " AND datname = current_database()")  # fmt: skip
    with pytest.raises(LedgerFailed):
        ledger.commit(Records(jobs=[row(1)]))
    assert not is_free(url)
    age = "SELECT extract(epoch FROM clock_timestamp() - renewed_at)::float FROM pixmill.term"
    wait_until(lambda: sql.execute(age).fetchall()[0][0] >= GONE_SECONDS, 5, "the term to be free")
    assert is_free(url)


@pytest.mark.parametrize(("holders", "ours", "free"), [("a", "a", True), ("a", "b", False), ("", "", False)])
def test_a_holder_whose_connection_ended_is_followed_at_once_by_who_has_its_lock(
    url: str, sql: psycopg.Connection, holders: str, ours: str, free: bool
) -> None:
    """The lock of the machine proves that the holder's process ended. What it sent last may still be under way."""
    ledger = PostgresCandidate(url, lock=lambda: holders).take()
    assert ledger
    assert not is_free(url, ours)
    sql.execute("SELECT pg_terminate_backend(backend::int, 5000) FROM pixmill.term")
    assert is_free(url, ours) == free
    with pytest.raises(LedgerFailed):
        ledger.commit(Records(jobs=[row(1)]))
    ledger.close()


def test_a_silent_holder_keeps_its_term_as_long_as_it_is_connected(
    url: str, open_ledger: Open, sql: psycopg.Connection
) -> None:
    open_ledger(url)
    sql.execute("UPDATE pixmill.term SET renewed_at = renewed_at - interval '1 hour'")
    assert not is_free(url)
    end_term(sql)
    assert is_free(url)


def test_a_holder_that_stands_still_within_a_transaction_is_ended(
    url: str, open_ledger: Open, sql: psycopg.Connection
) -> None:
    open_ledger(url).close()
    sql.execute("UPDATE pixmill.term SET until = clock_timestamp() - interval '2 seconds'")
    with psycopg.connect(url) as stuck:
        stuck.execute("UPDATE pixmill.term SET turn = turn + 1")
        assert is_free(url)
        with pytest.raises(psycopg.OperationalError):
            stuck.execute("SELECT 1")


def test_the_epoch_is_the_time_and_never_falls(url: str, open_ledger: Open, sql: psycopg.Connection) -> None:
    open_ledger(url).close()
    first = epoch_of(sql)
    assert abs(first - float(sql.execute("SELECT extract(epoch FROM now())").fetchall()[0][0])) < 60
    sql.execute("UPDATE pixmill.term SET epoch = epoch + 1000000")
    open_ledger(url).close()
    assert epoch_of(sql) == first + 1_000_001
    sql.execute("UPDATE pixmill.term SET epoch = 3")  # an old back-up was put back
    open_ledger(url).close()
    assert epoch_of(sql) >= first


def test_of_two_that_start_on_an_empty_database_one_gets_the_term(url: str) -> None:
    candidates, barrier, taken = [PostgresCandidate(url) for _ in range(4)], threading.Barrier(4), []

    def take(candidate: PostgresCandidate) -> None:
        barrier.wait()
        taken.append(candidate.take())

    threads = [threading.Thread(target=take, args=(each,)) for each in candidates]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(taken) == 4
    assert len([ledger for ledger in taken if ledger]) <= 1
    winner = next((ledger for ledger in taken if ledger), None) or wait_until(candidates[0].take, 5, "the term")
    assert winner
    winner.close()
    for candidate in candidates:
        candidate.close()


def test_a_commit_is_synced_and_a_renewal_is_not(url: str, open_ledger: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, settings = open_ledger(url), list[str]()
    run, shown = ledger._connection.run, plain("SHOW synchronous_commit")

    def noting(statements: Sequence[Asked], deadline: float) -> list[list[tuple[Any, ...]]]:
        *found, ((setting,),) = run([*statements, shown], deadline)
        settings.append(setting)
        return found

    monkeypatch.setattr(ledger._connection, "run", noting)
    ledger.commit(Records(jobs=[row(1)]))
    ledger.forget_keys(1.0)
    ledger.commit(Records(jobs=[row(2)]))
    assert settings == ["on", "off", "on"]


def test_an_idle_holder_renews_and_a_busy_one_does_not_twice(
    url: str, open_ledger: Open, sql: psycopg.Connection
) -> None:
    ledger = open_ledger(url)
    renewed = "SELECT turn FROM pixmill.term"
    before = sql.execute(renewed).fetchall()[0][0]
    ledger.tidy()
    assert sql.execute(renewed).fetchall()[0][0] == before
    believed = ledger.believed_until

    def renews() -> bool:
        ledger.tidy()
        return ledger.believed_until > believed

    wait_until(renews, 5, "a renewal")
    assert sql.execute(renewed).fetchall()[0][0] == before + 1


def test_what_no_waiting_cures_is_a_setup_fault(postgres: PostgresServer) -> None:
    with pytest.raises(SetupFault, match="does not exist"):
        PostgresCandidate(postgres.url_of("nowhere")).take()
    with pytest.raises(SetupFault, match="does not exist"):
        PostgresCandidate(postgres.url.replace("pixmill@", "nobody@")).take()
    with pytest.raises(SetupFault, match="is no address"):
        PostgresCandidate("postgresql://host/base?nonsense=1")


def test_a_server_that_is_down_is_waited_for() -> None:
    with pytest.raises(LedgerFailed, match="cannot be reached"):
        PostgresCandidate("postgresql://pixmill@127.0.0.1:1/postgres").take()
