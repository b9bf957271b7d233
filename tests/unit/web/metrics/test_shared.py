"""The shared file: one holder a slot, counts that survive their process, and no store beyond the disk.

Two holders in one process are two processes to the kernel: its locks belong to the open file.
"""

import errno
import os
from pathlib import Path

import pytest

from web.metrics import shared
from web.metrics.shared import Shared

SIZE = 700


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path


def opened(run: Path) -> Shared:
    return Shared(run, "f00d", SIZE)


def test_two_holders_have_two_slots_and_see_each_other(run: Path) -> None:
    one, two = opened(run), opened(run)
    one.cells[0], two.cells[SIZE - 1] = 1, 2**63
    for each in (one, two):
        (first, held_1), (second, held_2) = each.slots()
        assert (first[0], second[SIZE - 1]) == (1, 2**63)
        assert held_1 and held_2
    one.close()
    two.close()


def test_who_takes_over_a_slot_goes_on_from_its_counts(run: Path) -> None:
    one, two = opened(run), opened(run)
    one.cells[5] = 41
    one.close()
    assert [held for _, held in two.slots()] == [False, True]
    after = opened(run)
    after.cells[5] += 1
    assert [cells[5] for cells, _ in two.slots()] == [42, 0]
    assert [held for _, held in two.slots()] == [True, True]
    after.close()
    two.close()


def test_a_slot_that_came_later_is_seen_by_those_before(run: Path) -> None:
    one = opened(run)
    assert len(one.slots()) == 1
    others = [opened(run) for _ in range(10)]
    others[-1].cells[3] = 7
    assert [cells[3] for cells, _ in one.slots()] == [0] * 10 + [7]
    for each in (one, *others):
        each.close()


def test_a_slot_has_its_room_on_the_disk_before_anything_is_stored(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: int, _at: int, _size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", full)
        with pytest.raises(OSError, match="No space"):
            opened(run)
    assert len(os.listdir("/proc/self/fd")) == before
    fine = opened(run)  # and the slot is free again
    assert len(fine.slots()) == 1
    fine.close()


def test_there_are_only_so_many_slots(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "SLOTS_MAX", 2)
    held = [opened(run), opened(run)]
    with pytest.raises(OSError, match="all 2 slots"):
        opened(run)
    for each in held:
        each.close()


def test_other_layouts_have_other_files_and_nobody_else_reads_them(run: Path) -> None:
    one, two = opened(run), Shared(run, "beef", SIZE + 1)
    one.cells[0] = 1
    assert [cells[0] for cells, _ in two.slots()] == [0]
    assert {file.stat().st_mode & 0o777 for file in run.iterdir()} == {0o600}
    one.close()
    two.close()
