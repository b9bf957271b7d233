"""The readers of this web process's event streams: each has a bounded queue of bytes, and knows what to tell.

Owns no connection (web/streams/hub.py sends what is queued) and no ledger: rows are handed in.
"""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence

from jobs.job import ENDED, Row
from jobs.wire import Change
from web.http.unsent import Held, Taking
from web.views.events import REPLAY_BYTES_MAX, event, of_changes, of_missing, of_row

STREAM_BYTES_MAX = 2 * REPLAY_BYTES_MAX
"""Bytes that a reader may be behind, beyond the sockets' buffers: some 5,000 events."""
ROWS_AT_ONCE = 10
Rows = Callable[[list[str]], Awaitable[Sequence[Row]]]


class Stream:
    """One reader, of all jobs that the tenant `sees` (None: of every tenant's). Addresses in it are below `base`.
    `stale`: the present state must be sent again, or the rest of it."""

    def __init__(self, base: str, sees: str | None = None) -> None:
        self.base, self.sees = base, sees
        self.stale = False
        self.abort: Callable[[], None] = lambda: None
        self.closed = False
        self._parts: list[bytes] = []
        self._bytes = self._taken = 0
        self._taking: Taking | None = None
        self._wake = asyncio.Event()

    def put(self, data: bytes) -> None:
        """Queue `data`; a reader who is too far behind is cut off instead."""
        if self.closed:
            return
        self._parts.append(data)
        self._bytes += len(data)
        self._wake.set()
        if self._bytes > STREAM_BYTES_MAX:
            self.cut()

    def held(self, now: float) -> list[Held]:
        """What waits for the reader at loop time `now`, if anything does."""
        if not self._bytes:
            self._taking = None
            return []
        self._taking = self._taking or Taking(now)
        self._taking.took(now, self._taken)
        self._taken = 0
        return [self._taking.held(now, self._bytes, self.cut)]

    def cut(self) -> None:
        """Cut the reader off, and drop what is queued."""
        self._parts.clear()
        self._bytes = 0
        self.close()
        self.abort()

    def close(self) -> None:
        """Send what is queued, then end."""
        self.closed = True
        self._wake.set()

    async def take(self, seconds: float) -> bytes | None:
        """All that is queued, as soon as there is any; empty after `seconds` or if stale; None at the end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()
        data, self._bytes = b"".join(self._parts), 0
        self._taken += len(data)
        self._parts.clear()
        if self.closed:
            self._wake.set()
            return data or None
        return data


class JobsStream(Stream):
    """One reader of some `jobs`, until all of them have ended; addresses of each end with what it is mapped to (a
    grant's query, or nothing).

    No event has an id before the present state of every job was sent. So a reader that returns with an id has all
    events before it.
    """

    def __init__(self, base: str, jobs: Mapping[str, str]) -> None:
        super().__init__(base)
        self.jobs = jobs
        self._unsent = list(jobs)
        self._sent: dict[str, int] = {}
        """The change that each job was told up to."""
        self._open = set(jobs)
        self._outdated: dict[str, float] = {}
        """The jobs whose rows are too old if they were read before this change, which came during the read."""

    def reread(self) -> None:
        """Some changes are missed: the present is to be told again, of what has changed."""
        self._unsent = list(self.jobs)
        self._outdated = dict.fromkeys(self.jobs, math.inf)
        self.stale = True
        self._wake.set()

    def reset(self, life: str) -> None:
        """The reader knows numbers that the ledger has lost, so what was told is void: all is told, in this life."""
        self._sent.clear()
        self.put(event("reset", {}, 0, life))
        self.reread()

    def received(self, change: Change, life: str) -> None:
        """A change of one of the jobs, in that life of the ledger. One whose present was not told yet will be read with
        it: if it is being read now, it will be read again."""
        if change.id not in self._sent:
            self._outdated[change.id] = change.change
            return
        if change.change <= self._sent[change.id]:
            return
        news = of_changes([change], self.base, life, self.jobs[change.id], numbered=not self._unsent)
        self._send(change.id, change.change, news, ended=change.removed or change.state in ENDED)
        self._end_if_all_have()

    async def present(self, rows: Rows, life: str) -> None:
        """Queue the present state of the jobs, as far as half of what a reader may be behind; the rest when that was
        taken. `life`: the ledger's, before the rows are read. Raises StoreFault."""
        self.stale = False
        while self._unsent and self._bytes < REPLAY_BYTES_MAX and not self.closed:
            step = self._unsent[:ROWS_AT_ONCE]
            self._outdated.clear()
            found = {row.id: row for row in await rows(step)}
            for job in step:
                row = found.get(job)
                if row is None or row.change >= self._outdated.get(job, 0):
                    self._unsent.remove(job)
                    self._present(job, row, life)
        if self._unsent:
            self.stale = True
            self._wake.set()
        self._end_if_all_have()

    def _present(self, job: str, row: Row | None, life: str) -> None:
        change = self._sent.get(job, -1) if row is None else row.change
        if row is not None and change <= self._sent.get(job, -1):
            return
        number = None if self._unsent else max(change, *self._sent.values(), 0)
        grant = self.jobs[job]
        news = of_missing(job) if row is None else of_row(row, self.base, grant, number, life)
        self._send(job, change, news, ended=row is None or row.state in ENDED)

    def _send(self, job: str, change: int, news: bytes, *, ended: bool) -> None:
        self._sent[job] = change
        self.put(news)
        if ended:
            self._open.discard(job)
        else:
            self._open.add(job)

    def _end_if_all_have(self) -> None:
        if not self._unsent and not self._open:
            self.close()
