"""The descriptors of this process: which are open, an end for those that a test leaves on purpose, and children that
start without what the tests before left.

Owns no file.
"""

import contextlib
import gc
import os
import traceback
from collections.abc import Callable, Iterable, Iterator

STANDARD = (0, 1, 2)


def opened() -> set[int]:
    """The open descriptors of this process."""
    return {number for number in map(int, os.listdir("/proc/self/fd")) if _is_open(number)}


def _is_open(descriptor: int) -> bool:
    """That of the listing itself is closed by now."""
    with contextlib.suppress(OSError):
        os.fstat(descriptor)
        return True
    return False


@contextlib.contextmanager
def closed_afterwards() -> Iterator[None]:
    """What the block opens and leaves open is closed at its end: a process keeps some descriptors until its own end, as
    those of its locks."""
    before = opened()
    try:
        yield
    finally:
        for descriptor in opened() - before:
            os.close(descriptor)


def forked(act: Callable[[], object], kept: Iterable[int] = ()) -> int:
    """The pid of a child that does `act`. Of this process's descriptors it has `kept` and the standard ones alone. It
    ends with 0, or with 1 after a traceback, and never returns."""
    if pid := os.fork():
        return pid
    status = 1
    try:
        gc.freeze()  # a file of this process's that is freed in the child would close a number that is another's by now
        for descriptor in opened() - {*STANDARD, *kept}:
            os.close(descriptor)
        act()
        status = 0
    finally:
        if status:
            traceback.print_exc()
        os._exit(status)
