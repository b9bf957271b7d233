"""Counts the system calls of processes by strace, which slows them a lot: their times mean nothing meanwhile."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

ATTACH_SECONDS = 1.0


class Traced:
    """The processes `pids`, traced while the block runs. `calls`: how often each call was made, afterwards."""

    def __init__(self, pids: Iterable[int], folder: Path) -> None:
        self._pids, self._summary = [*pids], folder / "calls"
        self.calls: dict[str, int] = {}

    def __enter__(self) -> "Traced":
        strace = shutil.which("strace")
        assert strace, "there is no strace: apt-get install strace"
        named = [word for pid in self._pids for word in ("-p", str(pid))]
        command = [strace, "-f", "-q", "-c", "-U", "name,calls", "-o", str(self._summary), *named]
        self._strace = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        time.sleep(ATTACH_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._strace.send_signal(signal.SIGINT)
        self._strace.wait(30)
        self.calls = parsed(self._summary.read_text())


def parsed(summary: str) -> dict[str, int]:
    """The calls of `strace -c -U name,calls`."""
    rows = (line.split() for line in summary.splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit() and row[0] != "total"}
