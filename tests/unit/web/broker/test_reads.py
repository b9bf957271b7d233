"""A ledger that is locked for a moment: who reads waits for it, and nobody waits for them."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from host.process.threads import Threads, tried
from host.settings.settings import Settings
from jobs.errors import LedgerBusy, StoreFault
from jobs.records import Records
from stores.ledger import LedgerReader
from stores.ledger.memory import MemoryLedger
from stores.ledger.sqlite import open_ledger
from stores.ledger.sqlite_reader import open_reader
from tests.contracts.rows import job_id, row
from tests.support.harnesses.web_harness import WebHarness, serve, turns
from web.access.parts import open_web
from web.broker import reads
from web.broker.reads import InThreads, OnLoop, Reads
from web.handlers.health import NO_JOB

T = TypeVar("T")
READ = ("job", "jobs", "batch", "keys")


def locked(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The ledger's reads are refused while this is not empty."""
    busy = {"a broker recovers"}

    def guarded(read: Any) -> Any:
        def refused(*arguments: Any) -> Any:
            if busy:
                raise LedgerBusy("locked")
            return read(*arguments)

        return refused

    for name in READ:
        monkeypatch.setattr(MemoryLedger, name, guarded(getattr(MemoryLedger, name)))
    return busy


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/jobs/{}", 200),
        ("GET", "/batches/{}", 200),
        ("GET", "/jobs/{}/original", 200),
        ("DELETE", "/jobs/{}", 202),
        ("GET", "/health/ready", 200),
    ],
)
def test_a_request_waits_for_the_ledger_and_nobody_for_the_request(
    monkeypatch: pytest.MonkeyPatch, method: str, path: str, status: int
) -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.beat()
        job = await harness.accepted()
        busy = locked(monkeypatch)
        asked = asyncio.ensure_future(harness.client.request(method, path.format(job)))
        for _ in range(20):
            assert (await harness.client.get("/health/live")).status_code == 200
        assert not asked.done()
        busy.clear()
        assert (await asked).status_code == status

    serve(scenario)


def test_who_has_waited_long_enough_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "BUSY_SECONDS", 0.05)

    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        locked(monkeypatch)
        response = await harness.client.get(f"/jobs/{job}")
        assert (response.status_code, response.json()["code"]) == (503, "store_error")
        assert (await harness.client.get("/health/ready")).json()["reasons"] == ["ledger unreadable"]

    serve(scenario)


def test_patience_has_an_end_and_other_faults_have_none() -> None:
    tries = list[int]()

    def busy(_ledger: LedgerReader) -> None:
        tries.append(1)
        raise LedgerBusy("locked")

    async def wait() -> None:
        await OnLoop(MemoryLedger()).do(busy)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reads, "LOOK_SECONDS", 0.25)
        with pytest.raises(LedgerBusy):
            asyncio.run(wait())
    assert len(tries) == 5


def test_a_locked_ledger_is_busy_and_the_connection_stays(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    ledger = open_ledger(path)
    ledger.commit(Records(jobs=[row(1)]))
    ledger.close()
    reader = open_reader(path, wait_seconds=0.0)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
    holder.execute("BEGIN EXCLUSIVE").fetchall()
    with pytest.raises(LedgerBusy):
        reader.job(job_id(1))
    connection = reader._connection
    holder.execute("COMMIT").fetchall()
    holder.close()
    assert reader.job(job_id(1)) == row(1)
    assert reader._connection is connection
    reader.close()


def test_the_event_loop_s_reader_waits_for_no_lock_and_that_of_the_lists_does(tmp_path: Path) -> None:
    open_ledger(tmp_path / "ledger.sqlite3").close()
    web = open_web(Settings(data=str(tmp_path)), logging.getLogger("web"))

    def wait(reader: Any) -> Any:
        found = reader._connected().execute("PRAGMA busy_timeout").fetchall()
        reader.close()
        return found

    async def waits() -> list[Any]:
        return [await reading.do(wait) for reading in (web.reads.quick, web.reads.long, web.reads.lists)]

    assert asyncio.run(waits()) == [[(0,)], [(1000,)], [(1000,)]]


class ByHand(Threads):
    """Threads whose work a test does, or leaves."""

    def __init__(self) -> None:
        super().__init__(0, "")
        self.works: list[tuple[asyncio.Future[Any], Callable[[], Any]]] = []

    def do(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.works.append((future, work))
        return future

    def finish(self, at: int = 0) -> None:
        future, work = self.works.pop(at)
        tried(future, work)()


class Slow:
    """Reads in threads that a test drives: a reader is opened for each thread that works."""

    def __init__(self, seconds: float | None = None) -> None:
        self.threads, self.opened = ByHand(), list[MemoryLedger]()
        self.reading = InThreads(self._open, self.threads, "primary", logging.getLogger("web"), seconds)

    def _open(self) -> MemoryLedger:
        self.opened.append(MemoryLedger())
        return self.opened[-1]

    def ask(self, read: Callable[[LedgerReader], T]) -> "asyncio.Task[T]":
        return asyncio.ensure_future(self.reading.do(read))


def unreadable(_ledger: LedgerReader) -> None:
    raise StoreFault("the ledger cannot be read") from OSError("no\nroute")


def tenants(ledger: LedgerReader) -> None:
    ledger.tenants()


def test_a_slow_read_holds_up_nobody() -> None:
    async def scenario(harness: WebHarness) -> None:
        slow = Slow()
        harness.web.reads = Reads(slow.reading, slow.reading, slow.reading)
        asked = asyncio.ensure_future(harness.client.get(f"/jobs/{NO_JOB}"))
        await turns()
        assert slow.threads.works
        for _ in range(20):
            assert (await harness.client.get("/health/live")).status_code == 200
        assert not asked.done()
        slow.threads.finish()
        assert (await asked).status_code == 404

    serve(scenario)


def test_a_read_without_an_answer_is_given_up_in_time(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.beat()
        slow = Slow(seconds=0.0)
        harness.web.reads = Reads(slow.reading, slow.reading, slow.reading)
        for path in (f"/jobs/{NO_JOB}", "/jobs", f"/jobs/{NO_JOB}/events"):
            response = await harness.client.get(path)
            assert (response.status_code, response.json()["code"]) == (503, "store_error"), path
        assert (await harness.client.get("/health/ready")).json()["reasons"] == ["ledger unreadable"]
        assert all(future.cancelled() for future, _ in slow.threads.works), "no thread takes it any more"

    serve(scenario)
    told = [record.message for record in caplog.records if record.name == "web"]
    assert told == ["ledger_unreadable"], "it is said once"


def test_reads_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "WAITING_MAX", 2)

    async def scenario() -> None:
        slow = Slow()
        waiting = [slow.ask(lambda ledger: ledger.tenants()) for _ in range(2)]
        await turns()
        with pytest.raises(LedgerBusy, match="2 reads wait"):
            await slow.ask(lambda ledger: ledger.tenants())
        waiting[0].cancel()
        await turns()
        third = slow.ask(lambda ledger: ledger.tenants())
        await turns()
        slow.threads.finish(1)
        slow.threads.finish(1)
        assert (await waiting[1], await third) == (set(), set())
        assert slow.threads.works[0][0].cancelled(), "its caller has left"

    asyncio.run(scenario())


def test_each_thread_has_a_reader_of_its_own_and_takes_the_warm_one() -> None:
    async def scenario() -> None:
        slow, met = Slow(), list[LedgerReader]()

        def nested(ledger: LedgerReader) -> None:
            met.append(ledger)
            slow.threads.finish()  # as another thread would at the same time

        both = [slow.ask(nested), slow.ask(met.append)]
        await turns()
        slow.threads.finish()
        await asyncio.gather(*both)
        later = slow.ask(met.append)
        await turns()
        slow.threads.finish()
        await later
        assert met == [slow.opened[0], slow.opened[1], slow.opened[0]]
        assert len(slow.opened) == 2

    asyncio.run(scenario())


def test_an_unreadable_ledger_is_told_once_with_its_reason_and_so_is_its_return(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")

    async def scenario() -> None:
        slow = Slow()
        for read in (unreadable, unreadable, tenants, tenants, unreadable):
            asked = slow.ask(read)
            await turns()
            slow.threads.finish()
            await asyncio.wait([asked])
            assert (asked.exception() is None) == (read is not unreadable)

    asyncio.run(scenario())
    told = [(record.message, getattr(record, "why", "")) for record in caplog.records]
    assert told == [("ledger_unreadable", "no route"), ("ledger_readable", ""), ("ledger_unreadable", "no route")]
