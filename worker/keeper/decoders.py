"""One decoder from its keeper's side: its socket, its status page, and the kernel's figures of it.

Owns its descriptors and its life. Knows no job. worker/keeper/children.py knows which decoder is the present one.
"""

import contextlib
import fcntl
import io
import os
import re
import select
import signal
import socket
import struct
import termios
from array import array
from pathlib import Path
from typing import BinaryIO

import msgspec

from worker.boundary import tasks
from worker.boundary.status_page import StatusPage
from worker.keeper.autopsy import where
from worker.keeper.results import Run

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_STATM_BYTES_MAX = 256
"""More than statm has (proc(5)). To read to the end would ask for the file's size first."""
_FIRST_TO_GO = "1000"
"""Written to oom_score_adj: out of memory, the kernel ends this process before any other (proc(5))."""


class Decoder:
    """One decoder, while it lives. `tasks` counts its tasks, `run` has its remembered results. It writes its status
    page and its link itself, so neither can excuse it: only the kernel's word can."""

    def __init__(self, pid: int, link: socket.socket, watch: int, status_page: StatusPage) -> None:
        self.pid = pid
        self.link = link
        self.tasks = 0
        self.run = Run()
        self.silent = False
        self.frames = tasks.Frames()
        self._watch = watch
        self._status_page = status_page
        self._statm = _sizes_of(pid)
        self._oom = Path(f"/proc/{pid}/oom_score_adj")
        self._oom_before = ""
        self._born_bytes = self._resident()

    def give(self, data: bytes, descriptors: list[int]) -> bool:
        """Put a task into its socket. Returns False if there is no room: then the decoder has not taken its last task.
        Never blocks. Raises ConnectionError if it has ended."""
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", descriptors))]
        try:
            sent = self.link.sendmsg([data], rights, socket.MSG_DONTWAIT)  # (socket.send_fds forgets its flags)
        except BlockingIOError:
            return False
        self.tasks += 1
        return sent == len(data)

    @property
    def untaken(self) -> bool:
        """Whether some of its task is still in its socket."""
        (size,) = struct.unpack("i", fcntl.ioctl(self.link, termios.TIOCOUTQ, bytes(4)))
        return bool(size)

    def grown_bytes(self) -> int:
        """Its resident memory beyond that at its birth."""
        return self._resident() - self._born_bytes

    def _resident(self) -> int:
        try:
            self._statm.seek(0)
            return int(self._statm.read(_STATM_BYTES_MAX).split()[1]) * _PAGE_BYTES
        except (OSError, IndexError):  # it ended
            return 0

    def stop(self) -> None:
        """Stop it (SIGSTOP), whatever code is in it: another tenant's job runs beside it."""
        self._signal(signal.SIGSTOP)
        with contextlib.suppress(OSError):
            self._oom_before = self._oom.read_text()
            self._oom.write_text(_FIRST_TO_GO)

    def go_on(self) -> None:
        """After `stop`."""
        with contextlib.suppress(OSError):
            self._oom.write_text(self._oom_before)
        self._signal(signal.SIGCONT)

    def hang_up(self) -> None:
        """It closed its link: it is ending, or must end. Its wait status is still to come."""
        self.silent = True
        self._signal(signal.SIGKILL)

    def end(self) -> None:
        """Kill it, and read no more from it."""
        self._signal(signal.SIGKILL)
        self._status_page.close()
        self.link.close()
        self._statm.close()

    def is_gone(self, wait_seconds: float = 0.0) -> bool:
        """After `end`: whether it has given its memory back. The kernel frees much memory slowly; this waits at most
        `wait_seconds`. True only once: then it is forgotten."""
        ended = select.poll()
        ended.register(self._watch, select.POLLIN)
        if not ended.poll(wait_seconds * 1000):
            return False
        os.close(self._watch)
        return True

    @property
    def stage(self) -> str:
        """Its present stage, by its status page."""
        return self._status_page.read()[0]

    def where(self) -> str:
        """Its present stage, and its peak memory since it got its task, in words."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            status = ""
        peak = re.search(r"VmHWM:\s*(\d+)", status)
        return where(self.stage, int(peak[1]) * 1024 if peak else 0)

    def dead(self, death: tasks.Died) -> tasks.Died:
        """Its death, with the last words of its status page."""
        stage, call = self._status_page.read()
        return msgspec.structs.replace(death, stage=stage, call=call)

    def _signal(self, number: int) -> None:
        """Send a signal by pidfd: its pid may belong to another process by now."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._watch, number)


def _sizes_of(pid: int) -> BinaryIO:
    """Its statm, opened once: it is read after each job. Empty if the process is gone."""
    try:
        return open(f"/proc/{pid}/statm", "rb", buffering=0)
    except OSError:
        return io.BytesIO()
