"""Logs the broker's assignments: each one while they are few, else their number.

Owns the pace of the log: a line costs more than a job does.
"""

import logging
from collections.abc import Callable

from jobs.leases import count_of
from jobs.wire import Assign, ToWorker

LINES_PER_SECOND = 20


class Narrator:
    """Logs assignments; at most LINES_PER_SECOND of them, the rest as a count."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._second = 0
        self._lines = 0
        self._unsaid = 0

    def log(self, sends: list[tuple[bytes, ToWorker]], name_of: Callable[[bytes], str], now: float) -> None:
        """Log the assignments among this turn's messages; `name_of` labels a peer's worker."""
        if int(now) != self._second:
            self._second, self._lines = int(now), 0
            if self._unsaid:
                self._log.info("assigned", extra={"jobs": self._unsaid})
                self._unsaid = 0
        for peer, message in sends:
            if not isinstance(message, Assign):
                continue
            said = message.jobs[: max(0, LINES_PER_SECOND - self._lines)]
            self._lines += len(said)
            self._unsaid += len(message.jobs) - len(said)
            for assignment in said:
                extra = {"job": assignment.job, "lease": count_of(assignment.lease), "worker": name_of(peer)}
                self._log.info("assigned", extra=extra)
