"""Room on the disk: what stays free, to the byte, and how seldom the disk is asked."""

import pytest

from jobs.errors import StoreFull
from jobs.limits import DISK_ASKED_BYTES
from web.http.diskspace import DiskSpace


class Disk:
    """So many bytes are `free`; `asked` counts how often that was asked."""

    def __init__(self, free: int) -> None:
        self.free, self.asked = free, 0

    def __call__(self) -> int:
        self.asked += 1
        return self.free


def test_the_last_byte_that_is_not_kept_may_be_taken() -> None:
    room = DiskSpace(lambda: 1000, 400)
    room.admit(600)
    with pytest.raises(StoreFull):
        room.admit(601)


def test_the_disk_is_asked_once_for_many_small_pieces() -> None:
    disk = Disk(10 * DISK_ASKED_BYTES)
    room = DiskSpace(disk, 0)
    for _ in range(4):
        room.take(DISK_ASKED_BYTES // 4)
    assert disk.asked == 1
    room.take(1)
    assert disk.asked == 2


def test_room_that_was_not_used_does_not_add_up() -> None:
    disk = Disk(10 * DISK_ASKED_BYTES)
    room = DiskSpace(disk, 0)
    for _ in range(3):
        room.admit(1)
    room.take(DISK_ASKED_BYTES)
    assert disk.asked == 3
    room.take(1)
    assert disk.asked == 4


def test_a_piece_that_is_larger_than_what_is_known_is_asked_for() -> None:
    disk = Disk(DISK_ASKED_BYTES)
    room = DiskSpace(disk, 0)
    room.take(1)
    disk.free = 0
    with pytest.raises(StoreFull):
        room.take(DISK_ASKED_BYTES)


def test_a_refusal_is_no_room() -> None:
    disk = Disk(0)
    room = DiskSpace(disk, 1)
    for _ in range(2):
        with pytest.raises(StoreFull):
            room.take(1)
    assert disk.asked == 2
