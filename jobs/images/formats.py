"""The image formats: what is read, what is written, and what a file of each can hold.

Owns the names. Knows no library: worker/images/imagefile.py owns which plugin reads or writes a format.
"""

from collections.abc import Collection

READ = ("jpeg", "png", "webp", "avif", "gif", "tiff", "bmp")
HEIC = "heic"
"""Read too where its decoder is installed (host/settings/extras.py), as it is by default."""
SIDES_BY_HEAD = frozenset({"jpeg", "png", "webp", "bmp"})
"""In these formats the head has exactly the decoded sides. In others the first picture or a later frame may differ."""
EXTENSIONS = {"jpeg": "jpg", "png": "png", "webp": "webp", "avif": "avif", "gif": "gif"}
"""The formats that are written, and their file name extensions."""
OPAQUE = frozenset({"jpeg"})
"""Formats that are written without alpha."""
ANIMATED = frozenset({"gif", "webp", "png"})
"""Outputs that keep an animation; the others show its first frame."""
MAY_ANIMATE = frozenset({"avif"})
"""Outputs that keep an animation if that is asked for: it takes long to encode."""
WITH_METADATA = frozenset({"jpeg", "png", "webp", "avif"})
"""Formats that are written with EXIF, if the recipe keeps it."""
SPOKEN = {"jpeg": "JPEG", "png": "PNG", "webp": "WebP", "avif": "AVIF", "gif": "GIF", "tiff": "TIFF", "bmp": "BMP"}


def output_format(asked: str, original: str) -> str:
    """The output format for `asked` (a recipe's word), given the format of the original."""
    if asked != "original":
        return asked
    return original if original in EXTENSIONS else "webp"


def listed(formats: Collection[str] = READ) -> str:
    """The formats as a sentence names them."""
    return ", ".join(SPOKEN.get(format, format.upper()) for format in formats)
