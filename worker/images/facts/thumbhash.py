"""ThumbHash: a picture in some 25 bytes, alpha included (https://evanw.github.io/thumbhash/).

Owns the arithmetic. Its sums are in the order of the reference, so that the bytes are equal. Knows no image.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

SIDE_MAX = 100
"""Pixels of a side, in the reference."""
_LUMA_PARTS, _LUMA_PARTS_WITH_ALPHA, _ALPHA_PARTS, _COLOUR_PARTS = 7, 5, 5, 3


class _Waves(NamedTuple):
    """One channel as cosines: its mean, the amplitudes from 0 to 1, and their scale."""

    mean: float
    amplitudes: list[float]
    scale: float


def thumbhash(width: int, height: int, rgba: bytes) -> bytes:
    """The hash of a picture of at most SIDE_MAX pixels a side. `rgba` has four bytes a pixel, not premultiplied."""
    pixels = [tuple(rgba[at : at + 4]) for at in range(0, 4 * width * height, 4)]
    mean, alphas = _mean(pixels)
    has_alpha = alphas < width * height
    most = _LUMA_PARTS_WITH_ALPHA if has_alpha else _LUMA_PARTS
    across = max(1, _half_up(most * width / max(width, height)))
    down = max(1, _half_up(most * height / max(width, height)))
    luma, yellow, red, alpha = _channels(pixels, mean)
    waves = _Transform(width, height)
    of_luma = waves.of(luma, max(3, across), max(3, down))
    of_yellow, of_red = (waves.of(each, _COLOUR_PARTS, _COLOUR_PARTS) for each in (yellow, red))
    of_alpha = waves.of(alpha, _ALPHA_PARTS, _ALPHA_PARTS) if has_alpha else None
    head = _half_up(63 * of_luma.mean) | _half_up(31.5 + 31.5 * of_yellow.mean) << 6
    head |= _half_up(31.5 + 31.5 * of_red.mean) << 12 | _half_up(31 * of_luma.scale) << 18 | has_alpha << 23
    is_wide = width > height
    more = (down if is_wide else across) | _half_up(63 * of_yellow.scale) << 3 | _half_up(63 * of_red.scale) << 9
    made = head.to_bytes(3, "little") + (more | is_wide << 15).to_bytes(2, "little")
    amplitudes = of_luma.amplitudes + of_yellow.amplitudes + of_red.amplitudes
    if of_alpha is not None:
        made += bytes([_half_up(15 * of_alpha.mean) | _half_up(15 * of_alpha.scale) << 4])
        amplitudes += of_alpha.amplitudes
    return made + _packed(_half_up(15 * each) for each in amplitudes)


def _mean(pixels: Sequence[tuple[int, ...]]) -> tuple[tuple[float, float, float], float]:
    """The mean colour, in which each pixel counts by its alpha, and the sum of alpha."""
    red = green = blue = alphas = 0.0
    for r, g, b, a in pixels:
        alpha = a / 255
        share = alpha / 255
        red, green, blue, alphas = red + share * r, green + share * g, blue + share * b, alphas + alpha
    return (red / alphas, green / alphas, blue / alphas) if alphas else (red, green, blue), alphas


def _channels(
    pixels: Sequence[tuple[int, ...]], mean: tuple[float, float, float]
) -> tuple[list[float], list[float], list[float], list[float]]:
    """Luma, yellow to blue, red to green, and alpha, of the pixels over the mean colour."""
    luma, yellow, red, alphas = [], [], [], []
    for r, g, b, a in pixels:
        alpha = a / 255
        rest, share = 1 - alpha, alpha / 255
        across = mean[0] * rest + share * r
        green = mean[1] * rest + share * g
        blue = mean[2] * rest + share * b
        luma.append((across + green + blue) / 3)
        yellow.append((across + green) / 2 - blue)
        red.append(across - green)
        alphas.append(alpha)
    return luma, yellow, red, alphas


class _Transform:
    """The cosine transform of channels of these sides."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height

    def of(self, channel: Sequence[float], across: int, down: int) -> _Waves:
        """The waves of a channel: a triangle of `across` times `down`."""
        width, height = self._width, self._height
        rows = [channel[at : at + width] for at in range(0, width * height, width)]
        mean, amplitudes, scale = 0.0, [], 0.0
        for y in range(down):
            for x in range(-(-across * (down - y) // down)):
                found = self._wave(rows, x, y) / (width * height)
                if x or y:
                    amplitudes.append(found)
                    scale = max(scale, abs(found))
                else:
                    mean = found
        if scale:
            amplitudes = [0.5 + 0.5 / scale * each for each in amplitudes]
        return _Waves(mean, amplitudes, scale)

    def _wave(self, rows: Sequence[Sequence[float]], x: int, y: int) -> float:
        across = [math.cos(math.pi / self._width * x * (place + 0.5)) for place in range(self._width)]
        found = 0.0
        for place, row in enumerate(rows):
            down = math.cos(math.pi / self._height * y * (place + 0.5))
            for value, cosine in zip(row, across, strict=True):
                found += value * cosine * down
        return found


def _packed(numbers: Iterable[int]) -> bytes:
    """Two numbers of four bits a byte, the first one in the lower half."""
    nibbles = [*numbers]
    nibbles += [0] * (len(nibbles) % 2)
    return bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))


def _half_up(number: float) -> int:
    """As JavaScript rounds."""
    return math.floor(number + 0.5)
