"""Ends a process when its parent ends (on Linux; elsewhere the parent must end it).

The kernel sends PR_SET_PDEATHSIG's signal when the forking *thread* ends, so fork from the main thread.
"""

import ctypes
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, signal_number: int = signal.SIGKILL) -> None:
    """Be sent `signal_number` when the process `parent` (a pid) ends; end at once if it already has."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def spawn(command: Sequence[str], environ: Mapping[str, str], inherited: Sequence[int] = ()) -> subprocess.Popen[bytes]:
    """Start `command` in its own process group (a Ctrl-C reaches only us), to die with this process;
    it keeps the descriptors `inherited` under their numbers. Raises OSError where it cannot be started."""
    last = functools.partial(die_with_parent, os.getpid())
    return subprocess.Popen(command, env=environ, pass_fds=inherited, process_group=0, preexec_fn=last)
