"""What a flight recorder kept is decided again: the same decisions, the ledger's end; and what is not, is named.

The brokers of the simulation die, also in the middle of commits that may have lasted or not.
"""

import copy
from pathlib import Path
from typing import Any

import msgspec
import pytest

from broker.core import presence
from broker.core.books.sweeps import Sweeps
from broker.core.dispatcher import Dispatcher
from broker.core.snapshot import from_snapshot, snapshot
from broker.flight import recorder, replay
from broker.flight.facts import FORMAT, Decided, Opening, ReceivedFrame, Turn, packed, parts
from jobs.records import PurgedEntry, Records
from tests.simulation import simulation
from tests.simulation.simulation import Simulation


def replayed(folder: Path) -> replay.Replay:
    """All segments of a folder, decided again."""
    done = replay.Replay()
    for path in recorder.segments(folder):
        found, torn = parts(path.read_bytes())
        assert torn == 0
        done.segment(path.name, found)
    return done


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_replay_decides_alike_and_ends_in_the_ledgers_state(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "SEGMENT_BYTES", 20_000)
    monkeypatch.setattr(recorder, "RING_BYTES", 100_000_000)
    ran = Simulation(seed, flight=tmp_path)
    summary = ran.run()
    done = replayed(tmp_path)
    assert summary["brokers started"] > 1
    assert len(recorder.segments(tmp_path)) > summary["brokers started"], "no segment was full"
    assert ran.recorder is not None
    assert done.turns - done.compared == 1, "the last turn's digest waits for the next turn"
    counts, faults = replay.compared(done, ran.ledger)
    assert faults == []
    assert counts == {"equal": summary["jobs"]}


@pytest.mark.parametrize("seed", [5, 6, 7, 8])
def test_a_ring_keeps_its_bounds_and_its_oldest_segment_begins_a_replay(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its segments are too small for some turns, so there are gaps, in a broker and at its end."""
    monkeypatch.setattr(recorder, "SEGMENT_BYTES", 10_000)
    monkeypatch.setattr(recorder, "RING_BYTES", 100_000)
    ran = Simulation(seed, flight=tmp_path)
    ran.run()
    assert "flight_recorder_off" in caplog.text
    kept = recorder.segments(tmp_path)
    assert int(kept[0].stem) > 1
    assert sum(path.stat().st_size for path in kept) < 120_000
    assert {oct(path.stat().st_mode) for path in kept} == {"0o100600"}
    assert replay.compared(replayed(tmp_path), ran.ledger)[1] == []


def test_other_decisions_are_named_by_their_turn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Simulation(1, jobs=20, chaos_seconds=3.0, flight=tmp_path).run()
    path = recorder.segments(tmp_path)[0]
    found, _ = parts(path.read_bytes())
    received = [
        number
        for number, part in enumerate(found)
        if isinstance(part, Turn) and any(isinstance(fact, ReceivedFrame) for fact in part.facts)
    ][5]
    turn = found[received]
    assert isinstance(turn, Turn)
    found[received] = Turn(turn.now, [], turn.all_read, turn.stop)
    path.write_bytes(b"".join(map(packed, found)))
    assert replay.main([str(path)]) == 1
    number = sum(isinstance(part, Turn) for part in found[: received + 1])
    said = capsys.readouterr().out
    assert "first difference: other decisions" in said
    assert f"turn {number} at {turn.now:.6f}: no fact" in said


def test_a_segment_that_does_not_begin_where_the_last_one_ended_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "SEGMENT_BYTES", 10_000)
    Simulation(1, jobs=20, chaos_seconds=3.0, flight=tmp_path).run()
    done = replay.Replay()
    for path in recorder.segments(tmp_path):
        found, _ = parts(path.read_bytes())
        opening = found[0]
        assert isinstance(opening, Opening)
        if opening.follows:
            with pytest.raises(replay.Differs, match="does not begin as the one before it ended"):
                done.segment(path.name, found[:-9] and [opening])
            return
        done.segment(path.name, found[:-9])
    pytest.fail("no segment follows another")


def test_a_ledger_that_says_otherwise_is_told_from_one_that_went_on(tmp_path: Path) -> None:
    ran = Simulation(1, jobs=20, chaos_seconds=3.0, flight=tmp_path)
    ran.run()
    done = replayed(tmp_path)
    first, second, third, fourth, *_ = ran.ledger.rows.values()
    ran.ledger.rows[first.seq] = first._replace(attempts=first.attempts + 1)
    ran.ledger.rows[second.seq] = second._replace(state="queued", change=ran.ledger.meta.change + 1)
    records = Records(removed=[third.seq, fourth.seq], purged=[PurgedEntry(third.id, 1.0)])
    ran.ledger.commit(records)
    counts, faults = replay.compared(done, ran.ledger)
    assert counts == {"equal": 16, "otherwise": 2, "changed since": 1, "purged since": 1}
    assert sorted(fault.partition(":")[0] for fault in faults) == sorted([first.id, fourth.id])


def test_a_core_of_another_pixmill_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = snapshot(Dispatcher(Simulation(1).policy)).replace(
        b"broker.core.books.roster.Roster", b"broker.core.books.roster.Rosten"
    )
    path = tmp_path / "00000001.flight"
    path.write_bytes(packed(Opening(FORMAT, 1, False, 0.0, "", kept)))
    assert replay.main([str(path)]) == 2
    assert "use the pixmill that wrote it" in capsys.readouterr().err
    path.write_bytes(b"no segment")
    assert replay.main([str(path)]) == 2
    assert replay.main([str(tmp_path / "missing.flight")]) == 2


def test_a_segment_of_the_release_before_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It holds the look at batches in another shape."""
    path = tmp_path / "00000001.flight"
    path.write_bytes(packed(Opening(2, 1, False, 0.0, "", snapshot(Dispatcher(Simulation(1).policy)))))
    assert replay.main([str(path)]) == 2
    assert "format 2" in capsys.readouterr().err


def test_a_torn_segment_is_replayed_up_to_the_tear(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Simulation(2, jobs=20, chaos_seconds=3.0, flight=tmp_path).run()
    path = recorder.segments(tmp_path)[0]
    whole = path.read_bytes()
    for torn in (whole[:-3], whole[:-3] + bytes(4096), whole[: len(whole) // 2], whole + bytes(4096)):
        path.write_bytes(torn)
        assert replay.main([str(path)]) == 0
        assert "torn" in capsys.readouterr().err


def test_a_turn_that_breaks_the_core_is_in_the_file_and_breaks_a_replay_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recorded before the core is told; the replay's error names segment and turn."""

    def broken(self: Dispatcher, *_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Sweeps, "swept", broken)
    monkeypatch.setattr(presence, "_ready", broken)
    with pytest.raises(ZeroDivisionError):
        Simulation(1, flight=tmp_path).run()
    with pytest.raises(ZeroDivisionError) as caught:
        replayed(tmp_path)
    assert "in segment 00000001.flight, turn" in caught.value.__notes__[0]


class Twins:
    """A dispatcher, and one made anew of its snapshot after every turn: they decide alike."""

    turns = 0

    def __init__(self, policy: Any) -> None:
        self.real = self.other = Dispatcher(policy)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def restore(self, *arguments: Any) -> None:
        self.real.restore(*arguments)
        self.other = from_snapshot(snapshot(self.real))

    def handle(self, event: Any, now: float) -> None:
        self.other.handle(copy.deepcopy(event), now)
        self.real.handle(event, now)

    def tick(self, now: float, all_read: bool) -> None:
        self.other.tick(now, all_read)
        self.real.tick(now, all_read)

    def drain(self, now: float) -> Any:
        Twins.turns += 1
        effects = self.real.drain(now)
        assert self.other.drain(now) == effects
        kept = snapshot(self.real)
        assert snapshot(self.other) == kept
        if Twins.turns % 3 == 0:
            self.other = from_snapshot(kept)
            assert_same(self.real, self.other, {})
        assert self.other.deadline == self.real.deadline
        return effects


@pytest.mark.parametrize("seed", [1, 2])
def test_a_core_made_of_a_snapshot_goes_on_as_the_first_would(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "Dispatcher", Twins)
    Twins.turns = 0
    Simulation(seed, jobs=40, chaos_seconds=8.0).run()
    assert Twins.turns > 200


def assert_same(one: Any, other: Any, seen: dict[int, int]) -> None:
    """Every attribute of every object below, found without the snapshot's help, is there in both; what
    is one object twice in one is one object twice in the other."""
    assert type(one) is type(other)
    if id(one) in seen:
        assert seen[id(one)] == id(other)
        return
    if isinstance(one, msgspec.Struct):
        seen[id(one)] = id(other)
        assert one == other
    elif type(one).__module__.startswith("broker."):
        seen[id(one)] = id(other)
        names = set(getattr(one, "__dict__", ())) | {
            n for kind in type(one).__mro__ for n in vars(kind).get("__slots__", ())
        }
        assert names
        for name in names:
            assert_same(getattr(one, name), getattr(other, name), seen)
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for value, twin in zip(one.values(), other.values(), strict=True):
            assert_same(value, twin, seen)
    elif isinstance(one, list | tuple) or type(one).__name__ == "deque":
        assert len(one) == len(other)
        for value, twin in zip(one, other, strict=True):
            assert_same(value, twin, seen)
    else:
        assert one == other


def test_a_snapshot_refuses_what_it_could_not_give_back() -> None:
    dispatcher = Dispatcher(Simulation(1).policy)
    dispatcher.books.service.means["s"] = lambda: 1.0  # type: ignore[assignment]
    with pytest.raises(TypeError, match="cannot hold"):
        snapshot(dispatcher)


def test_a_digest_that_is_missing_is_not_compared() -> None:
    done = replay.Replay()
    done.segment("x", [Opening(FORMAT, 1, False, 0.0, "", snapshot(Dispatcher(Simulation(1).policy))), Decided(7)])
    assert done.compared == 0
