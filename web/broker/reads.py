"""Reads of the ledger on the event loop: one takes 16 us as a rule, and is never waited for by anybody else.

Owns the patience where the ledger is locked: a broker that recovers locks readers out for a moment. Knows no query.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from jobs.errors import LedgerBusy

T = TypeVar("T")
BUSY_SECONDS = 1.0
"""A recovery reads the log, which has 64 MB at most: some tenths of a second."""
LOOK_SECONDS = 0.02


def at_once(read: Callable[[], T], locked: T) -> T:
    """What `read` finds in the ledger, or `locked` where that is locked now."""
    try:
        return read()
    except LedgerBusy:
        return locked


async def patient(read: Callable[[], T]) -> T:
    """What `read` finds in the ledger: at once, or as soon as it is not locked any more. Raises LedgerBusy where it
    still is after BUSY_SECONDS. Others are served meanwhile."""
    left = BUSY_SECONDS
    while True:
        try:
            return read()
        except LedgerBusy:
            if left <= 0:
                raise
        left -= LOOK_SECONDS
        await asyncio.sleep(LOOK_SECONDS)
