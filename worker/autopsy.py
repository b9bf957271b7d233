"""What a decoder was doing when it ended: a slate that it writes on while it lives, and the story told of it.

Owns the slate's layout, and which signal means what. Knows no job; who judges is worker/work.py.
"""

import ctypes
import fcntl
import mmap
import os
import re
import signal
import struct

from jobs.job import Code
from worker import syscalls
from worker.tasks import Died

GARBAGE = -1
"""In place of a wait status: the decoder said what no decoder of ours says, and was killed."""
LOST = -2
"""In place of a wait status: the decoder went with its nursery."""
DEAF = -3
"""In place of a wait status: the decoder did not take a task out of its socket, and was killed."""
CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT})
IDLE, BEGUN = "idle", "begin"
"""Stages: no task; a task, and nothing done for it yet. They are told to people, and nothing hangs on them."""
_STAGE_BYTES_MAX = 60
_NO_CALL = -1
_LAYOUT = struct.Struct(f"=i{_STAGE_BYTES_MAX}s")


class Slate:
    """One page shared by a decoder, which writes, and its keeper, which reads and believes none of it. Sealed, for a
    page that its writer cut off would end its reader."""

    def __init__(self, descriptor: int | None = None) -> None:
        """A fresh one; or the one behind `descriptor`, which then is this slate's."""
        self.descriptor = _sealed_page() if descriptor is None else descriptor
        self._page = mmap.mmap(self.descriptor, mmap.PAGESIZE)
        if descriptor is None:
            self._page[: _LAYOUT.size] = _LAYOUT.pack(_NO_CALL, IDLE.encode())

    def at(self, stage: str) -> None:
        """The decoder is at `stage` now. Costs well under a microsecond."""
        self._page[4 : _LAYOUT.size] = stage.encode()[:_STAGE_BYTES_MAX].ljust(_STAGE_BYTES_MAX, b"\0")

    def read(self) -> tuple[str, int | None]:
        """The last stage, and the number of the forbidden call that it died of, if it did."""
        call, stage = _LAYOUT.unpack_from(self._page)
        return re.sub(r"[^a-z0-9_ -]", "", stage.decode("ascii", "ignore")), None if call < 0 else call

    def address(self) -> int:
        """Where the number of a forbidden call belongs, in this process's memory."""
        return ctypes.addressof(ctypes.c_int32.from_buffer(self._page))

    def close(self) -> None:
        """Unmap it."""
        self._page.close()
        os.close(self.descriptor)


def _sealed_page() -> int:
    descriptor = os.memfd_create("slate", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, mmap.PAGESIZE)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    return descriptor


def judge(death: Died, story: str = "") -> tuple[Code, str]:
    """The code of a decoder's death, and its autopsy in a sentence; `story` is what it still said itself."""
    code, what = _cause(death)
    parts = (f"the decoder {what}", where(death.stage, death.peak_bytes) if death.stage else "", story)
    return code, ", ".join(part for part in parts if part)


def where(stage: str, peak_bytes: int) -> str:
    """How far a decoder came, and with how much memory; 0 bytes are unknown."""
    return f"at {stage}" + (f", {peak_bytes / 1e6:.0f} MB of memory at most" if peak_bytes else "")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal between the first and the last
        return "real-time"


def _cause(death: Died) -> tuple[Code, str]:
    status = death.status
    if status == GARBAGE:
        return Code.DECODER_CRASHED, "spoke garbage"
    if status == LOST:
        return Code.DECODER_LOST, "went with its nursery"
    if status == DEAF:
        return Code.DECODER_CRASHED, "did not take a task"
    if not os.WIFSIGNALED(status):
        return Code.DECODER_LOST, f"ended with status {os.waitstatus_to_exitcode(status)}"
    number = os.WTERMSIG(status)
    what = f"ended by signal {number} ({_signal_name(number)})"
    if number == signal.SIGSYS:
        call = f" for {syscalls.name(death.call, os.uname().machine)}" if death.call is not None else ""
        return Code.SANDBOX_VIOLATION, what + call
    return Code.DECODER_CRASHED if number in CRASHES else Code.DECODER_LOST, what
