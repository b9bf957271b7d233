"""A ledger of every earlier schema number opens, keeps what it holds, and is then as a new one."""

import sqlite3
from pathlib import Path

import msgspec
import pytest

from jobs.errors import SetupFault
from jobs.job import Outcome, Row, Spec, State, decode_outcome, decode_spec
from jobs.records import LookUp, QuarantineEntry
from stores.ledger.sqlite import SCHEMA, open_ledger
from tests.contracts.rows import row_of
from tests.support.harnesses import old_ledgers

NUMBERS = range(1, SCHEMA + 1)


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
    assert [read(row_of(ledger, row.id)) for row in expected.jobs] == [read(row) for row in expected.jobs]
    assert ledger.look_up(LookUp(keys=[old_ledgers.KEY])).keys == {old_ledgers.KEY: expected.keys[0]}
    grants = {old_ledgers.GRANT: expected.grants[0]} if number >= 4 else {}
    assert ledger.look_up(LookUp(grants=[old_ledgers.GRANT])).grants == grants
    restored = ledger.restore()
    assert [row.id for row in restored.running + restored.delayed] == [
        old_ledgers.JOBS[State.RUNNING],
        old_ledgers.JOBS[State.DELAYED],
    ]
    assert (restored.meta.change, restored.meta.epoch, restored.meta.counts["done"]) == (40, 1, 1)
    assert restored.sweeps == expected.sweeps
    assert restored.tenants == expected.tenants
    unknown = QuarantineEntry(old_ledgers.CONTENT, "", 0.0)
    assert restored.quarantine == (expected.quarantined if number >= 5 else [unknown])
    ledger.close()


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
