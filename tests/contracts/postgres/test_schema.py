"""The schema of the PostgreSQL ledger: made, brought up to date under the term, refused if it is newer."""

import threading

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from jobs.errors import LedgerFailed, SetupFault
from jobs.records import Records
from stores.ledger.postgres import progress, schema
from stores.ledger.postgres.candidate import PostgresCandidate
from stores.ledger.postgres.statements import COLUMNS, DELIVERY_COLUMNS
from tests.contracts.postgres.conftest import Open
from tests.contracts.rows import job_id, row, row_of
from tests.support.clusters.cluster import wait_until
from tests.support.servers.postgres import PostgresServer

pytestmark = pytest.mark.cluster


def number(sql: psycopg.Connection) -> int:
    return int(sql.execute("SELECT number FROM pixmill.schema").fetchall()[0][0])


def test_a_new_ledger_has_the_newest_schema(url: str, open_ledger: Open, sql: psycopg.Connection) -> None:
    open_ledger(url)
    assert number(sql) == schema.SCHEMA
    for table, expected in (("jobs", COLUMNS), ("deliveries", DELIVERY_COLUMNS)):
        columns = sql.execute(
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = 'pixmill' AND table_name = %s ORDER BY ordinal_position",
            (table,),
        )
        assert dict(columns.fetchall()) == expected


def test_a_ledger_of_a_newer_pixmill_is_refused(url: str, open_ledger: Open, sql: psycopg.Connection) -> None:
    open_ledger(url).close()
    sql.execute("UPDATE pixmill.schema SET number = number + 1")
    with pytest.raises(SetupFault, match=f"this pixmill knows {schema.SCHEMA}: use the pixmill that wrote it"):
        PostgresCandidate(url).take()


def test_a_database_of_another_encoding_is_refused_whatever_it_holds(postgres: PostgresServer) -> None:
    """In LATIN1 or SQL_ASCII names would come back as others, or a stranger's name would end each broker."""
    with psycopg.connect(postgres.url, autocommit=True) as sql:
        sql.execute("CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    with pytest.raises(SetupFault, match=r"encoding LATIN1.*ENCODING 'UTF8'"):
        PostgresCandidate(postgres.url_of("latin")).take()


def test_an_empty_database_is_refused_if_jobs_existed(url: str, sql: psycopg.Connection) -> None:
    with pytest.raises(SetupFault, match="restore it from a backup"):
        PostgresCandidate(url, make=lambda: False).take()
    assert sql.execute("SELECT to_regnamespace('pixmill')").fetchall() == [(None,)]


def test_an_older_ledger_is_brought_up_to_date_behind_the_fence(
    url: str, open_ledger: Open, sql: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = open_ledger(url)
    added = [schema.plain("ALTER TABLE pixmill.jobs ADD COLUMN later text")]
    monkeypatch.setattr(schema, "SCHEMA", schema.SCHEMA + 1)
    monkeypatch.setattr(schema, "script", lambda number: added)
    sql.execute("UPDATE pixmill.term SET nonce = 'thief'")
    with pytest.raises(LedgerFailed, match="the term is lost"):
        ledger.migrate(schema.SCHEMA - 1)
    assert number(sql) == schema.SCHEMA - 1
    sql.execute("UPDATE pixmill.term SET until = clock_timestamp()")
    open_ledger(url)
    assert number(sql) == schema.SCHEMA
    assert sql.execute("SELECT count(later) FROM pixmill.jobs").fetchall() == [(0,)]


@pytest.mark.parametrize(("blocked", "named"), [(False, False), (False, True), (True, False)])
def test_a_migration_that_goes_on_tells_so_and_one_that_waits_for_a_lock_does_not(
    url: str, open_ledger: Open, sql: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, blocked: bool, named: bool
) -> None:
    open_ledger(url).close()
    monkeypatch.setattr(schema, "SCHEMA", schema.SCHEMA + 1)
    sql.execute("CREATE TABLE pixmill.held ()")
    script = [schema.plain("SELECT count(*), pg_sleep(2) FROM pixmill.held")]
    monkeypatch.setattr(schema, "script", lambda number: script)
    monkeypatch.setattr(progress, "LOOK_SECONDS", 0.1)
    told: list[str] = []
    taken: list[object] = []
    address = make_conninfo(url, application_name="another") if named else url
    candidate = PostgresCandidate(address, progress=lambda: told.append(threading.current_thread().name))
    holder = psycopg.connect(url)
    if blocked:
        holder.execute("LOCK TABLE pixmill.held")
    taking = threading.Thread(target=lambda: taken.append(candidate.take()))
    taking.start()
    if blocked:
        waits = "SELECT 1 FROM pg_locks WHERE NOT granted"
        wait_until(lambda: sql.execute(waits).fetchall(), 10, "the migration to wait for the lock")
        holder.execute("SELECT pg_sleep(1.5)")
        assert told == []
        holder.rollback()
    taking.join()
    holder.close()
    assert number(sql) == schema.SCHEMA
    assert set(told) == {"migration"}
    (ledger,) = taken
    ledger.close()  # type: ignore[attr-defined]


def test_the_schema_may_be_made_by_an_administrator(url: str, open_ledger: Open, sql: psycopg.Connection) -> None:
    sql.execute("CREATE SCHEMA pixmill")
    open_ledger(url)
    assert number(sql) == schema.SCHEMA


def test_an_ordinary_user_needs_no_right_but_its_database(url: str, open_ledger: Open, sql: psycopg.Connection) -> None:
    name = url.rpartition("/")[2]
    sql.execute("DROP ROLE IF EXISTS plain")
    sql.execute("CREATE ROLE plain LOGIN")
    sql.execute(f"ALTER DATABASE {name} OWNER TO plain".encode())
    plain = url.replace("pixmill@", "plain@")
    ledger = open_ledger(plain)
    ledger.commit(Records(jobs=[row(1)]))
    ledger.close()
    sql.execute("UPDATE pixmill.term SET until = clock_timestamp() - interval '2 seconds'")
    stuck = psycopg.connect(plain)
    stuck.execute("UPDATE pixmill.term SET turn = turn + 1")
    following = open_ledger(plain)
    stuck.close()
    assert row_of(following, job_id(1)) == row(1)
    assert following.durability.word == "local"
    following.close()
    sql.execute(f"ALTER DATABASE {name} OWNER TO pixmill".encode())
    sql.execute("REASSIGN OWNED BY plain TO pixmill")
    sql.execute("DROP ROLE plain")


def test_a_user_without_rights_is_told_so(url: str, sql: psycopg.Connection) -> None:
    sql.execute("DROP ROLE IF EXISTS powerless")
    sql.execute("CREATE ROLE powerless LOGIN")
    with pytest.raises(SetupFault, match=r"permission denied.*the rights of its user"):
        PostgresCandidate(url.replace("pixmill@", "powerless@")).take()
    sql.execute("DROP ROLE powerless")
