"""A bounded call takes its caller at most its seconds, and a call that hangs holds up nobody else."""

import threading
import weakref

import pytest

from stores.cache.bounded import Bounded


def test_what_a_call_returns_and_raises_comes_through() -> None:
    bounded = Bounded()
    assert bounded.call(lambda: 7, 10.0) == 7
    with pytest.raises(KeyError):
        bounded.call(lambda: dict[int, int]()[1], 10.0)
    assert bounded.call(lambda: 8, 10.0) == 8


def test_a_call_that_hangs_ends_for_its_caller_and_what_waited_behind_it_is_not_called() -> None:
    bounded, hangs, ran = Bounded(), threading.Event(), list[int]()
    with pytest.raises(TimeoutError):
        bounded.call(hangs.wait, 0.01)
    with pytest.raises(TimeoutError):
        bounded.call(lambda: ran.append(1), 0.01)
    hangs.set()
    assert bounded.call(lambda: list(ran), 10.0) == []


def test_what_a_call_held_goes_with_its_end() -> None:
    class Connection:
        def ask(self) -> int:
            return 7

    bounded, gone, connection = Bounded(), threading.Event(), Connection()
    weakref.finalize(connection, gone.set)
    assert bounded.call(connection.ask, 10.0) == 7
    del connection
    assert gone.wait(10.0)
