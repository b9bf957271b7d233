"""What only the pixels of an image tell, as arguments of the plan: nothing here is measured.

worker/images/measure.py fills it, for the keys that need it. Pure; web plans without it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from jobs.recipes.keys import Crop, RenditionSpec, Trim


class Measured(NamedTuple):
    """`trims`: the part of the upright image that each trim leaves; it is missing where the trim finds nothing to cut,
    or nothing that would be left."""

    trims: Mapping[Trim, Crop]


UNMEASURED = Measured(MappingProxyType({}))
"""Nothing is known: a trim leaves the whole."""


def asks_pixels(spec: RenditionSpec) -> bool:
    """Whether a rendition depends on what only the decoded original tells. It is decoded in full then."""
    return spec.trim is not False
