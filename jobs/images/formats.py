"""The image formats: what is read, what is written, and what a file of each can hold.

Owns the names. Knows no library: which plugin reads or writes a format is worker/images/imagefile.py's.
"""

from collections.abc import Collection

READ = ("jpeg", "png", "webp", "avif", "gif", "tiff", "bmp")
HEIC = "heic"
"""Read too where its decoder is installed (host/settings/extras.py), as it is by default."""
SIDES_BY_HEAD = frozenset({"jpeg", "png", "webp", "bmp"})
"""Of these the head has the very sides that are decoded; others' first picture, or a later frame, may have others."""
EXTENSIONS = {"jpeg": "jpg", "png": "png", "webp": "webp", "avif": "avif", "gif": "gif"}
"""What is written, and the ends of the names."""
OPAQUE = frozenset({"jpeg"})
"""What is written without alpha."""
ANIMATED = frozenset({"gif", "webp", "png"})
"""Outputs that keep an animation; in the others its first frame is the picture."""
WITH_METADATA = frozenset({"jpeg", "png", "webp", "avif"})
"""What is written with EXIF where a recipe keeps it."""
SPOKEN = {"jpeg": "JPEG", "png": "PNG", "webp": "WebP", "avif": "AVIF", "gif": "GIF", "tiff": "TIFF", "bmp": "BMP"}


def output_format(asked: str, original: str) -> str:
    """The format that `asked` (a recipe's word) is on an original of this format."""
    if asked != "original":
        return asked
    return original if original in EXTENSIONS else "webp"


def listed(formats: Collection[str] = READ) -> str:
    """The formats as a sentence names them."""
    return ", ".join(SPOKEN.get(format, format.upper()) for format in formats)
