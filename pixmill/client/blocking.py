"""The client for threads: uploads that are promised once, jobs awaited, events followed, renditions downloaded.

An upload carries an Idempotency-Key. After a lost connection or a 503 (or a proxy's 502 or 504) it is repeated under
this key until the server promises (202): so it makes one job, however often it is sent. The API key is sent to the
server of `url` alone, whatever addresses its answers name. All decisions are the core's (pixmill/core).
"""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload

import httpx2

from pixmill.client.changes import Changes
from pixmill.client.connections import Connections
from pixmill.client.deliveries import Deliveries
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


class Client(Changes, Deliveries):
    """One server. `url` defaults to PIXMILL_URL, else localhost; `api_key` (if the server asks for one) defaults to
    PIXMILL_API_KEY. Use it as a context manager, or call close(). Raises ValueError if one of them is malformed.

    Every method raises Refused for what the server refuses and Unreachable when it stays away. `on_retry` is told of
    each pause before a request is sent again; by default the log `pixmill` has a warning for each absence of the
    server.

    Threads may share one. After a fork the child opens connections of its own: the parent's are never used there.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        transport: httpx2.BaseTransport | None = None,
        on_retry: Callable[[Retry], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connections = Connections(Server(url, api_key), transport, on_retry, clock, pause)
        self._run = self._connections.run
        self.url = self._connections.server.url
        self._calls = Calls(self.url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    @overload
    def upload(
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
    def upload(
        self,
        file: File,
        *,
        filename: str | None = None,
        wait: float,
        key: str | None = None,
        on_sent: Count | None = None,
        **fields: Unpack[Fields],
    ) -> Job: ...

    def upload(
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
            return self._run(self._calls.upload(source, key or uuid.uuid4().hex, fields, wait))

    def upload_batch(
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
            return self._run(self._calls.upload_batch(sources, key or uuid.uuid4().hex, fields))

    @overload
    def derive(
        self,
        original: OneJob,
        *,
        wait: None = None,
        key: str | None = None,
        **fields: Unpack[Fields],
    ) -> Upload: ...

    @overload
    def derive(
        self,
        original: OneJob,
        *,
        wait: float,
        key: str | None = None,
        **fields: Unpack[Fields],
    ) -> Job: ...

    def derive(
        self,
        original: OneJob,
        *,
        wait: float | None = None,
        key: str | None = None,
        **fields: Unpack[Fields],
    ) -> Upload | Job:
        """Another recipe on the original of a job, which stays where it is. Arguments and answers as of `upload`."""
        return self._run(self._calls.derive(named(original).id, key or uuid.uuid4().hex, fields, wait))

    @overload
    def fetch(self, url: str, *, wait: None = None, key: str | None = None, **fields: Unpack[Fields]) -> Upload: ...

    @overload
    def fetch(self, url: str, *, wait: float, key: str | None = None, **fields: Unpack[Fields]) -> Job: ...

    def fetch(
        self, url: str, *, wait: float | None = None, key: str | None = None, **fields: Unpack[Fields]
    ) -> Upload | Job:
        """A job whose original the server fetches from this address, which its SOURCES must list. Arguments and answers
        as of `upload`; the promise comes before the original is there."""
        return self._run(self._calls.fetch(url, key or uuid.uuid4().hex, fields, wait))

    def job(self, job: str, *, wait: float | None = None) -> Job:
        """The job as it is now; with `wait`, held by the server for up to so many seconds until it has ended."""
        return self._run(self._calls.job(job, wait))

    def wait(self, job: OneJob, *, seconds: float | None = None) -> Job:
        """The job once it has ended, however it did; or as it is after so many `seconds`, if they are given."""
        return self._run(self._calls.wait(named(job), seconds))

    def open_batch(self, *, webhook_url: str | None = None) -> OpenedBatch:
        """Open a batch. Uploads and `derive` join it by `batch=opened.id`, up to 1,000 jobs, until `close_batch`.
        Then it ends with its last job, and the receiver at `webhook_url` is told of that."""
        return self._run(self._calls.open_batch(webhook_url, uuid.uuid4().hex))

    def close_batch(self, batch: OneBatch) -> Batch:
        """Close a batch that was opened: no more jobs join it. To close it again changes nothing."""
        return self._run(self._calls.close_batch(batch_id(batch)))

    def derive_batch(
        self, originals: Sequence[OneJob], *, key: str | None = None, **fields: Unpack[Fields]
    ) -> BatchUpload:
        """Another recipe on the originals of up to 1,000 jobs: all of them are promised, or none. They are one
        batch."""
        names = [named(original).id for original in originals]
        return self._run(self._calls.derive_batch(names, key or uuid.uuid4().hex, fields))

    def batch(self, batch: OneBatch) -> Batch:
        """A batch as it is now. A job that came alone is a batch by its own id."""
        return self._run(self._calls.batch(batch_id(batch)))

    def wait_batch(self, batch: OneBatch, *, seconds: float | None = None) -> Batch:
        """The batch once all its jobs have ended and it is closed; or as it is after so many `seconds`, if they are
        given."""
        return self._run(self._calls.wait_batch(batch_id(batch), seconds))

    def jobs(self, **filters: Unpack[Filters]) -> Iterator[Job]:
        """All jobs that match, newest accepted first, without their timelines. Pages are read as they are needed.

        Filters: `state`, `code`, `reference`, `preset`; and `accepted_after` (that time or later) and `accepted_before`
        (earlier than that), each a datetime with a zone, or RFC 3339.
        """
        after = None
        while True:
            page = self._run(self._calls.page(filters, after))
            yield from page.jobs
            if (after := page.next) is None:
                return

    def export(self, *, limit: int | None = None, **filters: Unpack[Filters]) -> Iterator[Job]:
        """The same from one answer that the server streams: for many jobs, or all of them. `limit`: at most so many.

        A lost stream is opened again behind the last job that came. Raises NotFound if that one was purged meanwhile.
        """
        listing, back_off = Listing(filters, limit, self.url), BackOff()
        while not listing.over:
            answered = self._run(sent(listing.request(), self.url))
            listing.opened(answered.response)
            for data in self._connections.received(answered.response, listing.lost):
                back_off = BackOff()
                yield from listing.received(data)
            if not listing.over:
                self._connections.pause(back_off.pause(0.0))

    def follow(self, *jobs: OneJob | Batch | BatchUpload) -> Iterator[Event]:
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
            answered = self._run(sent(following.request(), self.url))
            if answered.response.status == 204:
                return
            for data in self._connections.received(answered.response):
                back_off = BackOff()
                yield from following.received(data)
                if following.over:
                    return
            self._connections.pause(back_off.pause(0.0))

    def presets(self) -> dict[str, Any]:
        """The presets: names and recipes."""
        return self._run(self._calls.presets())

    def stats(self) -> Stats:
        """The queue, the jobs by state and the workers, now."""
        return self._run(self._calls.stats())

    def explain(
        self,
        file: File,
        *,
        preset: str | None = None,
        recipe: Recipe | None = None,
        focus: tuple[float, float] | None = None,
    ) -> dict[str, Any]:
        """What a recipe would do to an image, without doing it: `original`, `recipe` and `plan`. Raises OSError."""
        with source_of(file, None) as source:
            return self._run(self._calls.explain(source, preset, recipe, focus))

    def audit(self, receipts: Sequence[str]) -> list[str]:
        """What became of the job of each receipt, in the same order: `ended`, `unfinished`, `purged`, `expired`,
        `lost` or `forged`."""
        return self._run(self._calls.audit(receipts))

    def grant(
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
        return self._run(self._calls.grant(terms, expires_at))

    def view_grant(self, job: OneJob, *, expires_at: float | None = None) -> ViewGrant:
        """A grant to look at one job without a key: its JSON, events and renditions. `expires_at` as of `grant`."""
        return self._run(self._calls.view_grant(named(job).id, expires_at))

    def download(self, what: str | Rendition | Job, path: Path, *, exclusive: bool = False) -> None:
        """Write a rendition (or its address), or a job's original, to `path`: whole or not at all.

        Raises OSError where it cannot be written; FileExistsError where there is a file and `exclusive` is asked.
        """
        url = address(what)
        with PartialFile(path, exclusive) as file:
            self._run(self._calls.download(url, file))
            file.complete()

    def read(self, what: str | Rendition | Job) -> bytes:
        """The bytes of a rendition (or its address), or of a job's original."""
        memory = Memory()
        self._run(self._calls.download(address(what), memory))
        return bytes(memory.data)
