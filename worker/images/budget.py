"""Finds the best quality whose file has at most so many bytes, by trying.

Owns the search. Knows no format: a function makes the file of each quality. The pixels are made once.
"""

from collections.abc import Callable
from typing import NamedTuple

from jobs.recipes.keys import ENCODES_MAX


class Made(NamedTuple):
    """A file, and the quality with which it was made; None: without one."""

    quality: int | None
    data: bytes


def within(encode: Callable[[int], bytes], best: int, worst: int, bytes_max: int) -> Made:
    """The file of the highest tried quality from `best` down to `worst` that has at most `bytes_max` bytes. If none
    has, the smallest of those that were made; `worst` is among them."""
    made = [Made(best, encode(best))]
    if len(made[0].data) <= bytes_max:
        return made[0]
    fits, low, high = None, worst, best - 1
    while low <= high and len(made) < ENCODES_MAX:
        is_last = len(made) == ENCODES_MAX - 1
        tried = low if is_last and fits is None else (low + high + 1) // 2
        made.append(Made(tried, encode(tried)))
        if len(made[-1].data) <= bytes_max:
            fits, low = made[-1], tried + 1
        else:
            high = tried - 1
    return fits or min(made, key=lambda each: len(each.data))
