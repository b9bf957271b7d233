"""What a dead decoder was doing: a slate that it writes on while it lives, and the story told of it.

Owns the slate's layout, and which signal means what. Knows no job; who judges is worker/work.py.
"""

import ctypes
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
CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT})
IDLE = "idle"
_STAGE_BYTES_MAX = 60
_NO_CALL = -1
_LAYOUT = struct.Struct(f"=i{_STAGE_BYTES_MAX}s")


class Slate:
    """One page shared by a decoder and the nursery that forked it. Untrusted once it is dead."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE)
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


def judge(death: Died, story: str = "") -> tuple[Code, str]:
    """The code of a decoder's death, and its autopsy in a sentence; `story` is what it still said itself."""
    where = f"at {death.stage}, {death.peak_bytes / 1e6:.0f} MB of memory at most" if death.stage else ""
    code, what = _cause(death)
    return code, ", ".join(part for part in (f"the decoder {what}", where, story) if part)


def _cause(death: Died) -> tuple[Code, str]:
    status = death.status
    if status == GARBAGE:
        return Code.DECODER_CRASHED, "spoke garbage"
    if status == LOST:
        return Code.DECODER_LOST, "went with its nursery"
    if not os.WIFSIGNALED(status):
        return Code.DECODER_LOST, f"ended with status {os.waitstatus_to_exitcode(status)}"
    number = os.WTERMSIG(status)
    what = f"ended by signal {number} ({signal.Signals(number).name})"
    if number == signal.SIGSYS:
        call = f" for {syscalls.name(death.call, os.uname().machine)}" if death.call is not None else ""
        return Code.SANDBOX_VIOLATION, what + call
    return Code.DECODER_CRASHED if number in CRASHES else Code.DECODER_LOST, what
