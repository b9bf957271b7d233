"""Messages that no part of ours sends, found by mutation (torture/frames.py): each once broke the broker, or could."""

import functools
import operator
from typing import Any

import msgspec
import pytest

from jobs import wire
from jobs.errors import WireFault
from jobs.records import LookUp
from tests.properties.harness import DispatcherHarness, leases_in, new_job, ready


def test_a_connection_that_takes_anothers_name_leaves_its_own() -> None:
    """It said Ready as a, then as b, who is elsewhere."""
    harness = DispatcherHarness()
    harness.receive(b"1", ready("a", 1))
    harness.receive(b"2", ready("b", 1))
    harness.turn(tick=True)
    harness.submit(new_job("j"))
    harness.turn()
    harness.receive(b"1", ready("b", 1))
    assert leases_in(harness.turn(), wire.Assign) == [(b"1", "j", 2)]
    harness.receive(b"2", wire.Leaving())
    assert [type(message) for _, message in harness.turn().sends] == [wire.Introduce]
    assert list(harness.dispatcher.books.roster.by_peer) == [b"1"]


@pytest.mark.parametrize("again", [("k", "k"), ("k", "j"), ("k", "m", "k")])
def test_a_submit_that_uses_an_id_twice_is_refused_whole(again: tuple[str, ...]) -> None:
    """An id of its own, one of the ledger's; a broken UNIQUE would end the broker."""
    harness = DispatcherHarness()
    harness.submit(new_job("j"))
    harness.turn()
    harness.submit(*map(new_job, again), request="again")
    [ack] = harness.turn().acks
    assert ack == wire.Ack("again", wire.REFUSED, code="malformed")
    assert harness.ledger.look_up(LookUp(ids=["k", "m"])).existing == set()


def test_nor_one_of_the_same_turn() -> None:
    harness = DispatcherHarness()
    harness.submit(new_job("j"))
    harness.submit(new_job("k"), new_job("j"), request="again")
    assert [ack.outcome for ack in harness.turn().acks] == [wire.COMMITTED, wire.REFUSED]


NAN, INFINITE = float("nan"), float("inf")
NEW_JOB: list[Any] = ["j", "t", 1, 0, None, "default", None, b"c", b"s"]


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("Submit", ["w", "r", 1.0, []]),
        ("Submit", ["w", "r", NAN, [NEW_JOB]]),
        ("Submit", ["w", "r", INFINITE, [NEW_JOB]]),
        ("Submit", ["w", "r", 1.0, [[*NEW_JOB[:2], 3, *NEW_JOB[3:]]]]),
        ("Submit", ["w", "r", 1.0, [[*NEW_JOB[:2], -1, *NEW_JOB[3:]]]]),
        ("Submit", ["w", "r", 1.0, [[*NEW_JOB[:3], 2**63, *NEW_JOB[4:]]]]),
        ("Ready", ["i", "name", 1, -1, "engine", []]),
        ("Ready", ["i", "name", 1, 2**60, "engine", []]),
    ],
)
def test_numbers_that_nobody_could_compute_with_are_malformed(name: str, fields: list[Any]) -> None:
    reader = wire.from_web if name == "Submit" else wire.from_worker
    with pytest.raises(WireFault):
        reader.decode(msgspec.msgpack.encode([wire.VERSION, name, fields]))


LONG = "x" * 256
RENDITION = ["thumb", "processed/ab/x", "jpeg", 1, 1, 1, "ab" * 32, "#ffffff"]
LEASE = ["j", 1]


@pytest.mark.parametrize(
    ("name", "fields", "places"),
    [
        ("Failed", [[[*LEASE, "undecodable", "why"]]], [(0, 0, 0), (0, 0, 2)]),
        ("Published", [[[*LEASE, RENDITION]]], [(0, 0, 2, at) for at in (0, 1, 2, 6, 7)]),
        ("Finished", [[[*LEASE, [RENDITION]]]], [(0, 0, 2, 0, at) for at in (0, 1, 2, 6, 7)]),
        ("Ready", ["i", "name", 1, 1, "engine", []], [(0,), (1,), (4,)]),
    ],
)
def test_a_text_longer_than_any_of_a_worker_is_malformed(name: str, fields: Any, places: list[tuple[int, ...]]) -> None:
    wire.from_worker.decode(msgspec.msgpack.encode([wire.VERSION, name, fields]))
    for *path, last in places:
        said = msgspec.json.decode(msgspec.json.encode(fields))
        functools.reduce(operator.getitem, path, said)[last] = LONG
        with pytest.raises(WireFault):
            wire.from_worker.decode(msgspec.msgpack.encode([wire.VERSION, name, said]))


def test_so_is_a_failure_told_at_length() -> None:
    told = wire.Failed([wire.Failure("j", 1, "undecodable", "x" * 1000)])
    assert wire.from_worker.decode(wire.encode(told)) == told
    with pytest.raises(WireFault):
        wire.from_worker.decode(wire.encode(wire.Failed([wire.Failure("j", 1, "undecodable", "x" * 1001)])))
