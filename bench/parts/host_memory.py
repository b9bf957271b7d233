"""Keeps memory of a virtual machine backed by its host during a benchmark.

A guest may report free memory to its host (free page reporting). The host then takes it away, and each first touch of a
page gets it back: writing 829 KB to a file took 0.2 ms with backed memory, and 1 to 2 ms without (one machine, in
turns). A benchmark that writes gigabytes would measure that, so it holds memory first. On other machines this changes
nothing.
"""

import mmap
import os

BLOCK_BYTES = 1 << 20
"""Half of the smallest block that Linux reports, which has 2 MB."""


def hold(size: int) -> mmap.mmap:
    """Touch `size` bytes, or half of the available memory, and free all but one page of each block. Page caches and
    processes can use the freed pages, but no free block is large enough to be reported to the host. This lasts until
    the returned map is closed."""
    held = mmap.mmap(-1, min(size, _available() // 2), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    held.madvise(mmap.MADV_NOHUGEPAGE)
    for start in range(0, len(held), mmap.PAGESIZE):
        held[start] = 1
    for start in range(0, len(held) - BLOCK_BYTES, BLOCK_BYTES):
        held.madvise(mmap.MADV_DONTNEED, start + mmap.PAGESIZE, BLOCK_BYTES - mmap.PAGESIZE)
    return held


def _available() -> int:
    return os.sysconf("SC_AVPHYS_PAGES") * mmap.PAGESIZE
