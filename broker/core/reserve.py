"""Whether heavy jobs leave one worker to the others: while several tenants come, and what is not heavy comes.

A heavy job is not taken from its worker, so who comes meanwhile waits for its end, were all workers at heavy ones. One
tenant alone shares with nobody: its heavy jobs may have all workers. Knows no worker.
"""

from jobs.lanes import HEAVY, size_of, tenant_of
from jobs.records import Lane

LATELY_SECONDS = 60.0
"""For how long a tenant is looked out for after its last job came."""


class Reserve:
    """Who came lately: costs two comparisons a job, however many tenants there are."""

    __slots__ = ("_light_until", "_several_until", "_tenant")

    def __init__(self) -> None:
        self._tenant: str | None = None
        self._several_until = self._light_until = 0.0

    def came(self, lane: Lane, now: float) -> None:
        """A job was queued."""
        tenant = tenant_of(lane)
        if tenant != self._tenant:
            if self._tenant is not None:
                self._several_until = now + LATELY_SECONDS
            self._tenant = tenant
        if size_of(lane) != HEAVY:
            self._light_until = now + LATELY_SECONDS

    def heavy_max(self, workers: int, now: float) -> int:
        """How many of the workers may be at heavy jobs."""
        kept = now < self._several_until and now < self._light_until
        return max(1, workers - 1) if kept else workers
