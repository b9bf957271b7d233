"""Opens each image file with exactly one plugin of Pillow, and decodes it no larger than needed.

Owns Pillow's registry of formats, and decides which of its errors are the image's fault. Knows nothing of a recipe's
geometry: worker/images/operations.py has the steps between reading and writing.
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
from worker.images.formats import address_space, heic, jpegfile, vips, webps
from worker.images.formats.bmpfile import Bmp
from worker.images.formats.pngfile import Chunks

AvifImagePlugin.DEFAULT_MAX_THREADS = 1
"""One decoder is one core's worth of work: there are as many decoders as cores."""
Image.register_open("JPEG", JpegImagePlugin.JpegImageFile, lambda prefix: prefix.startswith(b"\xff\xd8\xff"))
"""Registered anew without Pillow's factory, which makes an MPO of a JPEG with further pictures after it."""
PngImagePlugin.PngStream = Chunks  # type: ignore[misc]
"""Pillow's plugin takes the reader of chunks from here, and from nowhere else."""

PLUGINS: dict[str, type[ImageFile.ImageFile]] = {
    "jpeg": JpegImagePlugin.JpegImageFile,
    "png": PngImagePlugin.PngImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "avif": AvifImagePlugin.AvifImageFile,
    "gif": GifImagePlugin.GifImageFile,
    "tiff": TiffImagePlugin.TiffImageFile,
    "bmp": Bmp,
}
"""The formats that can be read. A file goes only to the plugin of the format that its head names."""
if (_heic := heic.plugin()) is not None:
    PLUGINS[HEIC] = _heic


def _register_only(formats: Iterable[str]) -> None:
    """Make Pillow forget every other plugin, and never load one again. Besides, each file is opened with its format
    named, because Pillow's registry is not meant as a security boundary."""
    Image.preinit()
    Image._initialized = 2  # tells Pillow that all plugins are loaded
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
_OUT_OF_MEMORY = re.compile(  # the encoders fail for no other reason
    r"out of memory|pixel allocation failed"  # Pillow's codecs, libavif
    r"|^encoding error [128]\b|WebPEncodingError: [128]\b|could not create encoder object"  # libwebp
    r"|(?:WebPMuxError|assembling WebP): -3\b"  # libwebpmux
    r"|can't allocate encoder|encoding of (?:color|alpha) planes failed"  # libaom
    r"|^quantization error$|^broken data stream when writing",  # GIF, libjpeg
    re.IGNORECASE,
)
BYTES_A_PIXEL = {"webp": 20, "avif": 20, "heic": 20}
"""Bytes per pixel to probe for before decoding: planes or two canvases, their copy, the image, and a margin. These
codecs do not report a lack of memory."""


@contextmanager
def blamed(code: str) -> Iterator[None]:
    """Within this context, errors of Pillow become an ImageFault with `code`, and its warnings are ignored.

    A text of a codec that means a lack of memory becomes a MemoryError.
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
    """Set Pillow's own guard against decompression bombs, behind ours: it raises above twice this number of pixels."""
    Image.MAX_IMAGE_PIXELS = max(pixels_max, WATERMARK_PIXELS_MAX)


def open_image(file: BinaryIO, format: str, pixels: int = 0) -> Image.Image:
    """Open the image in `file`: its header is read, but no pixel is decoded. Raises MemoryError also if the memory for
    the `pixels` that its head claims is not free."""
    address_space.require(BYTES_A_PIXEL.get(format, 0) * pixels)
    if format == "tiff":
        return planes.opened(file)
    if format == "webp" and webps.hides_alpha(_read(file, webps.HEAD_BYTES)):
        file = io.BytesIO(webps.with_alpha(_read(file, -1)))
    try:
        return Image.open(file, formats=[str(PLUGINS[format].format)])
    except UnidentifiedImageError:
        file.seek(0)
        return PLUGINS[format](file)  # raises the plugin's own error, which Image.open hides


def exif(image: Image.Image, file: BinaryIO, format: str) -> bytes:
    """The first EXIF block, in the form that a JPEG has; b"" if there is none. A TIFF has its EXIF as tags, and Pillow
    applies these.

    jobs/images/exif.py finds the block in the formats that it reads, because Pillow would take the last block of a PNG,
    and join all blocks of a JPEG. The block of an AVIF is Pillow's: it includes the orientation from the boxes.
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
    """Decode the pixels, those of a JPEG at 1/`scale` with sides rounded up. If a PNG declares one value as
    transparent, its mask is put into the info (worker/images/colours/clear.py)."""
    if scale > 1 and image.format == "JPEG":
        image.draft(None, (int(image.width / scale), int(image.height / scale)))
    file: Any = getattr(image, "fp", None)
    value = clear.value(image) if image.format == "PNG" else None
    image.load()
    if value:
        del image.info["transparency"]
        image.info[clear.MASK] = clear.mask(image, value, lambda: open_image(file, "png"))


def decode_jpeg(image: Image.Image, file: BinaryIO, scale: int) -> Image.Image:
    """Decode the JPEG `image`, whose header was read. A file that lacks only its end marker is decoded, too."""
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
    """Decode the AVIF `image`, and crop it to its clean aperture. Pillow applies its rotation, but not this crop."""
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
    """Decode the PNG `image`, whose header Pillow has read, with libvips. None: Pillow must decode."""
    file.seek(0)
    data = file.read()
    made = vips.decode(data, image.mode, Size(*image.size))
    if made is not None:  # as Pillow does, take EXIF from after the pixels, too
        made.info = image.info | {"exif": found_in(reading_block("png"), lambda at, length: data[at : at + length])}
    return made
