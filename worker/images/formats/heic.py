"""HEIC, by pi-heif (libheif and libde265), which can only decode. Only this file imports it, if it is installed.

Keeps libde265 from starting threads, so that the sandbox of a decoder can forbid threads.
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
"""Pillow's name of the format."""

SAMPLE = zlib.decompress(
    base64.b85decode(
        "c-"
        "muNV30{GsVvAy%}izhg51nBLl8SRGck>Ufzc^9wIq=N0u(b+a*CjAhJwuG5(YG&l$nzcHpIn&fe{FSfH4h11Azn(D`#frrGa@MQB"
        "fc#l?lqrC`&d3G5HEIOLE~#4rLY;6#(fanFY!DK)M2`%$boHBs2l6NbUo}pT9qTFfi~lCjfOwI56@s{{IhBzzkBs3_^0dm>d#;lG"
        ";v;jA$|o6dGBlz4Fvtm&YW<!vPXH0U|gYl7Q;jT^J7*ZBTLmS|gHKT#yR&hyxT06l7Lpf&`d3IDlFi#4-"
        "zVVPOUIK64`z&<+NL+>}I6NQr1Lu4j?>Q)%(~|M$hqZwl3_O}y{`0Oi_7KL"
    )
)
"""A picture of 64 x 64 pixels, decoded once at start to load all code."""

_RETURN_0 = {
    "x86_64": b"\x31\xc0\xc3",  # xor eax, eax; ret
    "aarch64": b"\x00\x00\x80\x52\xc0\x03\x5f\xd6",  # mov w0, #0; ret
}


def plugin() -> type[ImageFile.ImageFile] | None:
    """Register the plugin that reads HEIC with Pillow, and return it. None: pi-heif is not installed."""
    if not _INSTALLED:
        return None
    import pi_heif

    options = pi_heif.options
    options.DECODE_THREADS = 0
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False  # (alpha is decoded all the same)
    Image.register_open(FORMAT, pi_heif.HeifImageFile, lambda prefix: prefix[4:8] == b"ftyp")
    return pi_heif.HeifImageFile  # type: ignore[no-any-return]


def _start_no_thread() -> bool:
    """Make libde265 decode in the calling thread. Returns whether that succeeded.

    libde265 uses no threads until its function de265_start_worker_threads is called, but libheif always calls it. So
    that function's code is replaced by a return. If the host forbids the change, or the processor is an unknown one,
    the system call filter must allow threads (worker/boundary/syscalls.py).
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
