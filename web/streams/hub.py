"""The event streams of this web process: it passes each event to the streams that follow its job, and sends them.

An event is encoded once for all readers. A reader that does not keep up is cut off. No library is used: 2,000 idle
streams take a third of a library's memory here, and a shutdown ends all streams at once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

from starlette.types import Receive, Scope, Send

from jobs.errors import StoreFault
from jobs.wire import Beat, Change
from web.broker.waiting import WaitForecast
from web.http.body import until_gone
from web.http.unsent import ABORT, ENDLESS, Held
from web.streams.streams import JobsStream, Stream
from web.views.events import event, of_changes, seen_by
from web.views.numbers import stats

COMMENT_SECONDS = 15.0
"""Keep-alive: a proxy closes a stream that is silent for longer (nginx: 60 s); it also detects a dead client."""
RECONNECT = b"retry: 1000\n\n"


class Hub:
    """All streams of this process. Told of everything by web/broker/changes.py."""

    def __init__(self) -> None:
        self._of_all: set[Stream] = set()
        self._of_jobs: dict[str, set[JobsStream]] = {}

    @property
    def listened(self) -> bool:
        """Whether there is any stream."""
        return bool(self._of_all or self._of_jobs)

    def join(self, stream: Stream) -> None:
        """From now on `stream` hears of its jobs, or of all."""
        if not isinstance(stream, JobsStream):
            self._of_all.add(stream)
            return
        for job in stream.jobs:
            self._of_jobs.setdefault(job, set()).add(stream)

    def leave(self, stream: Stream) -> None:
        """Harmless twice."""
        self._of_all.discard(stream)
        for job in stream.jobs if isinstance(stream, JobsStream) else ():
            streams = self._of_jobs.get(job, set())
            streams.discard(stream)
            if not streams:
                self._of_jobs.pop(job, None)

    def changed(self, changes: list[Change], life: str) -> None:
        """Send all changes to the readers of all jobs, and each job's changes to its own readers."""
        for (base, sees), streams in self._by_view().items():
            if seen := seen_by(sees, changes):
                data = of_changes(seen, base, life)
                for stream in streams:
                    stream.put(data)
        for change in changes:
            for reader in self._of_jobs.get(change.id, ()):
                reader.received(change, life)

    def missed(self, last: int, life: str, *, lost: bool) -> None:
        """Readers of all are told so; those of some jobs are told their present again. If the ledger has `lost`
        commits, these are told `reset` before."""
        for stream in self._of_all:
            stream.put(event("reset", {}, last, life))
        for reader in self._readers():
            if lost:
                reader.reset(life)
            else:
                reader.reread()

    def beat(self, beat: Beat, waits: WaitForecast) -> None:
        """Send /stats to the readers of all jobs; it is made once for all readers with the same view."""
        told = {
            sees: event("beat", stats(beat, beat.at, sees, waits.seconds(sees)))
            for sees in {stream.sees for stream in self._of_all}
        }
        for stream in self._of_all:
            stream.put(told[stream.sees])

    def held(self, now: float) -> list[Held]:
        """What waits in the streams for their readers at loop time `now`."""
        return [held for stream in self._all() for held in stream.held(now)]

    def stop(self) -> None:
        """End every stream."""
        for stream in self._all():
            stream.close()

    def abort(self) -> None:
        """Cut off those that did not end."""
        for stream in self._all():
            stream.abort()

    def _all(self) -> list[Stream]:
        return [*self._of_all, *self._readers()]

    def _readers(self) -> set[JobsStream]:
        return {reader for readers in self._of_jobs.values() for reader in readers}

    def _by_view(self) -> dict[tuple[str, str | None], list[Stream]]:
        """The readers of all, by what makes their events differ."""
        answers: dict[tuple[str, str | None], list[Stream]] = {}
        for stream in self._of_all:
            answers.setdefault((stream.base, stream.sees), []).append(stream)
        return answers


class EventResponse:
    """Sends what `stream` is given, until it is closed or the client has gone.

    `share` is held meanwhile. `present` puts the present state on the stream: at first, and again while it is stale.
    It ends after `seconds`: then the client must authenticate again.
    """

    def __init__(
        self,
        hub: Hub,
        share: AbstractContextManager[None],
        stream: Stream,
        present: Callable[[], Awaitable[None]],
        seconds: float,
    ) -> None:
        self._hub, self._share, self._stream, self._present, self._seconds = hub, share, stream, present, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._share:
            await self._send(scope, receive, send)

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        stream = self._stream
        extensions = scope.get("extensions", {})
        stream.abort = extensions.get(ABORT, stream.abort)
        extensions.get(ENDLESS, lambda: None)()
        gone = asyncio.ensure_future(until_gone(receive))
        gone.add_done_callback(lambda _gone: stream.close())
        try:
            self._hub.join(stream)
            await self._present()
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
                await self._present_again()

    async def _present_again(self) -> None:
        """After the head was sent, no error can be reported: the stream ends, and its reader reconnects."""
        try:
            await self._present()
        except StoreFault:
            self._stream.close()


_HEADERS: list[tuple[bytes, bytes]] = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
