"""Server-Sent Events (API section 6): the streams of this web process, each a bounded queue of bytes.

An event is encoded once for all readers; a reader that does not keep up is cut off. Ours and not a
library's because 2,000 idle streams take a third of the memory, and end at once on shutdown (FACTS 3).
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable

import msgspec
from starlette.types import Receive, Scope, Send

from jobs.job import ENDED
from jobs.wire import Beat, Change
from web import views
from web.body import until_gone

STREAM_BYTES_MAX = 1024 * 1024
"""What a reader may be behind, above what the sockets hold: some 5,000 events."""
REPLAY_BYTES_MAX = STREAM_BYTES_MAX // 2
"""Of what a reader has missed; the rest is for the beat beside it, and for what changes meanwhile."""
COMMENT_SECONDS = 15.0
"""A proxy closes what is silent for longer (nginx: 60 s); a dead client is found out."""
RECONNECT = b"retry: 1000\n\n"
ABORT = "pixmill.abort"
"""The ASGI extension by which web/server.py lets a response cut its connection."""
_json = msgspec.json.Encoder().encode


def event(name: str, data: object, number: int | None = None) -> bytes:
    """One event's text; `number` is its id."""
    head = f"event: {name}\n" if number is None else f"id: {number}\nevent: {name}\n"
    return head.encode() + b"data: " + _json(data) + b"\n\n"


def of_changes(changes: Iterable[Change], base: str, by_grant: str = "") -> bytes:
    """The events of these changes: a rendition's publication, else the job's new state."""
    return b"".join(
        _rendition(change, base, by_grant) if change.rendition else event("job", views.change(change), change.change)
        for change in changes
    )


def _rendition(change: Change, base: str, by_grant: str = "") -> bytes:
    assert change.rendition is not None
    shown = views.rendition(change.rendition, f"{base}/jobs/{change.id}", by_grant)
    return event("rendition", {"id": change.id, "change": change.change, "rendition": shown}, change.change)


def seen_by(sees: str | None, changes: list[Change]) -> list[Change]:
    """Those of a tenant's jobs; all for None."""
    return changes if sees is None else [change for change in changes if change.tenant == sees]


def replay(changes: list[Change], base: str) -> bytes | None:
    """Missed changes: every publication, and each job once in its newest state. None where that is more than
    REPLAY_BYTES_MAX: a reader would be cut off over it, and come again for the same."""
    newest = {change.id: change.change for change in changes}
    parts = []
    for change in changes:
        if change.rendition:
            parts.append(_rendition(change, base))
        if newest[change.id] == change.change:
            parts.append(event("job", views.change(change), change.change))
    told = b"".join(parts)
    return told if len(told) <= REPLAY_BYTES_MAX else None


class Stream:
    """One reader: of one `job`, or of all (None) that the tenant `sees` (None: of every tenant's). Addresses in it are
    below `base`, and end with `by_grant`. `stale` is set where it must read the ledger again."""

    def __init__(self, base: str, job: str | None = None, sees: str | None = None, by_grant: str = "") -> None:
        self.base, self.job, self.sees, self.by_grant, self.after = base, job, sees, by_grant, -1
        self.stale = False
        self.abort: Callable[[], None] = lambda: None
        self.closed = False
        self._parts: list[bytes] = []
        self._bytes = 0
        self._wake = asyncio.Event()

    def put(self, data: bytes) -> None:
        """Queue `data`; a reader who is too far behind is cut off instead."""
        if self.closed:
            return
        self._parts.append(data)
        self._bytes += len(data)
        self._wake.set()
        if self._bytes > STREAM_BYTES_MAX:
            self._parts.clear()
            self.close()
            self.abort()

    def reread(self) -> None:
        """Some changes are missed."""
        self.stale = True
        self._wake.set()

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
        self._parts.clear()
        if self.closed:
            self._wake.set()
            return data or None
        return data


class Hub:
    """All streams of this process. Told of everything by web/results.py."""

    def __init__(self) -> None:
        self._streams: dict[str | None, set[Stream]] = {}

    @property
    def listened(self) -> bool:
        """Whether there is any stream."""
        return bool(self._streams)

    def join(self, stream: Stream) -> None:
        """From now on `stream` hears of its job, or of all."""
        self._streams.setdefault(stream.job, set()).add(stream)

    def leave(self, stream: Stream) -> None:
        """Harmless twice."""
        streams = self._streams.get(stream.job, set())
        streams.discard(stream)
        if not streams:
            self._streams.pop(stream.job, None)

    def changed(self, changes: list[Change]) -> None:
        """To each reader of all, everything; to a job's readers that job's changes, and the end after its end."""
        for (base, sees), streams in self._by_view().items():
            if seen := seen_by(sees, changes):
                data = of_changes(seen, base)
                for stream in streams:
                    stream.put(data)
        for change in changes:
            for stream in self._streams.get(change.id, ()):
                if change.change > stream.after:
                    stream.put(of_changes([change], stream.base, stream.by_grant))
                    if change.removed or change.state in ENDED:
                        stream.close()

    def missed(self, last: int) -> None:
        """Readers of all are told so; a job's readers read its row again."""
        for job, streams in self._streams.items():
            for stream in streams:
                if job is None:
                    stream.put(event("reset", {}, last))
                else:
                    stream.reread()

    def beat(self, beat: Beat) -> None:
        """The readers of all get what /stats says."""
        told = {sees: event("beat", views.stats(beat, beat.at, sees)) for _, sees in self._by_view()}
        for stream in self._streams.get(None, ()):
            stream.put(told[stream.sees])

    def stop(self) -> None:
        """End every stream."""
        for stream in self._all():
            stream.close()

    def abort(self) -> None:
        """Cut off those that did not end."""
        for stream in self._all():
            stream.abort()

    def _all(self) -> list[Stream]:
        return [stream for streams in self._streams.values() for stream in streams]

    def _by_view(self) -> dict[tuple[str, str | None], list[Stream]]:
        """The readers of all, by what makes their events differ."""
        views: dict[tuple[str, str | None], list[Stream]] = {}
        for stream in self._streams.get(None, ()):
            views.setdefault((stream.base, stream.sees), []).append(stream)
        return views


class EventResponse:
    """Sends what `stream` is given, until it is closed or the client has gone.

    `present` puts the present state on the stream: at first, and again whenever changes were missed. It ends after
    `seconds`: the client is to show again who it is.
    """

    def __init__(self, hub: Hub, stream: Stream, present: Callable[[Stream], None], seconds: float) -> None:
        self._hub, self._stream, self._present, self._seconds = hub, stream, present, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stream = self._stream
        stream.abort = scope.get("extensions", {}).get(ABORT, stream.abort)
        gone = asyncio.ensure_future(until_gone(receive))
        gone.add_done_callback(lambda _gone: stream.close())
        try:
            self._hub.join(stream)
            self._present(stream)
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            if scope["method"] != "HEAD":
                await self._follow(send)
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            self._hub.leave(stream)

    async def _follow(self, send: Send) -> None:
        data: bytes | None = RECONNECT
        loop = asyncio.get_running_loop()
        over = loop.time() + self._seconds
        while data is not None:
            await send({"type": "http.response.body", "body": data or b":\n\n", "more_body": True})
            if loop.time() >= over:
                self._stream.close()
            data = await self._stream.take(min(COMMENT_SECONDS, over - loop.time()))
            if self._stream.stale:
                self._stream.stale = False
                self._present(self._stream)


_HEADERS: list[tuple[bytes, bytes]] = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
