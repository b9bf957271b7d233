"""What the core will ask the ledger for: the first deadline of all waiting jobs, the batches that may have ended, and
the ended jobs whose tenants keep them for another time than all others.

Decides nothing.
"""

from collections.abc import Mapping
from math import inf

from jobs.tenants import DAY_SECONDS, TenantLimits


class Earliest:
    """`first`: nothing of a kind is due before this wall time; None: there is nothing of it."""

    def __init__(self) -> None:
        self.first: float | None = 0.0  # what a ledger holds is unknown until the first look

    def came(self, at: float) -> None:
        """Something is due then."""
        if self.first is None or at < self.first:
            self.first = at


class Deadlines(Earliest):
    """`first`: no waiting job expires before this wall time; None: none expires at all. `look_at`: the monotonic time
    before which nobody looks again."""

    def __init__(self) -> None:
        super().__init__()
        self.look_at = 0.0

    def due(self, offset: float) -> float:
        """When to look next (monotonic seconds)."""
        return inf if self.first is None else max(self.look_at, self.first - offset)


class Batches(Earliest):
    """`unsure`: batches that may have ended since the ledger was asked, the first one first. `walk`: the id behind
    which those go on that the ledger held at the start; None: all are looked at. `first`: no open batch is over before
    this wall time; None: none is open. `behind`: the last one that was found to be over. `counts`: how many each tenant
    has open, those included that are over and have not ended. `count`: all together."""

    def __init__(self) -> None:
        super().__init__()
        self.unsure: dict[str, None] = {}
        self.walk: str | None = ""
        self.behind = (0.0, "")
        self.counts: dict[str, int] = {}
        self.count = 0

    def add(self, tenant: str, by: int) -> None:
        """So many batches of the tenant are open now that were not; below 0: are open no more."""
        self.count += by
        left = self.counts.pop(tenant, 0) + by
        if left:
            self.counts[tenant] = left

    def due(self, offset: float) -> float:
        """When to look next (monotonic seconds)."""
        return inf if self.first is None else self.first - offset


class Walk:
    """A walk over ended jobs, from the one that ended first, to those that ended `seconds` ago. It takes the jobs of
    `tenants`, or with `others` those of all other tenants. `after`: the place that it has come to."""

    __slots__ = ("after", "others", "seconds", "tenants")

    def __init__(self, seconds: float, tenants: set[str], others: bool) -> None:
        self.seconds, self.tenants, self.others = seconds, tenants, others
        self.after = (0.0, 0)


class Ages:
    """The walks, one for each time to keep jobs; none if all tenants have the same one. `number`: whose turn it is.
    `keeps`: for how many seconds what is left of a removed job must be kept; 0: for ever. `behind`: the last step found
    as many jobs as it may read."""

    def __init__(self, everyone: float, tenants: Mapping[str, TenantLimits]) -> None:
        own = {name: each.retention * DAY_SECONDS for name, each in tenants.items() if each.retention is not None}
        named: dict[float, set[str]] = {}
        for name, seconds in own.items():
            named.setdefault(seconds, set()).add(name)
        walks = [Walk(seconds, names, False) for seconds, names in named.items() if seconds]
        if everyone and own:
            walks.append(Walk(everyone, set(own), True))
        self.walks = walks
        self.number = 0
        times = [everyone, *named]
        self.keeps = max(times) if all(times) else 0.0
        self.behind = False
