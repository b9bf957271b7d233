"""A ledger of every earlier schema number opens, keeps what it holds, and is then as a new one."""

import sqlite3
from pathlib import Path

import msgspec
import pytest

from jobs.errors import SetupFault
from jobs.job import Outcome, Row, Spec, State, decode_outcome, decode_spec
from jobs.records import ActionEntry, DeadlineEntry, LookUp, QuarantineEntry
from stores.ledger.sqlite import SCHEMA, open_ledger
from tests.contracts.rows import row_of
from tests.support.harnesses import old_ledgers

NUMBERS = range(1, SCHEMA + 1)
RELEASED = 5
"""The schema of the last release whose readers name no columns."""


def shape(path: Path) -> dict[str, str]:
    """Every table and index with the words that made it."""
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return {name: " ".join(sql.split()) for name, sql in found}


def read(row: Row | None) -> tuple[Row, Spec, Outcome]:
    """A row, and what its two blobs say: later versions write more into them, and other recipes."""
    assert row
    spec = msgspec.structs.replace(decode_spec(row.spec), recipe="")
    return row._replace(spec=b"", outcome=b""), spec, decode_outcome(row.outcome)


def _undated(job: tuple[Row, Spec, Outcome]) -> tuple[Row, Spec, Outcome]:
    """As before there were deadlines."""
    row, spec, outcome = job
    return row, spec, msgspec.structs.replace(outcome, expires_at=None)


def test_every_number_has_its_fixture() -> None:
    there = {old_ledgers.path(number).name for number in NUMBERS}
    assert there == {file.name for file in old_ledgers.FOLDER.iterdir()}, (
        "python -m tests.support.harnesses.old_ledgers"
    )


@pytest.mark.parametrize("number", NUMBERS)
def test_an_older_ledger_becomes_as_a_new_one(number: int, tmp_path: Path) -> None:
    path = old_ledgers.lay_down(number, tmp_path / "old")
    open_ledger(path).close()
    open_ledger(tmp_path / "new").close()
    assert shape(path) == shape(tmp_path / "new")


@pytest.mark.parametrize("number", NUMBERS)
def test_an_older_ledger_keeps_what_it_holds(number: int, tmp_path: Path) -> None:
    ledger = open_ledger(old_ledgers.lay_down(number, tmp_path))
    expected = old_ledgers.records()
    found = [read(row_of(ledger, row.id)) for row in expected.jobs]
    assert found == [read(row) if number >= 7 else _undated(read(row)) for row in expected.jobs]
    assert ledger.entries(DeadlineEntry, None, 9) == (expected.deadlines if number >= 7 else [])
    assert ledger.look_up(LookUp(keys=[old_ledgers.KEY])).keys == {old_ledgers.KEY: expected.keys[0]}
    grants = {old_ledgers.GRANT: expected.grants[0]} if number >= 4 else {}
    assert ledger.look_up(LookUp(grants=[old_ledgers.GRANT])).grants == grants
    restored = ledger.restore()
    assert [row.id for row in restored.running + restored.delayed] == [
        old_ledgers.JOBS[State.RUNNING],
        old_ledgers.JOBS[State.DELAYED],
    ]
    assert (restored.meta.change, restored.meta.counts["done"]) == (40, 1)
    assert restored.sweeps == expected.sweeps
    assert restored.tenants == expected.tenants
    assert restored.paused == (expected.paused if number >= 12 else [])
    unknown = QuarantineEntry(old_ledgers.CONTENT, "", 0.0)
    assert restored.quarantine == (expected.quarantined if number >= 5 else [unknown])
    deliveries = [row if number >= 13 else row._replace(trace=None) for row in expected.deliveries]
    kept = (["hooks.example "], expected.endpoints, deliveries) if number >= 8 else ([], [], [])
    assert (restored.due_lanes, restored.endpoints, ledger.deliveries_at([1])) == kept
    assert ledger.entries(ActionEntry, None, 9) == ([*expected.actions.values()] if number >= 11 else [])
    ledger.close()


def test_web_processes_of_the_release_before_read_the_jobs_of_today(tmp_path: Path) -> None:
    """Its statements are `SELECT * FROM jobs`, and during an upgrade they read the ledger of a newer broker."""
    path = old_ledgers.lay_down(RELEASED, tmp_path)
    with sqlite3.connect(path) as connection:
        before = connection.execute("SELECT * FROM jobs WHERE state <> 'queued'").fetchall()
        open_ledger(path).close()
        assert connection.execute("SELECT * FROM jobs WHERE state <> 'queued'").fetchall() == before
    connection.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration is one transaction with its number: killed or failed in the middle, it begins again."""
    path = old_ledgers.lay_down(1, tmp_path)
    before = shape(path)
    (tmp_path / "broken.sql").write_text("CREATE TABLE fresh (a);\nCREATE TABLE keys (b);\n")
    monkeypatch.setattr("stores.ledger.sqlite.HERE", tmp_path)
    monkeypatch.setattr("stores.ledger.sqlite._MIGRATIONS", ("none", "broken.sql"))
    with pytest.raises(SetupFault, match="table keys already exists"):
        open_ledger(path)
    assert shape(path) == before


def test_a_migration_tells_its_progress_and_a_ledger_that_is_up_to_date_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    monkeypatch.setattr("stores.ledger.sqlite.PROGRESS_STEPS", 20)
    path = old_ledgers.lay_down(1, tmp_path)
    open_ledger(path, progress=lambda: told.append(1)).close()
    assert len(told) > 10
    told.clear()
    ledger = open_ledger(path, progress=lambda: told.append(1))
    ledger.restore()
    ledger.close()
    assert told == []
