"""Which lane a job waits in: by its priority, its size class and its tenant. Pure; knows no order of service."""

from jobs.records import Lane

SMALL, LARGE, HEAVY = "s", "l", "h"
FETCH = "f"
"""In place of a size: the original is still to be fetched, by a courier and not by a worker."""
SIZES = (SMALL, LARGE, HEAVY, FETCH)
LARGE_PIXELS = 8_000_000
"""A job of this many pixels is large: it costs several times as much as a common photograph's thumbnail."""
LARGE_MS = 500.0
"""The same, by the cost that jobs/recipes/explain.py expects: the preset `web` on a photograph takes 300 ms."""
HEAVY_MS = 2000.0
"""A job of this cost is heavy: the next one behind it waits for seconds."""


def lane_of(priority: int, tenant: str, pixels: int, cost_ms: float = 0.0) -> Lane:
    """The lane of a new job; `pixels` is 0 if the head did not tell it, `cost_ms` is 0 if nobody estimated it."""
    large = pixels >= LARGE_PIXELS or cost_ms >= LARGE_MS
    return Lane(priority, f"{HEAVY if cost_ms >= HEAVY_MS else LARGE if large else SMALL}.{tenant}")


def fetch_lane(priority: int, tenant: str) -> Lane:
    """The lane of a job whose original is still to be fetched."""
    return Lane(priority, f"{FETCH}.{tenant}")


def size_of(lane: Lane) -> str:
    """The size class of a lane: one of SIZES."""
    return lane.name[0]


def tenant_of(lane: Lane) -> str:
    """The tenant of a lane."""
    return lane.name[2:]
