"""HEIC, by pi-heif: libheif and libde265, which only decode. The one file that imports it, where it is installed.

Owns that it starts no thread, so that a decoder keeps the wall against them.
"""

import base64
import ctypes
import mmap
import os
import zlib
from importlib import metadata

from PIL import Image, ImageFile

from host.settings.extras import formats_read
from jobs.images.formats import HEIC

_INSTALLED = HEIC in formats_read()
_PACKAGE = "pi-heif"
VERSION = f"+heif-{metadata.version(_PACKAGE)}" if _INSTALLED else ""
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
"""A picture of 64 x 64 pixels to warm the decoder with."""

_RETURN_0 = {
    "x86_64": b"\x31\xc0\xc3",  # xor eax, eax; ret
    "aarch64": b"\x00\x00\x80\x52\xc0\x03\x5f\xd6",  # mov w0, #0; ret
}


def plugin() -> type[ImageFile.ImageFile] | None:
    """The plugin that reads HEIC, known to Pillow from now on; None where it is not installed."""
    if not _INSTALLED:
        return None
    import pi_heif

    options = pi_heif.options
    options.DECODE_THREADS = 0
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False  # (alpha is no auxiliary image to it)
    Image.register_open(FORMAT, pi_heif.HeifImageFile, lambda prefix: prefix[4:8] == b"ftyp")
    return pi_heif.HeifImageFile  # type: ignore[no-any-return]


def _start_no_thread() -> bool:
    """Have libde265 decode in the thread that asks; whether that is so.

    It does until its de265_start_worker_threads is called, and libheif calls that whatever it is told. So here, before
    anything is read, that function becomes one that does nothing. Where the host allows no such change, or this is
    another machine, the filter must allow threads (worker/boundary/syscalls.py).
    """
    files = [file for file in metadata.files(_PACKAGE) or () if "libde265" in file.name]
    code = _RETURN_0.get(os.uname().machine)
    if code is None or len(files) != 1:
        return False
    starter = ctypes.CDLL(os.fspath(files[0].locate())).de265_start_worker_threads
    address = ctypes.cast(starter, ctypes.c_void_p).value or 0
    start = address - address % mmap.PAGESIZE
    length = ctypes.c_size_t(address + len(code) - start)
    protect = ctypes.CDLL(None).mprotect
    if protect(ctypes.c_void_p(start), length, mmap.PROT_READ | mmap.PROT_WRITE) != 0:
        return False
    ctypes.memmove(address, code, len(code))
    return bool(protect(ctypes.c_void_p(start), length, mmap.PROT_READ | mmap.PROT_EXEC) == 0)


STARTS_THREADS = _INSTALLED and not _start_no_thread()
