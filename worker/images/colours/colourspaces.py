"""Colours that a file tells by number: the meaning of CICP, of PNG's gAMA and cHRM, and of a BMP's header.

Pure. Owns the tables of primaries and transfer functions, and the tone mapping of light beyond white. Must not know
Pillow, nor the place of the numbers in a file.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from worker.images.colours.icc import D65, SRGB, Curve, Point, Primaries, srgb_curve

_CHROMATICITY_DIFFERENCE = 0.001
_GAMMA_DIFFERENCE = 0.01
"""A gamma this near to 2.2 means sRGB: every writer of PNG uses it so."""
_GAMMAS = (0.1, 10.0)
_NITS_OF_WHITE, _NITS_OF_LIGHTS = 203.0, 1000.0
"""The light of reference white in HDR (ITU-R BT.2408), and the brightest light that is taken into account."""


@dataclass(frozen=True, slots=True)
class Gamma:
    """light = sample ** exponent"""

    exponent: float

    def __call__(self, sample: float) -> float:
        """As a Curve."""
        return float(sample**self.exponent)


@dataclass(frozen=True, slots=True)
class Narrow:
    """A curve for samples in the narrow range, 16 to 235."""

    curve: Curve

    def __call__(self, sample: float) -> float:
        """As a Curve."""
        return self.curve(min(1.0, max(0.0, (sample * 255 - 16) / 219)))


class Numbers(NamedTuple):
    """Colours by their primaries and the curves of red, green and blue."""

    primaries: Primaries
    curves: tuple[Curve, Curve, Curve]

    @property
    def are_srgb(self) -> bool:
        """Whether these are sRGB's, so that nothing needs to be converted."""
        pairs = zip(self.primaries, SRGB, strict=True)
        near = all(math.dist(found, right) <= _CHROMATICITY_DIFFERENCE for found, right in pairs)
        return near and set(self.curves) == {srgb_curve}

    @property
    def are_bright(self) -> bool:
        """Whether they can be brighter than white (HDR). The curves then map the tones down."""
        return any(getattr(each, "curve", each) in (_pq, _hlg) for each in self.curves)


def _pq(sample: float) -> float:
    """SMPTE ST 2084 (PQ), as light where 1 is white."""
    power = sample ** (1 / 78.84375)
    light = (max(0.0, power - 0.8359375) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)
    return _brought_down(10_000 * light)


def _hlg(sample: float) -> float:
    """ARIB STD-B67 on a screen of 1,000 nits."""
    scene = sample**2 / 3 if sample <= 0.5 else (math.exp((sample - 0.55991073) / 0.17883277) + 0.28466892) / 12
    return _brought_down(_NITS_OF_LIGHTS * float(scene**1.2))


def _cinema(sample: float) -> float:
    """SMPTE ST 428-1, whose white is below its brightest value."""
    return float(min(1.0, 52.37 / 48 * sample**2.6))


def _brought_down(nits: float) -> float:
    """Reinhard's tone curve, as in Chromium: the brightest light becomes 1, dark tones hardly change."""
    light, brightest = min(nits, _NITS_OF_LIGHTS) / _NITS_OF_WHITE, _NITS_OF_LIGHTS / _NITS_OF_WHITE
    return light * (1 + light / brightest**2) / (1 + light)


_P3 = (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)
_NTSC = (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)
PRIMARIES = {
    1: SRGB,
    4: Primaries((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316)),
    5: Primaries((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), D65),
    6: Primaries(*_NTSC, D65),
    7: Primaries(*_NTSC, D65),
    8: Primaries((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), (0.310, 0.316)),
    9: Primaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65),
    10: Primaries((1.0, 0.0), (0.0, 1.0), (0.0, 0.0), (1 / 3, 1 / 3)),
    11: Primaries(*_P3, (0.314, 0.351)),
    12: Primaries(*_P3, D65),
    22: Primaries((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), D65),
}
"""ITU-T H.273, table 2. (The blue of 10 has no light: nothing can be converted by it.)"""
CURVES: dict[int, Curve] = {
    **dict.fromkeys((1, 6, 11, 12, 13, 14, 15), srgb_curve),
    4: Gamma(2.2),
    5: Gamma(2.8),
    8: Gamma(1.0),
    16: _pq,
    17: _cinema,
    18: _hlg,
}
"""Table 3. The curves of television's cameras are shown by the screen's, as browsers do."""
UNSPECIFIED = 2


def by_code(primaries: int, transfer: int, full: bool = True) -> Numbers | None:
    """The meaning of CICP's code points; sRGB for an unspecified one. None: one is unknown."""
    colours = PRIMARIES.get(1 if primaries == UNSPECIFIED else primaries)
    curve = CURVES.get(13 if transfer == UNSPECIFIED else transfer)
    if colours is None or curve is None:
        return None
    return _alike(colours, curve if full else Narrow(curve))


def by_gamma(gamma: float | None, chromaticities: Sequence[float] | None) -> Numbers | None:
    """The meaning of a PNG's gAMA (the encoder's exponent) and cHRM (white, red, green, blue). What is missing is
    sRGB's."""
    curve = _by_exponent(1 / gamma) if gamma else None
    if chromaticities and len(chromaticities) == 8:
        white, red, green, blue = zip(chromaticities[::2], chromaticities[1::2], strict=True)
        return _alike(Primaries(red, green, blue, white), curve or srgb_curve)
    return _alike(SRGB, curve) if curve else None


def _alike(primaries: Primaries, curve: Curve) -> Numbers:
    return Numbers(primaries, (curve, curve, curve))


def _by_exponent(exponent: float) -> Curve | None:
    low, high = _GAMMAS
    if not low <= exponent <= high:
        return None
    near: Curve = srgb_curve
    return near if abs(exponent / 2.2 - 1) <= _GAMMA_DIFFERENCE else Gamma(exponent)


def of_bitmap(endpoints: bytes) -> Numbers | None:
    """The meaning of a BMP's calibrated colours: nine FXPT2DOT30 (X, Y, Z of red, green and blue) and three 16.16
    gammas. None: they are empty, as most writers leave them, or incomplete."""
    values = struct.unpack("<9i3I", endpoints)
    colours = [[value / 2**30 for value in values[at : at + 3]] for at in (0, 3, 6)]
    curves = [_by_exponent(value / 65536) for value in values[9:]]
    red, green, blue = curves
    if not all(sum(colour) > 0 for colour in colours) or red is None or green is None or blue is None:
        return None
    points = _point(colours[0]), _point(colours[1]), _point(colours[2])
    told = all(abs(sum(colour) - 1) < 0.01 for colour in colours)  # these are chromaticities, which do not define white
    white = D65 if told else _point([sum(axis) for axis in zip(*colours, strict=True)])
    return Numbers(Primaries(*points, white), (red, green, blue))


def _point(colour: Sequence[float]) -> Point:
    return colour[0] / sum(colour), colour[1] / sum(colour)
