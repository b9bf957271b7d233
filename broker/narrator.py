"""Tells the log what one turn did to jobs: who got them, who lost them, and what became of them.

Owns the pace: of each kind of line at most LINES_PER_SECOND are written, and the rest is a number. It counts before it
makes a line: a line costs more than a job does, so the log's own bound (host/log/handler.py) would come too late here.
"""

import logging
from collections.abc import Callable

from broker.core.books.events import Effects, LostLease
from host.log.repeats import Repeats
from jobs.job import ENDED, State
from jobs.leases import count_of
from jobs.wire import Assign, Change

LINES_PER_SECOND = 20
ASSIGNED, DELAYED, PURGED, LOST = "assigned", "delayed", "purged", "lost"
Kind = str | tuple[str, str]
"""Of lines that share a pace: an event, a last state, or LOST with its reason."""
_STATES = frozenset(state.value for state in ENDED)


class Narrator:
    """Writes the lines of the broker's turns."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._repeats = Repeats()

    def log(self, effects: Effects, name_of: Callable[[bytes], str], now: float, offset: float) -> None:
        """Log what was committed and sent in a turn at monotonic time `now`, which is `offset` behind wall time.
        `name_of` labels a peer's worker."""
        for kind, held in self._repeats.due(now):
            self._tell_held(kind, held)
        for lease in effects.lost:
            self._lost(lease, now)
        if not self._log.isEnabledFor(logging.INFO):
            return
        for peer, message in effects.sends:
            if isinstance(message, Assign):
                self._assigned(message, name_of(peer), now)
        for change in effects.changes.changes if effects.changes else ():
            if change.removed or (change.state in _STATES and change.rendition is None):
                self._ended(change, now)
            elif change.state == State.DELAYED and self._may(DELAYED, now):
                due = {row.id: row.due_at for row in effects.records.jobs}.get(change.id)
                seconds = None if due is None else round(max(0.0, due - now - offset), 1)
                extra = {"job": change.id, "code": change.code, "attempts": change.attempts, "seconds": seconds}
                self._log.info("delayed", extra=extra)

    def _lost(self, lease: LostLease, now: float) -> None:
        if self._may((LOST, lease.why), now):
            self._log.warning("lost", extra=lease._asdict())

    def _assigned(self, message: Assign, worker: str, now: float) -> None:
        for assignment in message.jobs:
            if self._may(ASSIGNED, now):
                extra = {"job": assignment.job, "lease": count_of(assignment.lease), "worker": worker}
                self._log.info("assigned", extra=extra)

    def _ended(self, change: Change, now: float) -> None:
        if change.removed:
            if self._may(PURGED, now):
                self._log.info("purged", extra={"job": change.id})
        elif self._may(change.state, now):
            extra: dict[str, object] = {"job": change.id, "state": change.state, "attempts": change.attempts}
            if change.code is not None:
                extra |= {"code": change.code, "detail": change.detail}
            self._log.info("ended", extra=extra)

    def _may(self, kind: Kind, now: float) -> bool:
        return self._repeats.admits(kind, LINES_PER_SECOND, 1.0, now)

    def _tell_held(self, kind: object, held: int) -> None:
        """Tell how many lines of a kind were not written."""
        if isinstance(kind, tuple):
            self._log.warning("lost", extra={"why": kind[1], "repeated": held})
        elif kind == ASSIGNED:
            self._log.info("assigned", extra={"repeated": held})
        elif kind == DELAYED:
            self._log.info("delayed", extra={"repeated": held})
        elif kind == PURGED:
            self._log.info("purged", extra={"repeated": held})
        else:
            self._log.info("ended", extra={"state": kind, "repeated": held})
