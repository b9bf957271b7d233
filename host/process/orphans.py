"""The orphans that a process inherits as PID 1 of a container. Ends nothing: it reads the status of ended processes."""

import os
from collections.abc import Container


def reap(own: Container[int]) -> list[int]:
    """Take the ended children that are not in `own` off the process table; their pids. `own` has an owner that waits.

    A killed keeper leaves a nursery and a decoder. In a container they become children of PID 1, and stay zombies until
    it waits for them.
    """
    reaped: list[int] = []
    try:
        while (found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and found.si_pid not in own:
            os.waitpid(found.si_pid, 0)
            reaped.append(found.si_pid)
    except ChildProcessError:
        pass
    return reaped
