"""Tells a person that the server is away and that the request is sent again, so that a wait is never silent."""

import logging
from collections.abc import Callable

from pixmill.core.requests import Retry

QUIET_SECONDS = 2.0
"""A failure that is over sooner is not told."""
_LOG = logging.getLogger("pixmill")


class Absence:
    """Says once for each absence of the server why a request fails, and for how long it is sent again. `clock` is
    monotonic."""

    def __init__(self, say: Callable[[str], object], clock: Callable[[], float]) -> None:
        self._say, self._clock = say, clock
        self._quiet_until = float("-inf")

    def __call__(self, retry: Retry) -> None:
        """A request fails, and is sent again."""
        now = self._clock()
        if retry.failing_seconds + retry.next_seconds >= QUIET_SECONDS and now >= self._quiet_until:
            self._quiet_until = now + retry.patience_seconds
            self._say(f"{retry.reason}: not there yet, trying for {retry.patience_seconds:.0f} s")


def logged(clock: Callable[[], float]) -> Absence:
    """Tells the log `pixmill`, as a warning: where nobody has set up logging, Python prints that to stderr."""
    return Absence(lambda text: _LOG.warning("%s", ascii(text)[1:-1]), clock)
