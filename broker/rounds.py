"""Whether every worker with mail was heard, though one sends more than a turn reads.

Owns no message and no socket: it is told whose frame was read. ZeroMQ reads one frame of
each connection in turn; where one runs dry, another may come once too early. So between the first frame of a worker and
its third, a frame of each other worker with mail was read.
"""

from collections import Counter

ROUND_SECONDS = 0.1
"""A round that takes longer says nothing of the workers that came first in it: they may have sent something since."""


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
        """One frame more was read of each of these, in this order: whether a short round is over."""
        over = False
        for peer in peers:
            self._frames[peer] += 1
            if self._frames[peer] == 3:
                over = over or now - self._began <= ROUND_SECONDS
                self.emptied(now)
        return over
