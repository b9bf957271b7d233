"""broker/standby.py: who waits for the term, and who refuses."""

import logging
import socket
import time
from collections.abc import Iterator
from unittest.mock import Mock

import pytest

from broker.standby import await_term
from host.process import notify
from jobs.errors import LedgerDamaged, LedgerFailed, SetupFault
from stores.ledger import Ledger
from stores.ledger.memory import MemoryLedger

LEDGER = MemoryLedger()


class Tries:
    """A candidate whose tries end as listed; the last one is repeated."""

    again_seconds = 0.0
    refusal = "another broker runs"

    def __init__(self, *ends: Ledger | Exception | None, predecessor_seconds: float = 0.0) -> None:
        self.ends, self.predecessor_seconds = list(ends), predecessor_seconds
        self.closed = False

    def take(self) -> Ledger | None:
        end = self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
        if isinstance(end, Exception):
            raise end
        return end

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def signals() -> Iterator[tuple[socket.socket, socket.socket]]:
    both = socket.socketpair()
    yield both
    for end in both:
        end.close()


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch) -> Mock:
    said = Mock()
    monkeypatch.setattr(notify, "ready", said)
    return said


Signals = tuple[socket.socket, socket.socket]
LOG = logging.getLogger("broker")


def test_a_free_term_is_taken_without_a_word_of_readiness(signals: Signals, ready: Mock) -> None:
    assert await_term(Tries(LEDGER), True, signals[0], LOG) is LEDGER
    ready.assert_not_called()


def test_a_single_broker_waits_for_its_predecessor_only(signals: Signals, ready: Mock) -> None:
    assert await_term(Tries(None, None, LEDGER, predecessor_seconds=60.0), False, signals[0], LOG) is LEDGER
    with pytest.raises(SetupFault, match="another broker runs"):
        await_term(Tries(None), False, signals[0], LOG)
    ready.assert_not_called()


def test_one_of_several_is_ready_once_it_stands_by(signals: Signals, ready: Mock) -> None:
    assert await_term(Tries(None, None, None, LEDGER), True, signals[0], LOG) is LEDGER
    ready.assert_called_once_with()


@pytest.mark.parametrize("several", [False, True])
def test_systemctl_says_what_is_waited_for(
    signals: Signals, ready: Mock, several: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(notify, "status", said.append)
    await_term(
        Tries(LedgerFailed("down"), LedgerFailed("down"), None, LEDGER, predecessor_seconds=60.0),
        several,
        signals[0],
        LOG,
    )
    assert said == ["waits for the ledger: down", "stands by"][: 1 + several]


@pytest.mark.parametrize("several", [False, True])
def test_a_ledger_out_of_reach_is_waited_for(signals: Signals, ready: Mock, several: bool) -> None:
    assert await_term(Tries(LedgerFailed("down"), LedgerFailed("down"), LEDGER), several, signals[0], LOG) is LEDGER
    ready.assert_not_called()


def test_the_predecessor_has_its_time_anew_once_the_ledger_is_there(
    signals: Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([0.0, 50.0, 59.0, 61.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(times))
    tries = Tries(LedgerFailed("down"), None, None, predecessor_seconds=10.0)
    with pytest.raises(SetupFault):
        await_term(tries, False, signals[0], LOG)
    assert next(times, None) is None


def test_a_damaged_ledger_is_waited_for_by_nobody(signals: Signals) -> None:
    with pytest.raises(LedgerDamaged):
        await_term(Tries(LedgerDamaged("torn")), True, signals[0], LOG)


def test_a_stop_ends_the_wait(signals: Signals) -> None:
    signals[1].send(b"\x0f")
    tries = Tries(None)
    assert await_term(tries, True, signals[0], LOG) is None
    assert tries.closed
