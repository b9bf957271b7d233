"""The metadata of an original, as Pillow's plugins and our readers find it."""

import itertools
import math
import zlib
from typing import Any, BinaryIO

from PIL import Image

from jobs.images.kept.blocks import Sources
from jobs.images.kept.xmp import SOURCE_BYTES_MAX
from jobs.images.pieces import READS_MAX
from worker.images.formats.pngfile import chunks

NO_SOURCES = Sources()
_IPTC = 0x0404
"""Its resource among Photoshop's."""
_XMP_KEYWORD = b"XML:com.adobe.xmp\0"
_END = b"IEND"


def sources(image: Image.Image, stream: BinaryIO, format: str, exif: bytes) -> Sources:
    """The metadata of the file `image` of this format in `stream`, whose block of EXIF is known."""
    info: dict[Any, Any] = image.info
    at = stream.tell()
    packet = _text_of_png(stream) if format == "png" else info.get("xmp")
    stream.seek(at)
    resources = info.get("photoshop")
    iptc = resources.get(_IPTC) if isinstance(resources, dict) else None
    return Sources(exif, _bytes(packet), _bytes(iptc), _density(info), format == "tiff")


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""


def _density(info: dict[Any, Any]) -> tuple[float, float] | None:
    try:
        x, y = (float(each) for each in info["dpi"])
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None
    return (x, y) if math.isfinite(x) and math.isfinite(y) else None


def _text_of_png(file: BinaryIO) -> bytes:
    """The first XMP of a PNG, whose other texts nobody reads."""
    for kind, at, length in itertools.islice(chunks(file), READS_MAX):
        if kind == _END:
            break
        if kind == b"iTXt" and length <= SOURCE_BYTES_MAX:
            file.seek(at)
            body = file.read(length)
            if body.startswith(_XMP_KEYWORD):
                return _text(body[len(_XMP_KEYWORD) :])
    return b""


def _text(body: bytes) -> bytes:
    """The text of an iTXt chunk after its keyword: two flags, a language, a translated keyword, then the text."""
    text = body[2:].split(b"\0", 2)[-1]
    if body[:1] != b"\1":
        return text
    try:
        return zlib.decompressobj().decompress(text, SOURCE_BYTES_MAX)
    except zlib.error:
        return b""
