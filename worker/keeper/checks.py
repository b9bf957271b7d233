"""What a keeper believes of a decoder's words, once worker/boundary/tasks.py has typed them. Pure.

A decoder opens what strangers sent, and may be theirs by now: it must be able to end its job, and nothing else.
"""

import functools
import math
from typing import NamedTuple

from jobs.errors import ImageFault, WireFault
from jobs.images.formats import ANIMATED, EXTENSIONS, SIDES_BY_HEAD, output_format
from jobs.images.head import Head
from jobs.images.turns import Size
from jobs.limits import OUTPUT_PIXELS_MAX, SIDE_MAX
from jobs.recipes.recipe import RenditionSpec
from jobs.recipes.shapes import shape
from worker.boundary.tasks import Done, Fault, Rendered
from worker.keeper.watermarks import RECIPES_KEPT, resolved

DETAIL_CHARACTERS_MAX = 300
PIXEL_BYTES_MAX = 8
"""Of a file, for each pixel of each frame: twice what pixels of noise take in the most wasteful of our formats."""
SLACK_BYTES = 2 * 1024 * 1024
"""Of a file beside its pixels and what it may have kept of the original's bytes."""
_STILL = frozenset({"jpeg", "bmp", "tiff", "heic"})
_ORIENTATIONS = (1, 6)
"""One of each kind: upright and on its side. Which one an original has, only its decoder knows."""


class Asked(NamedTuple):
    """What a rendition must be: of this format, and of one of these sides; or, where there are none, no larger than
    `most` and OUTPUT_PIXELS_MAX. `frames` at most."""

    format: str
    sides: frozenset[Size]
    most: Size
    frames: int

    def bytes_max(self, original_bytes: int) -> int:
        """Of its file; of the original's metadata some may be in it."""
        known = max((side.width * side.height for side in self.sides), default=self.most.width * self.most.height)
        return min(known, OUTPUT_PIXELS_MAX) * self.frames * PIXEL_BYTES_MAX + SLACK_BYTES + original_bytes

    def fits(self, size: Size) -> bool:
        """Whether it may have these sides."""
        if self.sides:
            return size in self.sides
        small = size.width <= self.most.width and size.height <= self.most.height
        return small and 0 < size.width * size.height <= OUTPUT_PIXELS_MAX


@functools.lru_cache(RECIPES_KEPT)
def asked(recipe: str, head: Head, frames_max: int) -> dict[str, Asked]:
    """By name, what `recipe` asks of an original whose first bytes tell `head` (0: they do not). Raises ImageFault."""
    return {spec.name: _asked(spec, head, frames_max) for spec in resolved(recipe)}


def _asked(spec: RenditionSpec, head: Head, frames_max: int) -> Asked:
    format = output_format(spec.format, head.format)
    bounded = spec.fit != "outside"
    most = Size(*((side if side and bounded else SIDE_MAX) for side in (spec.width, spec.height)))
    frames = frames_max if format in ANIMATED and head.format not in _STILL else 1
    known = head.format in SIDES_BY_HEAD and head.width and head.height
    return Asked(format, _sides(spec, Size(head.width, head.height)) if known else frozenset(), most, frames)


def _sides(spec: RenditionSpec, stored: Size) -> frozenset[Size]:
    found = set()
    for orientation in _ORIENTATIONS:
        try:
            found.add(shape(spec, stored, orientation).sides)
        except ImageFault:  # the recipe asks what an image that lies so cannot give
            continue
    return frozenset(found)


def unasked(word: Rendered | Done | Fault) -> WireFault:
    """Of a decoder that answers where it has no task, or before it has taken the task out of its socket."""
    return WireFault(f"a {type(word).__name__} that nobody asked for")


def check_begun(word: Rendered, size: int, wanted: Asked | None, size_max: int) -> None:
    """Raises WireFault where these `size` bytes are not to come: `wanted` is None where this rendition was not asked
    for, or is there."""
    if wanted is None or word.format != wanted.format or EXTENSIONS.get(word.format) != word.extension:
        raise WireFault(f"a rendition {word.name!r} as .{word.extension}")
    if not wanted.fits(Size(word.width, word.height)):
        raise WireFault(f"a rendition {word.name!r} of {word.width} x {word.height}")
    if size > size_max:
        raise WireFault(f"a rendition {word.name!r} of {size} bytes, {size_max} were allowed")


def check_whole(word: Rendered, head: Head | None) -> None:
    """Raises WireFault where the bytes are not what was said of them."""
    if head != (word.format, word.width, word.height):
        raise WireFault(f"a rendition {word.name!r} that is no {word.format} of {word.width} x {word.height}")


def check_done(word: Done, asked: int, made: int) -> None:
    """Raises WireFault where this is no end: renditions are lacking."""
    if made != asked or not math.isfinite(word.cpu_ms):
        raise WireFault(f"{made} of {asked} renditions, {word.cpu_ms} CPU ms")


def plain(text: str) -> str:
    """What strangers had a hand in, without what would make lines or colours on a console."""
    return "".join(each if each.isprintable() else " " for each in text[:DETAIL_CHARACTERS_MAX])
