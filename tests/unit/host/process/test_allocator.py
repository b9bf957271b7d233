"""What malloc keeps, in a process of its own that keeps all (as a worker is told to)."""

import os
import subprocess
import sys

import pytest

from host.process.hugepages import TOLD

PROGRAM = """
from pathlib import Path
from host.process.allocator import give_back_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

blocks = [bytearray(b"x") * (1 << 20) for _ in range(16)]
blocks.clear()
before = resident()
give_back_freed_memory()
print(before - resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux") or os.confstr("CS_GNU_LIBC_VERSION") is None, reason="glibc")
def test_freed_memory_is_given_back() -> None:
    environ = {**os.environ, "GLIBC_TUNABLES": TOLD}
    told = subprocess.run([sys.executable, "-c", PROGRAM], env=environ, check=True, stdout=subprocess.PIPE)
    assert int(told.stdout) > 12 << 20
