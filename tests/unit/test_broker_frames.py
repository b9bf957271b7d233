"""What passes one frame: a turn's changes go out as several, each of which says which numbers it holds; a beat says
less."""

import pytest

from broker.outbox import _beat_frame, _change_frames
from jobs import wire
from jobs.errors import WireFault
from jobs.records import Lane


def test_parts_of_a_turns_changes_follow_each_other_without_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "FRAME_BYTES_MAX", 200)
    changes = [wire.Change(number, f"job{number}", "", "done", 1) for number in range(11, 41)]
    parts = [wire.to_web.decode(frame) for frame in _change_frames(wire.Changes(1, 10, 40, changes))]
    assert len(parts) > 1
    assert [change for part in parts for change in part.changes] == changes
    assert [part.first for part in parts] == [10, *(part.last for part in parts[:-1])]
    assert parts[-1].last == 40


def test_one_change_that_passes_a_frame_is_a_wire_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "FRAME_BYTES_MAX", 200)
    changes = [wire.Change(number, "j", "", "failed", 1, "undecodable", "x" * 200) for number in (1, 2)]
    with pytest.raises(WireFault):
        list(_change_frames(wire.Changes(1, 0, 2, changes)))


@pytest.mark.parametrize(("most", "forecast", "shares"), [(9000, 50, 50), (3500, 0, 50), (500, 0, 0), (100, 0, 0)])
def test_a_beat_that_is_too_long_says_less(
    monkeypatch: pytest.MonkeyPatch, most: int, forecast: int, shares: int
) -> None:
    names = [f"tenant-{number}" for number in range(50)]
    lanes = [wire.LaneView(Lane(1, f"s.{name}"), 5, [(0, 1), (4, 5)]) for name in names]
    workers = [wire.WorkerView(f"host-{number}", "i" * 20, "idle", 3, [], 1e9) for number in range(5)]
    tenants = {name: wire.Share({"queued": 5}, 1e9, 1.0, 1.0) for name in names}
    beat = wire.Beat(1, 1e9, 7, False, {}, None, workers, 0, 0.0, 0.0, tenants, wire.Waiting({}, lanes, [0.0] * 5))
    monkeypatch.setattr(wire, "FRAME_BYTES_MAX", most)
    said = wire.to_web.decode(_beat_frame(beat))
    assert (len(said.waiting.lanes) if said.waiting else 0, len(said.tenants), said.change) == (forecast, shares, 7)
