"""When a server that failed may be asked again: a circuit breaker.

Owns the pauses. Pure: `now` is an argument (monotonic seconds), and the caller tells how each call ended.
"""

PAUSE_SECONDS_FIRST, PAUSE_SECONDS_MOST = 1.0, 15.0
"""After a failure nobody asks for the first time; each further failure doubles it, up to the most. With a time-out of
0.2 s, a server that is gone then costs a busy worker 1.3 % of its time."""


class Breaker:
    """Closed at first. A failure opens it: no call is made. After the pause one probe is allowed (half-open), whose end
    closes the breaker or opens it for longer."""

    def __init__(self) -> None:
        self._pause = 0.0
        self._until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the last call that ended had failed."""
        return self._pause > 0

    def allows(self, now: float, *, probe: bool) -> bool:
        """Whether a call may be made. While the breaker is open, only a `probe` may, and none beside it: a job that
        probes makes no second call that could take the time-out once more."""
        if not self._pause:
            return True
        if not probe or now < self._until:
            return False
        self._until = now + self._pause
        return True

    def answered(self) -> None:
        """The server answered a call."""
        self._pause = 0.0

    def failed(self, now: float) -> None:
        """A call got no answer, or none that can be understood."""
        self._pause = min(PAUSE_SECONDS_MOST, 2 * self._pause or PAUSE_SECONDS_FIRST)
        self._until = now + self._pause
