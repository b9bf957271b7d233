"""The order of a turn's deeds: durable before visible, and nobody waits for what is neither."""

import logging
import time
from math import inf
from unittest.mock import Mock

import pytest

from broker.core.books.events import (
    BatchesFound,
    DueRead,
    DurabilityRead,
    Effects,
    FindBatches,
    FindOverdue,
    OverdueFound,
    PeerLost,
)
from broker.flight.facts import Intake
from broker.lookups import Lookups
from broker.loop import Loop
from broker.measures import Measures
from jobs import wire
from jobs.deliveries import DueRefill
from jobs.errors import TermLost
from jobs.records import Durability, Meta, Records
from stores.ledger.memory import MemoryLedger

BEAT = wire.Beat(1, 1.0, 2, False, {}, None, [], 0, 0.0, 0.0)


def loop_that_notes(done: Mock, believed_until: float) -> Loop:
    """A loop whose ledger and sockets note what they are told to do."""
    loop = object.__new__(Loop)
    loop._lookups = Mock()
    loop._dispatcher, loop._recorder, loop._narrator, loop._intake = Mock(epoch=1), Mock(), Mock(), Mock()
    done.ledger.believed_until = believed_until
    loop._ledger, loop.sockets = done.ledger, done.sockets
    loop._offset = 0.0
    loop._measures = Measures()
    return loop


def effects(beat: wire.Beat | None = None) -> Effects:
    changes = wire.Changes(1, 1, 2, [wire.Change(2, "j", "", "running", 0)])
    sends: list[tuple[bytes, wire.ToWorker]] = [(b"w", wire.Drain())]
    acks = {"web": [wire.Ack("r", wire.COMMITTED)]}
    return Effects(Records(meta=Meta(2, 1, False, {})), acks, sends, changes, beat, [])


@pytest.mark.parametrize("beat", [None, BEAT])
def test_a_turn_is_committed_then_told_and_only_then_is_the_ledger_tidied(beat: wire.Beat | None) -> None:
    done = Mock()
    loop_that_notes(done, inf)._carry_out(effects(beat), 1.0)
    deeds = [name.removeprefix("sockets.") for name, _, _ in done.mock_calls]
    told = ["publish_acks", "send_to_worker", *["publish_changes"] * (1 + (beat is not None))]
    assert deeds == ["ledger.commit", *told, "ledger.tidy"]
    done.ledger.tidy.assert_called_once_with(busy=beat is not None)


def test_a_lost_worker_is_told_behind_what_the_ledger_answered_before() -> None:
    """What follows from the loss is written after these answers were read."""
    done = Mock()
    loop = loop_that_notes(done, inf)
    loop._lookups, loop._intake = Lookups(MemoryLedger()), Intake()
    done.sockets.send_to_worker.return_value = False
    asked = effects()
    asked.due, asked.find_overdue = [DueRefill("lane", 0.0, 0, 1)], FindOverdue(1)
    asked.find_batches = FindBatches(["b"], None, 1, 0.0)
    loop._carry_out(asked, 1.0)
    assert [type(event) for event in loop._intake.events] == [OverdueFound, DueRead, BatchesFound, PeerLost]


def test_nothing_is_sent_after_a_commit_that_took_longer_than_the_term() -> None:
    done = Mock()
    loop = loop_that_notes(done, inf)

    def commit(_: Records) -> None:
        done.ledger.believed_until = time.monotonic()

    done.ledger.commit.side_effect = commit
    with pytest.raises(TermLost):
        loop._carry_out(effects(), 1.0)
    assert [name for name, _, _ in done.mock_calls] == ["ledger.commit"]


def test_a_commit_may_renew_the_term() -> None:
    done = Mock()
    loop = loop_that_notes(done, time.monotonic())

    def commit(_: Records) -> None:
        done.ledger.believed_until = inf

    done.ledger.commit.side_effect = commit
    loop._carry_out(effects(), 1.0)
    done.ledger.tidy.assert_called_once()


def test_a_change_of_what_commits_rest_on_is_logged_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    done = Mock()
    loop = loop_that_notes(done, inf)
    loop._log, loop._durability, loop._intake = logging.getLogger("broker"), Durability(), Intake()
    done.ledger.durability = Durability("asynchronous", "a replica lags")
    for _ in range(2):
        loop._note_durability()
    assert loop._intake.events == [DurabilityRead("asynchronous")]
    assert [(record.levelname, record.why) for record in caplog.records] == [("WARNING", "a replica lags")]  # type: ignore[attr-defined]


def test_after_a_pause_that_was_longer_than_the_term_nothing_is_read_greeted_or_written() -> None:
    done = Mock()
    with pytest.raises(TermLost):
        loop_that_notes(done, time.monotonic())._turn(time.monotonic(), set())
    assert done.mock_calls == []
