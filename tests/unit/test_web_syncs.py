"""Where a write waits for the disk."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from jobs.errors import StoreFault
from web.syncs import QUICK_SECONDS, RECENT_SECONDS, Syncs

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

    def run(self, *writes: Callable[[], None]) -> list[BaseException]:
        return asyncio.run(self.syncs.run(writes))


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


def test_what_was_raised_is_told_from_either_place() -> None:
    disk, fault = Disk(), StoreFault("full")
    assert disk.run(disk.write(QUICK, fault)) == [fault]
    assert disk.run(disk.write(QUICK, fault)) == [fault]
    assert disk.run(disk.write(QUICK, fault), disk.write(QUICK)) == [fault]
    assert disk.here == [False, True, False, False]
