"""Keeps one worker free of heavy jobs while other jobs arrive.

There is no preemption: if all workers had heavy jobs, a small job would wait for the end of one. A tenant that is alone
shares with nobody, so its heavy jobs may have all workers. Knows no worker.
"""

from jobs.lanes import HEAVY, size_of, tenant_of
from jobs.records import Lane

LATELY_SECONDS = 60.0
"""For how long the worker is kept free after a tenant's last job that was not heavy."""


class Reserve:
    """Remembers the last two tenants whose jobs were not heavy. A job of the same lane as the one before costs one
    comparison."""

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
        """How many of the workers may have heavy jobs. It does not limit the tenant that `alone` returns."""
        return max(1, workers - 1) if now < self._until else workers

    def alone(self, now: float) -> str | None:
        """The only tenant whose jobs came lately, if there is only one. Its heavy jobs may have all workers."""
        return None if now < self._other_until else self._tenant
