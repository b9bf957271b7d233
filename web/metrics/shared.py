"""The file in RUN in which the web processes of a machine count, and who has which part of it.

Each process has one slot, which is a row of cells of 8 bytes. It is the only writer of its slot while it holds a lock
of the kernel on it, which ends with the process, however that ends. So this needs no supervisor. Who takes over a slot
goes on from the counts that are in it: nothing is ever moved or reset, so there is no moment in which a kill could lose
a count or count it twice, and no sum ever falls. Knows no metric.
"""

import fcntl
import mmap
import os
import struct
from collections.abc import Sequence
from pathlib import Path

from host.files.folders import METRICS

SLOTS_MAX = 512
"""Twice the most of WEB_PROCESSES: during a restart the processes that end run beside the new ones."""
_CELL = 8
_LOCK = struct.Struct("hhqqi")
"""The kernel's struct flock: type, from where, begin, length, pid (0 for locks of an open file)."""


class Shared:
    """The slots of the file of this layout `digest` in the folder `run`, of `size` cells each, and one of them that is
    ours. Raises OSError: there is no room for one more, in the file system or among the slots.

    Locks belong to the open file (F_OFD_SETLK) and not to the process: so no other descriptor of the same file drops
    them, and two of these in one process are two holders.
    """

    def __init__(self, run: Path, digest: str, size: int) -> None:
        self._bytes = size * _CELL
        self._file = os.open(run / f"{METRICS}{digest}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._slot = self._take()
            end = (self._slot + 1) * self._bytes
            os.posix_fallocate(self._file, 0, end)  # a store into a page that a full disk lacks would kill us
            self._mine = mmap.mmap(self._file, end)
        except OSError:
            os.close(self._file)
            raise
        begin = self._slot * self._bytes
        self.cells = memoryview(self._mine)[begin:end].cast("Q")
        """Ours, to be read and written."""
        self._all = self._mine

    def slots(self) -> list[tuple[Sequence[int], bool]]:
        """The cells of all slots that were ever taken, ours included, and whether a process holds them."""
        size = os.fstat(self._file).st_size // self._bytes * self._bytes
        if size > len(self._all):
            self._all = mmap.mmap(self._file, size, prot=mmap.PROT_READ)
        with memoryview(self._all) as whole, whole.cast("Q") as cells:
            each = self._bytes // _CELL
            return [
                (cells[slot * each : (slot + 1) * each].tolist(), self._is_held(slot))
                for slot in range(size // self._bytes)
            ]

    def close(self) -> None:
        """Give the slot back, as the end of the process does. `cells` must not be used any more."""
        self.cells.release()
        self._mine.close()  # each map has a descriptor of the open file, and so of its locks
        self._all.close()
        os.close(self._file)

    def _take(self) -> int:
        """The first slot that nobody holds, held from now on."""
        for slot in range(SLOTS_MAX):
            try:
                fcntl.fcntl(self._file, fcntl.F_OFD_SETLK, _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, slot, 1, 0))
            except BlockingIOError:
                continue
            return slot
        raise OSError(f"all {SLOTS_MAX} slots are taken")

    def _is_held(self, slot: int) -> bool:
        """Whether a process holds the slot. (Our own lock does not hinder us, so the kernel does not tell of it.)"""
        asked = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, slot, 1, 0)
        answer = fcntl.fcntl(self._file, fcntl.F_OFD_GETLK, asked)
        return slot == self._slot or _LOCK.unpack(answer[: _LOCK.size])[0] != fcntl.F_UNLCK
