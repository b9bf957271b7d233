"""Tells whether each waiting worker was read at least once, although one worker may send more than a turn can read.

ZeroMQ reads its connections in turn, one frame each. The order may skip ahead once, when a connection runs empty. So
three frames of one worker prove a full round: each other waiting worker was read between the first and the third. Owns
no message and no socket: the loop says whose frame it read.
"""

from collections import Counter

ROUND_FRAMES = 3
ROUND_SECONDS = 0.1
"""A longer round proves nothing: the workers that were read first in it may have sent a message since."""


class Rounds:
    """Counts the frames of each worker since the socket was last read empty, or since the last full round."""

    def __init__(self) -> None:
        self._frames: Counter[bytes] = Counter()
        self._began = 0.0

    def emptied(self, now: float) -> None:
        """The socket was read until it was empty."""
        self._frames.clear()
        self._began = now

    def all_read(self, peers: list[bytes], now: float) -> bool:
        """One more frame of each of these was read, in this order. Returns whether that completed a short round."""
        over = False
        for peer in peers:
            self._frames[peer] += 1
            if self._frames[peer] == ROUND_FRAMES:
                over = over or now - self._began <= ROUND_SECONDS
                self.emptied(now)
        return over
