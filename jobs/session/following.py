"""Which of several brokers a worker or a courier follows: the one of the highest epoch that welcomed it.

Pure. A line is the connection to one broker's address. A worker with one line follows it from the start. With several,
or others later, it introduces itself on each connection that comes to stand; the session hears of the followed line
alone.
"""

from enum import Enum, auto
from typing import Any

from jobs.wire import BrokerBeat, Introduce, Welcome


class Heard(Enum):
    """What follows from a message: the session gets it; its line is followed from now on; the worker introduces itself
    on its line; nothing."""

    PASS = auto()
    FOLLOW = auto()
    INTRODUCE = auto()
    NOTHING = auto()


class Following:
    """The choice between so many `lines`. `line`: the followed one, None before the first Welcome."""

    def __init__(self, lines: int) -> None:
        self.line = 0 if lines == 1 else None
        self._epoch = 0

    def received(self, line: int, message: Any) -> Heard:
        """A message came over `line`. That of a lower epoch than the highest one changes nothing: its broker has lost
        the term, whether it knows that or not. After a Welcome that changes the line the session introduces itself
        anew: what the former broker said meanwhile is known there, and what it says later counts no more."""
        if line == self.line:
            if isinstance(message, Welcome):
                self._epoch = message.epoch
            return Heard.PASS
        if not isinstance(message, Welcome | Introduce | BrokerBeat) or message.epoch <= self._epoch:
            return Heard.NOTHING
        if not isinstance(message, Welcome):
            return Heard.INTRODUCE
        self.line, self._epoch = line, message.epoch
        return Heard.FOLLOW
