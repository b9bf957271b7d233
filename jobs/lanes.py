"""Which lane a job waits in: by its priority, its size class and its tenant. Pure; knows no order of service."""

from jobs.records import Lane

SMALL, LARGE = "s", "l"
LARGE_PIXELS = 8_000_000
"""From here on a job is of the large class: several times the cost of a common photograph's thumbnail."""


def lane_of(priority: int, tenant: str, pixels: int) -> Lane:
    """The lane of a new job; `pixels` is 0 where the head did not tell (then it is small)."""
    return Lane(priority, f"{LARGE if pixels >= LARGE_PIXELS else SMALL}.{tenant}")


def size_of(lane: Lane) -> str:
    """The size class of a lane: SMALL or LARGE."""
    return lane.name[0]
