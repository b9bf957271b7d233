"""Image files: opened by exactly one plugin, decoded no larger than needed.

Owns Pillow's registry of formats, and decides which of its errors are the image's fault. Knows no
recipe's geometry; worker/images/operations.py has the steps between reading and writing.
"""

import errno
import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from PIL import (
    AvifImagePlugin,
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
from jobs.images import boxes
from jobs.images.exif import BLOCKS, EXIF_START, reading_block
from jobs.images.formats import HEIC
from jobs.images.head import picture_properties_of
from jobs.images.pieces import found_in, found_in_file
from jobs.images.turns import Size
from jobs.limits import WATERMARK_PIXELS_MAX
from worker.images import planes
from worker.images.colours import clear
from worker.images.formats import heic, jpegfile, room, vips, webps
from worker.images.formats.bmpfile import Bmp
from worker.images.formats.pngfile import Chunks

AvifImagePlugin.DEFAULT_MAX_THREADS = 1
"""One decoder is one core's worth of work: there are as many decoders as cores."""
Image.register_open("JPEG", JpegImagePlugin.JpegImageFile, lambda prefix: prefix.startswith(b"\xff\xd8\xff"))
"""Without the factory that makes an MPO of a JPEG with further pictures behind it: it is a JPEG."""
PngImagePlugin.PngStream = Chunks  # type: ignore[misc]
"""Where Pillow's plugin looks for the reader of its chunks: it has no other seam."""

PLUGINS: dict[str, type[ImageFile.ImageFile]] = {
    "jpeg": JpegImagePlugin.JpegImageFile,
    "png": PngImagePlugin.PngImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "avif": AvifImagePlugin.AvifImageFile,
    "gif": GifImagePlugin.GifImageFile,
    "tiff": TiffImagePlugin.TiffImageFile,
    "bmp": Bmp,
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
_OUT_OF_MEMORY = re.compile(  # the encoders fail for nothing else
    r"out of memory|pixel allocation failed"  # Pillow's codecs, libavif
    r"|^encoding error [12]\b|WebPEncodingError: [12]\b|could not create encoder object"  # libwebp
    r"|can't allocate encoder|encoding of (?:color|alpha) planes failed"  # libaom
    r"|^quantization error$|^broken data stream when writing",  # GIF, libjpeg
    re.IGNORECASE,
)
BYTES_A_PIXEL = {"webp": 20, "avif": 20, "heic": 20}
"""Bytes per pixel to probe for before decoding, because these codecs do not report a lack of memory: the planes or two
canvases, their copy, the image, and a margin."""


@contextmanager
def blamed(code: str) -> Iterator[None]:
    """Within, whatever Pillow complains of is an ImageFault of `code`; its warnings are not heard.

    Raises MemoryError also where a codec says that only in words.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
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


def open_image(file: BinaryIO, format: str, pixels: int = 0) -> Image.Image:
    """The image in `file`, its header read and no pixel decoded. Raises MemoryError also where the `pixels`
    that its head claims will have no room."""
    room.need(BYTES_A_PIXEL.get(format, 0) * pixels)
    if format == "tiff":
        return planes.opened(file)
    if format == "webp" and webps.hides_alpha(_read(file, webps.HEAD_BYTES)):
        file = io.BytesIO(webps.with_alpha(_read(file, -1)))
    try:
        return Image.open(file, formats=[str(PLUGINS[format].format)])
    except UnidentifiedImageError:
        file.seek(0)
        return PLUGINS[format](file)  # which says what it found wrong: Image.open does not


def exif(image: Image.Image, file: BinaryIO, format: str) -> bytes:
    """The first EXIF block, as a JPEG has it, b"" where there is none. A TIFF's is its own tags: Pillow applies them.

    jobs/images/exif.py finds the block in the formats that it reads: Pillow would take a PNG's last block, and join
    those of a JPEG. For AVIF the block is Pillow's, which includes the orientation of the boxes.
    """
    block = image.info.get("exif")
    if not isinstance(block, bytes) or not block:
        return b""
    if format in BLOCKS:
        at = file.tell()
        block = found_in_file(reading_block(format), file) or b""
        file.seek(at)
    return block if block.startswith(EXIF_START) or not block else EXIF_START + block


def _read(file: BinaryIO, size: int) -> bytes:
    file.seek(0)
    return file.read(size)


def decode(image: Image.Image, scale: int) -> None:
    """Decode the pixels, those of a JPEG at 1/`scale`. Sides at 1/scale are rounded up. What is clear in a PNG by one
    value is in its info (worker/images/colours/clear.py)."""
    if scale > 1 and image.format == "JPEG":
        image.draft(None, (int(image.width / scale), int(image.height / scale)))
    file: Any = getattr(image, "fp", None)
    value = clear.value(image) if image.format == "PNG" else None
    image.load()
    if value:
        del image.info["transparency"]
        image.info[clear.MASK] = clear.mask(image, value, lambda: open_image(file, "png"))


def decode_jpeg(image: Image.Image, file: BinaryIO, scale: int) -> Image.Image:
    """The pixels of the JPEG `image`, of which the header was read; also where it lacks its end marker alone."""
    try:
        decode(image, scale)
    except OSError as fault:
        if fault.errno is not None or "truncated" not in f"{fault}":
            raise
        made = jpegfile.without_end(file, scale)
        if made is None:
            raise
        return made
    return image


def decode_avif(image: Image.Image, file: BinaryIO) -> Image.Image:
    """The pixels of the AVIF `image` that its clean aperture shows: Pillow turns a picture, and does not cut it."""
    properties = picture_properties_of(file)
    file.seek(0)
    decode(image, scale=1)
    shown = boxes.clean_aperture(properties)
    if shown is None or image.size != boxes.sides(properties):
        return image
    cut = image.crop((shown.left, shown.top, shown.left + shown.width, shown.top + shown.height))
    cut.info, cut.format = image.info, image.format
    return cut


def decode_by_vips(image: Image.Image, file: BinaryIO) -> Image.Image | None:
    """The pixels of the PNG `image`, of which Pillow has read the header only. None: Pillow must decode."""
    file.seek(0)
    data = file.read()
    made = vips.decode(data, image.mode, Size(*image.size))
    if made is not None:  # Pillow looks for EXIF behind the pixels, too
        made.info = image.info | {"exif": found_in(reading_block("png"), lambda at, length: data[at : at + length])}
    return made
