"""No statement of the ledger reads more than it must: SQLite's own plans say so."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.job import Row
from stores.ledger.sqlite import open_ledger
from stores.ledger.statements import QUERIES, named

WHOLE_TABLES = {
    "sweeps": "sweeps",
    "quarantine": "quarantine",
    "tenants": "tenants",
    "endpoints": "endpoints",
    "deliveries_waiting": "deliveries",
}
WHOLE_TABLES |= {"forget_actions": "actions", "paused": "paused", "opened_by": "batches"}
"""Statements that read a whole small table, or index: at a start, what lives in memory anyway; and ACTIONS_MAX rows."""
UNFINISHED = ("running", "delayed", "queued", "lanes")
"""Statements that stand on the partial index."""


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite3"
    open_ledger(path).close()
    opened = sqlite3.connect(path)
    yield opened
    opened.close()


def plan(connection: sqlite3.Connection, sql: str) -> list[str]:
    names = set(re.findall(r":(\w+)", sql))
    parameters = dict.fromkeys(names, 1) if names else (1,) * sql.count("?")
    return [step[3] for step in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()]


def scans(steps: list[str]) -> list[str]:
    """What is read from end to end: tables, and sorts of what was read."""
    found = []
    for step in steps:
        table = re.match(r"SCAN (?!CONSTANT ROW)(\w+)", step)
        if table:
            found.append(table[1])
        elif "TEMP B-TREE" in step or "AUTOMATIC" in step:
            found.append(step)
    return found


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_no_statement_scans_or_sorts(connection: sqlite3.Connection, name: str) -> None:
    allowed = {
        "json_each",
        "found",
        "(subquery",
        WHOLE_TABLES.get(name),
        *(["deadlines"] if name == "expiring" else []),
    }
    steps = plan(connection, QUERIES[name])
    assert [scan for scan in scans(steps) if scan not in allowed] == []


@pytest.mark.parametrize("name", UNFINISHED)
def test_queries_on_unfinished_jobs_use_the_partial_index(connection: sqlite3.Connection, name: str) -> None:
    assert "state <> 'done'" in QUERIES[name]
    steps = [step for step in plan(connection, QUERIES[name]) if "jobs_unfinished" in step]
    assert steps
    assert all("state=?" in step for step in steps)


def test_deadlines_are_read_in_the_order_of_their_index(connection: sqlite3.Connection) -> None:
    first, second = plan(connection, QUERIES["expiring"])
    assert "deadlines_in_order" in first
    assert "INTEGER PRIMARY KEY (rowid=?)" in second


@pytest.mark.parametrize("name", [name for name in QUERIES if re.match("(edge|rows)_", name)])
def test_a_list_scans_the_index_of_its_source_within_bounds(connection: sqlite3.Connection, name: str) -> None:
    _, _, source = name.split("_")
    (step,) = plan(connection, QUERIES[name])
    index, equal = {
        "all": ("INTEGER PRIMARY KEY", ""),
        "tenant": ("jobs_by_tenant", "tenant=? AND "),
        "reference": ("jobs_by_reference", "tenant=? AND reference=? AND "),
    }[source]
    assert index in step
    assert step.endswith(f"({equal}rowid>? AND rowid<?)")
    assert re.search(r"LIMIT (:limit|1 OFFSET :scan_max);\s*$", QUERIES[name])


@pytest.mark.parametrize("name", [name for name in QUERIES if re.match("delivery_(edge|rows)_", name)])
def test_a_list_of_deliveries_scans_the_index_of_its_source_within_bounds(
    connection: sqlite3.Connection, name: str
) -> None:
    (step,) = plan(connection, QUERIES[name])
    index, equal = {
        "all": ("INTEGER PRIMARY KEY", ""),
        "tenant": ("deliveries_by_tenant", "tenant=? AND "),
        "job": ("deliveries_by_job", "job=? AND "),
    }[name.rpartition("_")[2]]
    assert index in step
    assert step.endswith(f"({equal}rowid>? AND rowid<?)")


def test_what_is_due_is_searched_in_its_index(connection: sqlite3.Connection) -> None:
    assert all("deliveries_due (lane" in step for step in plan(connection, QUERIES["due"]))
    assert [step for step in plan(connection, QUERIES["due_lanes"]) if "SCAN deliveries" in step] == []
    assert "SCAN deliveries USING COVERING INDEX deliveries_due" in plan(connection, QUERIES["deliveries_waiting"])


def test_these_checks_see_a_scan(connection: sqlite3.Connection) -> None:
    assert scans(plan(connection, "SELECT * FROM jobs WHERE state = 'dead' ORDER BY worker")) == [
        "jobs",
        "USE TEMP B-TREE FOR ORDER BY",
    ]


def test_every_read_is_limited_but_those_of_a_start() -> None:
    unlimited = {name for name, sql in QUERIES.items() if "SELECT" in sql and "LIMIT" not in sql}
    assert unlimited == {
        "meta",
        "identity",
        "last_seq",
        "running",
        "delayed",
        "sweeps",
        "quarantine",
        "tenants",
        "paused",
    } | {
        "last_delivery",
        "deliveries_waiting",
        "endpoints",
    }


def test_no_statement_takes_whatever_columns_there_are() -> None:
    """A later release may add a column while web processes of this one read."""
    assert [name for name, sql in QUERIES.items() if re.search(r"SELECT \*(?! FROM \()|INTO \w+ VALUES", sql)] == []


def test_the_columns_are_those_of_a_row(connection: sqlite3.Connection) -> None:
    columns = [column[1] for column in connection.execute("PRAGMA table_info (jobs)").fetchall()]
    assert tuple(columns) == Row._fields


def test_statements_are_read_by_name() -> None:
    text = "-- a remark\n\n-- name: one\nSELECT 1;\n\n-- name: two\n-- why\nSELECT 2;\n"
    assert named(text) == {"one": "SELECT 1;\n\n", "two": "-- why\nSELECT 2;\n"}
    files = Path("stores/ledger/queries.sql"), Path("stores/ledger/deliveries/sqlite.sql")
    assert len(QUERIES) == sum(len(re.findall("-- name", file.read_text())) for file in files)
