"""Where a write waits for the disk."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from jobs.errors import StoreFault
from web.syncs import HERE_BYTES_MAX, QUICK_SECONDS, RECENT_SECONDS, Syncs

QUICK, SLOW = QUICK_SECONDS / 2, QUICK_SECONDS * 2


class Disk:
    """Writes that take as long as they are told to, by a clock of their own; `here` says of each whether it was done
    in the asking thread."""

    def __init__(self) -> None:
        self.now, self.here = 0.0, list[bool]()
        self.threads = ThreadPoolExecutor(1)
        self.syncs = Syncs(self.threads, lambda: self.now)

    def write(self, seconds: float, fault: Exception | None = None) -> Callable[[], None]:
        asker = threading.current_thread()

        def write() -> None:
            self.now += seconds
            self.here.append(threading.current_thread() is asker)
            if fault:
                raise fault

        return write

    def run(self, *writes: Callable[[], None], size: int = 1) -> list[BaseException]:
        return asyncio.run(self.syncs.run(writes, size))


def test_the_first_write_goes_to_a_thread_and_the_next_after_a_quick_one_does_not() -> None:
    disk = Disk()
    for _ in range(3):
        disk.run(disk.write(QUICK))
    assert disk.here == [False, True, True]


def test_after_a_slow_one_writes_go_to_threads_until_one_is_quick_there() -> None:
    disk = Disk()
    for seconds in (QUICK, SLOW, SLOW, QUICK, QUICK):
        disk.run(disk.write(seconds))
    assert disk.here == [False, True, False, False, True]


def test_what_was_quick_long_ago_says_nothing() -> None:
    disk = Disk()
    disk.run(disk.write(QUICK))
    disk.now += RECENT_SECONDS
    disk.run(disk.write(QUICK))
    assert disk.here == [False, False]


def test_several_at_once_go_to_threads() -> None:
    disk = Disk()
    disk.run(disk.write(QUICK))
    disk.run(disk.write(QUICK), disk.write(QUICK))
    assert disk.here == [False, False, False]


def test_a_large_one_goes_to_a_thread_however_quick_the_last_was() -> None:
    disk = Disk()
    disk.run(disk.write(QUICK))
    disk.run(disk.write(QUICK), size=HERE_BYTES_MAX + 1)
    disk.run(disk.write(QUICK), size=HERE_BYTES_MAX)
    assert disk.here == [False, False, True]


def test_one_that_failed_was_not_quick() -> None:
    disk = Disk()
    disk.run(disk.write(QUICK, StoreFault("full")))
    disk.run(disk.write(QUICK))
    disk.run(disk.write(QUICK, StoreFault("full")))
    disk.run(disk.write(QUICK))
    assert disk.here == [False, False, True, False]


@pytest.mark.parametrize("fault", [StoreFault("full"), ValueError("closed")])
def test_what_was_raised_is_told_from_either_place(fault: Exception) -> None:
    disk = Disk()
    assert disk.run(disk.write(QUICK, fault)) == [fault]
    assert disk.run(disk.write(QUICK, fault), disk.write(QUICK)) == [fault]
    disk.run(disk.write(QUICK))
    assert disk.run(disk.write(QUICK, fault)) == [fault]
    assert disk.here[-1] is True
