"""No statement of the PostgreSQL ledger reads a whole table that grows with the jobs."""

import re
import time
from typing import Any

import psycopg
import pytest

from stores.ledger.postgres.candidate import PostgresCandidate
from stores.ledger.postgres.connection import Connection
from stores.ledger.postgres.statements import STATEMENTS, Asked
from stores.ledger.postgres.values import KINDS, Kind
from tests.contracts.postgres.conftest import Open
from tests.support.servers.postgres import PostgresServer

pytestmark = pytest.mark.cluster

WHOLE = {"sweeps", "quarantine", "tenants"}
"""What a start reads whole, because it lives in memory."""
WHOLE_TABLES = re.compile(r"Seq Scan on (jobs|keys|grants|purged)\b")
SAMPLES: dict[str, Any] = {
    "bigint": 7, "double precision": 7.0, "text": "small", "bytea": b"k", "bigint[]": [7], "double precision[]": [7.0],
    "text[]": ["a", "b"], "bytea[]": [b"k"],
}  # fmt: skip
GIVEN = {"tenant": "t7", "low": 5, "high": 19_000, "limit": 100, "scan_max": 1000, "state": "dead", "priority": 1}
GIVEN |= {"after": 0, "code": None, "preset": None, "reference": "r", "room": 1000}
FILL = """
INSERT INTO pixmill.jobs SELECT n, 'job' || n, 't' || n % 9, CASE n % 200 WHEN 0 THEN 'queued' ELSE 'done' END,
    1, 'small', n, 0, 0, n, n, n, NULL, NULL, NULL, CASE n % 3 WHEN 0 THEN 'r' END, NULL, NULL, NULL, '', '', ''
FROM generate_series(1, 20000) AS n;
INSERT INTO pixmill.keys SELECT decode(md5(n::text), 'hex'), 'job' || n, '', n FROM generate_series(1, 20000) AS n;
INSERT INTO pixmill.purged SELECT 'old' || n, n FROM generate_series(1, 20000) AS n;
INSERT INTO pixmill.grants SELECT 'grant' || n, 1, n FROM generate_series(1, 20000) AS n;
"""


def sample(name: str, kind: Kind) -> Any:
    """A value for a parameter."""
    plain = next(SAMPLES[type_name] for type_name, each in KINDS.items() if each is kind)
    return plain if isinstance(plain, list) else GIVEN.get(name, plain)


def test_no_statement_scans(url: str, open_ledger: Open, sql: psycopg.Connection) -> None:
    open_ledger(url).close()
    sql.execute(FILL)
    sql.execute("ANALYZE")
    connection = Connection(url, "plans")
    scanned, explained = [], 0
    for name, statement in STATEMENTS.items():
        values = [sample(*each) for each in zip(statement.names, statement.kinds, strict=True)]
        if name not in WHOLE:
            wanted = Asked(statement._replace(text=b"EXPLAIN " + statement.text), values)
            (plan,) = connection.run([wanted], time.monotonic() + 5)
            explained += 1
            if found := WHOLE_TABLES.search("\n".join(line for (line,) in plan)):
                scanned.append((name, found[0]))
    connection.close()
    assert scanned == []
    assert explained > 40


HALVES = """
INSERT INTO pixmill.jobs SELECT n, 'job' || n, CASE WHEN n <= 30000 THEN 'old' ELSE 'new' END, 'done',
    1, 'small', n, 0, 0, n, n, n, NULL, NULL, NULL, 'r', NULL, NULL, NULL, '', '', ''
FROM generate_series(1, 60000) AS n;
"""


@pytest.fixture(scope="module")
def halves(postgres: PostgresServer) -> str:
    """A ledger of two tenants with many jobs."""
    url = postgres.database()
    ledger = PostgresCandidate(url).take()
    assert ledger
    ledger.close()
    with psycopg.connect(url, autocommit=True) as sql:
        sql.execute(HALVES)
        sql.execute("ANALYZE")
    return url


@pytest.mark.parametrize("by", ["tenant", "reference"])
@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_a_tenant_s_list_passes_by_no_job_of_others(halves: str, by: str, order: str) -> None:
    """Half of all jobs are the tenant's, and all others come first: by the primary key, each of those would be read."""
    given: dict[str, Any] = {"tenant": "old" if order == "newest" else "new", "reference": "r", "state": "done"}
    given |= {"low": -1, "high": 2**63 - 1, "limit": 51, "scan_max": 1000}
    connection = Connection(halves, "plans")
    for name in (f"edge_{order}_{by}", f"rows_{order}_{by}"):
        statement = STATEMENTS[name]
        wanted = Asked(
            statement._replace(text=b"EXPLAIN (ANALYZE) " + statement.text), [*map(given.get, statement.names)]
        )
        (plan,) = connection.run([wanted], time.monotonic() + 5)
        lines = "\n".join(line for (line,) in plan)
        assert f"using jobs_by_{by}" in lines, lines
        assert not re.search("Rows Removed|Sort|Bitmap", lines), lines
    connection.close()
