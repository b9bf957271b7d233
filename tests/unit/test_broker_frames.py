"""A turn's changes that pass one frame go out as several, each of which says which numbers it holds."""

import pytest

from broker.outbox import _change_frames
from jobs import wire


def test_parts_of_a_turns_changes_follow_each_other_without_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "FRAME_BYTES_MAX", 200)
    changes = [wire.Change(number, f"job{number}", "", "done", 1) for number in range(11, 41)]
    parts = [wire.to_web.decode(frame) for frame in _change_frames(wire.Changes(1, 10, 40, changes))]
    assert len(parts) > 1
    assert [change for part in parts for change in part.changes] == changes
    assert [part.first for part in parts] == [10, *(part.last for part in parts[:-1])]
    assert parts[-1].last == 40
