"""Every event of the core can be kept and read again as it was, and the loop tells the core nothing else."""

from pathlib import Path
from typing import get_args

import msgspec

from broker import loop
from broker.core.books.events import (
    AgeWalk,
    BatchesFound,
    BatchOrdered,
    ClockRead,
    Commanded,
    DeliveriesRead,
    DueRead,
    DurabilityRead,
    Event,
    Expire,
    Expired,
    LoopRead,
    Matched,
    NamesListed,
    Ordered,
    OverdueFound,
    PeerLost,
    Received,
    Refilled,
    Replayed,
    Submitted,
)
from broker.flight import facts
from broker.flight.facts import Intake, Turn, packed, parts
from jobs import wire
from jobs.deliveries import DeliveryRow, DeliveryWhere, DueRefill
from jobs.job import Row
from jobs.records import BatchCount, BatchEntry, GrantEntry, KeyEntry, Lane, Refill, Where

ROW = Row(
    1,
    "j1",
    "t",
    "queued",
    1,
    "s.t",
    1,
    0,
    0,
    1,
    1.5,
    None,
    None,
    None,
    None,
    None,
    None,
    None,
    None,
    b"c",
    b"s",
    b"\x90",
)
REPLAY = wire.Replay("w", "r", None, DeliveryWhere("t"))
DELIVERY = DeliveryRow(2, "d2-0000000", "t", "j1", None, "h t", "https://h/", "job.done", b"{}", 4, 1.5)
NEW = wire.NewJob("j2", "t", 1, 0, None, None, None, b"c", b"spec", b"k" * 32, b"f")
GRANTS = {"g": GrantEntry("g", 3, 9.0)}
KEYS = {b"k" * 32: KeyEntry(b"k" * 32, "j1", b"f", 1.0)}
BATCH = BatchEntry("b", "t", 1.0, None, 9.0, b"hooks")
BATCHES = {"b": (BATCH, 3)}
SUBMITS = [wire.Submit("w", f"r{number}", 1.0, [NEW]) for number in range(2)]
OTHERS: list[tuple[facts.Other, object]] = [
    (Commanded(wire.Cancel("w", "r", "j1"), ROW), wire.Cancel("w", "r", "j1")),
    (Commanded(wire.Purge("w", "r", "j9"), None), wire.Purge("w", "r", "j9")),
    (Matched(wire.Requeue("w", "r", None, Where("t")), [ROW], 7), wire.Requeue("w", "r", None, Where("t"))),
    (Ordered(wire.Pause("w", "r")), wire.Pause("w", "r")),
    (NamesListed(b"p", wire.Found("", ["raw/j1/j1"], None), [ROW]), wire.Found("", ["raw/j1/j1"], None)),
    (PeerLost(b"p"), None),
    (Refilled(Refill(Lane(1, "s.t"), 3, 9), [ROW]), None),
    (Expired(Expire(1.0, 9), [ROW]), None),
    (Expired(Expire(1.0, 9, walk=AgeWalk(1, (0.5, 3), set(), True)), [ROW], (0.75, 4), True), None),
    (OverdueFound([ROW], True), None),
    (BatchesFound([BatchCount(BATCH, {"done": 2})], ["c"], [(2.5, "d")]), None),
    (BatchOrdered(wire.CloseBatch("w", "r", "b"), BATCH), wire.CloseBatch("w", "r", "b")),
    (ClockRead(2.5), None),
    (DueRead(DueRefill("h t", float("-inf"), 0, 3), [(1.5, 2)]), None),
    (DeliveriesRead([2, 3], [DELIVERY]), None),
    (Replayed(REPLAY, [DELIVERY], 9), REPLAY),
    (DurabilityRead("asynchronous"), None),
    (LoopRead([1, 2, 3]), None),
]


def test_every_event_is_read_as_it_was_told() -> None:
    intake = Intake()
    intake.received(b"p", wire.Swept(["j1"]), wire.encode(wire.Swept(["j1"])))
    intake.submitted([(submit, wire.encode(submit)) for submit in SUBMITS], {"j2"}, KEYS, GRANTS, BATCHES)
    for event, message in OTHERS:
        intake.add(event, b"" if message is None else wire.encode(message))  # type: ignore[arg-type]
    assert {type(event) for event in intake.events} == set(get_args(Event)), "an event is not tried here"
    (turn,), torn = parts(packed(Turn(1.0, intake.facts, True, False)))
    assert torn == 0
    assert isinstance(turn, Turn)
    assert list(facts.events(turn.facts)) == intake.events
    assert intake.events[:3] == [
        Received(b"p", wire.Swept(["j1"])),
        *(Submitted(submit, {"j2"}, KEYS, GRANTS, BATCHES) for submit in SUBMITS),
    ]


def test_the_loop_tells_the_core_only_what_it_recorded() -> None:
    source = Path(loop.__file__).read_text()
    assert source.count("decide(") == source.count("self._recorder.turn(") == 1
    assert source.index("self._recorder.turn(") < source.index("decide(self._dispatcher")
    assert not [call for call in (".handle(", ".tick(", ".drain(", "dispatcher.stop(") if call in source]


def test_facts_are_plain_data() -> None:
    assert all(issubclass(kind, msgspec.Struct) for kind in get_args(facts.Fact))
