"""A call that takes its caller at most so many seconds, whatever it waits for: a name server, a handshake, an answer
that arrives byte by byte. A socket's own time-out bounds each step only.

Owns one thread, which carries out all calls in order.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

from host.process.threads import tried

T = TypeVar("T")


class Bounded:
    """Calls of one caller, one at a time."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = SimpleQueue()
        threading.Thread(target=self._carry_out, name="bounded calls", daemon=True).start()

    def call(self, do: Callable[[], T], seconds: float) -> T:
        """What `do` returns or raises. Raises TimeoutError after `seconds`, also if an earlier call still hangs; then
        `do` is not called any more."""
        answer: Future[T] = Future()
        self._calls.put((do, answer))
        try:
            return answer.result(seconds)
        finally:
            answer.cancel()

    def _carry_out(self) -> None:
        while True:
            do, answer = self._calls.get()
            if answer.set_running_or_notify_cancel():
                tried(answer, do)()
            del do, answer  # what they hold goes now, and not with the next
