"""What an animation shows, frame by frame, in sRGB: its extent, its first picture, and how it is played.

Owns which formats are laid here (GIF and animated PNG: worker/images/canvas.py, of stills that Pillow decodes) and
which by their library (WebP, AVIF). Knows no recipe.
"""

import io
import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO, NamedTuple

from PIL import Image

from jobs.images.turns import Size
from worker.images import imagefile
from worker.images.canvas import Canvas, opaque
from worker.images.colours.convert import to_srgb
from worker.images.colours.declared import Told
from worker.images.formats import apngs, gifs, heic
from worker.images.formats.animation import Part

_STILL = frozenset({"TIFF", heic.FORMAT})
"""A TIFF's pages and a HEIC's pictures are not frames: the first is the image."""
SEEKS = frozenset({"webp", "avif"})
"""Of these Pillow's image must stay as it is, to be moved from frame to frame."""
_ALPHAS = {"L": "LA", "LA": "LA"}


class Extent(NamedTuple):
    """The number of an image's frames; the sides that hold them all; whether it moves (it has several frames, or one
    that is not the still picture); and whether the still picture is none of them (a PNG may have such a picture, for
    readers without animation)."""

    frames: int
    width: int
    height: int
    moves: bool
    apart: bool = False


def extent(image: Image.Image, file: BinaryIO, most: int) -> Extent:
    """Of the image in `file`, of which Pillow has read the header: frames are counted up to `most` + 1, and none is
    decoded."""
    if image.format == "GIF":
        return _gif_extent(file, Size(*image.size), most)
    if image.format in _STILL:
        return Extent(1, *image.size, moves=False)
    apart = bool(image.info.get("default_image"))
    frames: int = getattr(image, "n_frames", 1) - apart
    return Extent(frames, *image.size, moves=frames > 1 or apart, apart=apart)


def _gif_extent(file: BinaryIO, canvas: Size, most: int) -> Extent:
    """A frame may reach beyond the canvas."""
    frames, (width, height), at = 0, canvas, file.tell()
    for frame in itertools.islice(gifs.frames(file), most + 1):
        frames += 1
        left, top, sides, *_ = frame.part
        width, height = max(width, left + sides.width), max(height, top + sides.height)
    file.seek(at)
    return Extent(frames, width, height, moves=frames > 1)


def plays(image: Image.Image) -> int:
    """How often an animation is played, 0: for ever. A GIF's own number counts the repeats."""
    loop: int | None = image.info.get("loop")
    if image.format != "GIF":
        return loop or 0
    return 1 if loop is None else loop and loop + 1


def first(image: Image.Image, file: BinaryIO) -> Image.Image:
    """The picture of the GIF in `file` (`image`, not yet decoded), or the first one. What no frame covers is clear."""
    frame = next(gifs.frames(file), None)
    if frame is None or frame.part[:3] == (0, 0, image.size):
        imagefile.decode(image, scale=1)
        return image
    picture, _ = next(_of_gif(image, file, None))
    return picture


def shown(
    format: str, image: Image.Image, file: BinaryIO, told: Told, still: Image.Image | None = None
) -> Iterator[tuple[Image.Image, Fraction]]:
    """The pictures of an animation, whole and in sRGB (by the declarations in `told`), each with its seconds. The
    caller owns them. `still`: the decoded image, in sRGB, if it is at hand and is a frame: it is the first one, if the
    sides are equal.
    """
    if format == "gif":
        yield from _of_gif(image, file, still)
    elif format == "png":
        yield from _of_png(image, file, told, still)
    else:
        yield from _of_library(image, told)


def _of_gif(image: Image.Image, file: BinaryIO, still: Image.Image | None) -> Iterator[tuple[Image.Image, Fraction]]:
    canvas = Canvas(Size(*image.size), "RGBA")
    for frame in gifs.frames(file):
        pixels, still = _as_first(still, frame.part), None
        if pixels is None and all(frame.part.size):
            pixels = _decoded(gifs.still(file, frame), "gif", ())
        yield canvas.lay(frame.part, pixels), frame.part.seconds


def _of_png(
    image: Image.Image, file: BinaryIO, told: Told, still: Image.Image | None
) -> Iterator[tuple[Image.Image, Fraction]]:
    canvas = None
    for frame in apngs.frames(file):
        pixels, still = _as_first(still, frame.part) or _decoded(apngs.still(file, frame), "png", told), None
        canvas = canvas or Canvas(Size(*image.size), _ALPHAS.get(pixels.mode, "RGBA"))
        yield canvas.lay(frame.part, pixels), frame.part.seconds


def _as_first(still: Image.Image | None, part: Part) -> Image.Image | None:
    """The pixels of the first frame, where they are decoded: the canvas may keep them, and paint on them."""
    return still.copy() if still is not None and part[:3] == (0, 0, still.size) else None


def _of_library(image: Image.Image, told: Told) -> Iterator[tuple[Image.Image, Fraction]]:
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        image.load()
        milliseconds = round(image.info.get("duration", 0))
        yield opaque(to_srgb(image.copy(), told)), Fraction(milliseconds, 1000)


def _decoded(data: bytes, format: str, told: Told) -> Image.Image:
    image = imagefile.open_image(io.BytesIO(data), format)
    imagefile.decode(image, scale=1)
    return to_srgb(image, told)
