"""Image files: opened by exactly one plugin, decoded no larger than needed.

Owns what Pillow is told about formats and animations, and which of its errors are the image's fault. Knows no
recipe's geometry; what lies between reading and writing is worker/operations.py's.
"""

import errno
import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from jobs.errors import ImageFault
from jobs.exif import EXIF_START, find_block
from jobs.formats import HEIC
from jobs.limits import WATERMARK_PIXELS_MAX
from jobs.turns import Size
from worker import heic, vips

AvifImagePlugin.DEFAULT_MAX_THREADS = 1
"""One decoder is one core's worth of work: there are as many decoders as cores."""
Image.register_open("JPEG", JpegImagePlugin.JpegImageFile, lambda prefix: prefix.startswith(b"\xff\xd8\xff"))
"""Without the factory that makes an MPO of a JPEG with further pictures behind it: it is a JPEG."""

PLUGINS: dict[str, type[ImageFile.ImageFile]] = {
    "jpeg": JpegImagePlugin.JpegImageFile,
    "png": PngImagePlugin.PngImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "avif": AvifImagePlugin.AvifImageFile,
    "gif": GifImagePlugin.GifImageFile,
    "tiff": TiffImagePlugin.TiffImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
}
"""What we read. A file is offered to the one plugin of the format that its head names."""
if (_heic := heic.plugin()) is not None:
    PLUGINS[HEIC] = _heic


def _register_only(formats: Iterable[str]) -> None:
    """Pillow forgets every other plugin, and never loads one again. (Each file is opened with its one format
    named, too: the registry alone is no wall, says Pillow.)"""
    Image.preinit()
    Image._initialized = 2  # where Pillow keeps that all plugins are loaded
    Image.ID[:] = [name for name in Image.ID if name in formats]
    for name in set(Image.OPEN) - set(formats):
        del Image.OPEN[name]


_register_only([str(plugin.format) for plugin in PLUGINS.values()])

_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImageCms.PyCMSError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What Pillow's plugins raise on damaged files. MemoryError is not among them."""
_OUT_OF_MEMORY = re.compile(
    r"out of memory"  # Pillow's codecs, libavif
    r"|^encoding error 1$"  # libwebp
    r"|^quantization error$|^broken data stream when writing",  # GIF; libjpeg, which fails at writing for nothing else
    re.IGNORECASE,
)
_START_OF_SCAN = b"\xff\xda"
SCAN_BYTES = 1024 * 1024
"""Read at once while scans are counted."""
BYTES_A_PIXEL = {"webp": 20, "avif": 20}
"""What decoding takes of memory where the library says, if there is too little, only that it failed: the planes or
two canvases, their copy and the image, and then some."""


@contextmanager
def blamed(code: str) -> Iterator[None]:
    """Within, whatever Pillow complains of is an ImageFault of `code`; its warnings are not heard.

    Raises MemoryError also where a codec says that only in words.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except UnidentifiedImageError:
            raise ImageFault("the file is not what its first bytes say", code=code) from None
        except Image.DecompressionBombError as fault:
            raise ImageFault(f"{fault}", code="pixels_over_limit") from None
        except _FAULTS as fault:
            if isinstance(fault, OSError) and fault.errno == errno.EIO:
                raise  # the disk's fault, not the image's
            if _OUT_OF_MEMORY.search(f"{fault}"):
                raise MemoryError from None
            raise ImageFault(f"{fault}" or type(fault).__name__, code=code) from None


def bound(pixels_max: int) -> None:
    """Pillow's own guard against bombs, behind ours: it raises above twice this, whenever an image grows."""
    Image.MAX_IMAGE_PIXELS = max(pixels_max, WATERMARK_PIXELS_MAX)


def scans(file: BinaryIO, most: int) -> int:
    """How many scans a JPEG has, counted until past `most`. Their marker is nowhere in coded data."""
    at, count, last = file.tell(), 0, b""
    file.seek(0)
    while count <= most and (data := file.read(SCAN_BYTES)):
        count += (last + data).count(_START_OF_SCAN)
        last = data[-1:]
    file.seek(at)
    return count


def open_image(file: BinaryIO, format: str, pixels: int = 0) -> Image.Image:
    """The image in `file`, its header read and no pixel decoded. Raises MemoryError also where the `pixels`
    that its head claims will have no room."""
    bytes(BYTES_A_PIXEL.get(format, 0) * pixels)  # untouched: address space, not memory
    return Image.open(file, formats=[str(PLUGINS[format].format)])


class Extent(NamedTuple):
    """How many frames an image has, and the sides of the canvas that holds them all."""

    frames: int
    width: int
    height: int


def extent(image: Image.Image, file: BinaryIO, most: int) -> Extent:
    """The extent, frames counted up to `most` + 1, without decoding any.

    A TIFF's pages and a HEIC's pictures are not frames: the first is the image.
    """
    if image.format == "GIF":
        at = file.tell()
        try:
            return _gif_extent(file, Extent(0, *image.size), most)
        finally:
            file.seek(at)
    still = image.format in ("TIFF", heic.FORMAT)
    return Extent(1 if still else getattr(image, "n_frames", 1), *image.size)


def _gif_extent(file: BinaryIO, known: Extent, most: int) -> Extent:
    """Walks a GIF's blocks: each image descriptor (0x2C) is a frame, which may reach beyond the canvas;
    0x21 is an extension."""
    file.seek(10)
    _skip_palette(file, file.read(1), after=2)
    while known.frames <= most:
        kind = file.read(1)
        if kind == b"\x2c" and len(descriptor := file.read(9)) == 9:
            left, top, width, height, flags = struct.unpack("<4HB", descriptor)
            known = Extent(known.frames + 1, max(known.width, left + width), max(known.height, top + height))
            _skip_palette(file, bytes((flags,)), after=0)
        elif kind != b"\x21":
            break
        file.seek(1, io.SEEK_CUR)  # the LZW code size, or the extension's label
        while (length := file.read(1)) not in (b"", b"\0"):
            file.seek(length[0], io.SEEK_CUR)
    return known


def _skip_palette(file: BinaryIO, flags: bytes, after: int) -> None:
    palette = 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0
    file.seek(palette + after, io.SEEK_CUR)


def exif(image: Image.Image) -> bytes:
    """The EXIF block as a JPEG has it, b"" where there is none. A TIFF's is its own tags: Pillow applies them."""
    block = image.info.get("exif")
    if not isinstance(block, bytes) or not block:
        return b""
    return block if block.startswith(EXIF_START) else EXIF_START + block


def decode(image: Image.Image, scale: int) -> None:
    """Decode the pixels, those of a JPEG at 1/`scale`. Sides at 1/scale are rounded up."""
    if scale > 1 and image.format == "JPEG":
        image.draft(None, (int(image.width / scale), int(image.height / scale)))
    image.load()


def decode_by_vips(image: Image.Image, file: BinaryIO) -> Image.Image | None:
    """The pixels of the PNG `image`, of which Pillow has read the header only. None: Pillow must decode."""
    file.seek(0)
    data = file.read()
    made = vips.decode(data, image.mode, Size(*image.size))
    if made is not None:  # Pillow looks for EXIF behind the pixels, too
        made.info = image.info | {"exif": find_block(data, "png")}
    return made


def motion(image: Image.Image) -> Iterator[tuple[Image.Image, int]]:
    """The frames of an animation, decoded, each with the milliseconds that it is shown. They are the caller's.

    A PNG's default image is for readers that know no animation: it is no frame.
    """
    for number in range(1 if image.info.get("default_image") else 0, getattr(image, "n_frames", 1)):
        with blamed("undecodable"):
            image.seek(number)
            image.load()
            frame, milliseconds = image.copy(), round(image.info.get("duration", 0))
        yield frame, milliseconds


def plays(image: Image.Image) -> int:
    """How often an animation is played, 0: for ever. A GIF's own number counts the repeats."""
    loop: int | None = image.info.get("loop")
    if image.format != "GIF":
        return loop or 0
    return 1 if loop is None else loop and loop + 1
