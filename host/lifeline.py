"""A process that must not outlive its parent (Linux; elsewhere a no-op and the parent's job).

PR_SET_PDEATHSIG fires when the *thread* that forked ends, so fork from the main thread.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, signal_number: int = signal.SIGKILL) -> None:
    """Be sent `signal_number` when the process `parent` (a pid) ends; end at once if it already has."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
