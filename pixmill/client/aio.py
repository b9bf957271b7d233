"""The client for asyncio: the methods, arguments and answers of Client (pixmill/client/blocking.py), awaited.

It owns its connections, and decides nothing: all decisions are the core's (pixmill/core).
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload

import httpx2

from pixmill.client.changes import AsyncChanges
from pixmill.client.connections import AsyncConnections
from pixmill.client.deliveries import AsyncDeliveries
from pixmill.client.downloads import Memory, PartialFile
from pixmill.client.exchange import address
from pixmill.client.origin import Server
from pixmill.client.sources import Count, File, NamedFile, source_of, sources_of
from pixmill.core.answers import Batch, BatchUpload, Grant, Job, OpenedBatch, Rendition, Stats, Upload, ViewGrant
from pixmill.core.calls import Calls
from pixmill.core.events import Event, Following
from pixmill.core.fields import Fields, Filters, Recipe
from pixmill.core.listing import Listing
from pixmill.core.named import OneBatch, OneJob, all_named, batch_id, named
from pixmill.core.requests import Retry
from pixmill.core.retries import BackOff
from pixmill.core.trying import sent

T = TypeVar("T")


class AsyncClient(AsyncChanges, AsyncDeliveries):
    """One server, for one event loop, as Client is one. Use it as an async context manager, or await close().

    Tasks may share one. It does not outlive a fork: an event loop does not, either. Files are read in the loop, in
    pieces of 64 KiB.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        on_retry: Callable[[Retry], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._connections = AsyncConnections(Server(url, api_key), transport, on_retry, clock, pause)
        self._run = self._connections.run
        self.url = self._connections.server.url
        self._calls = Calls(self.url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.close()

    @overload
    async def upload(
        self,
        file: File,
        *,
        filename: str | None = None,
        wait: None = None,
        key: str | None = None,
        on_sent: Count | None = None,
        **fields: Unpack[Fields],
    ) -> Upload: ...

    @overload
    async def upload(
        self,
        file: File,
        *,
        filename: str | None = None,
        wait: float,
        key: str | None = None,
        on_sent: Count | None = None,
        **fields: Unpack[Fields],
    ) -> Job: ...

    async def upload(
        self,
        file: File,
        *,
        filename: str | None = None,
        wait: float | None = None,
        key: str | None = None,
        on_sent: Count | None = None,
        **fields: Unpack[Fields],
    ) -> Upload | Job:
        """Upload one image: a path, its bytes, or a file object in binary mode, read from where it stands.

        Returns the promise (the 202). With `wait`, the job: once it has ended, or as it is after so many seconds.
        Fields: `preset`, or `recipe` (a dict or JSON text); `focus`, the point that `gravity: focus` keeps;
        `reference`; `metadata`, anything that JSON can hold; `priority`; `expires_in`, the seconds within which it
        must be begun; `webhook_url`, a receiver that is told of its end, and with
        `webhook_events="job.rendition"` of each rendition; `batch`, the id of an open batch; `traceparent` and
        `tracestate`, the trace in which it is made (docs/traces.md). `key` is the Idempotency-Key, by default a new
        one. `on_sent` is told how many bytes of the file have been read. Raises OSError where the file cannot be read.
        """
        with source_of(file, filename, on_sent) as source:
            return await self._run(self._calls.upload(source, key or uuid.uuid4().hex, fields, wait))

    async def upload_batch(
        self,
        files: Sequence[File | NamedFile],
        *,
        key: str | None = None,
        **fields: Unpack[Fields],
    ) -> BatchUpload:
        """Upload up to 100 images by one request: all of them are promised, or none. The fields are those of each job.

        A file is one as of `upload`, or a pair of its file name and such a file. Raises ValueError if there is none,
        and OSError where one cannot be read.
        """
        with sources_of(files) as sources:
            return await self._run(self._calls.upload_batch(sources, key or uuid.uuid4().hex, fields))

    @overload
    async def derive(
        self,
        original: OneJob,
        *,
        wait: None = None,
        key: str | None = None,
        **fields: Unpack[Fields],
    ) -> Upload: ...

    @overload
    async def derive(
        self,
        original: OneJob,
        *,
        wait: float,
        key: str | None = None,
        **fields: Unpack[Fields],
    ) -> Job: ...

    async def derive(
        self,
        original: OneJob,
        *,
        wait: float | None = None,
        key: str | None = None,
        **fields: Unpack[Fields],
    ) -> Upload | Job:
        """Another recipe on the original of a job, which stays where it is. Arguments and answers as of `upload`."""
        return await self._run(self._calls.derive(named(original).id, key or uuid.uuid4().hex, fields, wait))

    @overload
    async def fetch(
        self, url: str, *, wait: None = None, key: str | None = None, **fields: Unpack[Fields]
    ) -> Upload: ...

    @overload
    async def fetch(self, url: str, *, wait: float, key: str | None = None, **fields: Unpack[Fields]) -> Job: ...

    async def fetch(
        self, url: str, *, wait: float | None = None, key: str | None = None, **fields: Unpack[Fields]
    ) -> Upload | Job:
        """A job whose original the server fetches from this address, which its SOURCES must list. Arguments and answers
        as of `upload`; the promise comes before the original is there."""
        return await self._run(self._calls.fetch(url, key or uuid.uuid4().hex, fields, wait))

    async def job(self, job: str, *, wait: float | None = None) -> Job:
        """The job as it is now; with `wait`, held by the server for up to so many seconds until it has ended."""
        return await self._run(self._calls.job(job, wait))

    async def wait(self, job: OneJob, *, seconds: float | None = None) -> Job:
        """The job once it has ended, however it did; or as it is after so many `seconds`, if they are given."""
        return await self._run(self._calls.wait(named(job), seconds))

    async def open_batch(self, *, webhook_url: str | None = None) -> OpenedBatch:
        """Open a batch. Uploads and `derive` join it by `batch=opened.id`, up to 1,000 jobs, until `close_batch`.
        Then it ends with its last job, and the receiver at `webhook_url` is told of that."""
        return await self._run(self._calls.open_batch(webhook_url, uuid.uuid4().hex))

    async def close_batch(self, batch: OneBatch) -> Batch:
        """Close a batch that was opened: no more jobs join it. To close it again changes nothing."""
        return await self._run(self._calls.close_batch(batch_id(batch)))

    async def derive_batch(
        self, originals: Sequence[OneJob], *, key: str | None = None, **fields: Unpack[Fields]
    ) -> BatchUpload:
        """Another recipe on the originals of up to 1,000 jobs: all of them are promised, or none. They are one
        batch."""
        names = [named(original).id for original in originals]
        return await self._run(self._calls.derive_batch(names, key or uuid.uuid4().hex, fields))

    async def batch(self, batch: OneBatch) -> Batch:
        """A batch as it is now. A job that came alone is a batch by its own id."""
        return await self._run(self._calls.batch(batch_id(batch)))

    async def wait_batch(self, batch: OneBatch, *, seconds: float | None = None) -> Batch:
        """The batch once all its jobs have ended and it is closed; or as it is after so many `seconds`, if they are
        given."""
        return await self._run(self._calls.wait_batch(batch_id(batch), seconds))

    async def jobs(self, **filters: Unpack[Filters]) -> AsyncIterator[Job]:
        """All jobs that match, newest accepted first, without their timelines. Pages are read as they are needed.

        Filters: `state`, `code`, `reference`, `preset`; and `accepted_after` (that time or later) and `accepted_before`
        (earlier than that), each a datetime with a zone, or RFC 3339.
        """
        after = None
        while True:
            page = await self._run(self._calls.page(filters, after))
            for job in page.jobs:
                yield job
            if (after := page.next) is None:
                return

    async def export(self, *, limit: int | None = None, **filters: Unpack[Filters]) -> AsyncIterator[Job]:
        """The same from one answer that the server streams: for many jobs, or all of them. `limit`: at most so many.

        A lost stream is opened again behind the last job that came. Raises NotFound if that one was purged meanwhile.
        """
        listing, back_off = Listing(filters, limit, self.url), BackOff()
        while not listing.over:
            answered = await self._run(sent(listing.request(), self.url))
            listing.opened(answered.response)
            async for data in self._connections.received(answered.response, listing.lost):
                back_off = BackOff()
                for job in listing.received(data):
                    yield job
            if not listing.over:
                await self._connections.pause(back_off.pause(0.0))

    async def follow(self, *jobs: OneJob | Batch | BatchUpload) -> AsyncIterator[Event]:
        """The events of these jobs (up to 100) or batches until all have ended; without any, of all jobs, for ever.
        Of a batch its present jobs are followed: there is nothing to tell of one that has none yet.

        A lost stream is opened again where it ended (Last-Event-ID). Of given jobs each change and each rendition is
        told once. Of all jobs, Reset says that some changes were missed. The caller may stop at any time.
        """
        wanted = all_named(jobs)
        if jobs and not wanted:
            return
        following, back_off = Following(wanted), BackOff()
        while not following.over:
            answered = await self._run(sent(following.request(), self.url))
            if answered.response.status == 204:
                return
            async for data in self._connections.received(answered.response):
                back_off = BackOff()
                for event in following.received(data):
                    yield event
                if following.over:
                    return
            await self._connections.pause(back_off.pause(0.0))

    async def presets(self) -> dict[str, Any]:
        """The presets: names and recipes."""
        return await self._run(self._calls.presets())

    async def stats(self) -> Stats:
        """The queue, the jobs by state and the workers, now."""
        return await self._run(self._calls.stats())

    async def explain(
        self,
        file: File,
        *,
        preset: str | None = None,
        recipe: Recipe | None = None,
        focus: tuple[float, float] | None = None,
    ) -> dict[str, Any]:
        """What a recipe would do to an image, without doing it: `original`, `recipe` and `plan`. Raises OSError."""
        with source_of(file, None) as source:
            return await self._run(self._calls.explain(source, preset, recipe, focus))

    async def audit(self, receipts: Sequence[str]) -> list[str]:
        """What became of the job of each receipt, in the same order: `ended`, `unfinished`, `purged`, `expired`,
        `lost` or `forged`."""
        return await self._run(self._calls.audit(receipts))

    async def grant(
        self,
        *,
        preset: str | None = None,
        count: int | None = None,
        bytes_max: int | None = None,
        expires_at: float | None = None,
        reference: str | None = None,
        origin: str | None = None,
        webhook_url: str | None = None,
    ) -> Grant:
        """A grant to upload without a key, signed by the server. `expires_at` is wall time (seconds, as of
        time.time()), by default in an hour. Other defaults: the preset `default`, 1 image, as many bytes as the
        server takes. The receiver at `webhook_url` is told of the end of each job.

        pixmill.grant makes one without the server. A client whose `api_key` is a grant's text uploads under it.
        """
        terms = {
            "preset": preset, "count": count, "bytes_max": bytes_max, "reference": reference, "origin": origin,
            "webhook_url": webhook_url,
        }  # fmt: skip
        return await self._run(self._calls.grant(terms, expires_at))

    async def view_grant(self, job: OneJob, *, expires_at: float | None = None) -> ViewGrant:
        """A grant to look at one job without a key: its JSON, events and renditions. `expires_at` as of `grant`."""
        return await self._run(self._calls.view_grant(named(job).id, expires_at))

    async def download(self, what: str | Rendition | Job, path: Path, *, exclusive: bool = False) -> None:
        """Write a rendition (or its address), or a job's original, to `path`: whole or not at all.

        Raises OSError where it cannot be written; FileExistsError where there is a file and `exclusive` is asked.
        """
        url = address(what)
        with PartialFile(path, exclusive) as file:
            await self._run(self._calls.download(url, file))
            file.complete()

    async def read(self, what: str | Rendition | Job) -> bytes:
        """The bytes of a rendition (or its address), or of a job's original."""
        memory = Memory()
        await self._run(self._calls.download(address(what), memory))
        return bytes(memory.data)
