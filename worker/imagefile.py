"""Image files: opened by exactly one plugin, decoded no larger than needed, written stripped.

Owns what Pillow is told about formats, and which of its errors are the image's fault. Knows no
recipe's geometry; what lies between reading and writing is worker/operations.py's.
"""

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from jobs.errors import ImageFault
from jobs.recipe import RenditionSpec

Image.MAX_IMAGE_PIXELS = None
"""Pillow's own guard warns first and raises at twice its limit; ours is asked before any decode."""
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
"""One decoder is one core's worth of work: there are as many decoders as cores."""
Image.register_open("JPEG", JpegImagePlugin.JpegImageFile, lambda prefix: prefix.startswith(b"\xff\xd8\xff"))
"""Without the factory that makes an MPO of a JPEG with further pictures behind it: it is a JPEG."""

PLUGINS = {
    "jpeg": JpegImagePlugin.JpegImageFile,
    "png": PngImagePlugin.PngImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "avif": AvifImagePlugin.AvifImageFile,
    "gif": GifImagePlugin.GifImageFile,
    "tiff": TiffImagePlugin.TiffImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
}
"""What we read. A file is offered to the one plugin of the format that its head names."""
EXTENSIONS = {"jpeg": "jpg", "png": "png", "webp": "webp", "avif": "avif", "gif": "gif"}
"""What we write, and the ends of the names."""

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
_ORIENTATION = 0x0112
_EXIF_START = b"Exif\0\0"
_ENTRIES_MAX = 512


@contextmanager
def blamed(code: str) -> Iterator[None]:
    """Within, whatever Pillow complains of is an ImageFault of `code`; its warnings are not heard."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except UnidentifiedImageError:
            raise ImageFault("the file is not what its first bytes say", code=code) from None
        except _FAULTS as fault:
            raise ImageFault(f"{fault}" or type(fault).__name__, code=code) from None


def open_image(file: BinaryIO, format: str) -> Image.Image:
    """The image in `file`, its header read and no pixel decoded."""
    return Image.open(file, formats=[str(PLUGINS[format].format)])


def frames(image: Image.Image, file: BinaryIO, most: int) -> int:
    """How many frames the image has, counted up to `most` + 1, without decoding any.

    A TIFF's pages are not frames: the first is the image.
    """
    if image.format == "GIF":
        at = file.tell()
        try:
            return _gif_frames(file, most)
        finally:
            file.seek(at)
    return 1 if image.format == "TIFF" else getattr(image, "n_frames", 1)


def _gif_frames(file: BinaryIO, most: int) -> int:
    """Walks a GIF's blocks: each image descriptor (0x2C) is a frame, 0x21 is an extension."""
    file.seek(10)
    _skip_palette(file, file.read(1), after=2)
    count = 0
    while count <= most:
        kind = file.read(1)
        if kind == b"\x2c":
            count += 1
            file.seek(8, io.SEEK_CUR)
            _skip_palette(file, file.read(1), after=0)
        elif kind != b"\x21":
            break
        file.seek(1, io.SEEK_CUR)  # the LZW code size, or the extension's label
        while (length := file.read(1)) not in (b"", b"\0"):
            file.seek(length[0], io.SEEK_CUR)
    return count


def _skip_palette(file: BinaryIO, flags: bytes, after: int) -> None:
    palette = 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0
    file.seek(palette + after, io.SEEK_CUR)


def exif(image: Image.Image) -> bytes:
    """The EXIF block as stored, b"" where there is none. A TIFF's is its own tags: Pillow applies them."""
    block = image.info.get("exif", b"")
    return block if isinstance(block, bytes) else b""


def orientation(block: bytes) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none to be found. Never raises."""
    found = _find_orientation(block)
    return found[0] if found else 1


def upright(block: bytes) -> bytes:
    """The same EXIF block saying that the picture is upright."""
    if found := _find_orientation(block):
        _, at, order = found
        return block[:at] + struct.pack(order + "H", 1) + block[at + 2 :]
    return block


def _find_orientation(block: bytes) -> tuple[int, int, str] | None:
    """The orientation in IFD 0, the offset of its value and the byte order."""
    base = len(_EXIF_START) if block.startswith(_EXIF_START) else 0
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[base : base + 4])
    if order is None:
        return None
    try:
        at = base + struct.unpack_from(order + "I", block, base + 4)[0]
        (entries,) = struct.unpack_from(order + "H", block, at)
        for entry in range(at + 2, at + 2 + 12 * min(entries, _ENTRIES_MAX), 12):
            tag, kind, _count, value = struct.unpack_from(order + "HHIH", block, entry)
            if tag == _ORIENTATION and kind == 3 and 1 <= value <= 8:
                return value, entry + 8, order
    except struct.error:
        return None
    return None


def decode(image: Image.Image, scale: int) -> None:
    """Decode the pixels, those of a JPEG at 1/`scale`. Sides at 1/scale are rounded up."""
    if scale > 1:
        image.draft(None, (image.width // scale, image.height // scale))
    image.load()


def output_format(asked: str, original: str) -> str:
    """The format that `asked` (a recipe's word) is on an original of this format."""
    if asked != "original":
        return asked
    return original if original in EXTENSIONS else "webp"


def has_alpha(format: str) -> bool:
    """Whether files of this format can be transparent."""
    return format != "jpeg"


def encode(image: Image.Image, format: str, spec: RenditionSpec, metadata: bytes) -> bytes:
    """The file of an sRGB image (L, LA, RGB or RGBA), without metadata but for the EXIF given."""
    options: dict[str, object] = {"exif": metadata} if metadata and format != "gif" else {}
    if format == "jpeg":
        chroma = "4:4:4" if spec.chroma == 444 else "4:2:0"
        options |= {"quality": spec.quality, "subsampling": chroma, "progressive": spec.progressive}
    elif format == "webp":
        options |= {"quality": spec.quality, "lossless": spec.lossless}
    elif format == "avif":
        exact = spec.lossless or spec.chroma == 444
        options |= {"quality": 100 if spec.lossless else spec.quality, "subsampling": "4:4:4" if exact else "4:2:0"}
    stream = io.BytesIO()
    image.save(stream, format.upper(), **options)
    return stream.getvalue()
