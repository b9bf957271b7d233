"""A few of the crash points; all of them are `python -m torture.crash_points`, by the same code."""

from collections.abc import Iterator

import pytest

from tests.support.clusters.crash_harness import CrashHarness, strace_missing
from tests.support.clusters.crash_points import KILL, POINTS, Point

pytestmark = pytest.mark.cluster
SHORT = (
    "broker commits accepted, killed",
    "broker committed accepted, killed",
    "broker commits accepted, pwrite64 fails: ENOSPC",
    "broker commits accepted, fdatasync fails: EIO",
    "broker commits done, fdatasync fails: EIO",
    "broker checkpoints, fdatasync fails: EIO",
    "web says Submit, killed",
    "web hears Acks, killed",
    "web syncs a blob, fsync fails: EIO",
    "web writes a blob, write fails: ENOSPC",
    "worker says Finished, killed",
    "worker syncs its folder, fsync fails: EIO",
)


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrashHarness]:
    """One for all points."""
    harness = CrashHarness(tmp_path_factory.mktemp("crash"))
    yield harness
    harness.close()


@pytest.fixture(scope="module")
def no_strace() -> str:
    """Why no system call can be made to fail here."""
    return strace_missing()


def test_the_table_names_each_point_once() -> None:
    names = [point.name for point in POINTS]
    assert len(set(names)) == len(names)
    assert set(SHORT) <= set(names)


@pytest.mark.parametrize("point", [point for point in POINTS if point.name in SHORT], ids=lambda point: point.name)
def test_a_crash_point_recovers(harness: CrashHarness, point: Point, no_strace: str) -> None:
    if point.fault != KILL and no_strace:
        pytest.skip(no_strace)
    harness.meet(point)
