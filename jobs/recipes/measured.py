"""What only the pixels of an image tell, as arguments of the plan: nothing here is measured.

worker/images/reading.py fills it, for the keys that need it. Pure; web plans without it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from jobs.recipes.keys import CUTS, Crop, RenditionSpec, Trim
from jobs.recipes.values.attention import Grid, Seeking

Sought = tuple[Seeking, Crop | None]
"""What a cut looks for, and the part of the upright image in which it does. None: all of it."""


class Measured(NamedTuple):
    """`trims`: the part of the upright image that each trim leaves; it is missing where the trim finds nothing to cut,
    or nothing that would be left. `grids`: the samples of upright parts, for the cuts that look for something."""

    trims: Mapping[Trim, Crop]
    grids: Mapping[Sought, Grid] = MappingProxyType({})


UNMEASURED = Measured(MappingProxyType({}))
"""Nothing is known: a trim leaves the whole, and a cut keeps the middle."""


def asks_pixels(spec: RenditionSpec) -> bool:
    """Whether a rendition depends on what only the decoded original tells. It is decoded in full then."""
    return spec.trim is not False


def seeking(spec: RenditionSpec) -> Seeking | None:
    """What the cut of a rendition looks for in the pixels. The picture may be decoded at a scale for it. Without a
    focus its gravity is attention."""
    if spec.gravity == "entropy" and _cuts(spec):
        return "entropy"
    wants = spec.gravity == "attention" or (spec.gravity == "focus" and spec.focus is None)
    return "attention" if wants and _cuts(spec) else None


def trimmed(spec: RenditionSpec, measured: Measured) -> Crop | None:
    """The part of the upright image that a rendition is made of; None: all of it."""
    return measured.trims.get(spec.trim) if isinstance(spec.trim, Trim) else spec.crop


def _cuts(spec: RenditionSpec) -> bool:
    return spec.fit in CUTS and bool(spec.ratio or (spec.width and spec.height))
