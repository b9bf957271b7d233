"""A process that computes gives way: by priority, and by its slice where the kernel has one."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import ctypes, os
from host.process import scheduling
scheduling.give_way(3)
found = scheduling._Attributes(ctypes.sizeof(scheduling._Attributes))
status = ctypes.CDLL(None).syscall({number}, 0, ctypes.byref(found), found.size, 0)
print(os.getpriority(os.PRIO_PROCESS, 0), status, found.nice, found.policy, found.runtime)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="slices are Linux's")
def test_a_process_that_gives_way_has_a_lower_priority_and_keeps_the_ordinary_policy() -> None:
    number = {"x86_64": 315, "aarch64": 275}[os.uname().machine]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(number=number)], capture_output=True, text=True, check=True
    )
    priority, status, nice, policy, slice_nanoseconds = map(int, done.stdout.split())
    assert (priority, status, nice, policy) == (3, 0, 3, 0)
    release = tuple(map(int, os.uname().release.split(".")[:2]))
    assert release < (6, 12) or slice_nanoseconds == 100_000
