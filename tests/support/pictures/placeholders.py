"""Placeholders as pictures again, decoded by the formulas of their authors; and their pictures in docs/recipes.md.

`python -m tests.support.pictures.placeholders` makes the pictures anew. Plain and slow: it shares nothing with the
encoders.
"""

import base64
import io
import math
from collections.abc import Callable

from PIL import Image

from jobs.images.facts import Facts, Placeholder
from jobs.recipes.recipe import parse
from tests.support.pictures.images import LIMITS, TEST_DATA
from tests.support.pictures.recipes import PICTURES
from worker.images.pipeline import run

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
SHOWN = (200, 267)
KINDS = ("thumbhash", "blurhash", "lqip")
Plane = Callable[[float, float], float]


def of_sample() -> Placeholder:
    """All placeholders of sample.jpg."""
    told: list[Facts] = []
    stream = io.BytesIO((TEST_DATA / "sample.jpg").read_bytes())
    list(run(stream, parse({"placeholder": KINDS}), LIMITS, described=told.append))
    assert told[0].placeholder is not None
    return told[0].placeholder


def thumbhash(text: str, size: tuple[int, int]) -> Image.Image:
    """The picture in a ThumbHash (base64), RGBA."""
    hash = base64.b64decode(text)
    head, more = int.from_bytes(hash[:3], "little"), int.from_bytes(hash[3:5], "little")
    has_alpha, wide = head >> 23, more >> 15
    most = 5 if has_alpha else 7
    across, down = (most, more & 7) if wide else (more & 7, most)
    nibbles = [half for byte in hash[6 if has_alpha else 5 :] for half in (byte & 15, byte >> 4)]

    def plane(nx: int, ny: int, mean: float, scale: float) -> Plane:
        waves = [(x, y) for y in range(ny) for x in range(nx) if (x or y) and x * ny < nx * (ny - y)]
        parts = [(x, y, (nibbles.pop(0) / 7.5 - 1) * scale) for x, y in waves]
        return lambda px, py: (
            mean + sum(2 * size * math.cos(math.pi * x * px) * math.cos(math.pi * y * py) for x, y, size in parts)
        )

    luma = plane(max(3, across), max(3, down), (head & 63) / 63, (head >> 18 & 31) / 31)
    yellow = plane(3, 3, (head >> 6 & 63) / 31.5 - 1, (more >> 3 & 63) / 63 * 1.25)
    red = plane(3, 3, (head >> 12 & 63) / 31.5 - 1, (more >> 9 & 63) / 63 * 1.25)
    alpha = plane(5, 5, (hash[5] & 15) / 15, (hash[5] >> 4) / 15) if has_alpha else lambda px, py: 1.0

    def pixel(px: float, py: float) -> tuple[float, ...]:
        light, p, q = luma(px, py), yellow(px, py), red(px, py)
        b = light - 2 / 3 * p
        r = (3 * light - b + q) / 2
        return r, r - q, b, alpha(px, py)

    return _drawn("RGBA", size, lambda x, y: pixel((x + 0.5) / size[0], (y + 0.5) / size[1]))


def blurhash(text: str, size: tuple[int, int]) -> Image.Image:
    """The picture in a BlurHash, RGB."""
    number = DIGITS.index(text[0])
    across, down = number % 9 + 1, number // 9 + 1
    most = (DIGITS.index(text[1]) + 1) / 166
    mean = _number(text[2:6])
    waves = [tuple(_light(mean >> shift & 255) for shift in (16, 8, 0))]
    for at in range(6, len(text), 2):
        value = _number(text[at : at + 2])
        levels = [(value // 19**power % 19 - 9) / 9 for power in (2, 1, 0)]
        waves.append(tuple(math.copysign(level * level, level) * most for level in levels))

    def pixel(x: int, y: int) -> tuple[float, ...]:
        shares = [
            math.cos(math.pi * x * i / size[0]) * math.cos(math.pi * y * j / size[1])
            for j in range(down)
            for i in range(across)
        ]
        return tuple(_sample(sum(w[c] * s for w, s in zip(waves, shares, strict=True))) for c in range(3))

    return _drawn("RGB", size, pixel)


def lqip(text: str) -> Image.Image:
    """The picture in a data: URI."""
    return Image.open(io.BytesIO(base64.b64decode(text.partition(",")[2])))


def _drawn(mode: str, size: tuple[int, int], pixel: Callable[[int, int], tuple[float, ...]]) -> Image.Image:
    rows = [pixel(x, y) for y in range(size[1]) for x in range(size[0])]
    data = bytes(int(255 * min(1.0, max(0.0, value))) for row in rows for value in row)
    return Image.frombytes(mode, size, data)


def _number(digits: str) -> int:
    value = 0
    for digit in digits:
        value = value * 83 + DIGITS.index(digit)
    return value


def _light(level: int) -> float:
    share = level / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def _sample(light: float) -> float:
    light = max(0.0, light)
    return light * 12.92 if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


def main() -> None:
    """Write the pictures."""
    made = of_sample()
    assert made.thumbhash and made.blurhash and made.lqip
    images = thumbhash(made.thumbhash, (24, 32)), blurhash(made.blurhash, (24, 32)), lqip(made.lqip)
    for name, image in zip(KINDS, images, strict=True):
        image.convert("RGB").resize(SHOWN, Image.Resampling.BICUBIC).save(PICTURES / f"{name}.webp", quality=75)


if __name__ == "__main__":
    main()
