"""The flight recorder where the disk fails it: the broker goes on, and so does the recording, later."""

import errno
import logging
import os
from pathlib import Path

import pytest

from broker.core.books.events import Policy
from broker.core.dispatcher import Dispatcher
from broker.core.snapshot import snapshot
from broker.flight import recorder
from broker.flight.facts import Decided, Opening, ReceivedFrame, Turn, parts
from broker.flight.recorder import AGAIN_SECONDS, Recorder, segments

LOG = logging.getLogger("test")


def turn(now: float, size: int = 10) -> Turn:
    return Turn(now, [ReceivedFrame(b"p", bytes(size))], True, False)


def kinds(path: Path) -> list[type]:
    return [type(part) for part in parts(path.read_bytes())[0]]


@pytest.fixture
def dispatcher() -> Dispatcher:
    return Dispatcher(Policy())


def test_what_a_turn_decided_stands_before_the_next_turn_or_at_the_end(tmp_path: Path, dispatcher: Dispatcher) -> None:
    flight = Recorder(tmp_path / "flight", LOG)
    flight.turn(dispatcher, turn(1.0))
    (path,) = segments(tmp_path / "flight")
    assert kinds(path) == [Opening, Turn], "written before the core is told"
    flight.decided(7)
    flight.turn(dispatcher, turn(2.0))
    flight.decided(8)
    flight.close()
    assert kinds(path) == [Opening, Turn, Decided, Turn, Decided]
    assert oct((tmp_path / "flight").stat().st_mode & 0o777) == "0o700"
    assert oct(path.stat().st_mode & 0o777) == "0o600"


@pytest.mark.parametrize("short", [False, True])
def test_a_write_that_fails_ends_the_segment_and_another_begins_later(
    tmp_path: Path,
    dispatcher: Dispatcher,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    short: bool,
) -> None:
    def full(file: int, data: bytes) -> int:
        if short:
            return write(file, data[:5])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write = os.write
    flight = Recorder(tmp_path, LOG)
    flight.turn(dispatcher, turn(100.0))
    flight.decided(1)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        flight.turn(dispatcher, turn(101.0))
        flight.decided(2)
        for now in (102.0, 101.1 + AGAIN_SECONDS, 101.2 + 2 * AGAIN_SECONDS):
            flight.turn(dispatcher, turn(now))
            flight.decided(3)
    assert [record.message for record in caplog.records] == ["flight_recorder_off"]
    (first,) = segments(tmp_path)
    assert kinds(first) == [Opening, Turn], "a segment that could not be begun is left"
    flight.turn(dispatcher, turn(101.3 + 2 * AGAIN_SECONDS))
    assert len(segments(tmp_path)) == 1
    flight.turn(dispatcher, turn(200.0))
    flight.decided(4)
    flight.close()
    again = segments(tmp_path)[-1]
    assert kinds(again) == [Opening, Turn, Decided]
    (opening, *_), torn = parts(again.read_bytes())
    assert isinstance(opening, Opening)
    assert not opening.follows
    assert torn == 0


def test_turns_too_large_for_a_segment_are_told_once_and_push_nothing_out(
    tmp_path: Path, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recorder, "SEGMENT_BYTES", len(snapshot(dispatcher)) + 10_000)
    flight = Recorder(tmp_path, LOG)
    flight.turn(dispatcher, turn(1.0))
    kept = segments(tmp_path)
    for number in range(2, 5):
        flight.turn(dispatcher, turn(number * 2 * AGAIN_SECONDS, recorder.SEGMENT_BYTES))
    assert [record.message for record in caplog.records] == ["flight_recorder_off"]
    assert segments(tmp_path) == kept
    flight.turn(dispatcher, turn(10 * AGAIN_SECONDS))
    flight.turn(dispatcher, turn(12 * AGAIN_SECONDS, recorder.SEGMENT_BYTES))
    assert len(caplog.records) == 2, "it was on again between"


def test_a_folder_that_cannot_be_made_stops_nobody(tmp_path: Path, dispatcher: Dispatcher) -> None:
    (tmp_path / "flight").write_text("in the way")
    flight = Recorder(tmp_path / "flight", LOG)
    flight.turn(dispatcher, turn(1.0))
    flight.decided(1)
    flight.close()
    assert (tmp_path / "flight").read_text() == "in the way"


def test_a_broker_that_starts_in_circles_keeps_a_bounded_number_of_segments(
    tmp_path: Path, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "RING_FILES", 5)
    for _ in range(9):
        flight = Recorder(tmp_path, LOG)
        flight.turn(dispatcher, turn(1.0))
        flight.close()
    assert [int(path.stem) for path in segments(tmp_path)] == [5, 6, 7, 8, 9]


def test_a_segment_is_bounded_and_the_next_one_follows_it(
    tmp_path: Path, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "SEGMENT_BYTES", 10_000)
    flight = Recorder(tmp_path, LOG)
    for number in range(30):
        flight.turn(dispatcher, turn(float(number), 1000))
        flight.decided(number)
    flight.close()
    openings = [parts(path.read_bytes())[0][0] for path in segments(tmp_path)]
    follows = [opening.follows for opening in openings if isinstance(opening, Opening)]
    assert len(follows) >= 3 and follows == [False] + [True] * (len(follows) - 1)
    most = len(snapshot(dispatcher)) + 10_000 + 2 * 1000
    assert all(path.stat().st_size < most for path in segments(tmp_path))


def test_a_segment_that_is_nearly_full_ends_in_a_turn_without_a_beat(
    tmp_path: Path, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "SEGMENT_BYTES", len(snapshot(dispatcher)) + 10_000)
    flight = Recorder(tmp_path, LOG)
    dispatcher.tick(1.0)
    assert not dispatcher.is_beat_due(1.5)
    flight.turn(dispatcher, turn(1.1, recorder.SEGMENT_BYTES - 400))
    flight.turn(dispatcher, turn(3.0))
    assert dispatcher.is_beat_due(3.0)
    assert len(segments(tmp_path)) == 1
    flight.turn(dispatcher, turn(1.5))
    assert [kinds(path) for path in segments(tmp_path)] == [[Opening, Turn, Turn], [Opening, Turn]]
    flight.close()


def test_no_segment_and_not_all_together_pass_the_ring(
    tmp_path: Path, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "SEGMENT_BYTES", 10_000)
    monkeypatch.setattr(recorder, "RING_BYTES", 40_000)
    flight = Recorder(tmp_path, LOG)
    for number in range(60):
        flight.turn(dispatcher, turn(float(number), 7000))
        flight.decided(number)
        assert sum(path.stat().st_size for path in segments(tmp_path)) <= 40_000
    assert len(segments(tmp_path)) > 1
    flight.close()


def test_a_core_that_passes_the_ring_is_not_recorded(
    tmp_path: Path, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recorder, "RING_BYTES", recorder.SEGMENT_BYTES)
    flight = Recorder(tmp_path, LOG)
    for number in range(3):
        flight.turn(dispatcher, turn(float(number)))
    flight.close()
    assert segments(tmp_path) == []
    assert [record.message for record in caplog.records] == ["flight_recorder_off"]
