"""What clients have not taken of their answers, bounded in all: who is cut off so that the others keep their memory.

Each answer and each stream has its own bound (web/routes.py, web/streams.py); thousands of them at once have this one.
Pure: knows no socket.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple


class Held(NamedTuple):
    """`size` bytes that wait for a client who is to take some until `due` (loop time); `cut` ends his connection."""

    due: float
    size: int
    cut: Callable[[], None]


def relieve(held: Sequence[Held], most: int) -> int:
    """Cut off as many clients as it takes to hold no more than `most` bytes, whose time is up next first, of equals
    those that hold most; how many it were."""
    left, cut = sum(each.size for each in held), 0
    if left <= most:
        return 0
    for each in sorted(held, key=lambda each: (each.due, -each.size)):
        if left <= most:
            break
        each.cut()
        left -= each.size
        cut += 1
    return cut
