"""Whether heavy jobs leave one worker to the others: while jobs of another tenant come that are not heavy.

A heavy job is not taken from its worker, so who comes meanwhile waits for its end, were all workers at heavy ones. One
tenant alone shares with nobody: its heavy jobs may have all workers. Knows no worker.
"""

from jobs.lanes import HEAVY, size_of, tenant_of
from jobs.records import Lane

LATELY_SECONDS = 60.0
"""For how long a tenant is looked out for after its last job came."""


class Reserve:
    """Of which tenants jobs that are not heavy came lately: the last two. Costs one comparison a job of
    the same lane."""

    __slots__ = ("_lane", "_other_until", "_tenant", "_until")

    def __init__(self) -> None:
        self._tenant: str | None = None
        self._lane = ""
        self._until = self._other_until = 0.0

    def came(self, lane: Lane, now: float) -> None:
        """A job was queued."""
        if lane.name != self._lane:
            if size_of(lane) == HEAVY:
                return
            self._lane, tenant = lane.name, tenant_of(lane)
            if tenant != self._tenant:
                self._tenant, self._other_until = tenant, self._until
        self._until = now + LATELY_SECONDS

    def heavy_max(self, workers: int, now: float) -> int:
        """How many of the workers may be at heavy jobs, but those of `alone`."""
        return max(1, workers - 1) if now < self._until else workers

    def alone(self, now: float) -> str | None:
        """The tenant that nobody else came beside: its heavy jobs may have all workers."""
        return None if now < self._other_until else self._tenant
