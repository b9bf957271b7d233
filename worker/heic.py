"""HEIC by the extra `heic`. The one file that imports pillow_heif, and only where it is installed.

Its wheel carries libx265, which is GPL: that is why nobody gets it without asking.
"""

from PIL import Image, ImageFile

from host.extras import formats_read
from jobs.formats import HEIC

FORMAT = "HEIF"
"""Pillow's name of it."""


def plugin() -> type[ImageFile.ImageFile] | None:
    """The plugin that reads HEIC, known to Pillow from now on; None where the extra is not installed."""
    if HEIC not in formats_read():
        return None
    import pillow_heif

    pillow_heif.options.DECODE_THREADS = 1  # there are as many decoders as cores
    Image.register_open(FORMAT, pillow_heif.HeifImageFile, lambda prefix: prefix[4:8] == b"ftyp")
    return pillow_heif.HeifImageFile  # type: ignore[no-any-return]
