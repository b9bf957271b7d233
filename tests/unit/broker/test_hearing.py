"""What a turn reads of workers: who is left unread, who is given up, and when nobody is read for a moment."""

import logging
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from broker import hearing
from broker.core.books.events import Event, PeerLost, Policy, Received
from broker.core.dispatcher import Dispatcher
from broker.flight.facts import Intake
from broker.frames.budget import BURST_SECONDS, DEBT_SECONDS
from broker.frames.gate import Gate
from broker.hearing import DEAF_SECONDS, OVER, WORKERS_PER_KEY_MAX, Hearing
from broker.rounds import ROUND_FRAMES
from host.settings.bounds import WORKERS_MAX
from host.sockets.bound import bound
from jobs import wire
from stores.ledger.memory import MemoryLedger

LOG = logging.getLogger("broker")
BEAT = wire.encode(wire.WorkerBeat([]))
HUGE = bytes(wire.FRAME_BYTES_MAX)
KEY = b"k" * 40
Mail = tuple[bytes, bytes]


class Stage:
    """Frames that wait, in their order, and one who reads them. `key`: of all senders."""

    def __init__(self, key: bytes | None = None) -> None:
        self.mail: list[Mail] = []
        self.key = key
        self.dispatcher = Dispatcher(Policy())
        self.dispatcher.restore(MemoryLedger().restore(), 0.0, 0.0)
        self.gate = Gate(LOG)
        sockets: Any = SimpleNamespace(receive_from_worker=self._next)
        self.hearing = Hearing(self.dispatcher, sockets, self.gate, LOG)
        self.all_read = False

    def _next(self) -> tuple[bytes, list[bytes], bytes | None] | None:
        if not self.mail:
            return None
        peer, frame = self.mail.pop(0)
        return peer, [frame], self.key

    def turn(self, mail: Iterable[Mail] = (), now: float = 1.0) -> list[Event]:
        """One turn of the reader and of the core; what the core was told."""
        self.mail += mail
        intake = Intake()
        self.all_read = self.hearing.read(intake, Mock(), now)
        for event in intake.events:
            self.dispatcher.handle(event, now)
        return intake.events

    def flood(self, now: float = 1.0) -> list[Event]:
        """`loud` sends until it is over its budget: one huge frame in each turn."""
        told: list[Event] = []
        for _ in range(3):
            told += self.turn([(b"loud", HUGE)], now)
        return told

    def ready(self, incarnation: str) -> bytes:
        return wire.encode(wire.Ready(incarnation, "w", 1, 1, "engine", []))


def test_who_sends_more_than_a_worker_can_is_given_up_once_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    stage.turn([(b"loud", stage.ready("loud")), (b"quiet", stage.ready("quiet"))])
    assert [event for event in stage.flood() if isinstance(event, PeerLost)] == [PeerLost(b"loud", OVER)]
    assert stage.dispatcher.peers() == [b"quiet"]
    stage.flood(1.0 + BURST_SECONDS + 2 * DEBT_SECONDS)
    assert [record.why for record in caplog.records if record.message == "worker_not_heard"] == [OVER]  # type: ignore[attr-defined]


def test_what_is_over_the_budget_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    stage.flood()
    dropped = stage.gate.dropped
    monkeypatch.setattr(stage.gate, "read", Mock(side_effect=AssertionError("it was decoded")))
    assert stage.turn([(b"loud", BEAT)]) == []
    assert stage.gate.dropped == dropped + 1


def test_others_are_read_between_the_frames_of_a_flood() -> None:
    stage = Stage()
    stage.flood()
    told = stage.turn([(b"loud", BEAT), (b"quiet", BEAT)] * 9)
    assert told == [Received(b"quiet", wire.WorkerBeat([]))] * 9
    assert stage.hearing.deaf_until == 0.0, "somebody else was waiting"


def test_while_only_a_flood_waits_nobody_is_read_for_a_moment() -> None:
    stage = Stage()
    stage.flood()
    stage.turn([])
    assert stage.turn([(b"loud", BEAT)] * 50) == []
    assert (len(stage.mail), stage.all_read) == (50 - ROUND_FRAMES, True)
    assert (stage.hearing.deaf_until, stage.hearing.again) == (1.0 + DEAF_SECONDS, False)
    stage.turn([(b"quiet", BEAT)], 1.0 + DEAF_SECONDS / 2)
    assert (len(stage.mail), stage.all_read) == (51 - ROUND_FRAMES, False)
    stage.mail[:] = stage.mail[-1:]
    assert stage.turn([], 1.0 + DEAF_SECONDS) == [Received(b"quiet", wire.WorkerBeat([]))]


def test_who_stops_is_asked_to_introduce_itself_and_is_a_worker_again() -> None:
    stage = Stage()
    stage.turn([(b"loud", stage.ready("loud"))])
    stage.flood()
    later = 1.0 + BURST_SECONDS + 2 * DEBT_SECONDS
    stage.turn([(b"loud", BEAT)], later)
    asked = stage.dispatcher.drain(later).sends
    assert [type(message) for peer, message in asked if peer == b"loud"][-1] is wire.Introduce
    stage.turn([(b"loud", stage.ready("loud"))], later)
    assert stage.dispatcher.peers() == [b"loud"]


def test_a_key_has_as_many_workers_as_a_machine_may_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert WORKERS_PER_KEY_MAX == WORKERS_MAX
    monkeypatch.setattr(hearing, "WORKERS_PER_KEY_MAX", 3)
    stage = Stage(KEY)
    crew = [(b"%d" % number, stage.ready(bound(str(number), KEY))) for number in range(5)]
    stage.turn(crew)
    assert stage.dispatcher.peers() == [b"0", b"1", b"2"], "in one turn"
    stage.turn(crew)
    assert len(stage.dispatcher.peers()) == 3, "and those that are known introduce themselves again"
    assert [record.why for record in caplog.records] == ["its key has 3 workers"]  # type: ignore[attr-defined]
    stage.turn([(b"0", wire.encode(wire.Leaving()))])
    stage.turn(crew[3:])
    assert stage.dispatcher.peers() == [b"1", b"2", b"3"]
    stage.key = b"o" * 40
    stage.turn([(b"9", stage.ready(bound("9", stage.key)))])
    assert len(stage.dispatcher.peers()) == 4, "another key has places of its own"
