"""Pictures as luma and chroma, each plane at its own resolution: from a JPEG to JPEGs without RGB between them.

With chroma at half of the sides a picture has 1.5 samples a pixel, where Pillow's RGB has 4. Owns the operations that
work on planes. Files are worker/images/formats/turbojpeg.py's, sides and boxes come from the plan.
"""

from typing import BinaryIO, NamedTuple

from PIL import Image

from jobs.images.kept.blocks import Blocks, in_jpeg
from jobs.images.turns import Box, Size, Turn
from jobs.recipes.keys import QUALITY
from jobs.recipes.libraries import PLANES_BYTES_MAX, REDUCING_GAP
from jobs.recipes.recipe import RenditionSpec
from worker.images.formats import turbojpeg, vips
from worker.images.looks import scaling


class Planes(NamedTuple):
    """A picture. `chroma` is empty (gray) or has both planes. `share`: how many pixels, by axis, share one sample of
    chroma. The planes may be larger than the picture, at their right and lower edges."""

    size: Size
    luma: Image.Image
    chroma: tuple[Image.Image, ...]
    share: tuple[float, float]


def decoded(file: BinaryIO, scale: int) -> Planes | None:
    """The picture of a JPEG at 1/`scale`, sides rounded up. None: Pillow must decode it. The file keeps its
    position."""
    at = file.tell()
    file.seek(0)
    data = file.read(PLANES_BYTES_MAX + 1)
    file.seek(at)
    head = turbojpeg.header(data) if len(data) <= PLANES_BYTES_MAX else None
    made = turbojpeg.decode(data, head, scale) if head else None
    if head is None or made is None:
        return None
    size = Size(-(-head.size.width // scale), -(-head.size.height // scale))
    return Planes(size, made[0], tuple(made[1:]), turbojpeg.SAMPLES.get(head.sampling, (1, 1)))


def resize(picture: Planes, box: Box, size: Size, *, full: bool) -> Planes:
    """Crop to `box`, and scale to `size`. Chroma gets the sides of luma if it is to be `full`, else half of them."""
    box = Box(
        max(0.0, box.left),
        max(0.0, box.top),
        min(box.right, picture.size.width),
        min(box.bottom, picture.size.height),
    )
    sides = size if full else Size(-(-size.width // 2), -(-size.height // 2))
    filter = scaling.filter_for(box, size)
    luma = _scaled(picture.luma, box, size, filter)
    chroma = tuple(_scaled(plane, _within(box, picture.share), sides, filter) for plane in picture.chroma)
    return Planes(size, luma, chroma, (size.width / sides.width, size.height / sides.height))


def turned(picture: Planes, turn: Turn) -> Planes:
    """Orientation, rotation by right angles, flip and flop."""
    if turn == Turn():
        return picture
    luma, *chroma = (scaling.turned(plane, turn) for plane in (picture.luma, *picture.chroma))
    share = picture.share[::-1] if turn.swap else picture.share
    return Planes(turn.size(picture.size), luma, tuple(chroma), share)


def gray(picture: Planes) -> Planes:
    """Luma alone (ITU-R 601)."""
    return picture._replace(chroma=())


def image(picture: Planes) -> Image.Image:
    """The picture, whose chroma is full, as L or RGB."""
    if not picture.chroma:
        return picture.luma
    return Image.merge("YCbCr", (picture.luma, *picture.chroma)).convert("RGB")


def sampled(picture: Planes, side: int) -> Image.Image:
    """A grid of at most `side` times `side` of the picture's pixels, as L or RGB."""
    sides = min(side, picture.size.width), min(side, picture.size.height)
    shares = ((1.0, 1.0), picture.share, picture.share)
    whole = Box(0, 0, *picture.size)
    parts = [
        plane.resize(sides, Image.Resampling.NEAREST, _within(whole, share))
        for plane, share in zip((picture.luma, *picture.chroma), shares, strict=False)
    ]
    return image(Planes(Size(*sides), parts[0], tuple(parts[1:]), (1, 1)))


class Unserved(Exception):
    """Pillow must encode this picture."""


def encode(picture: Planes, spec: RenditionSpec, kept: Blocks) -> bytes:
    """A JPEG, without metadata except these blocks. Raises Unserved."""
    planes = [picture.luma, *picture.chroma]
    data = turbojpeg.encode(planes, picture.size, spec.quality or QUALITY["jpeg"], progressive=spec.progressive)
    data = None if data is None else in_jpeg(data, kept)
    if data is None:
        raise Unserved
    return data


def _within(box: Box, share: tuple[float, float]) -> Box:
    """The part of a plane of chroma that is `box` of its picture."""
    x, y = share
    return Box(box.left / x, box.top / y, box.right / x, box.bottom / y)


def _scaled(plane: Image.Image, box: Box, size: Size, filter: Image.Resampling) -> Image.Image:
    """The part `box` of a plane, which may be a fraction of a sample larger than the plane, scaled to `size`."""
    box = Box(box.left, box.top, min(box.right, plane.width), min(box.bottom, plane.height))
    if (box.right - box.left, box.bottom - box.top) == size and all(float(edge).is_integer() for edge in box):
        return plane.crop((int(box.left), int(box.top), int(box.right), int(box.bottom)))
    if vips.resizes_plane(plane, box, size):
        return vips.resize_plane(plane, box, size)
    return plane.resize(size, filter, box, REDUCING_GAP)
