"""Bounds the unsent bytes of all answers together, and chooses the clients to cut off.

Each answer and each stream has a bound of its own (web/routes.py, web/streams/streams.py). Thousands of them together
could still take too much memory, so there are two more bounds: one for the bytes of all silent clients, one for the
bytes of all others. Too many bytes of silent clients cut off silent clients only, and the same holds for the others.
Pure: knows no socket.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from jobs.limits import TAKEN_BYTES_MAX, UNSENT_BYTES_MAX

SILENT_SECONDS = 10.0
"""A client that has taken nothing for this long is silent. The kernel's buffer empties in steps of some 64 KiB, and a
phone at 8 KiB a second takes this long for one step."""
KERNEL_SECONDS = 1.0
"""For this long at first the kernel may take the bytes, although the client reads nothing."""
ABORT = "pixmill.abort"
"""The ASGI extension by which web/server.py lets a response cut its connection."""
ENDLESS = "pixmill.endless"
"""The ASGI extension by which a stream says that only its client's leaving ends it."""


class Held(NamedTuple):
    """`size` bytes that wait for a client who has taken nothing for `silent_seconds`, and before that `rate` bytes a
    second since they began to wait; `cut` ends the connection."""

    size: int
    silent_seconds: float
    rate: float
    cut: Callable[[], None]

    @property
    def is_silent(self) -> bool:
        return self.rate == 0.0 or self.silent_seconds >= SILENT_SECONDS


class Taking:
    """What one client takes of what waits for them, from loop time `now`."""

    def __init__(self, now: float) -> None:
        self._began = self._took_at = now
        self._taken = 0

    def took(self, now: float, size: int) -> None:
        """They have taken `size` bytes."""
        if size > 0 and now - self._began >= KERNEL_SECONDS:
            self._taken += size
            self._took_at = now

    def held(self, now: float, size: int, cut: Callable[[], None]) -> Held:
        return Held(size, now - self._took_at, self._taken / max(1.0, now - self._began), cut)


def relieve(held: Sequence[Held], silent: int = UNSENT_BYTES_MAX, taken: int = TAKEN_BYTES_MAX) -> int:
    """Cut off as many clients as needed, and return their number. At most `silent` bytes are held for clients that take
    nothing: those that hold most for the longest are cut off first. At most `taken` bytes are held for the others:
    those whose rest would last longest are cut off first."""
    of_silent = sorted((each for each in held if each.is_silent), key=lambda each: each.size * each.silent_seconds)
    of_others = sorted((each for each in held if not each.is_silent), key=lambda each: each.size / each.rate)
    return _cut(of_silent, silent) + _cut(of_others, taken)


def _cut(held: list[Held], most: int) -> int:
    """Cut off the last of them until the others hold no more than `most`."""
    left, cut = sum(each.size for each in held), 0
    while left > most:
        each = held.pop()
        each.cut()
        left -= each.size
        cut += 1
    return cut
