"""What passes one frame: a turn's changes go out as several, each of which says which numbers it holds; a beat says
less."""

from typing import Any

import msgspec
import pytest

from broker.core.books.events import Effects
from broker.frames.outbox import Outgoing, digest, outgoing
from jobs import wire
from jobs.records import Lane, Meta, Records
from jobs.wire import codec


def effects(**said: Any) -> Effects:
    """A turn that says this alone."""
    nothing = {"records": Records(), "acks": {}, "sends": [], "changes": None, "beat": None, "refills": []}
    return Effects(**{**nothing, **said})


def received(out: Outgoing) -> list[Any]:
    """What web hears on the changes' socket."""
    return [wire.to_web.decode(frame) for _, frame in out.changes]


def test_parts_of_a_turns_changes_follow_each_other_without_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "FRAME_BYTES_MAX", 200)
    changes = [wire.Change(number, f"job{number}", "", "done", 1) for number in range(11, 41)]
    parts = received(outgoing(effects(changes=wire.Changes(1, 10, 40, changes)), 1))
    assert len(parts) > 1
    assert [change for part in parts for change in part.changes] == changes
    assert [part.first for part in parts] == [10, *(part.last for part in parts[:-1])]
    assert parts[-1].last == 40


def test_one_change_that_passes_a_frame_is_left_out_and_counted_and_is_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "FRAME_BYTES_MAX", 200)
    changes = [wire.Change(number, "j", "", "done", 1, None, "x" * 200 * (number == 2)) for number in (1, 2, 3)]
    out = outgoing(effects(changes=wire.Changes(1, 0, 3, changes)), 1)
    assert [(part.first, [change.change for change in part.changes]) for part in received(out)] == [(0, [1]), (2, [3])]
    assert out.unsaid == 1


@pytest.mark.parametrize(
    ("message", "good"),
    [
        (wire.Settled([wire.LeaseRef("x" * 300, 1), wire.LeaseRef("j", 2)]), wire.Settled([wire.LeaseRef("j", 2)])),
        (wire.Sweep([("j", ["a"]), ("k", ["x" * 300])]), wire.Sweep([("j", ["a"])])),
        (wire.OrphanScan("x" * 300, 1.0, 1), None),
        (wire.Settled([wire.LeaseRef("\ud800", 1), wire.LeaseRef("j", 2)]), wire.Settled([wire.LeaseRef("j", 2)])),
    ],
)
def test_what_passes_a_frame_by_itself_is_left_out_beside_what_does_not(
    monkeypatch: pytest.MonkeyPatch, message: Any, good: Any
) -> None:
    monkeypatch.setattr(codec, "FRAME_BYTES_MAX", 200)
    out = outgoing(effects(sends=[(b"peer", message)]), 1)
    assert [wire.to_worker.decode(frame) for _, frame in out.sends] == ([] if good is None else [good])
    assert out.unsaid == 1


def test_a_list_of_more_items_than_a_message_may_have_goes_out_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "ITEMS_MAX", 10)
    refs = [wire.LeaseRef("j", number) for number in range(25)]
    out = outgoing(effects(sends=[(b"peer", wire.Settled(refs))]), 1)
    parts = [wire.to_worker.decode(frame).leases for _, frame in out.sends]
    assert max(map(len, parts)) <= 10
    assert [ref for part in parts for ref in part] == refs


@pytest.mark.parametrize(("most", "forecast", "shares"), [(9000, 50, 50), (3500, 0, 50), (500, 0, 0), (100, 0, 0)])
def test_a_beat_that_is_too_long_says_less(
    monkeypatch: pytest.MonkeyPatch, most: int, forecast: int, shares: int
) -> None:
    names = [f"tenant-{number}" for number in range(50)]
    lanes = [wire.LaneView(Lane(1, f"s.{name}"), 5, [(0, 1), (4, 5)]) for name in names]
    workers = [wire.WorkerView(f"host-{number}", "i" * 20, "idle", 3, [], 1e9) for number in range(5)]
    tenants = {name: wire.Share({"queued": 5}, 1e9, 1.0, 1.0) for name in names}
    beat = wire.Beat(1, 1e9, 7, False, {}, None, workers, 0, 0.0, 0.0, tenants, wire.Waiting({}, lanes, [0.0] * 5))
    monkeypatch.setattr(codec, "FRAME_BYTES_MAX", most)
    (said,) = received(outgoing(effects(beat=beat), 1))
    assert (len(said.waiting.lanes) if said.waiting else 0, len(said.tenants), said.change) == (forecast, shares, 7)


def test_a_digest_sees_all_records_but_the_rows_of_jobs() -> None:
    def seen(**written: Any) -> int:
        return digest(Records(**written), outgoing(effects(), 1))

    names = {field.name for field in msgspec.structs.fields(Records)}
    some = {name: Meta() if name == "meta" else ["a record"] for name in names}
    assert [name for name in names if seen(**{name: some[name]}) == seen()] == ["jobs"]
