"""The order of a turn's deeds: durable before visible, and nobody waits for what is neither."""

from unittest.mock import Mock

import pytest

from broker.core.books.events import Effects
from broker.loop import Loop
from jobs import wire
from jobs.records import Meta, Records

BEAT = wire.Beat(1, 1.0, 2, False, {}, None, [], 0, 0.0, 0.0)


@pytest.mark.parametrize("beat", [None, BEAT])
def test_a_turn_is_committed_then_told_and_only_then_is_the_ledger_tidied(beat: wire.Beat | None) -> None:
    done = Mock()
    loop = object.__new__(Loop)
    loop._lookups = Mock()
    loop._dispatcher, loop._recorder, loop._narrator, loop._intake = Mock(epoch=1), Mock(), Mock(), Mock()
    loop._ledger, loop.sockets = done.ledger, done.sockets
    changes = wire.Changes(1, 1, 2, [wire.Change(2, "j", "", "running", 0)])
    sends: list[tuple[bytes, wire.ToWorker]] = [(b"w", wire.Drain())]
    acks = {"web": [wire.Ack("r", wire.COMMITTED)]}
    loop._carry_out(Effects(Records(meta=Meta(2, 1, False, {})), acks, sends, changes, beat, []), 1.0)
    deeds = [name.removeprefix("sockets.") for name, _, _ in done.mock_calls]
    told = ["publish_acks", "send_to_worker", *["publish_changes"] * (1 + (beat is not None))]
    assert deeds == ["ledger.commit", *told, "ledger.tidy"]
    done.ledger.tidy.assert_called_once_with(busy=beat is not None)
