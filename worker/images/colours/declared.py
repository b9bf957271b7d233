"""Reads a file's declarations of its colours: ICC profiles and numbers, in the order of precedence of its format.

Owns where each format stores them. Their meaning is worker/images/colours/icc.py's and
worker/images/colours/colourspaces.py's. worker/images/colours/convert.py uses the first usable one.
"""

import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, BinaryIO

from jobs.images import boxes
from jobs.images.head import picture_properties_of
from worker.images.colours.colourspaces import UNSPECIFIED, Numbers, by_code, by_gamma, of_bitmap
from worker.images.colours.icc import SRGB, srgb_curve
from worker.images.formats.pngfile import CODE_POINTS

Declarations = tuple[bytes | Numbers, ...]
"""Profiles and numbers, in order of precedence. Numbers without a known meaning are an empty profile, which is never
usable."""
_SRGB = Numbers(SRGB, (srgb_curve, srgb_curve, srgb_curve))
_BITMAP_V4, _BITMAP_V5 = 108, 124
_PROFILE_BYTES_MAX = 4 * 1024 * 1024
"""Limit of an embedded profile. The largest ones, of printers, have 3 MB."""


def colours_of(format: str, info: Mapping[Any, Any], stream: BinaryIO) -> Declarations:
    """The declarations of the image of `format` in `stream`; `info` is Pillow's. The stream keeps its position."""
    profile = info.get("icc_profile")
    profiles = (profile,) if isinstance(profile, bytes) and profile else ()
    if format not in _NUMBERS:
        return profiles
    at = stream.tell()
    try:
        return _NUMBERS[format](profiles, info, stream)
    except struct.error:  # the file ends too early
        return profiles
    finally:
        stream.seek(at)


def _of_png(profiles: Declarations, info: Mapping[Any, Any], _stream: BinaryIO) -> Declarations:
    """PNG's third edition, 12.2: cICP, iCCP, sRGB, then gAMA and cHRM."""
    srgb = (_SRGB,) if "srgb" in info else ()
    numbers = by_gamma(info.get("gamma"), info.get("chromaticity"))
    return (*_coded(info.get(CODE_POINTS, b"")), *profiles, *srgb, *((numbers,) if numbers else ()))


def _coded(codes: bytes) -> Declarations:
    """The declaration in a PNG's cICP chunk."""
    return _meant(codes[0], codes[1], codes[3] == 1) if len(codes) == 4 and codes[2] == 0 else ()


@lru_cache(maxsize=16)
def _meant(primaries: int, transfer: int, full: bool = True) -> Declarations:
    """The declaration in CICP's code points."""
    return () if primaries == transfer == UNSPECIFIED else (by_code(primaries, transfer, full) or b"",)


def _of_boxes(profiles: Declarations, _info: Mapping[Any, Any], stream: BinaryIO) -> Declarations:
    """AVIF and HEIC: a profile has precedence, because the numbers then describe only the coding."""
    codes = boxes.code_points(picture_properties_of(stream))
    return (*profiles, *(_meant(*codes) if codes else ()))  # (the codec itself widens narrow samples)


def _of_bitmap(profiles: Declarations, _info: Mapping[Any, Any], stream: BinaryIO) -> Declarations:
    """BMP: the header of version 4 has numbers, that of version 5 may have a profile. A profile in another file is
    ignored."""
    header = _read(stream, 14, _BITMAP_V5)
    (size,) = struct.unpack_from("<I", header)
    kind = header[56:60] if size in (_BITMAP_V4, _BITMAP_V5) else b""
    if kind == b"DEBM" and size == _BITMAP_V5:
        at, length = struct.unpack_from("<II", header, 112)
        return (*profiles, _read(stream, 14 + at, length)) if length <= _PROFILE_BYTES_MAX else profiles
    numbers = of_bitmap(header[60:108]) if kind == bytes(4) else None
    return (*profiles, *((numbers,) if numbers else ()))


def _read(stream: BinaryIO, at: int, size: int) -> bytes:
    stream.seek(at)
    return stream.read(size)


_NUMBERS = {"png": _of_png, "avif": _of_boxes, "heic": _of_boxes, "bmp": _of_bitmap}
