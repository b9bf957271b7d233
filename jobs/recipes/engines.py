"""Which engine does what: Pillow everything, and libvips (the extra `vips`), where it is installed, what it does for
less CPU. The rules are what bench.images measured. Pure: knows formats and sides, and no library."""

from jobs.images.turns import Size

VIPS_DECODES = frozenset({"png"})
"""In three fifths of Pillow's time. A JPEG takes both the same; a WebP libvips decodes by two threads, for half as much
again as Pillow by one, and at a scale for as much as Pillow in full."""
VIPS_MODES = frozenset({"L", "LA", "RGB", "RGBA"})
"""What it decodes, 8 bits each; of what else there is, Pillow's reading stays the only one."""
VIPS_PIXELS_MIN = 100_000
"""To hand pixels over costs some 0.3 ms, whatever their number."""
VIPS_PIXELS_MAX = 500_000_000
"""Four bytes each, and what libvips reads is one block of less than 2 GB."""
VIPS_ENCODES = frozenset({"png"})
"""In half of Pillow's time; JPEG and WebP take both the same."""
PNG_LEVELS = {"none": 5, "paeth": 3}
"""libvips' filters of a PNG's rows, each with its zlib level. Unfiltered is what screens and drawings want (and sharp
always writes, at 6), Paeth's is a third smaller where it is a photograph."""
PNG_STRIPS, PNG_STRIP_SHARE = 4, 64
"""Both are tried on so many strips, each one of so many parts of the rows."""
REDUCING_GAP = 1.4
"""Pillow box-reduces by whole numbers first, leaving this much to the filter, as a JPEG's inverse DCT does: up to
twice as fast, for at most 0.002 of SSIM (bench.images, against a gap of 3; 1.25 would cost 0.004 more)."""
VIPS_SHRINK_MAX = 2 * REDUCING_GAP
"""From here on Pillow reduces, which is as fast."""
CUBIC_FROM_PIXELS, LINEAR_FROM_PIXELS = 1_000_000, 2_000_000
"""Of the output: from here on cubic (a seventh less time), and then linear (a third less), instead of Lanczos. On
sharp's photograph the SSIM of 1920 x 1568 pixels is 0.002 less than sharp's, of 1280 x 1045 made of those 0.004, and
what derives from them has more."""


def vips_decodes(format: str, mode: str, size: Size, frames: int) -> bool:
    """Whether libvips decodes this picture: a still one, of `mode` in Pillow's words (and no palette, mask or
    interlacing behind it)."""
    return format in VIPS_DECODES and mode in VIPS_MODES and frames == 1 and _worth(size.width * size.height)


def vips_resizes(whole: Size, width: float, height: float, size: Size) -> bool:
    """Whether libvips makes `width` x `height` pixels of a `whole` picture `size`: never larger, nor much smaller."""
    shrinks = width / size.width, height / size.height
    lendable = whole.width * whole.height <= VIPS_PIXELS_MAX
    return lendable and _worth(width * height) and min(shrinks) >= 1 and 1 < max(shrinks) < VIPS_SHRINK_MAX


def vips_encodes(format: str, size: Size) -> bool:
    """Whether libvips writes a still picture of this `size`, without metadata."""
    return format in VIPS_ENCODES and _worth(size.width * size.height)


def png_strips(height: int) -> list[tuple[int, int]]:
    """The first row and the number of rows of each strip that the filters are tried on, evenly from top to bottom."""
    rows = -(-height // PNG_STRIP_SHARE)
    return [(height * (2 * index + 1) // (2 * PNG_STRIPS) - rows // 2, rows) for index in range(PNG_STRIPS)]


def vips_kernel(size: Size) -> str:
    """libvips' word for the filter that makes `size`."""
    pixels = size.width * size.height
    return "linear" if pixels >= LINEAR_FROM_PIXELS else "cubic" if pixels >= CUBIC_FROM_PIXELS else "lanczos3"


def _worth(pixels: float) -> bool:
    return VIPS_PIXELS_MIN <= pixels <= VIPS_PIXELS_MAX
