"""Pictures, watermarks and backgrounds in the colour space that a rendition asks for (the key `profile`).

Owns what of a rendition's step is converted. The spaces themselves are worker/images/colours/spaces.py's.
"""

from collections.abc import Iterator
from fractions import Fraction

import msgspec
from PIL import Image

from worker.images import imagefile, motion, operations
from worker.images.colours.spaces import colour_from_srgb, from_srgb, pictured
from worker.images.reading import Work

_BANDED = {"L": "RGB", "LA": "RGBA"}


def in_space(step: operations.Step, profile: bytes) -> operations.Step:
    """The step with its colours and its watermarks in the space of this profile (b"": sRGB)."""
    if not profile:
        return step
    derivation, spec = step.derivation, step.derivation.shape.spec
    named = {key: getattr(spec, key) for key in ("background", "tint") if (getattr(spec, key) or "").startswith("#")}
    if named:
        there = {key: colour_from_srgb(colour, profile) for key, colour in named.items()}
        shape = derivation.shape._replace(spec=msgspec.structs.replace(spec, **there))
        derivation = derivation._replace(shape=shape)
    dominant = step.dominant and colour_from_srgb(step.dominant, profile)
    marks = tuple(from_srgb(mark, profile) for mark in step.marks)
    return step._replace(derivation=derivation, marks=marks, dominant=dominant, coloured=True)


def banded(image: Image.Image) -> Image.Image:
    """A finished picture with the bands of its profile, which is never one of gray."""
    return image.convert(_BANDED[image.mode]) if image.mode in _BANDED else image


def frames(work: Work, still: Image.Image | None, name: str) -> Iterator[tuple[Image.Image, Fraction]]:
    """The frames of the original, in the colour space of this `name`. If one cannot be decoded, that is the image's
    fault, not the recipe's. `still`: the first one, if it is decoded."""
    space = work.spaces.get(name)
    declarations = () if space else work.declarations
    shown = motion.shown(work.head.format, work.file, work.stream, declarations, None if space else still)
    while True:
        with imagefile.blamed("undecodable"):
            found = next(shown, None)
            if found is None:
                return
            frame, seconds = found
            if space:
                frame = pictured(frame, work.declarations, name, space)
        yield frame, seconds
