"""ICC profiles as bytes: recognises sRGB by a profile's numbers, and makes a profile from numbers.

Pure. Owns the layout of matrix profiles and the curves of transfer functions. Must not know Pillow:
worker/images/colours/convert.py converts pixels by a profile. The numbers of a file are
worker/images/colours/colourspaces.py's.
"""

import codecs
import math
import struct
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from jobs.images.tags import bounded, plain

Curve = Callable[[float], float]
"""A transfer function: from a sample as the file has it to light, both 0 to 1."""
Point = tuple[float, float]
"""A chromaticity, CIE 1931 x and y."""
_Vector = tuple[float, float, float]
_Matrix = tuple[_Vector, _Vector, _Vector]


class Primaries(NamedTuple):
    """The chromaticities of the three channels at their maximum, and of white."""

    red: Point
    green: Point
    blue: Point
    white: Point


D65: Point = (0.3127, 0.3290)
SRGB = Primaries((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65)

_HEADER = struct.Struct(">I4xI4s4s4s12x4s28x3i48x")
_VERSION = 0x04200000
_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD: _Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
_TABLE = 4096
"""Entries of a curve in a written profile. With 16 bits each, sRGB comes back within 0.03 of 255."""
_TAGS_MAX = 100
_COLORANTS = (b"rXYZ", b"gXYZ", b"bXYZ")
_CURVES = (b"rTRC", b"gTRC", b"bTRC")
_TABLES = frozenset({b"A2B0", b"A2B1", b"A2B2", b"D2B0", b"D2B1", b"D2B2"})
"""With one of these tags, a profile's matrix and curves are not all of its meaning."""
_DISPLAYS = frozenset({b"mntr", b"scnr", b"spac"})
_COLORANT_DIFFERENCE = 0.002
"""Tolerance in XYZ: no colour is wrong by more than 1 of 255. sRGB profiles of different makers differ by 0.0008."""
_CURVE_DIFFERENCE = 1 / 255
"""Tolerance of a sample: sRGB profiles that are shortened to a few points differ by this, gamma 2.2 by twice as
much."""
_LIGHT_MAX = 1e22
"""The limit of a curve's value: LittleCMS's PLUS_INF (cmsgamma.c)."""
_PROBES = tuple(probe / 51 for probe in range(52))


def srgb_curve(sample: float) -> float:
    """IEC 61966-2-1."""
    return sample / 12.92 if sample <= 0.04045 else ((sample + 0.055) / 1.055) ** 2.4


def srgb_encoded(light: float) -> float:
    """The inverse of `srgb_curve`: the sample for this light."""
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


def is_srgb(profile: bytes) -> bool:
    """Whether a profile has sRGB's primaries and curve, so that nothing needs converting. False if it is damaged."""
    try:
        tags = _tags(profile)
        kind, space, connection = profile[12:16], profile[16:20], profile[20:24]
        if kind not in _DISPLAYS or space != b"RGB " or connection != b"XYZ " or tags.keys() & _TABLES:
            return False
        colorants = [struct.unpack_from(">3i", profile, tags[name][0] + 8) for name in _COLORANTS]
        curves = {tags[name] for name in _CURVES}
        return _near(colorants) and all(_is_srgb_curve(profile, at, size) for at, size in curves)
    except (struct.error, KeyError, ArithmeticError, ValueError):
        return False


def description(profile: bytes) -> str | None:
    """What a profile calls itself; None if it says nothing that can be read."""
    try:
        at, size = _tags(profile)[b"desc"]
        tag = profile[at : at + size]
        if tag[:4] == b"mluc":
            length, start = struct.unpack_from(">II", tag, 20)
            text, _ = codecs.utf_16_be_decode(tag[start : start + min(length, 1000)], "ignore")  # (imports no codec)
            return bounded("".join(each if each.isprintable() else " " for each in text))
        (length,) = struct.unpack_from(">I", tag, 8)
        return plain(tag[12 : 12 + min(length, 1000)])
    except (KeyError, struct.error):
        return None


def gray_curve(profile: bytes) -> Curve | None:
    """The curve of a profile with one channel. None: it is of another kind, has tables, or is damaged."""
    try:
        tags, connection = _tags(profile), profile[20:24]
        if profile[16:20] != b"GRAY" or profile[36:40] != b"acsp" or tags.keys() & _TABLES:
            return None
        at, size = tags[b"kTRC"]
        curve = _read(profile[at : at + size])
        curve(0.0), curve(1.0)
    except (struct.error, KeyError, ArithmeticError, ValueError):
        return None
    return curve if connection == b"XYZ " else lambda sample: _light(curve(sample))


def rgb_profile(primaries: Primaries, curves: Sequence[Curve], *, name: bytes = b"desc", short: bool = False) -> bytes:
    """A display profile with these colours and this description; `short`: with sRGB's curve by its formula. Raises
    ValueError if the primaries lie on one line."""
    columns = zip(*_adapted(primaries), strict=True)
    written = {curve: _SRGB_CURVE if short and curve is srgb_curve else _written(curve) for curve in set(curves)}
    tags = {tag: b"XYZ \0\0\0\0" + _fixed(column) for tag, column in zip(_COLORANTS, columns, strict=True)}
    return _profile(tags | {tag: written[curve] for tag, curve in zip(_CURVES, curves, strict=True)}, name)


def _tags(profile: bytes) -> dict[bytes, tuple[int, int]]:
    """Where each tag is, and its size."""
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = (struct.unpack_from(">4sII", profile, 132 + 12 * number) for number in range(min(count, _TAGS_MAX)))
    return {name: (at, size) for name, at, size in entries}


def _near(colorants: Sequence[_Vector]) -> bool:
    """Whether these s15Fixed16 colorants, as rows, are sRGB's."""
    return all(
        abs(found / 65536 - right) <= _COLORANT_DIFFERENCE
        for column, rights in zip(colorants, zip(*_srgb_matrix(), strict=True), strict=True)
        for found, right in zip(column, rights, strict=True)
    )


@cache
def _srgb_matrix() -> _Matrix:
    return _adapted(SRGB)


def _is_srgb_curve(profile: bytes, at: int, size: int) -> bool:
    curve = _read(profile[at : at + size])
    return all(abs(srgb_encoded(max(0.0, curve(probe))) - probe) <= _CURVE_DIFFERENCE for probe in _PROBES)


def _read(tag: bytes) -> Curve:
    """The curve in a tag of type `curv` or `para` (ICC.1, 10.6 and 10.18). Raises struct.error, ValueError."""
    if tag.startswith(b"para"):
        (kind,) = struct.unpack_from(">H", tag, 8)
        if kind >= len(_PARAMETERS):
            raise ValueError
        values = [value / 65536 for value in struct.unpack_from(f">{_PARAMETERS[kind]}i", tag, 12)]
        return _parametric(kind, values)
    if not tag.startswith(b"curv"):
        raise ValueError
    (count,) = struct.unpack_from(">I", tag, 8)
    if count <= 1:
        gamma = struct.unpack_from(">H", tag, 12)[0] / 256 if count else 1.0
        return lambda sample: _power(sample, gamma)

    def looked_up(sample: float) -> float:
        place = sample * (count - 1)
        left = min(int(place), count - 2)
        low, high = struct.unpack_from(">2H", tag, 12 + 2 * left)
        return float(low + (high - low) * (place - left)) / 65535

    return looked_up


_PARAMETERS = (1, 3, 4, 5, 7)
"""How many numbers a parametric curve of each kind has."""


def _parametric(kind: int, values: Sequence[float]) -> Curve:
    gamma, a, b, c, d, e, f = (*values, *(0.0,) * (7 - len(values)))
    if kind == 0:
        return lambda sample: _power(sample, gamma)
    if kind == 1:
        return lambda sample: _power(a * sample + b, gamma)
    if kind == 2:
        return lambda sample: _power(a * sample + b, gamma) + c
    return lambda sample: _power(a * sample + b, gamma) + e if sample >= d else c * sample + f


def _power(base: float, exponent: float) -> float:
    """base ** exponent, as LittleCMS computes it: 0 for a base below 0, and at most _LIGHT_MAX."""
    if base <= 0:
        return 0.0 if exponent > 0 or base < 0 else _LIGHT_MAX if exponent else 1.0
    try:
        return min(_LIGHT_MAX, float(base**exponent))
    except OverflowError:
        return _LIGHT_MAX


def _adapted(primaries: Primaries) -> _Matrix:
    """The matrix from linear RGB to XYZ, adapted to D50 with Bradford's matrix, as profiles need it. Raises ValueError
    if the primaries lie on one line."""
    columns = [_xyz(point) for point in primaries[:3]]
    rows: _Matrix = tuple(zip(*columns, strict=True))  # type: ignore[assignment]
    white = _xyz(primaries.white)
    shares = _applied(_inverse(rows), white)
    scaled: _Matrix = tuple(tuple(a * b for a, b in zip(row, shares, strict=True)) for row in rows)  # type: ignore[assignment]
    before, after = _applied(_BRADFORD, white), _applied(_BRADFORD, _D50)
    gains = [there / here for there, here in zip(after, before, strict=True)]
    cones: _Matrix = tuple(  # type: ignore[assignment]
        tuple(gain * value for value in row) for gain, row in zip(gains, _product(_BRADFORD, scaled), strict=True)
    )
    return _product(_inverse(_BRADFORD), cones)


def _xyz(point: Point) -> _Vector:
    x, y = point
    if not y > 0 or not all(map(math.isfinite, point)):
        raise ValueError("a chromaticity without light")
    return x / y, 1.0, (1 - x - y) / y


def _applied(matrix: _Matrix, vector: _Vector) -> _Vector:
    return tuple(sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)  # type: ignore[return-value]


def _product(left: _Matrix, right: _Matrix) -> _Matrix:
    columns = list(zip(*right, strict=True))
    return tuple(tuple(sum(a * b for a, b in zip(row, column, strict=True)) for column in columns) for row in left)  # type: ignore[return-value]


def _inverse(matrix: _Matrix) -> _Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    if abs(determinant) < 1e-6:
        raise ValueError("primaries that span nothing")
    cofactors = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    return tuple(tuple(value / determinant for value in row) for row in cofactors)  # type: ignore[return-value]


def _light(lightness: float) -> float:
    """Y of CIE L*, both from 0 to 1."""
    return float(((lightness * 100 + 16) / 116) ** 3) if lightness > 0.08 else lightness * 100 / 903.3


def _written(curve: Curve) -> bytes:
    lights = [round(65535 * min(1.0, max(0.0, curve(entry / (_TABLE - 1))))) for entry in range(_TABLE)]
    return struct.pack(f">4s4xI{_TABLE}H", b"curv", _TABLE, *lights)


_SRGB_CURVE = struct.pack(
    ">4s4xHxx5i", b"para", 3, *(round(value * 65536) for value in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
)
"""As a parametric curve of type 3."""


def _fixed(values: Sequence[float]) -> bytes:
    """As s15Fixed16. Raises ValueError beyond what that holds."""
    try:
        return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))
    except struct.error:
        raise ValueError("primaries beyond what a profile can hold") from None


def _profile(tags: dict[bytes, bytes], name: bytes) -> bytes:
    tags = {b"desc": _text(name), b"cprt": _text(b"none"), b"wtpt": b"XYZ \0\0\0\0" + _fixed(_D50), **tags}
    start, bodies, table = 128 + 4 + 12 * len(tags), b"", b""
    places: dict[bytes, int] = {}
    for name, body in tags.items():
        if body not in places:
            places[body] = start + len(bodies)
            bodies += body + bytes(-len(body) % 4)
        table += struct.pack(">4sII", name, places[body], len(body))
    white = struct.unpack(">3i", _fixed(_D50))
    header = _HEADER.pack(start + len(bodies), _VERSION, b"mntr", b"RGB ", b"XYZ ", b"acsp", *white)
    return header + struct.pack(">I", len(tags)) + table + bodies


def _text(words: bytes) -> bytes:
    """A multiLocalizedUnicode of ASCII characters."""
    head = struct.pack(">4s4xII4sII", b"mluc", 1, 12, b"enUS", 2 * len(words), 28)
    return head + b"".join(b"\0%c" % each for each in words)
