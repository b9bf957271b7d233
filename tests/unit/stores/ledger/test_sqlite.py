"""What only the SQLite ledger can get wrong: how it opens, what it refuses, how readers hold on."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs.errors import LedgerDamaged, LedgerFailed, SetupFault, StoreFault
from jobs.records import Lane, LookUp, Meta, Records
from stores.ledger.sqlite import SCHEMA, SqliteLedger, open_ledger
from stores.ledger.sqlite_reader import SqliteReader, open_reader
from tests.contracts.rows import job_id, row, row_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def open_one(path: Path) -> Iterator[Callable[[], SqliteLedger]]:
    opened: list[SqliteLedger] = []

    def open_one() -> SqliteLedger:
        opened.append(open_ledger(path))
        return opened[-1]

    yield open_one
    for ledger in opened:
        ledger.close()


@pytest.fixture
def reader(path: Path) -> Iterator[SqliteReader]:
    reader = open_reader(path)
    yield reader
    reader.close()


def pragma(ledger: SqliteLedger, name: str) -> object:
    return ledger._connection.execute(f"PRAGMA {name}").fetchall()[0][0]


@pytest.mark.parametrize(("sync", "number", "rests_on"), [("full", 2, "local"), ("normal", 1, "asynchronous")])
def test_a_commit_syncs_as_asked_on_a_bounded_log_and_says_so(
    path: Path, sync: str, number: int, rests_on: str
) -> None:
    ledger = open_ledger(path, sync)
    assert ledger.durability.word == rests_on
    assert (pragma(ledger, "journal_mode"), pragma(ledger, "synchronous")) == ("wal", number)
    assert pragma(ledger, "journal_size_limit") == 64 * 1024 * 1024
    ledger.close()


def test_the_name_of_the_file_is_synced(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, sync = [], os.fsync

    def recorded(descriptor: int) -> None:
        sync(descriptor)
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))

    monkeypatch.setattr(os, "fsync", recorded)
    open_ledger(path).close()
    assert synced == [str(path.parent)]


def test_the_schema_is_numbered_and_made_once(path: Path, open_one: Callable[[], SqliteLedger]) -> None:
    first = open_one()
    assert pragma(first, "user_version") == SCHEMA
    first.commit(Records(jobs=[row(1)]))
    first.close()
    assert open_one().look_up(LookUp(ids=[job_id(1)])).existing == {job_id(1)}


def test_a_ledger_of_a_newer_pixmill_is_refused(path: Path) -> None:
    open_ledger(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    connection.close()
    with pytest.raises(SetupFault, match=f"has schema {SCHEMA + 1}, this pixmill knows {SCHEMA}: use the pixmill"):
        open_ledger(path)


def test_a_file_that_is_no_ledger_is_refused(path: Path) -> None:
    path.write_bytes(b"no database at all " * 100)
    with pytest.raises(SetupFault, match=r"file is not a database\): restore it from a backup"):
        open_ledger(path)
    assert path.read_bytes().startswith(b"no database")


def test_a_damaged_ledger_is_refused(path: Path) -> None:
    open_ledger(path).close()
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * 3000 + whole[3100:])
    with pytest.raises(SetupFault, match="malformed"):
        open_ledger(path)


def test_another_database_is_refused_and_left_as_it_is(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE keys (mine)")
    connection.close()
    with pytest.raises(SetupFault, match="table keys already exists"):
        open_ledger(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("keys",)]
    connection.close()


def test_a_folder_that_is_not_there_is_a_setup_fault(tmp_path: Path) -> None:
    with pytest.raises(SetupFault, match="unable to open database file"):
        open_ledger(tmp_path / "none" / "ledger.sqlite3")


def test_a_commit_that_cannot_be_written_fails(path: Path, open_one: Callable[[], SqliteLedger]) -> None:
    ledger = open_one()
    ledger._connection.execute("PRAGMA busy_timeout = 0")
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerFailed, match="locked"):
            ledger.commit(Records(meta=Meta(change=1)))
        other.execute("COMMIT")
    other.close()
    with pytest.raises(LedgerFailed, match="locked"):
        ledger.commit(Records(meta=Meta(change=1)))


def test_a_commit_is_there_without_a_close(path: Path, open_one: Callable[[], SqliteLedger]) -> None:
    open_one().commit(Records(jobs=[row(1)]))
    log = path.with_name(path.name + "-wal").read_bytes()
    assert job_id(1).encode() in log


def test_a_reader_waits_for_the_ledger_to_be_made(reader: SqliteReader, open_one: Callable[[], SqliteLedger]) -> None:
    with pytest.raises(StoreFault):
        reader.job(job_id(1))
    open_one().commit(Records(jobs=[row(1)]))
    assert reader.job(job_id(1)) == row(1)


def test_a_reader_sees_each_commit_and_outlives_the_writer(
    reader: SqliteReader, open_one: Callable[[], SqliteLedger]
) -> None:
    for seq in (1, 2):
        ledger = open_one()
        ledger.commit(Records(jobs=[row(seq)]))
        assert reader.job(job_id(seq)) == row(seq)
        ledger.close()
        assert reader.job(job_id(seq)) == row(seq)


def test_a_reader_opens_a_ledger_that_nobody_has_open(path: Path, reader: SqliteReader) -> None:
    ledger = open_ledger(path)
    ledger.commit(Records(jobs=[row(1)]))
    ledger.close()
    assert not path.with_name(path.name + "-wal").exists()
    assert reader.job(job_id(1)) == row(1)


def test_a_reader_writes_nothing(path: Path, reader: SqliteReader) -> None:
    open_ledger(path).close()
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._connected().execute("DELETE FROM jobs")


def test_a_reader_keeps_its_connection_until_another_file_has_the_path(
    path: Path, tmp_path: Path, reader: SqliteReader, open_one: Callable[[], SqliteLedger]
) -> None:
    old = open_one()
    old.commit(Records(jobs=[row(1)]))
    kept = reader._connected()
    assert reader.job(job_id(1)) == row(1)
    assert reader._connected() is kept
    old.close()
    backup = open_ledger(tmp_path / "backup")
    backup.commit(Records(jobs=[row(2)]))
    backup.close()
    for part in ("-wal", "-shm"):
        os.unlink(f"{path}{part}")
    os.replace(tmp_path / "backup", path)
    assert reader.job(job_id(2)) == row(2)


def test_a_reader_comes_back_when_the_ledger_does(
    path: Path, tmp_path: Path, reader: SqliteReader, open_one: Callable[[], SqliteLedger]
) -> None:
    open_one().commit(Records(jobs=[row(1)]))
    assert reader.job(job_id(1)) is not None
    os.rename(path, tmp_path / "away")
    with pytest.raises(StoreFault):
        reader.job(job_id(1))
    os.rename(tmp_path / "away", path)
    assert reader.job(job_id(1)) == row(1)


def test_lanes_are_found_without_reading_the_queue(path: Path, open_one: Callable[[], SqliteLedger]) -> None:
    ledger = open_one()
    ledger.commit(Records(jobs=[row(seq, lane="ab"[seq % 2], priority=seq % 3) for seq in range(1, 20_001)]))
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    ledger._connection.set_progress_handler(count, 10)
    restored = ledger.restore()
    ledger._connection.set_progress_handler(None, 0)
    assert restored.lanes == [Lane(priority, name) for priority in range(3) for name in "ab"]
    assert steps < 100


def log_bytes(path: Path) -> int:
    return path.with_name(path.name + "-wal").stat().st_size


def fill(ledger: SqliteLedger, seqs: range, busy: bool = False) -> None:
    """Turns with commits of 100 rows of 8 KB."""
    for first in seqs[::100]:
        ledger.commit(Records(jobs=[row(seq, outcome=b"o" * 8000) for seq in range(first, first + 100)]))
        ledger.tidy(busy)


def test_the_log_is_moved_into_the_file_before_it_is_long(path: Path, open_one: Callable[[], SqliteLedger]) -> None:
    ledger = open_one()
    fill(ledger, range(1, 4501))
    assert log_bytes(path) < 10_000_000 < path.stat().st_size


def test_a_commit_waits_for_no_checkpoint(path: Path, open_one: Callable[[], SqliteLedger]) -> None:
    ledger = open_one()
    for first in range(1, 2502, 100):
        ledger.commit(Records(jobs=[row(seq, outcome=b"o" * 8000) for seq in range(first, first + 100)]))
    assert path.stat().st_size < 1_000_000 < 20_000_000 < log_bytes(path)
    ledger.tidy()
    assert path.stat().st_size > 20_000_000


def test_a_busy_turn_leaves_the_log_to_the_next(path: Path, open_one: Callable[[], SqliteLedger]) -> None:
    ledger = open_one()
    fill(ledger, range(1, 1301), busy=True)
    assert path.stat().st_size < 1_000_000 < 8_500_000 < log_bytes(path) < 16_000_000
    ledger.tidy()
    assert path.stat().st_size > 8_500_000


def test_a_log_is_not_left_for_ever(path: Path, open_one: Callable[[], SqliteLedger]) -> None:
    ledger = open_one()
    fill(ledger, range(1, 4601), busy=True)
    assert log_bytes(path) < 20_000_000 < path.stat().st_size


def test_a_checkpoint_that_fails_is_not_kept_silent(open_one: Callable[[], SqliteLedger]) -> None:
    ledger = open_one()

    def deny(action: int, name: str | None, *_: object) -> int:
        denied = action == sqlite3.SQLITE_PRAGMA and name == "wal_checkpoint"
        return sqlite3.SQLITE_DENY if denied else sqlite3.SQLITE_OK

    ledger._connection.set_authorizer(deny)
    with pytest.raises(LedgerFailed, match="not authorized"):
        fill(ledger, range(1, 4501))
    with pytest.raises(LedgerFailed):
        ledger.commit(Records(meta=Meta(change=1)))


def test_a_ledger_that_is_gone_is_not_made_anew_beside_what_it_described(path: Path) -> None:
    with pytest.raises(SetupFault, match="is missing or empty, but files of its jobs exist: restore it"):
        open_ledger(path, make=False)
    open_ledger(path).close()
    open_ledger(path, make=False).close()
    path.write_bytes(b"")
    with pytest.raises(SetupFault, match="is missing or empty"):
        open_ledger(path, make=False)


@pytest.mark.parametrize("damage", ["cut", "overwritten"])
def test_damage_is_told_from_a_failing_disk(path: Path, damage: str) -> None:
    ledger = open_ledger(path)
    fill(ledger, range(1, 1001))
    ledger.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        if damage == "cut":
            file.truncate(size // 2)
        else:
            file.seek(40_960)
            file.write(b"\xfe" * (size - 40_960))
    damaged = path.read_bytes()
    with pytest.raises((SetupFault, LedgerDamaged), match=r"malformed.*restore it from a backup"):
        _read_all(path)
    assert path.read_bytes() == damaged


def _read_all(path: Path) -> None:
    ledger = open_ledger(path, make=False)
    try:
        for seq in range(1, 1001):
            row_of(ledger, job_id(seq))
    finally:
        ledger.close()


def test_a_full_disk_is_told_as_one(path: Path, open_one: Callable[[], SqliteLedger]) -> None:
    ledger = open_one()
    ledger._connection.execute("PRAGMA max_page_count = 60")
    with pytest.raises(LedgerFailed, match=r"database or disk is full, SQLITE_FULL\): make room on its disk"):
        fill(ledger, range(1, 1001))
