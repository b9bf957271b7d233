"""Lists of jobs in parts: as many as a page may hold; and all of them as NDJSON, one a line, step by step.

A step reads some jobs in a thread, and the next one begins when the client has taken most of it. So neither the number
of jobs nor a client's pace costs memory, and others read the ledger in between. A scan that finds none for long says by
empty lines that it goes on: else a client would take it for silent. Knows no SQL.
"""

import asyncio
from collections.abc import Sequence

from starlette.types import Receive, Scope, Send

from jobs.errors import StoreFault
from jobs.job import Row
from jobs.limits import LIST_BYTES_MAX, LIST_SCAN_MAX
from jobs.records import Where
from stores.ledger import LedgerReader
from web.access.call import Call
from web.access.shares import one_export
from web.broker.waiting import Places
from web.http.body import until_gone
from web.http.json import encode
from web.http.unsent import ABORT
from web.views import answers

MEDIA_TYPE = "application/x-ndjson"
STEP_JOBS = 100
"""Jobs of one step: some 100 KB, and some milliseconds of a thread."""
QUIET_SECONDS = 1.0
"""After so long without a job there is an empty line."""
_HEADERS = [(b"content-type", MEDIA_TYPE.encode()), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]


def fitting(rows: Sequence[Row], following: int | None, base: str, places: Places) -> tuple[list[bytes], int | None]:
    """The first of these jobs, each as JSON, as many as LIST_BYTES_MAX hold but at least one; and the seq before which
    to continue, `following` after all of them."""
    parts, size = list[bytes](), 0
    for row in rows:
        part = encode(answers.listed(row, base, places(row)))
        size += len(part)
        if parts and size > LIST_BYTES_MAX:
            return parts, rows[len(parts) - 1].seq
        parts.append(part)
    return parts, following


class Export:
    """Sends the jobs that match `where` before the place `before`, at most `most` (None: all), until the client has
    left. The connection is cut where a later step fails, so that no client takes a part for the whole."""

    def __init__(self, call: Call, where: Where, before: int | None, most: int | None) -> None:
        self._call, self._where, self._most = call, where, most
        self._next: int | None = before
        self._over = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with one_export(self._call):
            first = await self._step()  # its fault is an answer of its own
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            gone = asyncio.ensure_future(until_gone(receive))
            try:
                if scope["method"] != "HEAD":
                    await self._send(first, send, gone)
                await send({"type": "http.response.body", "body": b""})
            except StoreFault as fault:
                self._call.web.log.warning("not_sent_whole", extra={"path": scope["path"], "why": fault.detail})
                scope["extensions"][ABORT]()
            finally:
                gone.cancel()

    async def _send(self, lines: bytes, send: Send, gone: "asyncio.Future[None]") -> None:
        clock = asyncio.get_running_loop().time
        told = clock()
        while not gone.done():
            if lines or clock() - told >= QUIET_SECONDS:
                await send({"type": "http.response.body", "body": lines or b"\n", "more_body": True})
                told = clock()
            if self._over or gone.done():
                return
            lines = await self._step()

    async def _step(self) -> bytes:
        """The next lines; none where the scan found no job."""
        limit = STEP_JOBS if self._most is None else min(STEP_JOBS, self._most)
        places = self._call.web.feed.forecast.places()

        def read(ledger: LedgerReader) -> tuple[list[bytes], int | None]:
            found = ledger.page(self._where, self._next, limit, LIST_SCAN_MAX)
            return fitting(*found, self._call.base, places)

        parts, self._next = await self._call.web.reads.lists.do(read)
        if self._most is not None:
            self._most -= len(parts)
        self._over = self._next is None or self._most == 0
        return b"".join(part + b"\n" for part in parts)
