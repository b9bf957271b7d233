"""Quarantine: content that killed two decoders is not tried again by workers of the same engine.

Owns its bounds, in number and in time, and its records of this turn. Knows no job and no worker.
"""

from collections import OrderedDict
from collections.abc import Collection

from jobs.limits import QUARANTINE_MAX, QUARANTINE_SECONDS
from jobs.records import QuarantineEntry

RELEASED_PER_BEAT = 1000


class Quarantine:
    """All content in quarantine. `entries`: by content, the oldest first."""

    def __init__(self) -> None:
        self.entries: OrderedDict[bytes, QuarantineEntry] = OrderedDict()
        self.clear()

    def clear(self) -> None:
        """Begin a turn, with nothing to write."""
        self.written: list[QuarantineEntry] = []
        self.released: list[bytes] = []

    def restore(self, entries: list[QuarantineEntry]) -> None:
        """Take in the entries of the ledger, the oldest first."""
        self.entries.update((entry.content, entry) for entry in entries)

    def add(self, content: bytes, engine: str, at: float) -> None:
        """The content killed two decoders of this engine, the last one at wall time `at`."""
        self.entries.pop(content, None)
        if content in self.released:  # earlier in this turn; a commit removes entries after it writes new ones
            self.released.remove(content)
        self.entries[content] = known = QuarantineEntry(content, engine, at)
        self.written.append(known)
        if len(self.entries) > QUARANTINE_MAX:
            self.release(next(iter(self.entries)))

    def bars(self, content: bytes, engines: Collection[str]) -> bool:
        """Whether all connected workers have the engine that this content killed. `engines`: those of the workers;
        with no worker connected nothing is barred."""
        known = self.entries.get(content)
        return known is not None and set(engines) == {known.engine}

    def release(self, content: bytes) -> None:
        """The content may be tried again."""
        if self.entries.pop(content, None) is not None:
            self.released.append(content)

    def age(self, at: float) -> None:
        """Release content that was in quarantine for too long at wall time `at`, some of it at each beat."""
        while self.entries and len(self.released) < RELEASED_PER_BEAT:
            content, oldest = next(iter(self.entries.items()))
            if oldest.at > at - QUARANTINE_SECONDS:
                return
            self.release(content)
