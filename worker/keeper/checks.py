"""Checks on a decoder's messages, after worker/boundary/tasks.py has typed them. Pure.

Decoders parse untrusted bytes and may be compromised: accept only messages that can end their own job.
"""

import functools
import math
from typing import NamedTuple

from jobs.errors import ImageFault, WireFault
from jobs.images import facts
from jobs.images.formats import EXTENSIONS, SIDES_BY_HEAD, output_format
from jobs.images.head import Head
from jobs.images.turns import Size
from jobs.limits import OUTPUT_PIXELS_MAX, SIDE_MAX
from jobs.recipes.expand import edges
from jobs.recipes.measured import asks_pixels
from jobs.recipes.pages import animates
from jobs.recipes.recipe import RenditionSpec
from jobs.recipes.shapes import shape
from worker.boundary.tasks import Done, Fault, Rendered, Seen
from worker.keeper.watermarks import RECIPES_KEPT, resolved

DETAIL_CHARACTERS_MAX = 300
PIXEL_BYTES_MAX = 8
"""Bytes of a file for each pixel of each frame: twice those of noise in the most wasteful of our formats."""
SLACK_BYTES = 2 * 1024 * 1024
"""Bytes of a file beside its pixels and the metadata that it may have kept of the original."""
_STILL = frozenset({"jpeg", "bmp", "tiff", "heic"})
_ORIENTATIONS = (1, 6)
"""One orientation of each kind: upright and on its side. Only the decoder knows the original's."""


class Allowed(NamedTuple):
    """The allowed form of a rendition: this format, one of these sides, at most `frames` frames. If no sides are given,
    it must not be larger than `most` and OUTPUT_PIXELS_MAX."""

    format: str
    sides: frozenset[Size]
    most: Size
    frames: int

    def bytes_max(self, original_bytes: int) -> int:
        """The most bytes of its file, which may include some of the original's metadata."""
        known = max((side.width * side.height for side in self.sides), default=self.most.width * self.most.height)
        return min(known, OUTPUT_PIXELS_MAX) * self.frames * PIXEL_BYTES_MAX + SLACK_BYTES + original_bytes

    def fits(self, size: Size) -> bool:
        """Whether it may have these sides."""
        if self.sides:
            return size in self.sides
        small = size.width <= self.most.width and size.height <= self.most.height
        return small and 0 < size.width * size.height <= OUTPUT_PIXELS_MAX


@functools.lru_cache(RECIPES_KEPT)
def allowed(recipe: str, head: Head, frames_max: int) -> dict[str, Allowed]:
    """By name, the allowed renditions of `recipe` for an original with this `head` (0: unknown). Raises ImageFault."""
    return {spec.name: _allowed(spec, head, frames_max) for spec in resolved(recipe).renditions}


def _allowed(spec: RenditionSpec, head: Head, frames_max: int) -> Allowed:
    format = output_format(spec.format, head.format)
    bounded = spec.fit != "outside"
    top, right, bottom, left = edges(spec.padding)
    asked = ((spec.width, left + right), (spec.height, top + bottom))
    most = Size(*((min(SIDE_MAX, side + around) if side and bounded else SIDE_MAX) for side, around in asked))
    frames = frames_max if animates(spec, format) and head.format not in _STILL else 1
    known = head.format in SIDES_BY_HEAD and head.width and head.height and not asks_pixels(spec)
    return Allowed(format, _sides(spec, Size(head.width, head.height)) if known else frozenset(), most, frames)


def _sides(spec: RenditionSpec, stored: Size) -> frozenset[Size]:
    found = set()
    for orientation in _ORIENTATIONS:
        try:
            found.add(shape(spec, stored, orientation).sides)
        except ImageFault:  # the recipe asks what an image that lies so cannot give
            continue
    return frozenset(found)


def unexpected(word: Seen | Rendered | Done | Fault) -> WireFault:
    """The fault of a decoder that answers without a task, or before it has taken the task out of its socket."""
    return WireFault(f"a {type(word).__name__} that nobody asked for")


def check_begun(word: Rendered, size: int, wanted: Allowed | None, size_max: int) -> None:
    """Raises WireFault if these `size` bytes must not come. `wanted` is None if nobody asked for this rendition, or if
    it is there already."""
    if wanted is None or word.format != wanted.format or EXTENSIONS.get(word.format) != word.extension:
        raise WireFault(f"a rendition {word.name!r} as .{word.extension}")
    if not wanted.fits(Size(word.width, word.height)):
        raise WireFault(f"a rendition {word.name!r} of {word.width} x {word.height}")
    if size > size_max:
        raise WireFault(f"a rendition {word.name!r} of {size} bytes, {size_max} were allowed")


def check_whole(word: Rendered, head: Head | None) -> None:
    """Raises WireFault if the bytes are not what the decoder announced."""
    if head != (word.format, word.width, word.height):
        raise WireFault(f"a rendition {word.name!r} that is no {word.format} of {word.width} x {word.height}")


def seen(word: Seen, *, wanted: bool) -> bytes:
    """The facts, as they are sent on. Raises WireFault if they are not `wanted`, or not any more."""
    if not wanted:
        raise WireFault("facts that nobody asked for")
    try:
        return facts.encode(word.facts)
    except (ValueError, UnicodeEncodeError) as error:
        raise WireFault(f"{error}") from None


def check_done(word: Done, expected: int, made: int, *, lacks_facts: bool) -> None:
    """Raises WireFault if facts or renditions are missing: then this is no end."""
    if lacks_facts:
        raise WireFault("an end without facts")
    if made != expected or not all(map(math.isfinite, (word.cpu_ms, *word.seconds))):
        raise WireFault(f"{made} of {expected} renditions, {word.cpu_ms} CPU ms")


def plain(text: str) -> str:
    """Untrusted text, without characters that would make lines or colours on a console."""
    return "".join(each if each.isprintable() else " " for each in text[:DETAIL_CHARACTERS_MAX])
