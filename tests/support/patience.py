"""How much slower this machine is at the moment than the one for which the tests' seconds were chosen.

Owns the measure, and the waits that are stretched by it. Must not know what is waited for.
"""

import time
from collections.abc import Callable
from hashlib import sha256

WORK_SECONDS = 0.045
"""What `work` takes on an idle core of the machine for which the tests' seconds were chosen (a Xeon of 2 cores)."""
STRETCH_MAX = 8.0
FRESH_SECONDS = 60.0
"""For how long a measure counts: load comes and goes while a test waits."""
LOADED = 2.0
"""From this stretch on others use the machine. Beside them decoders that give way to all get next to nothing."""
GIVES_WAY = "TESTS_WORKER_NICE"
"""The variable of the environment with the WORKER_NICE of all clusters of this run. Without it: the default."""
_DATA = bytes(1 << 16)


def work() -> float:
    """The seconds that a fixed piece of work takes now: its own time on a core, and its waits for one."""
    began = time.perf_counter()
    for _ in range(8):
        sha256(_DATA).digest()
        sum(number * number for number in range(80_000))
    return time.perf_counter() - began


class Measure:
    """The stretch of the last minute: the highest that was measured. `work` and `clock` are the machine's."""

    def __init__(self, work: Callable[[], float] = work, clock: Callable[[], float] = time.monotonic) -> None:
        self._work, self.clock = work, clock
        self._measured: list[tuple[float, float]] = []

    def stretch(self, fresh: float = 0.0) -> float:
        """1 to STRETCH_MAX. It is measured again, if the last measure is older than `fresh` seconds."""
        now = self.clock()
        self._measured = [(at, found) for at, found in self._measured if now - at <= FRESH_SECONDS]
        if not self._measured or now - self._measured[-1][0] > fresh:
            self._measured.append((now, min(STRETCH_MAX, max(1.0, self._work() / WORK_SECONDS))))
        return max(found for _, found in self._measured)


_MACHINE = Measure()


def stretched(seconds: float) -> float:
    """For `seconds` of an idle machine, those of this one under its load of now."""
    return seconds * _MACHINE.stretch(fresh=5.0)


class Patience:
    """One wait of at most `seconds` of an idle machine. The machine is measured only when these have passed, so a wait
    that ends in time costs nothing."""

    def __init__(self, seconds: float, measure: Measure = _MACHINE) -> None:
        self._seconds, self._measure = seconds, measure
        self._began = measure.clock()
        self._allowed = seconds

    def check(self, what: str) -> None:
        """Raise AssertionError if the wait for `what` is over."""
        if self._waited() > self._allowed:
            self._allowed = self._seconds * self._measure.stretch(fresh=1.0)
        if (waited := self._waited()) > self._allowed:
            raise AssertionError(
                f"waited {waited:.1f} s for {what} ({self._seconds:g} s, on a machine that is "
                f"{self._allowed / self._seconds:.1f} times as slow)"
            )

    def _waited(self) -> float:
        return self._measure.clock() - self._began
