"""What a move needs of every ledger, and each way between the real ones: SQLite, PostgreSQL, and back."""

from pathlib import Path

import pytest

from host.files.folders import try_lock
from host.settings.settings import Settings
from jobs.errors import SetupFault
from jobs.records import GrantEntry, KeyEntry, PurgedEntry, Records
from stores.ledger import MovableLedger
from stores.ledger.memory import MemoryLedger
from stores.ledger.postgres.candidate import PostgresCandidate
from stores.ledger.sqlite import open_ledger
from stores.move.__main__ import move, move_ledger
from stores.move.places import FILLING, LEDGER, MOVED, end_at
from stores.move.rows import STEP, Contents, contents
from tests.contracts.filled import fill
from tests.contracts.rows import row
from tests.support.servers.postgres import PostgresServer

JOBS = STEP + 40


@pytest.fixture(params=["sqlite", "memory", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> MovableLedger:
    if request.param == "memory":
        return MemoryLedger()
    if request.param == "sqlite":
        return open_ledger(tmp_path / "ledger.sqlite3")
    found = PostgresCandidate(request.getfixturevalue("postgres").database()).take()
    assert found is not None
    return found


def held(place: str) -> Contents:
    """What the ledger at `place` holds, whatever its mark is."""
    end = end_at(place, source=True)
    try:
        return contents(end.ledger, end.ledger)
    finally:
        end.close()


def filled_folder(folder: Path, jobs: int = JOBS) -> str:
    folder.mkdir()
    ledger = open_ledger(folder / LEDGER)
    fill(ledger, jobs)
    ledger.close()
    return str(folder)


@pytest.mark.parametrize("kind", [KeyEntry, GrantEntry, PurgedEntry])
def test_entries_come_in_order_and_in_pages(ledger: MovableLedger, kind: type) -> None:
    fill(ledger, 30)
    found = ledger.entries(kind, None, 100)
    names = [getattr(entry, kind.__struct_fields__[0]) for entry in found]  # type: ignore[attr-defined]
    assert len(names) == 10 and names == sorted(names)
    assert ledger.entries(kind, None, 4) == found[:4]
    assert ledger.entries(kind, names[3], 4) == found[4:8]
    assert ledger.entries(kind, names[9], 4) == []
    ledger.close()


def test_a_ledger_has_a_name_of_its_own_and_takes_over_another(ledger: MovableLedger, tmp_path: Path) -> None:
    identity = ledger.identity()
    assert len(bytes.fromhex(identity)) == 8
    other = open_ledger(tmp_path / "other")
    assert other.identity() != identity
    other.close()
    fill(ledger, 3)
    assert ledger.identity() == identity
    ledger.put_identity("0123456789abcdef")
    assert ledger.identity() == "0123456789abcdef"
    ledger.close()


def test_an_epoch_is_raised_and_never_lowered(ledger: MovableLedger) -> None:
    ledger.raise_epoch(1000)
    ledger.raise_epoch(7)
    fill(ledger, 3)
    assert ledger.restore().meta.epoch >= 1000
    ledger.close()


def test_there_and_back_all_entries_are_the_same_and_each_source_is_out_of_use(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    folder, url, back = filled_folder(tmp_path / "from"), postgres.database(), tmp_path / "back"
    before = held(folder)
    assert f"{JOBS} jobs, {JOBS // 3} keys" in move_ledger(folder, url)
    assert held(url) == before
    assert not Path(folder, LEDGER).exists() and Path(folder, MOVED).exists()
    back.mkdir()
    move_ledger(url, str(back))
    assert held(str(back)) == before
    assert sorted(path.name for path in back.iterdir()) == ["broker.lock", LEDGER]
    with pytest.raises(SetupFault, match="is not in use \\(it was moved elsewhere\\)"):
        PostgresCandidate(url).take()
    epochs = [epoch_of(folder), epoch_of(url), epoch_of(str(back))]
    assert epochs == sorted(set(epochs)), "web and workers follow the highest epoch"


def epoch_of(place: str) -> int:
    end = end_at(place, source=True)
    try:
        return end.ledger.restore().meta.epoch
    finally:
        end.close()


def test_a_nul_in_a_stranger_s_reference_stops_no_move(tmp_path: Path, postgres: PostgresServer) -> None:
    folder, url = filled_folder(tmp_path / "from", 3), postgres.database()
    ledger = open_ledger(Path(folder, LEDGER))
    ledger.commit(Records(jobs=[row(1000, reference="a\0b")]))
    ledger.close()
    assert "4 jobs" in move_ledger(folder, url)


def test_a_move_that_is_over_may_be_started_again_and_is_proved_again(tmp_path: Path, postgres: PostgresServer) -> None:
    folder, url = filled_folder(tmp_path / "from", 5), postgres.database()
    assert move_ledger(folder, url) == move_ledger(folder, url)
    with pytest.raises(SetupFault, match="was moved before, to another place"):
        move_ledger(folder, postgres.database())
    other = filled_folder(tmp_path / "other", 6)
    with pytest.raises(SetupFault, match="the ledgers differ in jobs"):
        move_ledger(other, url)
    assert Path(other, LEDGER).exists(), "what was not moved stays in use"


@pytest.mark.parametrize("to", ["folder", "postgresql"])
def test_no_broker_starts_on_a_ledger_that_is_not_whole(tmp_path: Path, postgres: PostgresServer, to: str) -> None:
    folder, url = tmp_path / "to", postgres.database()
    folder.mkdir()
    end = end_at(url if to == "postgresql" else str(folder), source=False)
    fill(end.ledger, 2)
    end.close()
    if to == "postgresql":
        with pytest.raises(SetupFault, match="is not in use \\(a move filled it in part"):
            PostgresCandidate(url).take()
        with pytest.raises(SetupFault, match="is not in use"):
            end_at(url, source=True)
    else:
        assert (folder / FILLING).exists() and not (folder / LEDGER).exists()
        with pytest.raises(SetupFault, match=f"has no {LEDGER}"):
            end_at(str(folder), source=True)


def test_a_broker_that_runs_is_not_moved_away_from(
    tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A move waits for the term longer than a dead broker keeps it; this broker lives, so the wait is cut short."""
    monkeypatch.setattr(PostgresCandidate, "predecessor_seconds", 0.5)
    folder, url = filled_folder(tmp_path / "from", 2), postgres.database()
    lock = try_lock(Path(folder, "broker.lock"))
    assert lock is not None
    with pytest.raises(SetupFault, match="a broker runs on"):
        move_ledger(folder, url)
    broker = PostgresCandidate(url).take()
    assert broker is not None
    with pytest.raises(SetupFault, match="another broker holds the term"):
        end_at(url, source=False)
    broker.close()


def test_during_a_move_no_broker_takes_either_ledger(tmp_path: Path, postgres: PostgresServer) -> None:
    folder, url = filled_folder(tmp_path / "from", 2), postgres.database()
    ends = [end_at(folder, source=True), end_at(url, source=False)]
    assert try_lock(Path(folder, "broker.lock")) is None
    with pytest.raises(SetupFault, match="is not in use"):
        PostgresCandidate(url).take()
    for end in ends:
        end.close()


@pytest.mark.parametrize(
    ("source", "target"),
    [("a", "b"), ("postgresql://h/d", "s3://bucket"), ("ftp://h", "s3://bucket"), ("mysql://h", "postgresql://h/d")],
)
def test_other_places_are_refused(source: str, target: str) -> None:
    with pytest.raises(SetupFault, match="a move is between a folder and postgresql"):
        move(Settings(), source, target)
