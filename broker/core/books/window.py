"""A lane's window and its tenant: what of the queue is in memory, without the order of service."""

from collections import deque
from math import inf

from broker.core.books.model import Entry
from jobs.job import PRIORITIES
from jobs.lanes import HEAVY, SIZES, SMALL, size_of
from jobs.records import Lane

ENTRY_BYTES = 2048
"""Of a queued job in memory, beside its spec."""


class Tenant:
    """What one tenant was given (`spent`, seconds) and what waits for them: by priority, windows by size class.
    `top`: the number of the highest priority that has lanes. `only`: the one lane, where there is no other. `tag`,
    `serial`: their place in the heap; 0: in none."""

    __slots__ = ("lanes", "lanes_at_top", "levels", "name", "only", "serial", "spent", "spent_by", "tag", "top")

    def __init__(self, name: str, spent: float) -> None:
        self.name = name
        self.spent = self.tag = spent
        self.serial = 0
        self.top = len(PRIORITIES)
        self.lanes = self.lanes_at_top = 0
        self.only: Window | None = None
        self.levels: list[dict[str, Window]] = [{} for _ in PRIORITIES]
        self.spent_by: list[dict[str, float]] = [dict.fromkeys(SIZES, 0.0) for _ in PRIORITIES]

    def pick(self, heavy: bool, seconds: dict[str, float]) -> "Window | None":
        """The lane to serve next. None: it is to be read first, or all that waits is heavy and not to be given."""
        if (only := self.only) is not None:
            return only if only.jobs and (heavy or only.size != HEAVY) else None
        for level, spent in zip(self.levels, self.spent_by, strict=True):
            best, first = None, inf
            for size, window in level.items():
                if not window.jobs or (size == HEAVY and not heavy):
                    continue
                if len(level) == 1:
                    return window
                ends = spent[size] + seconds[size]
                if ends < first or (ends == first and size == SMALL):
                    best, first = window, ends
            if best is not None or (level and (heavy or any(size != HEAVY for size in level))):
                return best
        return None


class Window:
    """The first jobs of a lane. `behind`: how many of those beyond came since the broker's start; `last`: the newest
    position that did, 0 for none. `weight`: bytes of its largest job so far."""

    __slots__ = (
        "behind", "beyond", "cursor", "jobs", "lane", "last", "refilling", "size", "tenant", "weight",
    )  # fmt: skip

    tenant: Tenant

    def __init__(self, lane: Lane) -> None:
        self.lane, self.size = lane, size_of(lane)
        self.jobs: deque[Entry] = deque()
        self.cursor = 0
        self.behind = self.last = 0
        self.weight = ENTRY_BYTES
        self.beyond = False
        self.refilling = False
