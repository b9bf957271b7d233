"""A ledger's move: everything arrives, whenever it is stopped, and a difference is never taken for success."""

from typing import Any

import pytest

from jobs.errors import LedgerFailed, SetupFault
from jobs.records import KeyEntry, Meta, Records, Where
from stores.ledger.memory import MemoryLedger
from stores.move.rows import STEP, contents, last_seq, pour
from tests.contracts.filled import fill
from tests.contracts.rows import row

JOBS = 3 * STEP + 7


class Stopped(MemoryLedger):
    """Fails at the commit `left` commits from now, as a move that is killed there: what was committed stays."""

    left = -1
    written: list[int] = []
    """The seqs of the jobs that were committed."""

    def commit(self, records: Records) -> None:
        if self.left == 0:
            raise LedgerFailed("killed")
        self.left -= 1
        self.written = [*self.written, *(each.seq for each in records.jobs)]
        super().commit(records)


def filled(jobs: int = JOBS) -> MemoryLedger:
    ledger = MemoryLedger()
    fill(ledger, jobs)
    return ledger


def silent(_: str) -> None:
    """No progress."""


def held(ledger: MemoryLedger) -> Any:
    return contents(ledger, ledger)


@pytest.mark.parametrize("jobs", [0, 1, 2, STEP, JOBS])
def test_all_entries_arrive_and_the_epoch_rises(jobs: int) -> None:
    source, target = filled(jobs), MemoryLedger()
    for _ in range(5):
        source.restore()
    found = pour(source, target, silent)
    assert found == held(source) == held(target)
    assert found.counts["jobs"] == jobs and found.counts["keys"] == found.counts["sweeps"] == jobs // 3
    assert target.restore().meta.epoch > source.meta.epoch
    assert target.restore().meta.paused
    assert target.matching(Where(), 0, 10_000, 10_000) == source.matching(Where(), 0, 10_000, 10_000)


def test_a_move_that_is_stopped_anywhere_goes_on() -> None:
    source, commits = filled(), 0
    while True:
        target = Stopped()
        target.left = commits
        try:
            pour(source, target, silent)
            break
        except LedgerFailed:
            target.left = -1
            assert pour(source, target, silent) == held(target) == held(source)
        commits += 1
    assert commits > 3 + 3 * ((JOBS // 3) // STEP + 1)


def test_what_went_on_is_not_written_again() -> None:
    source, target = filled(), Stopped()
    target.left = 2
    with pytest.raises(LedgerFailed):
        pour(source, target, silent)
    assert last_seq(target) == 3 * (2 * STEP - 1) + 1
    target.left, target.written = -1, []
    pour(source, target, silent)
    assert min(target.written) > 3 * (2 * STEP - 1) + 1


@pytest.mark.parametrize(
    "change",
    [
        Records(jobs=[row(1, code="other")]),
        Records(removed=[4]),
        Records(keys=[KeyEntry(bytes(32), "j", b"", 1.0)]),
        Records(meta=Meta(change=1)),
    ],
)
def test_a_source_that_changed_after_the_first_part_is_found_out(change: Records) -> None:
    source, target = filled(), Stopped()
    target.left = 3
    with pytest.raises(LedgerFailed):
        pour(source, target, silent)
    source.commit(change)
    target.left = -1
    if change.keys or change.meta:  # these are written again
        assert pour(source, target, silent) == held(source)
    else:
        with pytest.raises(SetupFault, match="the ledgers differ in"):
            pour(source, target, silent)


def test_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stores.move.rows.TOLD_EACH", 2 * STEP)
    told: list[str] = []
    pour(filled(), MemoryLedger(), told.append)
    assert told == [f"{2 * STEP} jobs are moved"]
