"""Room on the disk for what comes in.

Reserves no bytes for an upload that only announced its size: an announcement costs its sender nothing, and a
reservation would shut out the others.
"""

from collections.abc import Callable

from jobs.errors import StoreFull
from jobs.limits import ROOM_ASKED_BYTES


class Room:
    """The bytes that may be written so that `kept` bytes stay free on the disk, whoever else writes there. It asks the
    disk again for each ROOM_ASKED_BYTES of all uploads together, so each process exceeds it by at most that much."""

    def __init__(self, free: Callable[[], int], kept: int) -> None:
        self._free, self._kept, self._known = free, kept, 0

    def admit(self, size: int) -> None:
        """Whether so many bytes would find room now. Raises StoreFull, StoreFault."""
        if self._free() - size < self._kept:
            raise StoreFull("the disk is nearly full: no more is taken until there is room")
        self._known = ROOM_ASKED_BYTES

    def take(self, size: int) -> None:
        """So many bytes are about to be written. Raises StoreFull, StoreFault."""
        if size > self._known:
            self.admit(size)
        self._known -= size
