"""The second image library: libvips, from the extra `vips`. Only this file imports pyvips, if it is installed.

Owns its loading, its limits and its operations: decode PNG, shrink, encode PNG, and JPEG and WebP with options that
Pillow lacks. Input and output are Pillow's
pictures, in Pillow's memory (worker/images/formats/pixels.py). jobs/recipes/libraries.py decides when it is used. All
work is done in the calling thread, because a region that is fetched in strips needs no thread of libvips. Only the
encoding of a PNG starts a thread, which the sandbox of a decoder then allows.
"""

import ctypes
import io
import os
import threading
from functools import cache
from typing import Any

from PIL import Image

from host.settings.extras import vips_installed
from jobs.errors import SetupFault
from jobs.images.turns import Box, Size
from jobs.recipes import libraries
from jobs.recipes.values.formatted import Webp
from worker.images.formats import address_space, pixels

INSTALLED = vips_installed()
if INSTALLED:
    os.environ["VIPS_CONCURRENCY"] = "1"
    os.environ["VIPS_WARNING"] = "1"  # which hides its warnings: they would be no lines of our log
    import pyvips

    pixels.keep_in_one_block()
    pyvips.cache_set_max(0)
    pyvips.block_untrusted_set(True)
    pyvips.operation_block_set("VipsForeign", True)
    for _allowed in (
        "VipsForeignLoadPngBuffer",
        "VipsForeignSavePngBuffer",
        "VipsForeignSaveJpegBuffer",
        "VipsForeignSaveWebpBuffer",
    ):
        pyvips.operation_block_set(_allowed, False)

VERSION = f"+vips-{'.'.join(str(pyvips.version(part)) for part in range(3))}" if INSTALLED else ""
_WEBP_BYTES_A_PIXEL = 10
_LOSSLESS_Q = 80
_ROWS = 64
"""Rows of a strip: small enough for the processor's caches."""
_BANDS = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_KEPT = frozenset({1, 4})
"""Numbers of bands that Pillow and libvips store in the same way."""
_PHYS = slice(33, 54)
"""Where libvips writes a chunk with the size of a pixel on paper, which is removed: just after the header."""
_M_ARENA_MAX = -8
_GLIB_BYTES = 32 * 1024 * 1024
"""Memory that glib needs. It is probed for first, because glib ends the process when memory runs out."""


def decode(data: bytes, mode: str, size: Size) -> Image.Image | None:
    """The picture of the still PNG `data`; `mode` and `size` are the expected ones.

    None if libvips fails, or if mode or size differ: then Pillow decodes, and reports any fault.
    Raises MemoryError.
    """
    _require(8 * size.width * size.height)
    try:
        image = pyvips.Image.pngload_buffer(data, access="sequential", fail_on="warning")
        if (image.format, _BANDS.get(image.bands), image.width, image.height) != ("uchar", mode, *size):
            return None
        return _fetched(image, mode)
    except pyvips.Error:
        return None


def resize(image: Image.Image, box: Box, size: Size) -> Image.Image:
    """Shrink `box` (with rounded edges) of an image with 8-bit bands to `size`. Raises MemoryError."""
    _require(4 * size.width * size.height)
    left, top, right, bottom = _rounded(box, size)
    source = _lent(image)
    if (left, top, right, bottom) != (0, 0, *image.size):
        source = source.crop(left, top, right - left, bottom - top)
    shrink = (right - left) / size.width, (bottom - top) / size.height
    try:
        return _fetched(source.reduce(*shrink, kernel=libraries.vips_kernel(size)), image.mode)
    except pyvips.Error:  # the pixels are decoded already, so only memory can be lacking
        raise MemoryError from None


def resize_plane(plane: Image.Image, box: Box, size: Size) -> Image.Image:
    """As `resize`, for one band.

    libvips has no vector instructions for the rows of one band, and takes eight times as long. So the columns are
    shrunk first, which needs no bands. Then the upper, both middle and the lower quarter of the rows become the four
    bands of one picture, which has vector instructions.
    """
    _require(8 * size.width * size.height)
    left, top, right, bottom = _rounded(box, size)
    source = _lent(plane).crop(left, top, right - left, bottom - top)
    rows = -(-size.height // 4)
    try:
        columns = _fetched(source.reducev((bottom - top) / size.height, kernel=libraries.PLANE_KERNEL), "L", 4 * rows)
        quarters = [columns.crop((0, rows * part, columns.width, rows * (part + 1))) for part in range(4)]
        merged, shrink = Image.merge("RGBA", quarters), (right - left) / size.width
        made = _fetched(_lent(merged).reduceh(shrink, kernel=libraries.PLANE_KERNEL), "RGBA")
    except pyvips.Error:
        raise MemoryError from None
    whole = Image.new("L", size, None)
    for part, quarter in enumerate(made.split()):
        whole.paste(quarter, (0, rows * part))
    return whole


def encode_png(image: Image.Image) -> bytes | None:
    """Encode the still `image` (L, LA, RGB or RGBA) as a PNG without metadata, by the filter that makes some sample
    strips smallest (jobs/recipes/libraries.py). None: libvips failed or lacks memory, so Pillow must encode, and report
    any fault."""
    strips = libraries.png_strips(image.height)
    try:
        source = _packed(image)
        _require(_grown(source.width * source.height * source.bands))
        part = pyvips.Image.arrayjoin([source.crop(0, top, image.width, rows) for top, rows in strips], across=1)
        best = min(libraries.PNG_LEVELS, key=lambda filter: len(_png(part, filter)))
        return _png(source, best)
    except (pyvips.Error, MemoryError):
        return None


def encode_jpeg(image: Image.Image, quality: int, *, full: bool, progressive: bool) -> bytes:
    """Encode an image (L or RGB) by trellis quantisation, without metadata. Raises MemoryError."""
    _require(_grown(3 * image.width * image.height))
    options = {"Q": quality, "interlace": progressive, "trellis_quant": True, "keep": "none"}
    try:
        data: bytes = _packed(image).jpegsave_buffer(subsample_mode="off" if full else "on", **options)
    except pyvips.Error:
        raise MemoryError from None
    return data


@cache
def has_trellis() -> bool:
    """Whether this libvips was built with a libjpeg that knows trellis quantisation (mozjpeg)."""
    noise = Image.frombytes("L", (_ROWS, _ROWS), bytes(each * each * 7 % 251 for each in range(_ROWS * _ROWS)))
    plain = len(_packed(noise).jpegsave_buffer(Q=50, optimize_coding=True, keep="none"))
    return len(encode_jpeg(noise, 50, full=False, progressive=False)) < plain


def encode_webp(image: Image.Image, block: Webp, quality: int | None, effort: int) -> bytes:
    """Encode an image (L, LA, RGB or RGBA) with the options of `block`, without metadata. `quality` None: lossless.
    Raises MemoryError."""
    source = image.convert("RGBA" if image.mode in ("LA", "RGBA") else "RGB")
    _require(_grown(4 * image.width * image.height) + _WEBP_BYTES_A_PIXEL * image.width * image.height)
    options = {
        "lossless": quality is None, "near_lossless": block.near_lossless, "preset": block.preset, "effort": effort,
        "smart_subsample": block.smart_subsample, "alpha_q": block.alpha_quality, "exact": block.exact,
    }  # fmt: skip
    try:
        data: bytes = _packed(source).webpsave_buffer(Q=quality or _LOSSLESS_Q, keep="none", **options)
    except pyvips.Error:
        raise MemoryError from None
    return data


def _rounded(box: Box, size: Size) -> tuple[int, int, int, int]:
    """The box in whole pixels, no smaller than `size`."""
    left, top = round(box.left), round(box.top)
    return left, top, max(round(box.right), left + size.width), max(round(box.bottom), top + size.height)


def _packed(image: Image.Image) -> Any:
    """`image` for libvips, as by _lent, but only with its real bands."""
    lent = _lent(image)
    if image.mode == "LA":
        return lent.extract_band(2, n=2)
    return lent.extract_band(0, n=3) if image.mode == "RGB" else lent


def _png(image: Any, filter: str) -> bytes:
    data: bytes = image.pngsave_buffer(compression=libraries.PNG_LEVELS[filter], filter=filter, keep="none")
    return data[: _PHYS.start] + data[_PHYS.stop :] if data[_PHYS][4:8] == b"pHYs" else data


def _lent(image: Image.Image) -> Any:
    """`image` for libvips, with one band or four. libvips reads Pillow's memory, so the picture must stay alive."""
    memory, (width, height) = pixels.memory(image), image.size
    return pyvips.Image.new_from_memory(memory, width, height, len(memory) // (width * height), "uchar")


def _require(size_bytes: int) -> None:
    """Raises MemoryError if there is not so much memory, and what glib needs, free."""
    address_space.require(_GLIB_BYTES + size_bytes)


def _grown(size_bytes: int) -> int:
    """The memory that libvips needs to encode up to `size_bytes`: its buffer grows by doubling, with a copy."""
    return int(2 << (size_bytes - 1).bit_length())


def _fetched(image: Any, mode: str, height: int = 0) -> Image.Image:
    """The pixels of `image`, in a picture of this `height`, if that is more, whose further rows have any content."""
    made = Image.new(mode, (image.width, max(height, image.height)), None)
    if image.bands in _KEPT:
        _fetch(image, pixels.memory(made))
    else:
        packed = bytearray(image.width * image.height * image.bands)
        _fetch(image, memoryview(packed))
        made.frombytes(packed)
    return made


def _fetch(image: Any, memory: memoryview) -> None:
    region, line = pyvips.Region.new(image), image.width * image.bands
    for top in range(0, image.height, _ROWS):
        rows = min(_ROWS, image.height - top)
        memory[top * line : (top + rows) * line] = memoryview(region.fetch(0, top, image.width, rows))


def warm() -> None:
    """Use each operation that starts no thread once, so that a decoder loads nothing later.

    No PNG is encoded here, because libvips keeps its encoding thread for the next PNG. A forked decoder would not have
    that thread, and would wait for it for ever. But one thread is started: glibc's set-up for the first thread is not
    possible after the sandbox is sealed.
    """
    stream = io.BytesIO()
    Image.new("RGBA", (64, 64)).save(stream, "png")
    image = decode(stream.getvalue(), "RGBA", Size(64, 64))
    if image is None:
        raise SetupFault("libvips does not work: install the extra vips again")
    decode(stream.getvalue(), "RGB", Size(1, 1))
    resize(image, Box(1, 1, 64, 64), Size(40, 40))
    resize_plane(image.getchannel("R"), Box(1, 1, 64, 64), Size(40, 40))
    ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)  # a thread's own arena would take memory that no estimate includes
    thread = threading.Thread(target=id, args=(0,))
    thread.start()
    thread.join()


def serves(format: str, image: Image.Image, frames: int) -> bool:
    """Whether libvips should decode the picture that Pillow has opened as `image`."""
    plain = "transparency" not in image.info and not image.info.get("interlace")
    return INSTALLED and plain and libraries.vips_decodes(format, image.mode, Size(*image.size), frames)


def encodes(format: str, image: Image.Image) -> bool:
    """Whether libvips should encode the still `image`, which has no metadata."""
    return INSTALLED and libraries.vips_encodes(format, Size(*image.size))


def resizes_plane(plane: Image.Image, box: Box, size: Size) -> bool:
    """Whether libvips should resize `box` of `plane` to `size`."""
    part = box.right - box.left, box.bottom - box.top
    return INSTALLED and libraries.vips_resizes_plane(Size(*plane.size), *part, size)


def resizes(image: Image.Image, box: Box, size: Size) -> bool:
    """Whether libvips should resize `box` of `image` to `size`."""
    part = box.right - box.left, box.bottom - box.top
    return INSTALLED and libraries.vips_resizes(Size(*image.size), *part, size)
