"""Processes that stand still, and a disk that does: the next sync of a process takes seconds.
`crash_harness.strace_missing` says if that cannot be."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.clusters.cluster import wait_until
from tests.support.clusters.crash_harness import traced
from tests.support.patience import stretched

END_SECONDS = 20.0
STOP_SECONDS = 10.0


@contextmanager
def stopped(*pids: int) -> Iterator[None]:
    """These processes stand still (SIGSTOP) until the end of the block. Each thread stops by itself, and on a busy
    machine it first works on: so this waits for all of them."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(lambda: all(map(_stands, pids)), STOP_SECONDS, "all threads to stand still")
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def _stands(pid: int) -> bool:
    """Whether no thread of it works; one that is gone does not."""
    states = []
    for thread in Path(f"/proc/{pid}/task").glob("*"):
        with suppress(OSError):
            states.append((thread / "stat").read_text().rpartition(")")[2].split()[0])
    return set(states) <= set("TtZX")


@contextmanager
def next_sync_takes(seconds: float, pid: int, log: Path) -> Iterator[None]:
    """Delay the first fsync of `pid` within the context by `seconds`. At the end, check that there was one."""
    asked = ["-e", "trace=fsync", "-e", f"inject=fsync:delay_enter={int(seconds * 1e6)}:when=1"]
    strace = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", str(log), *asked, "-p", str(pid)], stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: traced(pid), END_SECONDS, "strace to take hold")
        yield
    finally:
        strace.send_signal(signal.SIGINT)
        strace.wait(stretched(END_SECONDS))
    assert "fsync(" in log.read_text(), "nothing was synced"
