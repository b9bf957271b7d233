"""Whether every worker was heard who had something to say, though one says more than is read in a turn.

Owns no message and no socket: it is told whose frame was read. ZeroMQ takes one frame of each connection in turn, but
for one that may come once too early where another runs dry. So between the first and the third of one worker, each
other one that had mail was read.
"""

from collections import Counter

ROUND_SECONDS = 0.1
"""A round that takes longer says nothing of who came first in it: he may have said something since."""


class Rounds:
    """What was read since the mail was last read empty, or a round was over."""

    def __init__(self) -> None:
        self._frames: Counter[bytes] = Counter()
        self._began = 0.0

    def emptied(self, now: float) -> None:
        """Nothing was left unread."""
        self._frames.clear()
        self._began = now

    def heard_all(self, peers: list[bytes], now: float) -> bool:
        """Whether, with one frame more of each of these in this order, a short round is over."""
        over = False
        for peer in peers:
            self._frames[peer] += 1
            if self._frames[peer] == 3:
                over = over or now - self._began <= ROUND_SECONDS
                self.emptied(now)
        return over
