"""Where a write waits for the disk: here, while the disk is quick, else in a thread, so that nobody else waits.

A thread costs an upload of 829 KB some 0.3 ms of the CPU (its two handovers), a quick disk's sync takes hardly longer.
Knows nothing of blobs; the clock is passed in.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

QUICK_SECONDS = 0.003
"""A write that took less, and did what it should, was quick."""
RECENT_SECONDS = 1.0
"""So long after a quick one, the next is done here: a disk that turns slow stops this process once."""
HERE_BYTES_MAX = 1024 * 1024
"""A write that makes more last goes to a thread: that a small one was quick says nothing of it."""


class Syncs:
    """Does writes, each in a thread of `threads` unless it may be done here."""

    def __init__(self, threads: Executor, monotonic: Callable[[], float]) -> None:
        self._threads, self._monotonic = threads, monotonic
        self._here_until = -math.inf

    async def run(self, writes: Sequence[Callable[[], None]], size: int) -> list[BaseException]:
        """Do all of these, which make `size` bytes last, several at the same time in threads; what they raised."""
        here = len(writes) == 1 and size <= HERE_BYTES_MAX and self._monotonic() < self._here_until
        written = [self._here(write) if here else self._in_thread(write) for write in writes]
        return [fault for fault in await asyncio.gather(*written, return_exceptions=True) if fault]

    async def _here(self, write: Callable[[], None]) -> None:
        self._timed(write)

    async def _in_thread(self, write: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, self._timed, write)

    def _timed(self, write: Callable[[], None]) -> None:
        began, quick = self._monotonic(), False
        try:
            write()
            quick = self._monotonic() - began < QUICK_SECONDS
        finally:
            self._here_until = self._monotonic() + RECENT_SECONDS if quick else -math.inf
