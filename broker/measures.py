"""What the broker's loop measures of itself for /metrics: commits, the write-ahead log, dropped frames, the recorder.

Owns the cells of jobs.figures.cluster.OF_LOOP. They enter the core as a fact, so a replay tells the same figures.
"""

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
from jobs.figures.layout import observe_all

NOTED_MAX = 1000
"""Commits that are noted and not yet counted: counting them together is several times cheaper."""
_SECONDS, _ROWS = LAYOUT.places(COMMIT_SECONDS)[()], LAYOUT.places(COMMIT_ROWS)[()]
_SECONDS_FAMILY, _ROWS_FAMILY = LAYOUT.family(COMMIT_SECONDS), LAYOUT.family(COMMIT_ROWS)


class Measures:
    """The figures of one loop, since its start."""

    def __init__(self) -> None:
        self._cells = [0] * LOOP_SIZE
        self._noted: list[tuple[float, int]] = []

    def committed(self, seconds: float, jobs: int) -> None:
        """A commit of so many jobs took so long."""
        self._noted.append((seconds, jobs))
        if len(self._noted) >= NOTED_MAX:
            self._count()

    def cells(self, *, wal_bytes: int, dropped: int, unsaid: int, is_recording: bool) -> list[int]:
        """All cells, with these as they are now."""
        self._count()
        now = {WAL_BYTES: wal_bytes, DROPPED: dropped, UNSAID: unsaid, RECORDER_OFF: int(not is_recording)}
        for name, value in now.items():
            self._cells[LAYOUT.places(name)[()]] = value
        return [*self._cells]

    def _count(self) -> None:
        """Count what is noted."""
        observe_all(self._cells, _SECONDS, _SECONDS_FAMILY, (seconds for seconds, _ in self._noted))
        observe_all(self._cells, _ROWS, _ROWS_FAMILY, (jobs for _, jobs in self._noted))
        self._noted = []
