"""A lane's window (its jobs in memory) and the tenant that the lane belongs to. Owns no order between tenants."""

from collections import deque
from math import inf

from broker.core.books.model import Entry
from jobs.job import PRIORITIES
from jobs.lanes import HEAVY, SIZES, SMALL, size_of
from jobs.records import Lane

ENTRY_BYTES = 2048
"""Memory of a queued job, without its spec."""


class Tenant:
    """One tenant: the seconds of service that they got (`spent`, each times `scale`), and their lanes, by priority and
    then by size class (`levels`). `top`: the number of the highest priority that has lanes. `only`: their lane, if it
    is the only one. `tag`, `serial`: their place in the heap; serial 0: they are not in it."""

    __slots__ = (
        "lanes",
        "lanes_at_top",
        "levels",
        "name",
        "only",
        "scale",
        "serial",
        "spent",
        "spent_by",
        "tag",
        "top",
    )

    def __init__(self, name: str, spent: float, scale: float = 1.0) -> None:
        self.name, self.scale = name, scale
        self.spent = self.tag = spent
        self.serial = 0
        self.top = len(PRIORITIES)
        self.lanes = self.lanes_at_top = 0
        self.only: Window | None = None
        self.levels: list[dict[str, Window]] = [{} for _ in PRIORITIES]
        self.spent_by: list[dict[str, float]] = [dict.fromkeys(SIZES, 0.0) for _ in PRIORITIES]

    def pick(self, heavy: bool, seconds: dict[str, float]) -> "Window | None":
        """The lane to serve next. None: it must be read from the ledger first, or only heavy jobs wait and `heavy` is
        False."""
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
    """The first jobs of a lane. `beyond`: the ledger holds more. `behind`: how many of those arrived since the broker's
    start. `last`: the position of the latest arrival since then, 0 for none. `weight`: bytes of the largest job so
    far."""

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
