"""What an animation's file tells of its frames, and how the times and counts of one format fit into another's.

Owns the words for that (Part, Disposal, Showing) and the bounds of each format's fields. Pure: bytes are read by
worker/images/formats/gifs.py and worker/images/formats/apngs.py, pixels are laid by worker/images/canvas.py.
"""

from enum import Enum
from fractions import Fraction
from typing import NamedTuple

from jobs.images.turns import Size
from jobs.job import Unmet


class Disposal(Enum):
    """What becomes of a frame's part of the canvas before the next frame is laid."""

    KEEP = 0
    CLEAR = 1
    RESTORE = 2
    """To what was there before this frame."""


class Part(NamedTuple):
    """A frame as its file has it: where on the canvas it lies, whether it is laid over what is there or replaces it,
    what becomes of it, and how long it is shown."""

    left: int
    top: int
    size: Size
    over: bool
    disposal: Disposal
    seconds: Fraction


class Showing(NamedTuple):
    """How an animation is shown: the seconds of each frame, and how often it is played (0: for ever)."""

    seconds: list[Fraction]
    plays: int


GIF_TICK = Fraction(1, 100)
"""What a GIF's delays are multiples of."""
SECONDS_MAX = {"gif": 65_535 * GIF_TICK, "webp": Fraction(2**24 - 1, 1000), "png": Fraction(65_535)}
PLAYS_MAX = {"gif": 65_536, "webp": 65_535, "png": 2**31 - 1}
"""Of a GIF one more than its field, which counts the repeats."""
WEBP_TOTAL_MAX = Fraction(2**31 - 1, 1000)
"""The times of a WebP's frames are added up while it is written, in 31 bits."""
HONOURED_FROM = Fraction(1, 100)
"""Browsers show a frame of no more than this for a tenth of a second, whatever the format."""
_PNG_FIELD_MAX = 65_535


def fitted(showing: Showing, format: str) -> tuple[Showing, Unmet]:
    """`showing` within what an animation of `format` can tell, and the words for what was limited."""
    most = SECONDS_MAX[format]
    seconds = [min(each, most) for each in showing.seconds]
    if format == "webp":
        seconds = _within(seconds, WEBP_TOTAL_MAX)
    unmet = ["delays"] if seconds != showing.seconds else []
    plays = min(showing.plays, PLAYS_MAX[format])
    if plays != showing.plays:
        unmet.append("plays")
    return Showing([_ROUNDED[format](each) for each in seconds], plays), tuple(unmet)


def ticks(seconds: Fraction) -> int:
    """Of a GIF's delay: the nearest. But what browsers honour stays so: 11 to 15 ms are 20, not 10, which they show as
    100."""
    nearest = _rounded(seconds / GIF_TICK)
    return max(nearest, 2) if seconds > HONOURED_FROM else nearest


def _within(seconds: list[Fraction], total: Fraction) -> list[Fraction]:
    kept = []
    for each in seconds:
        kept.append(min(each, total))
        total -= kept[-1]
    return kept


def _rounded(number: Fraction) -> int:
    """To the nearest whole number, a half upwards."""
    return (2 * number.numerator + number.denominator) // (2 * number.denominator)


def _in_png(seconds: Fraction) -> Fraction:
    """The nearest of which neither numerator nor denominator passes its field."""
    return seconds.limit_denominator(min(_PNG_FIELD_MAX, int(_PNG_FIELD_MAX / seconds))) if seconds else seconds


_ROUNDED = {
    "gif": lambda seconds: ticks(seconds) * GIF_TICK,
    "webp": lambda seconds: Fraction(_rounded(1000 * seconds), 1000),
    "png": _in_png,
}
