"""What the loop measures: commits by their time and their rows, and the rest as it is now."""

from broker.measures import NOTED_MAX, Measures
from jobs.figures.cluster import (
    COMMIT_ROWS,
    COMMIT_SECONDS,
    DROPPED,
    LAYOUT,
    LOOP_SIZE,
    RECORDER_OFF,
    UNSAID,
    WAL_BYTES,
)
from jobs.figures.layout import histogram


def test_commits_are_observed_and_the_rest_is_as_it_is_now() -> None:
    measures = Measures()
    measures.committed(0.004, 30)
    measures.committed(7.0, 31)
    measures.cells(wal_bytes=1, dropped=1, unsaid=1, is_recording=True)
    cells = measures.cells(wal_bytes=4096, dropped=2, unsaid=3, is_recording=False)
    assert len(cells) == LOOP_SIZE
    told = {name: cells[LAYOUT.places(name)[()]] for name in (WAL_BYTES, DROPPED, UNSAID, RECORDER_OFF)}
    assert told == {WAL_BYTES: 4096, DROPPED: 2, UNSAID: 3, RECORDER_OFF: 1}
    for name, sum_, falls in ((COMMIT_SECONDS, 7.004, (0.005, None)), (COMMIT_ROWS, 61.0, (30.0, 100.0))):
        family = LAYOUT.family(name)
        found = histogram(cells, LAYOUT.places(name)[()], family)
        bounds = [*family.buckets, None]
        assert found.sum == sum_
        assert [bound for bound, count in zip(bounds, found.counts, strict=True) for _ in range(count)] == [*falls]


def test_what_was_told_does_not_change_any_more() -> None:
    measures = Measures()
    told = measures.cells(wal_bytes=0, dropped=0, unsaid=0, is_recording=True)
    measures.committed(0.001, 1)
    assert sum(told) == 0


def test_many_commits_are_counted_once_each() -> None:
    measures = Measures()
    for _ in range(NOTED_MAX + 1):
        measures.committed(0.5, 2)
    family, at = LAYOUT.family(COMMIT_ROWS), LAYOUT.places(COMMIT_ROWS)[()]
    for _ in range(2):
        found = histogram(measures.cells(wal_bytes=0, dropped=0, unsaid=0, is_recording=True), at, family)
        assert (sum(found.counts), found.sum) == (NOTED_MAX + 1, 2 * (NOTED_MAX + 1))
