"""The originals of one POST on their way to the blob store. The event loop judges their heads and gathers their bytes;
threads digest and write them.

Memory does not grow with the upload, and a failed upload leaves no file. A stalled disk delays only the uploads that it
has, because the event loop never creates, writes, syncs or removes a file.
"""

import asyncio
import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import msgspec

from host.settings.extras import formats_read
from jobs import ids
from jobs.errors import ClientFault, LimitExceeded
from jobs.images import exif
from jobs.images.head import HeadReader
from jobs.images.judged import judged
from jobs.images.pieces import Passing
from jobs.job import Original
from jobs.limits import GATHERED_BYTES, GATHERED_BYTES_MAX
from jobs.recipes.recipe import Recipe
from stores.blobs import Blobs, BlobWriter
from web.access.fresh import fresh_id
from web.access.parts import BLOB_THREADS, Web
from web.uploads.admission import Admission
from web.uploads.originals import Stored, measures, remove

FORMATS = formats_read()
PUBLISHED_AT_ONCE = BLOB_THREADS
"""Originals of one POST that are handed over to be published. More would fill the queue of the threads for nothing."""
VIEWED_BYTES = 16 * 1024
"""A piece of at least this size is kept as it came. Smaller ones are copied together, because each object takes some
200 bytes beside its data."""


class Incoming:
    """One original under its `name`. The event loop calls `take` and `handing`. Threads call the function that
    `handing` returns, `publish` and `discard`; `publish` must come after all others have returned."""

    def __init__(self, blobs: Blobs, name: str) -> None:
        self._blobs, self._name = blobs, name
        self._writer: BlobWriter | None = None
        self._parts: list[bytes | bytearray | memoryview] = []
        self._sha256 = hashlib.sha256()
        self.gathered = 0
        self._lock = threading.Lock()
        self.is_over = False
        """Published or discarded."""

    def take(self, data: bytes | memoryview) -> None:
        """Gather more bytes of the original."""
        self.gathered += len(data)
        if len(data) >= VIEWED_BYTES:
            self._parts.append(data)
        elif self._parts and isinstance(self._parts[-1], bytearray):
            self._parts[-1] += data
        else:
            self._parts.append(bytearray(data))

    @property
    def is_begun(self) -> bool:
        """Whether the store has any bytes of it."""
        return self._writer is not None

    def digest(self) -> str:
        """SHA-256 of all written bytes, in hex."""
        return self._sha256.hexdigest()

    def handing(self) -> Callable[[], None]:
        """Hand over the gathered bytes: returns a function that stores them, and that raises StoreFault."""
        parts, self._parts, self.gathered = self._parts, [], 0
        return partial(self._store, parts)

    def publish(self) -> None:
        """Store the gathered bytes, then publish the whole durably under its name. Raises StoreFault."""
        self.handing()()
        with self._lock:
            assert self._writer
            self._writer.publish()
            self.is_over = True

    def discard(self) -> None:
        """Remove the bytes if they are not published, also those that are being stored now. Harmless after `publish`,
        or when called twice."""
        with self._lock:
            if self._writer and not self.is_over:
                self._writer.discard()
            self.is_over = True

    def _store(self, parts: list[bytes | bytearray | memoryview]) -> None:
        with self._lock:
            if self.is_over:
                return
            self._writer = self._writer or self._blobs.writer(self._name)
            for part in parts:
                self._sha256.update(part)
                self._writer.write(part)


class Intake:
    """The files of one POST on their way in: `begin`, `write`, `end` for each (web.uploads.forms.Files)."""

    def __init__(self, web: Web, admission: Admission) -> None:
        self.stored: list[Stored] = []
        self._web, self._admission = web, admission
        self._recipe: Recipe | None = None
        self._bytes = self._gathered = 0
        self._files: list[Incoming] = []
        self._storing: asyncio.Future[list[BaseException]] | None = None

    @classmethod
    @contextlib.contextmanager
    def opened(cls, web: Web, admission: Admission) -> Iterator["Intake"]:
        """An intake that at its end discards, in the background, what was not published."""
        intake = cls(web, admission)
        try:
            yield intake
        finally:
            web.gathered -= intake._gathered
            for file in intake._files:
                if not file.is_over and (intake._storing or file.is_begun):
                    web.write_threads.do(file.discard)

    def learn(self, recipe: Recipe) -> None:
        """What is to be made of all files: of those that came, and of those that come. Raises NotPromised
        `wait_too_long`."""
        self._recipe = recipe
        for each in self.stored:
            self._admission.judge_cost(recipe, *measures(each.original))

    def begin(self, filename: str) -> None:
        """A file begins. Raises ClientFault if it is one too many."""
        if (images := len(self.stored) + 1) > self._admission.images_max:
            raise self._admission.too_many(images)
        self._size = 0
        self._reader, self._turned = HeadReader(), Passing(exif.reading_orientation())
        job = fresh_id()
        name = ids.original_name(job)
        file = Incoming(self._web.blobs, name)
        self._files.append(file)
        self.stored.append(Stored(job, filename, Original(name, "", 0, 0, 0, ""), file.publish, file.digest))

    def write(self, data: bytes | memoryview) -> None:
        """Take more bytes of the file. Raises LimitExceeded, StoreFull, or ClientFault for a wrong head."""
        self._size += len(data)
        self._bytes += len(data)
        terms = self._admission.terms
        if self._bytes > terms.bytes_max:
            raise self._blamed(LimitExceeded("upload_too_large", terms.limit, terms.bytes_max, self._bytes))
        if not self._reader.told:
            self._reader.feed(data)
            self._judge()
        self._turned.feed(data)
        self._web.disk_space.take(len(data))
        self._files[-1].take(data)
        self._gathered += len(data)
        self._web.gathered += len(data)

    def end(self) -> None:
        """The file is complete."""
        if not self._reader.told:
            self._reader.end()
            self._judge()
        self._turned.end()
        last, head = self.stored[-1], self._reader.head
        assert head is not None
        last.original = Original(
            last.original.name, head.format, head.width, head.height, self._size, "", self._turned.found or 1
        )

    def _judge(self) -> None:
        """Judge the head of the file, as soon as it has told the type."""
        if not self._reader.typed:
            return
        try:
            head = judged(self._reader, FORMATS, self._web.settings.pixels_max)
        except ClientFault as fault:
            raise self._blamed(fault) from None
        if self._recipe is not None and self._reader.told:
            self._admission.judge_cost(self._recipe, *head)

    def _blamed(self, fault: ClientFault) -> ClientFault:
        fault.members |= {"filename": self.stored[-1].filename, "index": len(self.stored) - 1}
        return fault

    async def settle(self) -> None:
        """If much was gathered, hand it over to be stored, after the last handed-over bytes are stored. It does not
        wait for the new ones: more bytes arrive meanwhile. Raises StoreFault."""
        if self._gathered >= GATHERED_BYTES or (self._gathered and self._web.gathered >= GATHERED_BYTES_MAX):
            await self._stored_so_far()
            works = [file.handing() for file in self._files if file.gathered]
            self._storing = asyncio.ensure_future(self._store(works, self._gathered))
            self._gathered = 0

    async def _store(self, works: Sequence[Callable[[], None]], size: int) -> list[BaseException]:
        try:
            return await in_threads(self._web, [lambda: _do(works)])
        finally:
            self._web.gathered -= size

    async def publish(self) -> None:
        """Publish all originals durably. Raises StoreFault."""
        await self._stored_so_far()
        size, self._gathered = self._gathered, 0
        try:
            await publish(self._web, self.stored)
        finally:
            self._web.gathered -= size

    async def _stored_so_far(self) -> None:
        """Wait until all handed-over bytes are stored. Raises StoreFault."""
        if self._storing:
            faults = await self._storing
            self._storing = None
            _raise_first(faults)


async def publish(web: Web, stored: list[Stored]) -> None:
    """Publish all of these, or none: a few at a time, so that originals of others come in between. Raises
    StoreFault."""
    faults: list[BaseException] = []
    for at in range(0, len(stored), PUBLISHED_AT_ONCE):
        if faults := await in_threads(web, [each.publish for each in stored[at : at + PUBLISHED_AT_ONCE]]):
            await remove(web, stored)
            break
    _raise_first(faults)
    for each in stored:
        if each.digest:
            each.original = msgspec.structs.replace(each.original, digest=each.digest())


async def in_threads(web: Web, works: Sequence[Callable[[], None]]) -> list[BaseException]:
    """Call all of these in threads, several at the same time. Returns the exceptions that they raised."""
    done = [web.write_threads.do(work) for work in works]
    return [fault for fault in await asyncio.gather(*done, return_exceptions=True) if fault]


def _raise_first(faults: list[BaseException]) -> None:
    """Raise the first of these, if there is one, and keep it nowhere: its traceback has the frames that know `faults`,
    and a circle of both would keep the bytes of the upload."""
    if faults:
        raise faults.pop(0)


def _do(works: Iterable[Callable[[], None]]) -> None:
    for work in works:
        work()
