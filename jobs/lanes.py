"""Which lane a job waits in: by its priority, its size class and its tenant. Pure; knows no order of service."""

from jobs.records import Lane

SMALL, LARGE, HEAVY = "s", "l", "h"
FETCH = "f"
"""In place of a size: the original is still to be fetched, by a courier and not by a worker."""
SIZES = (SMALL, LARGE, HEAVY, FETCH)
LARGE_MS = 500.0
"""A job of this expected CPU (jobs/recipes/explain.py) is large. Of the cases of `python -m bench.recipes.expected`,
the presets `default` and `web` on a JPEG of up to 50 megapixels are expected to take 120 to 330 ms: they are small.
`default` on a PNG of 24 megapixels takes 640 ms."""
HEAVY_MS = 2000.0
"""A job of this cost is heavy: the next one behind it waits for seconds. One megapixel to AVIF takes 220 ms, and with
`effort` 9 it takes 8,800 ms."""


def lane_of(priority: int, tenant: str, cost_ms: float) -> Lane:
    """The lane of a new job, by its expected CPU alone; `cost_ms` is 0 if nobody estimated it."""
    size = HEAVY if cost_ms >= HEAVY_MS else LARGE if cost_ms >= LARGE_MS else SMALL
    return Lane(priority, f"{size}.{tenant}")


def fetch_lane(priority: int, tenant: str) -> Lane:
    """The lane of a job whose original is still to be fetched."""
    return Lane(priority, f"{FETCH}.{tenant}")


def size_of(lane: Lane) -> str:
    """The size class of a lane: one of SIZES."""
    return lane.name[0]


def tenant_of(lane: Lane) -> str:
    """The tenant of a lane."""
    return lane.name[2:]
