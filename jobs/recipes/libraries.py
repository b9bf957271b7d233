"""Chooses the library for each operation: libvips (the extra `vips`) or libturbojpeg (of the system), where it is
installed and was measured cheaper (bench.images), else Pillow. Pure: knows formats and sides, and imports none."""

from collections.abc import Collection

from jobs.images.turns import Size
from jobs.recipes.keys import COLOURS
from jobs.recipes.measured import asks_pixels
from jobs.recipes.plan import Derivation
from jobs.recipes.shapes import Shape

VIPS_DECODES = frozenset({"png"})
"""libvips decodes these in three fifths of Pillow's time. A JPEG costs both the same. libvips decodes a WebP with two
threads, at one and a half times Pillow's cost with one; at a scale it costs as much as Pillow does in full."""
VIPS_MODES = frozenset({"L", "LA", "RGB", "RGBA"})
"""Modes that libvips decodes, of 8 bits each. Pillow alone reads all others."""
VIPS_PIXELS_MIN = 100_000
"""Handing pixels over costs some 0.3 ms, whatever their number."""
VIPS_PIXELS_MAX = 500_000_000
"""A pixel has four bytes, and libvips reads one block of less than 2 GB."""
VIPS_ENCODES = frozenset({"png"})
"""libvips encodes these in half of Pillow's time. JPEG and WebP cost both the same."""
PNG_LEVELS = {"none": 5, "paeth": 3}
"""libvips' filters of a PNG's rows, each with its zlib level. Screens and drawings are smallest unfiltered (sharp never
filters, at level 6). A photograph is a third smaller with Paeth's filter."""
PNG_STRIPS, PNG_STRIP_SHARE = 4, 64
"""Both filters are tried on this many strips; each strip is one of this many parts of the rows."""
REDUCING_GAP = 1.4
"""Pillow first box-reduces by whole numbers and leaves this factor to the filter, as a JPEG's inverse DCT does. That is
up to twice as fast and costs at most 0.002 of SSIM (bench.images, against a gap of 3; 1.25 would cost 0.004 more)."""
VIPS_SHRINK_MAX = 2 * REDUCING_GAP
"""From this shrink on Pillow reduces: it is as fast."""
PLANE_KERNEL, PLANE_PIXELS_MIN = "lanczos3", 500_000
"""libvips' filter for planes, and the pixels from which it is worth while: it hands them over twice."""
CUBIC_FROM_PIXELS, LINEAR_FROM_PIXELS = 1_000_000, 2_000_000
"""Pixels of the output from which the filter is cubic (a seventh less time), then linear (a third less), instead of
Lanczos. On sharp's photograph the SSIM of 1920 x 1568 pixels is 0.002 less than sharp's, and 0.004 less of 1280 x 1045
pixels that are made of those. The renditions that derive from them have a higher SSIM."""

PLANES_BYTES_MAX = 64 * 1024 * 1024
"""libturbojpeg reads a file from memory, all of it. Pillow reads a larger one piece by piece."""
PLANES_RGB_SHRINK = 2.0
"""From this shrink on, half the sides of chroma are enough for a step that needs RGB."""


def is_planar(one: Shape, format: str) -> bool:
    """Whether a rendition is made of luma and chroma apart: a JPEG that is only cropped, scaled and turned, or gray."""
    spec = one.spec
    filtered = spec.blur or spec.sharpen or spec.radius or spec.watermark or any(getattr(spec, key) for key in COLOURS)
    plain = spec.chroma == 420 and spec.profile == "srgb" and not (spec.jpeg and spec.jpeg.trellis)
    return format == "jpeg" and plain and not (filtered or one.canvas or one.tilt or spec.padding)


def planes_serve(steps: Collection[tuple[Derivation, str]]) -> bool:
    """Whether these steps, each with its output's format, should be made of the planes of a JPEG. A step that is not
    planar takes RGB, for which chroma would have to be enlarged, unless the step shrinks enough. Measures take RGB, and
    so do other colour spaces."""
    if any(asks_pixels(step.shape.spec) or step.shape.spec.profile != "srgb" for step, _ in steps):
        return False
    return all(is_planar(step.shape, format) or _shrinks(step) for step, format in steps)


def _shrinks(step: Derivation) -> bool:
    width, height = step.box.right - step.box.left, step.box.bottom - step.box.top
    size = step.shape.size
    return not step.shape.tilt and min(width / size.width, height / size.height) >= PLANES_RGB_SHRINK


def vips_decodes(format: str, mode: str, size: Size, frames: int) -> bool:
    """Whether libvips decodes this picture: a still one, of `mode` in Pillow's words (and no palette, mask or
    interlacing behind it)."""
    return format in VIPS_DECODES and mode in VIPS_MODES and frames == 1 and _worth(size.width * size.height)


def vips_resizes(whole: Size, width: float, height: float, size: Size) -> bool:
    """Whether libvips resizes `width` x `height` pixels of a `whole` picture to `size`: never up, nor much smaller."""
    shrinks = width / size.width, height / size.height
    lendable = whole.width * whole.height <= VIPS_PIXELS_MAX
    return lendable and _worth(width * height) and min(shrinks) >= 1 and 1 < max(shrinks) < VIPS_SHRINK_MAX


def vips_resizes_plane(whole: Size, width: float, height: float, size: Size) -> bool:
    """As `vips_resizes`, for a plane of one band."""
    return width * height >= PLANE_PIXELS_MIN and vips_resizes(whole, width, height, size)


def vips_encodes(format: str, size: Size) -> bool:
    """Whether libvips writes a still picture of this `size`, without metadata."""
    return format in VIPS_ENCODES and _worth(size.width * size.height)


def png_strips(height: int) -> list[tuple[int, int]]:
    """The strips on which the filters are tried, evenly from top to bottom: the first row and the number of rows."""
    rows = -(-height // PNG_STRIP_SHARE)
    return [(height * (2 * index + 1) // (2 * PNG_STRIPS) - rows // 2, rows) for index in range(PNG_STRIPS)]


def vips_kernel(size: Size) -> str:
    """libvips' word for the filter that makes `size`."""
    pixels = size.width * size.height
    return "linear" if pixels >= LINEAR_FROM_PIXELS else "cubic" if pixels >= CUBIC_FROM_PIXELS else "lanczos3"


def _worth(pixels: float) -> bool:
    return VIPS_PIXELS_MIN <= pixels <= VIPS_PIXELS_MAX
