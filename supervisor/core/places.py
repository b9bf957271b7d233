"""One process, the place that it fills, and what follows for the place when it ends unasked. Sans I/O.

Owns the back-off and the words for how a process ended. Knows no other place and no signal; fleet.py does.
"""

from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

BACKOFF_SECONDS_MIN, BACKOFF_SECONDS_MAX = 0.1, 3.0
FORGET_SECONDS = 10.0  # a child that was up so long is replaced at once
REFUSED = 2  # the exit status of a role that cannot start as it is configured
REFUSED_SECONDS_MIN, REFUSED_SECONDS_MAX = 1.0, 60.0  # to its next try: a person must correct something first


@dataclass(slots=True)
class Child:
    """One process, started in restart `round` at `since`. If it was told to end, it is killed at `kill_at`.
    `last_seen`: its last sign of life, in seconds of our own time awake. `fault`: the fault that ended it, if any."""

    number: int
    role: str
    round: int
    since: float
    last_seen: float
    state: str = "starting"
    kill_at: float = inf
    fault: str = ""

    def refused(self, status: int) -> bool:
        """Whether exit `status` means that it cannot start as configured."""
        return status == REFUSED and self.state == "starting"

    def ended(self, status: int) -> str:
        """How it ended, in words; `status` is negative of a signal."""
        if self.refused(status):
            return "cannot start as configured, its log says why"
        return self.fault or (f"ended by signal {-status}" if status < 0 else f"ended with status {status}")


@dataclass(slots=True)
class Slot:
    """The place of one process: the first child is it, the others are its successors. Not filled before `due`. `last`:
    how the last process ended that nobody told to end."""

    role: str
    children: list[Child] = field(default_factory=list)
    losses: int = 0
    due: float = 0.0
    last: str = ""

    def lost(self, child: Child, status: int, now: float) -> None:
        """A child has ended that nobody told to end: decides when the next one is due. The first loss after a while
        costs no pause. If it cannot start as configured, the pause gives a person time to correct that."""
        refused = child.refused(status)
        self.children.remove(child)
        self.last = child.ended(status)
        self.losses = 1 if now - child.since >= FORGET_SECONDS and not refused else self.losses + 1
        if refused:
            self.due = now + min(REFUSED_SECONDS_MIN * 2 ** min(self.losses - 1, 9), REFUSED_SECONDS_MAX)
        else:
            pause = min(BACKOFF_SECONDS_MIN * 2 ** min(self.losses - 2, 9), BACKOFF_SECONDS_MAX)
            self.due = now if self.losses == 1 else now + pause


class Shown(NamedTuple):
    """A line of the status: a process (`child`), or a place that waits (None); `seconds` since its start, or to the
    next try."""

    role: str
    state: str
    child: int | None
    seconds: float
    last: str
