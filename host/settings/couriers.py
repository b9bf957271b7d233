"""The setting COURIERS: how many couriers the supervisor of this machine runs, or that others run them. Pure.

So it says two things: what is started here, and whether anybody calls strangers for this installation.
"""

import re

COURIERS_MAX = 64
"""On one machine: each makes 32 calls at once."""
ELSEWHERE = "elsewhere"
_NUMBER = re.compile(r"[0-9]{1,6}", re.ASCII)


def couriers_here(couriers: str) -> int:
    """How many couriers run on this machine, by its supervisor. Raises ValueError."""
    if couriers == ELSEWHERE:
        return 0
    if not _NUMBER.fullmatch(couriers) or int(couriers) > COURIERS_MAX:
        raise ValueError(f"{couriers!r} must be 0 to {COURIERS_MAX}, or {ELSEWHERE}")
    return int(couriers)


def has_couriers(couriers: str) -> bool:
    """Whether there are couriers, here or elsewhere. Raises ValueError."""
    return couriers == ELSEWHERE or couriers_here(couriers) > 0
