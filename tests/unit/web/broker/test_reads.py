"""A ledger that is locked for a moment: who reads waits for it, and nobody waits for them."""

import asyncio
import logging
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from host.settings.settings import Settings
from jobs.errors import LedgerBusy
from jobs.records import Records
from stores.ledger.memory import MemoryLedger
from stores.ledger.sqlite import open_ledger
from stores.ledger.sqlite_reader import open_reader
from tests.contracts.rows import job_id, row
from tests.support.harnesses.web_harness import WebHarness, serve
from web.access.parts import open_web
from web.broker import reads
from web.broker.reads import patient

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

    def busy() -> None:
        tries.append(1)
        raise LedgerBusy("locked")

    async def wait() -> None:
        await patient(busy)

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
    waits = [reader._connected().execute("PRAGMA busy_timeout").fetchall() for reader in (web.reader, web.lists)]  # type: ignore[attr-defined]
    assert waits == [[(0,)], [(1000,)]]
    for reader in (web.reader, web.lists):
        reader.close()
