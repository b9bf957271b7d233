"""Large blocks of memory in pages of 2 MB, and some freed memory kept for the next image. So a process that fills many
megabytes per image spends less on page faults.

Owns glibc's tunables. If the kernel never gives huge pages, or with another C library, nothing changes.
"""

import os
import sys

VARIABLE = "GLIBC_TUNABLES"
TOLD = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=67108864"
"""malloc advises its large blocks (MADV_HUGEPAGE), takes those up to 32 MB from its heap, and keeps up to 64 MB that
is free at the heap's end. glibc goes that far by itself, but only after it has freed a block of 32 MB; a picture of 6
million pixels has 24 MB. glibc reads this at start-up only, so the process re-executes itself."""


def begin_anew() -> None:
    """Re-execute this program in this process, with huge pages asked for. Returns if that is done already, or if the
    environment tells glibc something else."""
    if sys.platform == "linux" and VARIABLE not in os.environ:
        os.environ[VARIABLE] = TOLD
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
