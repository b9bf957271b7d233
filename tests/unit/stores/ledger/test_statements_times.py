"""A list of a time finds its jobs by halves: all of them, and without reading many others."""

import contextlib
import itertools
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs.job import Row
from jobs.records import Records, Where
from stores.ledger import Ledger, LedgerReader
from stores.ledger.memory import MemoryLedger
from stores.ledger.sqlite import open_ledger
from stores.ledger.sqlite_reader import open_reader
from stores.ledger.statements import DISORDER_SECONDS, QUERIES, listed
from tests.contracts.rows import ended, row

Page = Callable[[int | None], tuple[list[Row], int | None]]


def disordered(chance: random.Random) -> list[Row]:
    """Jobs with gaps between their seqs, by a clock that goes back by up to DISORDER_SECONDS."""
    jobs, at = list[Row](), 0.0
    for seq in sorted(chance.sample(range(1, 60), 15)):
        at += chance.choice([0.0, 1.0, 30.0])
        kind = ended if chance.random() < 0.3 else row
        jobs.append(kind(seq, accepted_at=at + chance.choice([0.0, DISORDER_SECONDS / 2, DISORDER_SECONDS])))
    return jobs


def whole(page: Page, start: int | None) -> list[int]:
    """All seqs of a list, page after page."""
    found: list[int] = []
    while True:
        rows, following = page(start)
        found += [each.seq for each in rows]
        if following is None:
            return found
        start = following


def judge(where: Where, ledger: Ledger, reader: LedgerReader, memory: MemoryLedger) -> None:
    """Each matching job is listed once, in both directions, and counted."""
    expected = whole(lambda start: memory.matching(where, start or 0, 3, 100), 0)
    assert whole(lambda start: ledger.matching(where, start or 0, 3, 7), 0) == expected, where
    assert whole(lambda start: reader.page(where, start, 3, 7), None) == expected[::-1], where
    assert reader.count(where, None, 100) == (len(expected), None), where


@pytest.mark.parametrize("seed", range(8))
def test_each_job_of_a_time_is_listed_once(tmp_path: Path, seed: int) -> None:
    memory, path = MemoryLedger(), tmp_path / "ledger.sqlite3"
    jobs = disordered(random.Random(seed))
    with contextlib.closing(open_ledger(path)) as ledger, contextlib.closing(open_reader(path)) as reader:
        for store in (memory, ledger):
            store.commit(Records(jobs=jobs))
        times = [None, *sorted({job.accepted_at for job in jobs})]
        for after, before, state in itertools.product(times, times, (None, "queued")):
            judge(Where(state=state, accepted_after=after, accepted_before=before), ledger, reader, memory)


def test_a_page_of_a_time_reads_no_more_than_it_may(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with contextlib.closing(open_ledger(path)) as ledger, contextlib.closing(open_reader(path)) as reader:
        ledger.commit(Records(jobs=[row(seq, accepted_at=seq / 100) for seq in range(1, 200)]))
        late, early = Where(accepted_after=5.0), Where(accepted_before=0.0)
        assert ledger.matching(late, 0, 5, 20) == ([], 20)
        assert reader.page(early, None, 5, 20) == ([], 180)


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_a_narrow_time_costs_no_more_in_a_ledger_of_a_hundred_times_as_many_jobs(tmp_path: Path, order: str) -> None:
    costs = {}
    for jobs in (200, 20_000):
        path = tmp_path / f"{jobs}.sqlite3"
        ledger = open_ledger(path)
        ledger.commit(Records(jobs=[row(3 * place, accepted_at=20.0 * place) for place in range(1, jobs)]))
        ledger.close()
        with contextlib.closing(sqlite3.connect(path)) as opened:
            found, costs[jobs] = narrow(opened, order, 20.0 * (jobs // 2))
            assert found == 5
    assert costs[20_000] < 2 * costs[200]


def narrow(connection: sqlite3.Connection, order: Any, at: float) -> tuple[int, int]:
    """How many jobs were accepted within 100 seconds from `at`; and the steps of SQLite's machine that it took."""
    steps = [0]
    connection.set_progress_handler(lambda: steps.__setitem__(0, steps[0] + 1), 1)
    where = Where(state="queued", accepted_after=at, accepted_before=at + 100)
    page, following = listed(
        lambda name, values: connection.execute(QUERIES[name], values).fetchall(), where, order, None, 50, 10_000
    )
    assert following is None
    return len(page), steps[0]
