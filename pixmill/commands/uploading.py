"""Uploads many files at once, and tells of each once: sends what was not sent before, waits, and saves renditions.

Owns the tasks of one `pixmill upload`. Whether a file was sent before is the state's to know (state.py); how a request
is repeated is the client's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pixmill.client.aio import AsyncClient
from pixmill.commands import saving
from pixmill.commands.folders.files import Picked
from pixmill.commands.progress import Bars
from pixmill.commands.receipts import ReceiptFile
from pixmill.commands.report import Report
from pixmill.commands.state import Known, State, key_after, key_of
from pixmill.core.answers import Job, Upload
from pixmill.core.errors import NotFound
from pixmill.core.events import JobChanged
from pixmill.core.fields import Fields

SENDERS, FOLLOWERS, FOLLOWED = 4, 3, 100
"""Uploads and event streams at once, and the jobs of one stream: what the server takes."""


@dataclass(frozen=True)
class Entry:
    """A file and its key. `before`: its end was told by an earlier run."""

    file: Picked
    key: str
    before: bool = False


class Uploading:
    """One run. With `waits`, a file is told when its job has ended, else when it is promised; `told` hears of it, too.
    With `out`, its renditions are saved there."""

    def __init__(
        self,
        client: AsyncClient,
        state: State,
        report: Report,
        bars: Bars,
        asked: Fields,
        *,
        waits: bool,
        out: Path | None = None,
        receipts: ReceiptFile | None = None,
        told: Callable[[Picked, Job | Upload], None] = lambda file, job: None,
    ) -> None:
        self._client, self._state, self._report, self._bars = client, state, report, bars
        self._asked, self._waits, self._out, self._receipts, self._told = asked, waits, out, receipts, told
        self._pending: dict[str, list[Entry]] = {}
        self._promises: dict[str, Upload | Job] = {}
        self._untaken: list[str] = []
        self._sending = 0
        self._news = asyncio.Event()
        self.sent = 0
        """How many files were sent by this run."""

    async def run(self, files: Sequence[Picked]) -> None:
        """Take all files to their end. However it ends, Ctrl-C included: what was promised has been told."""
        ahead = iter(files)
        self._sending = SENDERS
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(SENDERS):
                    tasks.create_task(self._send_all(ahead))
                for _ in range(FOLLOWERS if self._waits else 0):
                    tasks.create_task(self._follow_all())
        except ExceptionGroup as faults:
            raise faults.exceptions[0] from None
        finally:
            for job, entries in self._pending.items():
                for entry in entries:
                    self._tell(entry, self._promises[job])

    async def _send_all(self, ahead: Iterator[Picked]) -> None:
        for file in ahead:
            with self._report.faults_of(file.path):
                await self._send(file)
        self._sending -= 1
        self._news.set()

    async def _send(self, file: Picked) -> None:
        digest = await asyncio.to_thread(file.digest)
        key = key_of(self._client.url, self._asked, file.name, digest)
        known = self._state.known(key)
        job = None if known is None else await self._found(known.job)
        if known is not None and job is not None:
            self._bars.sent(file, file.size)
            await self._promised(Entry(file, key, known.told), job)
            return
        promise = await self._promise(file, key if known is None else key_after(key, known.job))
        self.sent += 1
        if self._receipts:
            with self._report.faults_of(file.path):
                self._receipts.append(promise.receipt)
        self._state.keep(key, Known(promise.id))
        await self._promised(Entry(file, key), promise)

    async def _promise(self, file: Picked, key: str) -> Upload:
        """The 202 for a file. The jobs of a key may be purged already: then it is sent under another."""

        def upload(under: str) -> Awaitable[Upload]:
            source = file.path if file.data is None else file.data
            on_sent = lambda count: self._bars.sent(file, count)  # noqa: E731 - it is told of each piece
            return self._client.upload(source, filename=file.name, key=under, on_sent=on_sent, **self._asked)

        try:
            return await upload(key)
        except NotFound:
            return await upload(key_after(key, "purged"))

    async def _found(self, job: str) -> Job | None:
        try:
            return await self._client.job(job)
        except NotFound:
            return None

    async def _promised(self, entry: Entry, job: Upload | Job) -> None:
        if not self._waits:
            self._tell(entry, job)
        elif isinstance(job, Job) and job.ended:
            await self._end(entry, job)
        else:
            if job.id not in self._pending:
                self._untaken.append(job.id)
            self._pending.setdefault(job.id, []).append(entry)
            self._promises[job.id] = job
            self._news.set()

    async def _follow_all(self) -> None:
        while jobs := await self._next():
            try:
                async for event in self._client.follow(*jobs):
                    if isinstance(event, JobChanged) and event.ended:
                        await self._ended(event.id)
            except NotFound:
                pass  # all of them were purged meanwhile, which is told of each below
            for job in jobs:
                await self._ended(job)

    async def _next(self) -> list[str]:
        """Jobs that nobody follows yet; none if there will be no more."""
        while not self._untaken and self._sending:
            self._news.clear()
            await self._news.wait()
        taken, self._untaken = self._untaken[:FOLLOWED], self._untaken[FOLLOWED:]
        return taken

    async def _ended(self, job: str) -> None:
        for entry in self._pending.get(job, [])[:]:
            with self._report.faults_of(entry.file.path):
                await self._end(entry, await self._client.job(job))
        self._pending.pop(job, None)

    async def _end(self, entry: Entry, job: Job) -> None:
        """Save the renditions of an ended job, and tell it."""
        known = self._state.known(entry.key)
        before = known.saved if known and known.job == job.id else ()
        saved = await self._saved(entry, job, before) if self._out else ()
        waiting = self._pending.get(job.id, [])
        if entry in waiting:
            waiting.remove(entry)
        self._state.keep(entry.key, Known(job.id, True, tuple(dict.fromkeys((*before, *saved)))))
        self._tell(entry, job, saved)

    async def _saved(self, entry: Entry, job: Job, before: Sequence[str]) -> Sequence[str]:
        """The paths of the renditions: those that were saved `before` in that folder, else new ones."""
        assert self._out is not None
        folder = self._out / entry.file.folder
        there = [path for path in before if Path(path).parent == folder.absolute() and Path(path).is_file()]
        if there:
            return there
        paths = []
        for url, path in saving.targets(job, folder, entry.file.path.stem):
            with self._report.faults_of(path):
                await self._client.download(url, path, exclusive=True)
                paths.append(str(path.absolute()))
        return paths

    def _tell(self, entry: Entry, job: Upload | Job, saved: Sequence[str] = ()) -> None:
        beside = {"file": str(entry.file.path), "before": entry.before, "saved": list(saved)}
        self._report.job(job, beside, ended=isinstance(job, Job) and job.ended)
        self._bars.told(entry.file)
        self._told(entry.file, job)


def run(uploading: Uploading, client: AsyncClient, files: Sequence[Picked]) -> None:
    """Run it to its end in a loop of its own. Raises PixmillError, and KeyboardInterrupt."""

    async def all_of_it() -> None:
        async with client:
            await uploading.run(files)

    asyncio.run(all_of_it())
