"""BlurHash: a blurred picture in 28 characters (https://blurha.sh).

Owns the arithmetic, that of the reference in C. Knows no image. Colours are means of light, as the algorithm says.
"""

import math
from functools import cache
from typing import NamedTuple

from worker.images.colours.icc import srgb_curve, srgb_encoded

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"


class Parts(NamedTuple):
    """The waves that are told, across and down: 1 to 9 each."""

    across: int
    down: int


def blurhash(width: int, height: int, rgb: bytes, parts: Parts) -> str:
    """The hash of a small picture; `rgb` has three bytes a pixel."""
    lights = _lights()
    channels = [[lights[value] for value in rgb[channel::3]] for channel in range(3)]
    waves = list(zip(*(_waves(channel, width, height, parts) for channel in channels), strict=True))
    mean, others = waves[0], waves[1:]
    most = max((abs(value) for wave in others for value in wave), default=0.0)
    scale = max(0, min(82, math.floor(most * 166 - 0.5)))
    colour = _sample(mean[0]) << 16 | _sample(mean[1]) << 8 | _sample(mean[2])
    made = _digits(parts.across - 1 + (parts.down - 1) * 9, 1) + _digits(scale, 1) + _digits(colour, 4)
    for wave in others:
        red, green, blue = (_level(value / ((scale + 1) / 166)) for value in wave)
        made += _digits((red * 19 + green) * 19 + blue, 2)
    return made


def _waves(channel: list[float], width: int, height: int, parts: Parts) -> list[float]:
    """The amplitude of each wave: first across each row, then down. That takes a fourth of the time of both at once."""
    across = [[math.cos(math.pi * x * place / width) for place in range(width)] for x in range(parts.across)]
    down = [[math.cos(math.pi * y * place / height) for place in range(height)] for y in range(parts.down)]
    rows = [channel[at : at + width] for at in range(0, width * height, width)]
    of_rows = [[sum(map(float.__mul__, row, wave)) for row in rows] for wave in across]
    found = [sum(map(float.__mul__, sums, wave)) for wave in down for sums in of_rows]
    return [value * (2 if number else 1) / (width * height) for number, value in enumerate(found)]


def _level(share: float) -> int:
    """0 to 18, of an amplitude from -1 to 1."""
    return max(0, min(18, math.floor(math.copysign(math.sqrt(abs(share)), share) * 9 + 9.5)))


def _digits(number: int, length: int) -> str:
    return "".join(_DIGITS[number // 83 ** (length - place) % 83] for place in range(1, length + 1))


@cache
def _lights() -> list[float]:
    """The light of each sRGB sample."""
    return [srgb_curve(value / 255) for value in range(256)]


def _sample(light: float) -> int:
    return int(srgb_encoded(max(0.0, min(1.0, light))) * 255 + 0.5)
