"""The PostgreSQL server of the tests: it keeps what was committed, stands still when told, and has replicas."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.support.clusters.cluster import wait_until
from tests.support.servers.postgres import PostgresServer, server_or_skip

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """One for all tests: each leaves it running."""
    server = server_or_skip("the server that other tests use")
    yield server
    server.close()


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True, connect_timeout=2) as connection:
        connection.execute(statement.encode())


def asked(url: str, question: str) -> object:
    with psycopg.connect(url, connect_timeout=2) as connection:
        return connection.execute(question.encode()).fetchall()[0][0]


def test_what_was_committed_outlives_a_kill(server: PostgresServer) -> None:
    url = server.database()
    execute(url, "CREATE TABLE t AS SELECT 7 AS a")
    server.kill()
    with pytest.raises(psycopg.OperationalError):
        execute(url, "SELECT 1")
    server.start()
    assert asked(url, "SELECT a FROM t") == 7


def test_a_stopped_server_answers_nothing_until_it_goes_on(server: PostgresServer) -> None:
    with server.stopped(), pytest.raises(psycopg.OperationalError):
        execute(server.url, "SELECT 1")
    assert asked(server.url, "SELECT 1") == 1


def test_a_promoted_replica_has_what_it_received(server: PostgresServer) -> None:
    execute(server.url, "CREATE TABLE t AS SELECT 7 AS a")
    replica = server.replica()
    try:
        execute(server.url, "UPDATE t SET a = 8")
        wait_until(lambda: asked(replica.url, "SELECT a FROM t") == 8, 10, "the replica to follow")
        assert asked(replica.url, "SELECT pg_is_in_recovery()") is True
        replica.promote()
        assert asked(replica.url, "SELECT pg_is_in_recovery()") is False
    finally:
        replica.close()
