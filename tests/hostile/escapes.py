"""`python -m tests.hostile.escapes`: every escape tried in a sealed child, and what became of it, as a table.

Each attempt is a fork, sealed by the worker's own `sandbox.seal`, that makes one raw system call. Where
that call can be shown to work, it is also made in a child that is not sealed.
"""

import ctypes
import errno
import mmap
import os
import signal
import struct
import sys
from typing import Any, NamedTuple

from tests.hostile.attempts import Attempt, Surroundings, attempts, surroundings
from tests.support.descriptors import forked
from worker.boundary import sandbox
from worker.boundary.status_page import StatusPage
from worker.images.formats import vips

ADDRESS_BYTES_MAX = 1 << 35
"""Of the sealed child: the test process is large, and the attempt past the limit larger still."""
_ANSWER = struct.Struct("=qi")


class Outcome(NamedTuple):
    """`stopped`: killed, or refused by the kernel. `call`: the number that the autopsy would tell."""

    stopped: bool
    how: str
    call: int | None


def attempt(around: Surroundings, tried: Attempt, sealed: bool, threads: bool = False) -> Outcome:
    """What becomes of it in a child of this process; with `threads` in one that may start them, as where libvips is."""
    status_page, answer = StatusPage(), mmap.mmap(-1, mmap.PAGESIZE)
    answer[: _ANSWER.size] = _ANSWER.pack(-1, -1)
    pid = forked(lambda: _act(tried, sealed, threads, status_page, answer), around.descriptors)
    _, status = os.waitpid(pid, 0)
    _, call = status_page.read()
    result, number = _ANSWER.unpack_from(answer)
    status_page.close()
    answer.close()
    if os.WIFSIGNALED(status):
        return Outcome(True, f"killed by {signal.Signals(os.WTERMSIG(status)).name}", call)
    assert os.waitstatus_to_exitcode(status) == 0, f"the child of {tried.name} failed before its call"
    if result == -1 and number > 0:
        return Outcome(True, f"refused, {errno.errorcode[number]}", call)
    return Outcome(False, "DONE", call)


def _act(tried: Attempt, sealed: bool, threads: bool, status_page: StatusPage, answer: mmap.mmap) -> None:
    number, arguments = ctypes.c_long(tried.number or 0), [_c(each) for each in tried.arguments]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    if sealed:
        lacking = sandbox.seal(ADDRESS_BYTES_MAX, status_page.address(), threads)
        assert not lacking, lacking
    result = libc.syscall(number, *arguments)
    answer[: _ANSWER.size] = _ANSWER.pack(result, ctypes.get_errno())
    libc._exit(0)


def _c(value: Any) -> Any:
    """As a C argument; what is callable is about the child itself, and asked in it."""
    if callable(value):
        value = value()
    return ctypes.c_long(value) if isinstance(value, int) else value


def possible(around: Surroundings) -> list[Attempt]:
    """Those that this architecture has."""
    return [each for each in attempts(around) if each.number is not None]


def main() -> None:
    """Print the table; status 1 if one was not stopped. Where the extra `vips` is installed libvips is loaded, as in
    a decoder."""
    if vips.INSTALLED:
        vips.warm()
    escaped = 0
    with surroundings() as around:
        tries = possible(around)
        print(f"{'escape':36} {'not sealed':22} {'sealed':22} sealed, with threads")
        for each in tries:
            free = attempt(around, each, sealed=False).how.replace("DONE", "works") if each.works else "(not tried)"
            stopped, how, _ = attempt(around, each, sealed=True)
            with_threads = attempt(around, each, sealed=True, threads=True)
            escaped += not (stopped and with_threads.stopped)
            print(f"{each.name:36} {free:22} {how:22} {with_threads.how}")
    print(f"{len(tries) - escaped} of {len(tries)} stopped")
    sys.exit(escaped > 0)


if __name__ == "__main__":
    main()
