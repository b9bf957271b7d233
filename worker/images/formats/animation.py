"""The data of an animation's frames, and the conversion of delays and repeat counts from one format to another.

Owns the types for that (Part, Disposal, Showing) and the limits of each format's fields. Pure: gifs.py and apngs.py
read the bytes, worker/images/canvas.py lays the pixels.
"""

from enum import Enum
from fractions import Fraction
from typing import NamedTuple

from jobs.images.turns import Size
from jobs.job import Unmet


class Disposal(Enum):
    """What to do with a frame's area of the canvas before the next frame is drawn: keep it, clear it, or restore it."""

    KEEP = 0
    CLEAR = 1
    RESTORE = 2
    """Put back the pixels from before this frame."""


class Part(NamedTuple):
    """A frame as its file has it: its place on the canvas and its size; `over`: it is blended over the canvas, else it
    replaces it; `disposal`; and `seconds`: how long it is shown."""

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
"""The unit of a GIF's delays."""
SECONDS_MAX = {
    "gif": 65_535 * GIF_TICK, "webp": Fraction(2**24 - 1, 1000), "png": Fraction(65_535), "avif": Fraction(2**31, 1000),
}  # fmt: skip
PLAYS_MAX = {"gif": 65_536, "webp": 65_535, "png": 2**31 - 1, "avif": 0}
"""For a GIF this is its field's limit plus one, because the field counts the repeats. An AVIF of ours always plays for
ever."""
WEBP_TOTAL_MAX = Fraction(2**31 - 1, 1000)
"""The sum of a WebP's delays must fit 31 bits: its encoder adds them up."""
HONOURED_FROM = Fraction(1, 100)
"""Browsers show a frame with this delay or less for a tenth of a second, in every format."""
_PNG_FIELD_MAX = 65_535


def fitted(showing: Showing, format: str) -> tuple[Showing, Unmet]:
    """`showing` within the limits of `format`, and the names of the fields that had to be changed."""
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
    """The nearest delay in a GIF's ticks. But 11 to 15 ms become 20 ms, not 10 ms: browsers would show 10 ms as
    100 ms."""
    nearest = _rounded(seconds / GIF_TICK)
    return max(nearest, 2) if seconds > HONOURED_FROM else nearest


def _within(seconds: list[Fraction], total: Fraction) -> list[Fraction]:
    kept = []
    for each in seconds:
        kept.append(min(each, total))
        total -= kept[-1]
    return kept


def _rounded(number: Fraction) -> int:
    """The nearest whole number; a half is rounded up."""
    return (2 * number.numerator + number.denominator) // (2 * number.denominator)


def _in_png(seconds: Fraction) -> Fraction:
    """The nearest fraction whose numerator and denominator fit their fields in a PNG."""
    return seconds.limit_denominator(min(_PNG_FIELD_MAX, int(_PNG_FIELD_MAX / seconds))) if seconds else seconds


_ROUNDED = {
    "gif": lambda seconds: ticks(seconds) * GIF_TICK,
    "webp": lambda seconds: Fraction(_rounded(1000 * seconds), 1000),
    "avif": lambda seconds: Fraction(_rounded(1000 * seconds), 1000),
    "png": _in_png,
}
