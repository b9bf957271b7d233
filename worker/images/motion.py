"""The pictures of an animation, frame by frame, in sRGB; its extent, its first picture, and its repeat count.

The frames of GIF and animated PNG are decoded as stills by Pillow, and drawn on a canvas here
(worker/images/canvas.py). For WebP and AVIF the library does all that. Knows no recipe.
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
from worker.images.colours.declared import Declarations
from worker.images.formats import apngs, gifs, heic, webps
from worker.images.formats.animation import Part

_STILL = frozenset({"TIFF", heic.FORMAT})
"""A TIFF's pages and a HEIC's pictures are not frames: the first is the image."""
SEEKS = frozenset({"webp", "avif"})
"""Pillow seeks through the frames of these formats, so its image must not be changed."""
_ALPHAS = {"L": "LA", "LA": "LA"}


class Extent(NamedTuple):
    """The extent of an image: the number of its frames, and the width and height that contain them all. `apart`: the
    still picture is not a frame (a PNG may have one for readers without animation). `moves`: it has several frames, or
    one that is not the still picture."""

    frames: int
    width: int
    height: int
    moves: bool
    apart: bool = False


def extent(image: Image.Image, file: BinaryIO, most: int) -> Extent:
    """The extent of the image in `file`, whose header Pillow has read. It counts up to `most` + 1 frames, and decodes
    none."""
    if image.format == "GIF":
        return _gif_extent(file, Size(*image.size), most)
    if image.format in _STILL:
        return Extent(1, *image.size, moves=False)
    apart = bool(image.info.get("default_image"))
    frames: int = getattr(image, "n_frames", 1) - apart
    return Extent(frames, *image.size, moves=frames > 1 or apart, apart=apart)


def _gif_extent(file: BinaryIO, canvas: Size, most: int) -> Extent:
    """The extent of a GIF, whose frames may be larger than its canvas."""
    frames, (width, height), at = 0, canvas, file.tell()
    for frame in itertools.islice(gifs.frames(file), most + 1):
        frames += 1
        left, top, sides, *_ = frame.part
        width, height = max(width, left + sides.width), max(height, top + sides.height)
    file.seek(at)
    return Extent(frames, width, height, moves=frames > 1)


def plays(image: Image.Image) -> int:
    """How often an animation is played; 0: for ever. The number in a GIF counts only the repeats."""
    loop: int | None = image.info.get("loop")
    if image.format != "GIF":
        return loop or 0
    return 1 if loop is None else loop and loop + 1


def seconds(format: str, image: Image.Image, file: BinaryIO) -> Fraction:
    """How long an animation takes once. Only AVIF is decoded for it."""
    if format == "gif":
        return sum((frame.part.seconds for frame in gifs.frames(file)), Fraction(0))
    if format == "png":
        return sum((frame.part.seconds for frame in apngs.frames(file)), Fraction(0))
    if format == "webp":
        return webps.seconds(file)
    return sum((each for _, each in _of_library(image, ())), Fraction(0))


def first(image: Image.Image, file: BinaryIO) -> Image.Image:
    """The first picture of the GIF in `file` (`image`, not yet decoded). It is transparent where no frame covers it."""
    frame = next(gifs.frames(file), None)
    if frame is None or frame.part[:3] == (0, 0, image.size):
        imagefile.decode(image, scale=1)
        return image
    picture, _ = next(_of_gif(image, file, None))
    return picture


def shown(
    format: str, image: Image.Image, file: BinaryIO, declarations: Declarations, still: Image.Image | None = None
) -> Iterator[tuple[Image.Image, Fraction]]:
    """The pictures of an animation, in full and in sRGB (by the declarations in `declarations`), each with its delay in
    seconds. The caller owns them. `still`: the decoded image in sRGB, if it is at hand and is a frame; it saves
    decoding the first frame, if the sizes are equal.
    """
    if format == "gif":
        yield from _of_gif(image, file, still)
    elif format == "png":
        yield from _of_png(image, file, declarations, still)
    else:
        yield from _of_library(image, declarations)


def _of_gif(image: Image.Image, file: BinaryIO, still: Image.Image | None) -> Iterator[tuple[Image.Image, Fraction]]:
    canvas = Canvas(Size(*image.size), "RGBA")
    for frame in gifs.frames(file):
        pixels, still = _as_first(still, frame.part), None
        if pixels is None and all(frame.part.size):
            pixels = _decoded(gifs.still(file, frame), "gif", ())
        yield canvas.lay(frame.part, pixels), frame.part.seconds


def _of_png(
    image: Image.Image, file: BinaryIO, declarations: Declarations, still: Image.Image | None
) -> Iterator[tuple[Image.Image, Fraction]]:
    canvas = None
    for frame in apngs.frames(file):
        pixels, still = _as_first(still, frame.part) or _decoded(apngs.still(file, frame), "png", declarations), None
        canvas = canvas or Canvas(Size(*image.size), _ALPHAS.get(pixels.mode, "RGBA"))
        yield canvas.lay(frame.part, pixels), frame.part.seconds


def _as_first(still: Image.Image | None, part: Part) -> Image.Image | None:
    """The pixels of the first frame, if they are decoded already: a copy, because the canvas may keep and change it."""
    return still.copy() if still is not None and part[:3] == (0, 0, still.size) else None


def _of_library(image: Image.Image, declarations: Declarations) -> Iterator[tuple[Image.Image, Fraction]]:
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        image.load()
        milliseconds = round(image.info.get("duration", 0))
        yield opaque(to_srgb(image.copy(), declarations)), Fraction(milliseconds, 1000)


def _decoded(data: bytes, format: str, declarations: Declarations) -> Image.Image:
    image = imagefile.open_image(io.BytesIO(data), format)
    imagefile.decode(image, scale=1)
    return to_srgb(image, declarations)
