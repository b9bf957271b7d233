"""What a turn needs of the ledger: asked for once, told in the order in which it came."""

from typing import Any
from unittest.mock import Mock

from broker.core.books.events import Commanded, Event, Matched, NamesListed, Ordered, Received, Refilled, Submitted
from broker.flight.facts import Intake, events
from broker.lookups import TURN_BYTES, Lookups
from jobs import wire
from jobs.records import Lane, Records, Refill
from stores.ledger.memory import MemoryLedger
from tests.contracts.rows import job_id, row
from tests.properties.harness import new_job

PEER = b"p"


class Turn:
    """One loop's look-ups over a ledger that counts what it is asked."""

    def __init__(self, *seqs: int, spec: bytes = b"spec") -> None:
        self.ledger = MemoryLedger()
        self.ledger.commit(Records(jobs=[row(seq, spec=spec) for seq in seqs]))
        self.asked = Mock(wraps=self.ledger)
        self.lookups = Lookups(self.asked)

    def order(self, *messages: Any) -> None:
        for message in messages:
            self.lookups.ordered(message, wire.encode(message))

    def submit(self, *names: str) -> None:
        submit = wire.Submit("web", "r", 1e10, [new_job(name) for name in names], None)
        self.lookups.submitted(submit, wire.encode(submit))

    def find(self, intake: Intake, *names: str) -> None:
        found = wire.Found("", list(names), None)
        self.lookups.scanned(intake, PEER, found, wire.encode(found))

    def look_up(self, intake: Intake, **room: int) -> list[Event]:
        self.lookups.look_up(intake, **room)
        assert list(events(intake.facts)) == intake.events, "the flight recorder has it otherwise"
        return intake.events


def raw(seq: int) -> str:
    return f"raw/ab/{job_id(seq)}"


def test_a_turn_asks_once_and_tells_workers_first_then_orders_then_submits() -> None:
    turn, intake = Turn(1, 2, 3), Intake()
    turn.find(intake, raw(3), raw(9))
    leaving = wire.Leaving()
    intake.received(PEER, leaving, wire.encode(leaving))
    turn.find(intake, raw(1))
    turn.submit(job_id(1), "new")
    turn.order(wire.Cancel("web", "a", job_id(2)), wire.Pause("web", "b"), wire.Purge("web", "c", job_id(9)))
    turn.submit("other")
    first, received, second, cancel, pause, purge, submitted, other = turn.look_up(intake)
    turn.asked.look_up.assert_called_once()
    assert [isinstance(each, NamesListed) and each.rows for each in (first, second)] == [[row(3)], [row(1)]]
    assert isinstance(received, Received)
    assert [isinstance(each, Commanded) and each.row for each in (cancel, purge)] == [row(2), None]
    assert isinstance(pause, Ordered)
    assert isinstance(submitted, Submitted) and isinstance(other, Submitted)
    assert submitted.existing == other.existing == {job_id(1)}


def test_a_turn_without_a_question_asks_nothing() -> None:
    turn = Turn()
    assert turn.look_up(Intake()) == []
    assert turn.asked.mock_calls == []


def test_orders_whose_rows_find_no_room_come_with_the_next_turn_and_so_do_those_behind_them() -> None:
    turn = Turn(1, 2, 3, spec=b"s" * 100)
    turn.order(*(wire.Cancel("web", str(seq), job_id(seq)) for seq in (1, 2, 3)), wire.Pause("web", "4"))
    turn.order(wire.Cancel("web", "5"))
    told = list[list[str]]()
    while not told or turn.lookups.is_behind:
        found = turn.look_up(Intake(), room=50)
        told.append([event.command.request for event in found if isinstance(event, Commanded | Matched)])
    assert told == [["1"], ["2"], ["3", "5"]]
    assert not turn.lookups.is_behind


def test_the_lanes_that_run_low_are_read_in_one_call_and_what_exceeds_the_room_is_asked_for_again() -> None:
    turn, intake = Turn(1, 2, 3, spec=b"s" * TURN_BYTES), Intake()
    small, none = Refill(Lane(1, "small"), 0, 5), Refill(Lane(2, "small"), 0, 5)
    turn.lookups.refill(intake, [small, none])
    turn.asked.queued.assert_called_once_with([small, none])
    assert intake.events == [Refilled(Refill(small.lane, 0, 1), [row(1, spec=b"s" * TURN_BYTES)]), Refilled(none, [])]


def test_a_turn_without_a_lane_that_runs_low_reads_none() -> None:
    turn, intake = Turn(1), Intake()
    turn.lookups.refill(intake, [])
    assert intake.events == [] and turn.asked.mock_calls == []
