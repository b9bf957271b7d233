"""HEIC by the extra `heic`. The one file that imports pillow_heif, and only where it is installed.

Its wheel carries libx265, which is GPL: that is why nobody gets it without asking.
"""

import base64
import zlib
from importlib import metadata

from PIL import Image, ImageFile

from host.extras import formats_read
from jobs.formats import HEIC

VERSION = f"+heif-{metadata.version('pillow-heif')}" if HEIC in formats_read() else ""
FORMAT = "HEIF"
"""Pillow's name of it."""

SAMPLE = zlib.decompress(
    base64.b85decode(
        "c-"
        "muNV30{GsVvAy%}izhg51nBLl8SRGck>Ufzc^9wIq=N0u(b+a*CjAhJwuG5(YG&l$nzcHpIn&fe{FSfH4h11Azn(D`#frrGa@MQB"
        "fc#l?lqrC`&d3G5HEIOLE~#4rLY;6#(fanFY!DK)M2`%$boHBs2l6NbUo}pT9qTFfi~lCjfOwI56@s{{IhBzzkBs3_^0dm>d#;lG"
        ";v;jA$|o6dGBlz4Fvtm&YW<!vPXH0U|gYl7Q;jT^J7*ZBTLmS|gHKT#yR&hyxT06l7Lpf&`d3IDlFi#4-"
        "zVVPOUIK64`z&<+NL+>}I6NQr1Lu4j?>Q)%(~|M$hqZwl3_O}y{`0Oi_7KL"
    )
)
"""A picture of 64 x 64 pixels to warm the decoder with. (To encode one would start threads.)"""


def plugin() -> type[ImageFile.ImageFile] | None:
    """The plugin that reads HEIC, known to Pillow from now on; None where the extra is not installed."""
    if HEIC not in formats_read():
        return None
    import pillow_heif

    pillow_heif.options.DECODE_THREADS = 0  # libde265 starts one thread by itself, and that is enough
    Image.register_open(FORMAT, pillow_heif.HeifImageFile, lambda prefix: prefix[4:8] == b"ftyp")
    return pillow_heif.HeifImageFile  # type: ignore[no-any-return]
