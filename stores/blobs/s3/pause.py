"""A pause after a call that the store did not answer: others that come then fail at once instead of waiting, too. Pure.

So a store that is stopped holds each thread for one call's time, and not once for every upload that waits for it.
"""

PAUSE_SECONDS = 1.0


class Pause:
    """The state of one process's calls; `now` is monotonic. `why` tells the last fault, and is empty if all is well."""

    def __init__(self) -> None:
        self.why = ""
        self._until = 0.0

    def holds(self, now: float) -> bool:
        """Whether a call that begins now fails at once."""
        return bool(self.why) and now < self._until

    def failed(self, why: str, now: float) -> None:
        """A call was not answered."""
        self.why, self._until = why, now + PAUSE_SECONDS

    def answered(self) -> None:
        """A call was answered, whatever the answer said of its blob."""
        self.why = ""
