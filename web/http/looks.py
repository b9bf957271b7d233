"""One look at something slow for all who ask in the same second: /health/ready must not add load to an ill store.

Knows no store: it is given the function that looks, and threads to call it in.
"""

import asyncio
from collections.abc import Callable

from host.process.threads import Threads

FRESH_SECONDS = 1.0


class Looks:
    """Calls `look` at most once in FRESH_SECONDS, and never twice at the same time."""

    def __init__(self, look: Callable[[], None], threads: Threads) -> None:
        self._look, self._threads = look, threads
        self._latest: asyncio.Future[None] | None = None
        self._began = 0.0

    async def latest(self) -> None:
        """Raises what the latest look raised."""
        now = asyncio.get_running_loop().time()
        if self._latest is None or (self._latest.done() and now >= self._began + FRESH_SECONDS):
            self._latest, self._began = self._threads.do(self._look), now
        await asyncio.shield(self._latest)
