"""A decoder's status page: the decoder writes its stage while it lives, and its keeper reads it.

Owns the page's layout. Knows no job; worker/keeper/autopsy.py explains an end.
"""

import ctypes
import fcntl
import mmap
import os
import re
import struct

GARBAGE = -1
"""Stands for a wait status: the decoder sent a message that no decoder of ours sends, and was killed."""
LOST = -2
"""Stands for a wait status: the decoder ended with its nursery."""
DEAF = -3
"""Stands for a wait status: the decoder did not take a task out of its socket, and was killed."""
IDLE, BEGUN = "idle", "begin"
"""Stages: no task; a task, but no work on it yet. They are for people; no decision depends on them."""
_STAGE_BYTES_MAX = 60
_NO_CALL = -1
_LAYOUT = struct.Struct(f"=i{_STAGE_BYTES_MAX}s")


class StatusPage:
    """One shared page: a decoder writes it, and its keeper reads it without trust. It is sealed, because a page that
    its writer truncated would kill its reader (SIGBUS)."""

    def __init__(self, descriptor: int | None = None) -> None:
        """A fresh page; or the one behind `descriptor`, which this status page then owns."""
        self.descriptor = _sealed_page() if descriptor is None else descriptor
        self._page = mmap.mmap(self.descriptor, mmap.PAGESIZE)
        if descriptor is None:
            self._page[: _LAYOUT.size] = _LAYOUT.pack(_NO_CALL, IDLE.encode())

    def at(self, stage: str) -> None:
        """The decoder is at `stage` now. Costs well under a microsecond."""
        self._page[4 : _LAYOUT.size] = stage.encode()[:_STAGE_BYTES_MAX].ljust(_STAGE_BYTES_MAX, b"\0")

    def read(self) -> tuple[str, int | None]:
        """The last stage, and the number of the forbidden call that killed the decoder, if one did."""
        call, stage = _LAYOUT.unpack_from(self._page)
        return re.sub(r"[^a-z0-9_ -]", "", stage.decode("ascii", "ignore")), None if call < 0 else call

    def address(self) -> int:
        """The address, in this process, for the number of a forbidden call."""
        return ctypes.addressof(ctypes.c_int32.from_buffer(self._page))

    def close(self) -> None:
        """Unmap it."""
        self._page.close()
        os.close(self.descriptor)


def _sealed_page() -> int:
    descriptor = os.memfd_create("status-page", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, mmap.PAGESIZE)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    return descriptor
