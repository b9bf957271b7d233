"""Keeps a part of the disk free while uploads are written.

It reserves no bytes for an upload that only announced its size: an announcement costs its sender nothing, and a
reservation would shut out the others.
"""

from collections.abc import Callable

from jobs.errors import StoreFull
from jobs.limits import DISK_ASKED_BYTES


class DiskSpace:
    """Lets uploads write while `kept` bytes of the disk stay free, also if others write to it. It asks the disk again
    for each DISK_ASKED_BYTES of all uploads together, so each process exceeds the limit by at most that much."""

    def __init__(self, free: Callable[[], int], kept: int) -> None:
        self._free, self._kept, self._known = free, kept, 0

    def admit(self, size: int) -> None:
        """Check that `size` bytes can be written now. Raises StoreFull, StoreFault."""
        if self._free() - size < self._kept:
            raise StoreFull("the disk is nearly full: no more is taken until there is room")
        self._known = DISK_ASKED_BYTES

    def take(self, size: int) -> None:
        """`size` bytes are about to be written. Raises StoreFull, StoreFault."""
        if size > self._known:
            self.admit(size)
        self._known -= size
