"""A disk that stalls: the next sync of a process takes seconds. `crash_harness.strace_missing` says if that cannot
be."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.clusters.cluster import wait_until
from tests.support.clusters.crash_harness import traced
from tests.support.patience import stretched

END_SECONDS = 20.0


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
