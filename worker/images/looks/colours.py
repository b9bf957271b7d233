"""Changes colours by lightness, chroma and hue (CIELAB, D65), as sharp does: modulate, normalise, tint.

Owns the arithmetic of these, and of levels: gamma, linear. A change of CIELAB is computed for a grid of colours, and
pixels are interpolated between its points. A gray picture stays gray, unless it gets a colour.
"""

import math
from array import array
from collections.abc import Callable
from functools import lru_cache
from itertools import compress
from typing import Any

from PIL import Image, ImageColor, ImageFilter, ImageMath

from jobs.recipes.keys import Linear, Modulate, Normalise
from worker.images.colours.icc import srgb_curve, srgb_encoded

GRID_POINTS = 17
"""Along each axis of the grid. On a photograph this is within 0.5 (delta-E 1976) of the exact change, on average;
within 1.0 if it changes everything."""
TABLES_KEPT = 8
SAMPLED_SIDE = 128
"""Of larger pictures a grid of so many pixels tells the percentiles of lightness."""
FLAT = 1.0
"""A picture with less difference of lightness is not normalised, as with sharp."""

Lab = tuple[float, float, float]
Change = Callable[[float, float, float], Lab]

_WHITE = (0.95047, 1.0, 1.08883)
_LIGHT = (0.2126729, 0.7151522, 0.0721750)
_DARK = 0.0031308
_FROM_XYZ = (
    (3.2404542, -1.5371385, -0.4985314),
    (-0.9692660, 1.8760108, 0.0415560),
    (0.0556434, -0.2040259, 1.0572252),
)
_EPSILON, _KAPPA = 216 / 24389, 24389 / 27


def modulated(image: Image.Image, asked: Modulate) -> Image.Image:
    """The image with other lightness, chroma and hue."""
    return _changed(image, _modulating(asked.brightness, asked.lightness, asked.saturation, asked.hue))


def tinted(image: Image.Image, colour: str) -> Image.Image:
    """The image in shades of one colour: its lightness stays. The colour is full in the middle, as in sharp; black and
    white have none."""
    table = _tinting(colour)
    if image.mode not in ("L", "LA"):
        return image.filter(table)
    tinted = image.convert("RGB").filter(table)
    if image.mode == "LA":
        tinted.putalpha(image.getchannel("A"))
    return tinted


def bent(image: Image.Image, gamma: float) -> Image.Image:
    """The image (L or RGB) with each level to the power of 1/gamma, by the range 0 to 1."""
    return image.point([round(255 * (level / 255) ** (1 / gamma)) for level in range(256)] * len(image.getbands()))


def sloped(image: Image.Image, asked: Linear) -> Image.Image:
    """The image (L or RGB) with each level times `a` plus `b`. A gray one becomes RGB if its channels then differ."""
    slopes, levels = ((each if isinstance(each, tuple) else (each,) * 3) for each in (asked.a, asked.b))
    lines = [*zip(slopes, levels, strict=True)]
    if image.mode == "L" and len({*lines}) == 1:
        lines = lines[:1]
    elif image.mode == "L":
        image = image.convert("RGB")
    return image.point([_level(a * level + b) for a, b in lines for level in range(256)])


def stretch(image: Image.Image, asked: Normalise) -> tuple[float, float]:
    """By what lightness is multiplied, and what is added then, so that these percentiles become black and white. Clear
    pixels do not count."""
    sides = min(image.width, SAMPLED_SIDE), min(image.height, SAMPLED_SIDE)
    *small, alpha = (band.tobytes() for band in image.resize(sides, Image.Resampling.NEAREST).convert("RGBA").split())
    bands = (map(light.__getitem__, compress(band, alpha)) for light, band in zip(_lights(), small, strict=True))
    lights = sorted(red + green + blue for red, green, blue in zip(*bands, strict=True)) or [0.0]
    least, most = (_lightness(lights, share / 100) for share in (asked.lower, asked.upper))
    if most - least <= FLAT:
        return 1.0, 0.0
    return 100 / (most - least), -100 * least / (most - least)


def stretched(image: Image.Image, by: tuple[float, float]) -> Image.Image:
    """The image with its lightness multiplied, and more added."""
    return image if by == (1.0, 0.0) else _changed(image, _modulating(*by, 1.0, 0.0))


def lab(red: float, green: float, blue: float) -> Lab:
    """CIELAB (D65) of a colour of sRGB, whose channels are 0 to 1."""
    r, g, b = map(srgb_curve, (red, green, blue))
    xyz = (
        0.4124564 * r + 0.3575761 * g + 0.1804375 * b,
        _LIGHT[0] * r + _LIGHT[1] * g + _LIGHT[2] * b,
        0.0193339 * r + 0.1191920 * g + 0.9503041 * b,
    )
    x, y, z = (_root(value / white) for value, white in zip(xyz, _WHITE, strict=True))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def rgb(lightness: float, a: float, b: float) -> tuple[float, float, float]:
    """The colour of sRGB, 0 to 1; channels outside of that are cut."""
    red, green, blue = _encoded_all((lightness, a, b), _cube, _encoded)
    return red, green, blue


def _encoded_all(point: tuple[Any, Any, Any], cube: Callable[[Any], Any], encoded: Callable[[Any], Any]) -> list[Any]:
    """sRGB of one colour of CIELAB; or of many, as pictures of numbers."""
    light, a, b = point
    y = (light + 16) / 116
    x, y, z = (white * cube(value) for value, white in zip((y + a / 500, y, y - b / 200), _WHITE, strict=True))
    return [encoded(red * x + green * y + blue * z) for red, green, blue in _FROM_XYZ]


def _changed(image: Image.Image, change: Change) -> Image.Image:
    """The image after a change that keeps grays gray."""
    if image.mode in ("RGB", "RGBA"):
        return image.filter(_table(change))
    curve = [round(255 * rgb(*change(*lab(*(level / 255,) * 3)))[1]) for level in range(256)]
    return image.point([*curve, *range(256)] if image.mode == "LA" else curve)


@lru_cache(maxsize=TABLES_KEPT)
def _modulating(brightness: float, lightness: float, saturation: float, hue: float) -> Change:
    """Cached, so that its table is."""
    cos, sin = saturation * math.cos(math.radians(hue)), saturation * math.sin(math.radians(hue))
    return lambda light, a, b: (brightness * light + lightness, cos * a - sin * b, sin * a + cos * b)


@lru_cache(maxsize=TABLES_KEPT)
def _table(change: Change) -> ImageFilter.Color3DLUT:
    """The change of all colours of the grid, computed together as pixels of pictures of numbers."""

    def band(index: int) -> list[float]:
        def of(given: dict[str, Any]) -> Any:
            point = change(given["light"], given["a"], given["b"])
            return _encoded_all(point, _cubes, lambda light: _encoded_lights(light, given["max"]))[index]

        made: Image.Image = ImageMath.lambda_eval(of, **_grid())
        return array("f", made.tobytes()).tolist()

    points = zip(*map(band, range(3)), strict=True)
    return ImageFilter.Color3DLUT(GRID_POINTS, [channel for point in points for channel in point])


@lru_cache(maxsize=TABLES_KEPT)
def _tinting(colour: str) -> ImageFilter.Color3DLUT:
    red, green, blue = (channel / 255 for channel in ImageColor.getrgb(colour)[:3])
    _, tint_a, tint_b = lab(red, green, blue)

    def change(light: float, _a: float, _b: float) -> Lab:
        weight = 1 - (light / 50 - 1) ** 2
        return light, weight * tint_a, weight * tint_b

    return _table(change)


@lru_cache(maxsize=1)
def _lights() -> tuple[list[float], ...]:
    """The light (Y) of each level of red, green and blue."""
    return tuple([share * srgb_curve(level / 255) for level in range(256)] for share in _LIGHT)


def _lightness(lights: list[float], share: float) -> float:
    """The lightness below which this share of the sorted lights is. (libvips counts it in steps of 1 %.)"""
    return 116 * _root(lights[min(len(lights) - 1, int(len(lights) * share))]) - 16


@lru_cache(maxsize=1)
def _grid() -> dict[str, Image.Image]:
    """Lightness, a and b of the points of the grid, red first, as pictures of numbers."""
    levels = [level / (GRID_POINTS - 1) for level in range(GRID_POINTS)]
    points = [lab(red, green, blue) for blue in levels for green in levels for red in levels]
    return {
        name: Image.frombytes("F", (len(points), 1), array("f", values).tobytes())
        for name, values in zip(("light", "a", "b"), zip(*points, strict=True), strict=True)
    }


def _level(value: float) -> int:
    return min(255, max(0, math.floor(value + 0.5)))


def _encoded(light: float) -> float:
    return min(1.0, max(0.0, srgb_encoded(light)))


def _root(value: float) -> float:
    return value ** (1 / 3) if value > _EPSILON else (_KAPPA * value + 16) / 116


def _cube(value: float) -> float:
    return value**3 if value**3 > _EPSILON else (116 * value - 16) / _KAPPA


def _cubes(value: Any) -> Any:
    """As `_cube`, of pictures."""
    cubed = value * value * value
    return (cubed > _EPSILON) * cubed + (cubed <= _EPSILON) * ((116 * value - 16) / _KAPPA)


def _encoded_lights(light: Any, most: Any) -> Any:
    """As `_encoded`, of pictures. (Color3DLUT cuts what is beyond 1.) `most`: the larger of two."""
    curved = 1.055 * most(light, _DARK) ** (1 / 2.4) - 0.055
    return (light <= _DARK) * 12.92 * most(light, 0) + (light > _DARK) * curved
