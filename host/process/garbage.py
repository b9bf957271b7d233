"""When a process looks for garbage: objects that form a circle, which reference counts do not free.

To look at all objects takes 0.7 us for each of them, and holds a loop meanwhile: 0.2 s beside 2,000 connections
(270,000 objects, one machine).
"""

import gc

YOUNG, MIDDLE, NEVER = 2_000, 5, 1_000_000_000
"""Thresholds of gc.set_threshold: new objects are looked at after so many, what outlived that after so many looks, and
all objects only by `Collector`."""
EVERY_SECONDS, LATEST_SECONDS = 60.0, 3600.0


def keep_pauses_short() -> None:
    """From now on only new objects are looked at (some 5 ms at most). What is there already, the program itself, is
    looked at no more."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, NEVER)


class Collector:
    """Looks at all objects once a minute, if that is short by then, else once an hour."""

    def __init__(self) -> None:
        self._last = 0.0

    def tick(self, now: float, *, is_short: bool) -> bool:
        """It is `now`, in seconds of a clock that only rises. Returns whether all objects were looked at."""
        if now < self._last + (EVERY_SECONDS if is_short else LATEST_SECONDS):
            return False
        self._last = now
        gc.collect()
        return True
