"""Large blocks of memory in pages of 2 MB: a process that fills many megabytes per image spends less on page faults.

Owns the one word that glibc is told. Where the kernel never gives huge pages, and with another C library,
nothing changes. Nothing is kept longer for it: what is freed goes back as before.
"""

import os
import sys

_VARIABLE = "GLIBC_TUNABLES"
_TOLD = "glibc.malloc.hugetlb=1"
"""malloc advises its large blocks (MADV_HUGEPAGE). Read once, when a program begins: hence a new beginning."""


def begin_anew() -> None:
    """Start this same program once more in this process with huge pages asked for; returns where that is done,
    or where the environment already says something else to glibc."""
    if sys.platform == "linux" and _VARIABLE not in os.environ:
        os.environ[_VARIABLE] = _TOLD
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
