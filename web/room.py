"""How much may come in at once: bytes for the disk, and uploads of one caller.

Owns the two counts of this process. Promises no bytes to an upload that has only said how many it will send: that costs
its sender nothing, and would shut out the others.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator

from jobs.errors import ClientFault, StoreFull
from jobs.limits import ROOM_ASKED_BYTES


class Room:
    """What may be written so that `kept` bytes stay free on the disk, whoever else writes there: asked again for each
    ROOM_ASKED_BYTES of all uploads together, so that all processes may pass it by no more than so much each."""

    def __init__(self, free: Callable[[], int], kept: int) -> None:
        self._free, self._kept, self._known = free, kept, 0

    def admit(self, size: int) -> None:
        """Whether so many bytes would find room now. Raises StoreFull, StoreFault."""
        if self._free() - size < self._kept:
            raise StoreFull("the disk is nearly full: no more is taken until there is room")

    def take(self, size: int) -> None:
        """So many bytes are about to be written. Raises StoreFull, StoreFault."""
        if size > self._known:
            self.admit(size)
            self._known = ROOM_ASKED_BYTES
        self._known -= size


class Shares:
    """How many things each holder has at the same time, of those that this process has for all."""

    def __init__(self) -> None:
        self._held: Counter[object] = Counter()

    @contextlib.contextmanager
    def one(self, holder: object, limit: str, most: int) -> Iterator[None]:
        """One more for `holder`. Raises TooMany, by the name `limit`, where he has `most`."""
        if self._held[holder] >= most:
            raise TooMany(limit, most)
        self._held[holder] += 1
        try:
            yield
        finally:
            self._held[holder] -= 1
            if not self._held[holder]:
                del self._held[holder]


class TooMany(ClientFault):
    """The caller has as many of them as he may: one of them must end first."""

    retry_seconds = 1

    def __init__(self, limit: str, most: int) -> None:
        detail = f"{limit} allows {most} at the same time in one web process, and as many are on their way"
        super().__init__(detail, code="too_many_at_once", limit=limit, allowed=most, actual=most + 1)
