"""Reads of the ledger, of which none holds up the event loop.

Owns where a read is carried out, and how long anybody waits for it. The embedded ledger answers in 16 us, so the loop
reads it itself: a thread would cost more. A server may take a millisecond, or never answer, so its reads have threads.
Knows no query: a read is a function of a LedgerReader.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

from host.process.threads import Threads
from jobs.errors import LedgerBusy, StoreFault
from jobs.records import Mark
from stores.ledger import LedgerReader

T = TypeVar("T")
Read = Callable[[LedgerReader], T]
BUSY_SECONDS = 1.0
"""Longer than a recovery of the embedded ledger: it reads a log of at most 64 MB, which takes some tenths of a
second."""
LOOK_SECONDS = 0.02
BEHIND_SECONDS = 0.1
"""How long a list waits for its replica, before the primary is read. A replica in the same place is some milliseconds
behind."""
MARK_SECONDS = 1.0
"""How long a list waits for the primary to tell how new it is."""
CURRENT, BEHIND, UNREADABLE, READABLE = "current", "behind", "unreadable", "readable"
"""The states of a replica; the last two are also those of the ledger."""
OLDEST = Mark(0, 0)
WAITING_MAX = 256
"""Reads that wait for a thread or for an answer, of one web process: as many as its unacknowledged requests."""


class Reading(Protocol):
    """Carries out reads."""

    async def do(self, read: Read[T]) -> T:
        """The result of `read`. Raises what it raises: StoreFault, and LedgerBusy if there is no answer in time."""


class OnLoop:
    """Reads on the event loop, by a reader that waits for no lock. While the ledger is locked, it tries again, and
    others are served meanwhile."""

    def __init__(self, reader: LedgerReader) -> None:
        self._reader = reader

    async def do(self, read: Read[T]) -> T:
        """As Reading.do; it takes BUSY_SECONDS at most."""
        left = BUSY_SECONDS
        while True:
            try:
                return read(self._reader)
            except LedgerBusy:
                if left <= 0:
                    raise
            left -= LOOK_SECONDS
            await asyncio.sleep(LOOK_SECONDS)


class InThreads:
    """Reads in `count` threads, each by a reader of its own. The caller waits for `seconds` at most (None: without a
    bound, for a ledger whose reads always end), in the queue and for the answer together. A read whose caller has left
    before it began is not done.

    `name` is the ledger's in the log, which tells when it becomes unreadable, and when it is readable again.
    """

    def __init__(
        self,
        open_reader: Callable[[], LedgerReader],
        threads: Threads,
        name: str,
        log: logging.Logger,
        seconds: float | None = None,
    ) -> None:
        self._open, self._threads, self._seconds = open_reader, threads, seconds
        self._name, self._log = name, log
        self._idle: list[LedgerReader] = []
        self._waiting = 0
        self._readable = True

    async def do(self, read: Read[T]) -> T:
        """As Reading.do."""
        if self._waiting >= WAITING_MAX:
            raise LedgerBusy(f"{WAITING_MAX} reads wait for the ledger already")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                result = await self._threads.do(partial(self._by_one, read))
        except TimeoutError:
            self._tell(LedgerBusy(f"the ledger has not answered for {self._seconds:g} s"))
            raise LedgerBusy("the ledger does not answer: try again") from None
        except StoreFault as fault:
            self._tell(fault)
            raise
        finally:
            self._waiting -= 1
        self._tell(None)
        return result

    def _by_one(self, read: Read[T]) -> T:
        """In a thread: by an idle reader, the one that was used last; a new one where all are busy."""
        try:
            reader = self._idle.pop()
        except IndexError:
            reader = self._open()
        try:
            return read(reader)
        finally:
            self._idle.append(reader)

    def _tell(self, fault: StoreFault | None) -> None:
        if fault is not None and self._readable:
            self._log.warning(
                "ledger_unreadable",
                extra={"ledger": self._name, "why": " ".join(str(fault.__cause__ or fault.detail).split())},
            )
        elif fault is None and not self._readable:
            self._log.info("ledger_readable", extra={"ledger": self._name})
        self._readable = fault is None


class FromReplica:
    """Long reads by which nothing is decided, from a replica.

    A replica lags. It is read if it has all that the primary had when the read began; it has BEHIND_SECONDS to get
    that. So no list is older than anything that its reader was told before. Else the primary is read, by `long`. Only
    if the primary tells nothing within MARK_SECONDS, the replica is read as it is.
    """

    def __init__(self, quick: Reading, long: Reading, replica: Reading) -> None:
        self._quick, self._long, self._replica = quick, long, replica

    async def do(self, read: Read[T]) -> T:
        """As Reading.do."""
        newest = await self._newest()
        if newest is None:
            return await self._replica.do(read)
        if await self._state(newest) == CURRENT:
            with contextlib.suppress(StoreFault):  # the server ends a read that stands in the way of its replay
                return await self._replica.do(read)
        return await self._long.do(read)

    async def state(self) -> str:
        """CURRENT, BEHIND or UNREADABLE; READABLE if the primary does not tell how new a replica must be."""
        newest = await self._newest()
        if newest is not None:
            return await self._state(newest)
        state = await self._state(OLDEST)
        return READABLE if state == CURRENT else state

    async def _newest(self) -> Mark | None:
        try:
            async with asyncio.timeout(MARK_SECONDS):
                return await self._quick.do(_mark)
        except (StoreFault, TimeoutError):
            return None

    async def _state(self, newest: Mark) -> str:
        left = BEHIND_SECONDS
        while True:
            try:
                mark = await self._replica.do(_mark)
            except StoreFault:
                return UNREADABLE
            if mark >= newest:
                return CURRENT
            if left <= 0:
                return BEHIND
            left -= LOOK_SECONDS
            await asyncio.sleep(LOOK_SECONDS)


def _mark(ledger: LedgerReader) -> Mark:
    return ledger.mark()


class Reads(NamedTuple):
    """The reads of one web process. `quick`: of some rows, in the newest committed state. `long`: the same, but of up
    to thousands. `lists`: of thousands, and nothing is decided by them. `replica`: `lists`, if it reads from one."""

    quick: Reading
    long: Reading
    lists: Reading
    replica: FromReplica | None = None
