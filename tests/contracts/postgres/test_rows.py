"""Rows that are unusual: many megabytes in one commit, and texts that PostgreSQL cannot hold."""

import pytest

from jobs.records import LookUp, Records, Where
from tests.contracts.postgres.conftest import Open
from tests.contracts.rows import job_id, row, row_of

pytestmark = pytest.mark.cluster


def test_a_commit_of_many_megabytes_goes_through_and_comes_back(url: str, open_ledger: Open) -> None:
    """More than the sockets hold: both sides send while they read."""
    ledger = open_ledger(url)
    rows = [row(seq, spec=bytes([seq % 256]) * 60_000) for seq in range(1, 400)]
    ledger.commit(Records(jobs=rows))
    assert ledger.look_up(LookUp(scanned=[each.id for each in rows])).scanned == rows


def test_a_text_with_nul_ends_no_broker_and_is_found_by_its_filter(url: str, open_ledger: Open) -> None:
    ledger = open_ledger(url)
    ledger.commit(Records(jobs=[row(1, reference="a\0b"), row(2, reference="zwölf \U0001f4f7\x01")]))
    found = row_of(ledger, job_id(1))
    assert found is not None
    assert found.reference == "a\ufffdb"
    assert [each.seq for each in ledger.matching(Where(reference="a\0b"), 0, 10, 100)[0]] == [1]
    assert row_of(ledger, job_id(2)) == row(2, reference="zwölf \U0001f4f7\x01")


@pytest.mark.parametrize("size", [1, 255])
def test_the_longest_texts_fit_into_the_indexes(url: str, open_ledger: Open, size: int) -> None:
    ledger = open_ledger(url)
    longest = "".join(chr(0x1F300 + number % 700) for number in range(size))
    texts = dict.fromkeys(("tenant", "lane", "reference", "preset", "batch", "worker", "code"), longest)
    ledger.commit(Records(jobs=[row(1, **texts)]))
    assert row_of(ledger, job_id(1)) == row(1, **texts)
