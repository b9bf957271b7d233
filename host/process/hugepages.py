"""Large blocks of memory in pages of 2 MB, and some of what is freed kept for the next image: a process that fills
many megabytes per image spends less on page faults.

Owns what glibc is told. Where the kernel never gives huge pages, and with another C library, nothing changes.
"""

import os
import sys

_VARIABLE = "GLIBC_TUNABLES"
_TOLD = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=67108864"
"""malloc advises its large blocks (MADV_HUGEPAGE), takes those up to 32 MB from its heap, and keeps up to 64 MB that
is free at the heap's end. That is as far as glibc goes by itself, but only after it has freed one of 32 MB: a picture
of 6 million pixels is 24. Read once, when a program begins: hence a new beginning."""


def begin_anew() -> None:
    """Start this same program once more in this process with huge pages asked for; returns where that is done,
    or where the environment already says something else to glibc."""
    if sys.platform == "linux" and _VARIABLE not in os.environ:
        os.environ[_VARIABLE] = _TOLD
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
