"""Reads of the ledger on the event loop. A read takes 16 us, so it needs no thread.

Owns the retries while the ledger is locked: a recovering broker locks it for a moment. Knows no query.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from jobs.errors import LedgerBusy

T = TypeVar("T")
BUSY_SECONDS = 1.0
"""Longer than a recovery: it reads the log of at most 64 MB, which takes some tenths of a second."""
LOOK_SECONDS = 0.02


def at_once(read: Callable[[], T], locked: T) -> T:
    """The result of `read`; `locked` if the ledger is locked now."""
    try:
        return read()
    except LedgerBusy:
        return locked


async def patient(read: Callable[[], T]) -> T:
    """The result of `read`. While the ledger is locked, try again and serve others meanwhile. Raises LedgerBusy after
    BUSY_SECONDS."""
    left = BUSY_SECONDS
    while True:
        try:
            return read()
        except LedgerBusy:
            if left <= 0:
                raise
        left -= LOOK_SECONDS
        await asyncio.sleep(LOOK_SECONDS)
