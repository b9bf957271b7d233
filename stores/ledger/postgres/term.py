"""The term: how long a writer may believe that it is the only one. Pure: monotonic time is an argument.

The row in the database decides. It is compared and renewed by the first statement of every commit, in the database's
time. A writer must know by its own clock when another may have taken the term: its belief ends BELIEF_SECONDS after it
*sent* the last renewal that was answered. That is MARGIN_SECONDS before the row says so.
"""

from typing import NamedTuple

TERM_SECONDS = 6.0
"""A holder that is cut off is followed after this time. A commit that takes longer costs it the term, so this is above
the pauses of common disks."""
MARGIN_SECONDS = 1.5
"""For messages that are sent just before the belief ends, and for clocks that run unequally."""
BELIEF_SECONDS = TERM_SECONDS - MARGIN_SECONDS
RENEW_SECONDS = 0.3
"""An idle holder renews in the first turn that comes later than this. Turns are a second apart at most."""
GONE_SECONDS = 1.75
"""A term is free if it was not renewed for this time and its holder's connection has ended: a killed holder is followed
sooner than a silent one. If only a pooler ended a connection, its holder renews before that, over another one."""
AGAIN_SECONDS = 0.2
"""Between two tries to take the term."""


class Term(NamedTuple):
    """What a writer holds: the numbers that the row must have, and the monotonic time until which it may believe it."""

    epoch: int
    nonce: bytes
    turn: int
    sent_at: float
    """When the last renewal that was answered was sent."""

    @property
    def believed_until(self) -> float:
        return self.sent_at + BELIEF_SECONDS

    def renewed(self, sent_at: float) -> "Term":
        """After a renewal that was sent at `sent_at` and answered."""
        return self._replace(turn=self.turn + 1, sent_at=sent_at)

    def is_due(self, now: float) -> bool:
        """Whether an idle writer must renew."""
        return now >= self.sent_at + RENEW_SECONDS
