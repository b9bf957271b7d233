"""The seam of the fake ledger: a commit that fails as a sync does, kept or lost."""

import pytest

from jobs.errors import LedgerFailed
from jobs.records import LookUp, QuarantineEntry, Records
from stores.ledger.memory import MemoryLedger
from tests.contracts.rows import job_id, row


@pytest.mark.parametrize("kept", [False, True])
def test_a_failed_commit_was_kept_or_lost_and_a_start_tells(kept: bool) -> None:
    ledger = MemoryLedger()
    ledger.restore()
    ledger.fail_next_commit(kept=kept)
    with pytest.raises(LedgerFailed):
        ledger.commit(Records(jobs=[row(1)], quarantined=[QuarantineEntry(b"q", "e", 1.0)]))
    with pytest.raises(LedgerFailed):
        ledger.look_up(LookUp())
    restored = ledger.restore()
    assert restored.quarantine == ([QuarantineEntry(b"q", "e", 1.0)] if kept else [])
    assert ledger.look_up(LookUp(ids=[job_id(1)])).existing == ({job_id(1)} if kept else set())
    ledger.commit(Records(jobs=[row(2)]))
    assert ledger.commits == 1


def test_what_a_start_reads_is_a_copy() -> None:
    ledger = MemoryLedger()
    meta = ledger.restore().meta
    meta.counts["queued"] = 9
    assert ledger.restore().meta.counts["queued"] == 0
