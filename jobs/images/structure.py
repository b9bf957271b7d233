"""How the pixels of a file are stored: bits, colours, chroma, interlacing; and whether it has a gain map.

Pure and bounded; decodes nothing. Owns where each format tells this. A TIFF tells it by tags
(worker/images/formats/tiffs.py).
"""

import struct
from collections.abc import Callable
from typing import NamedTuple

from jobs.images import boxes
from jobs.images.pieces import Reading
from jobs.images.segments import FRAMES, SCAN, segment

META_BYTES_MAX = 128 * 1024
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_APP1, _APP2 = 0xE1, 0xE2
_XMP_BYTES_MAX = 16 * 1024
_XMP, _ISO_GAIN_MAP = b"http://ns.adobe.com/xap/", b"urn:iso:std:iso:ts:21496:-1\0"
_GAIN_MAPS = (b"http://ns.adobe.com/hdr-gain-map/", b"http://ns.apple.com/HDRGainMap/", b"ns.google.com/photos/1.0/hdr")
_AUXILIARY = (b"urn:com:apple:photo:2020:aux:hdrgainmap", b"infe")
_CHROMA: dict[tuple[float, float], str] = {
    (1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (1, 2): "4:4:0", (4, 1): "4:1:1", (4, 2): "4:1:0",
}  # fmt: skip
_PNG_SPACES = {0: "gray", 2: "rgb", 3: "palette", 4: "gray", 6: "rgb"}
_CHUNKS_MAX = 100


class Structure(NamedTuple):
    """`bits`: of a sample. `space`: gray, rgb, cmyk or palette. `chroma`: how it is stored, as 4:2:0; None if colours
    are not stored apart from luma. `progressive`: it comes in passes, each finer (of a PNG: interlaced)."""

    bits: int | None = None
    space: str | None = None
    chroma: str | None = None
    progressive: bool = False
    gain_map: bool = False


def reading_structure(format: str) -> Reading[Structure]:
    """Finds the structure of a file of this format; an empty one for a TIFF."""
    return _READINGS.get(format, _nothing)()


def _nothing() -> Reading[Structure]:
    yield 0, 0
    return Structure()


def _jpeg() -> Reading[Structure]:
    at, gain_map, found_frame = 2, False, Structure()
    while (found := (yield from segment(at))) is not None and found.marker != SCAN:
        if found.marker in FRAMES and found_frame.bits is None:
            body = yield found.at, min(found.length, 6 + 3 * 4)
            found_frame = _of_frame(body)._replace(progressive=found.marker in _PROGRESSIVE)
        elif found.marker == _APP2:
            gain_map |= (yield found.at, len(_ISO_GAIN_MAP)) == _ISO_GAIN_MAP
        elif found.marker == _APP1 and not gain_map:
            xmp = yield found.at, min(found.length, _XMP_BYTES_MAX)
            gain_map = xmp.startswith(_XMP) and any(name in xmp for name in _GAIN_MAPS)
        at = found.behind
    return found_frame._replace(gain_map=gain_map)


def _of_frame(body: bytes) -> Structure:
    bits, parts = struct.unpack_from("B4xB", body)
    space = {1: "gray", 3: "rgb", 4: "cmyk"}.get(parts)
    if parts < 3:
        return Structure(bits, space)
    luma, chroma = struct.unpack_from("B2xB", body, 7)
    ratios = [(luma >> shift & 15) / ((chroma >> shift & 15) or 1) for shift in (4, 0)]
    return Structure(bits, space, _CHROMA.get((ratios[0], ratios[1])))


def _png() -> Reading[Structure]:
    bits, kind, interlaced = struct.unpack("BB2xB", (yield 24, 5))
    return Structure(bits, _PNG_SPACES.get(kind), None, interlaced == 1)


def _gif() -> Reading[Structure]:
    (flags,) = struct.unpack("B", (yield 10, 1))
    return Structure((flags & 7) + 1, "palette")


def _bmp() -> Reading[Structure]:
    (size,) = struct.unpack("<I", (yield 14, 4))
    (bits,) = struct.unpack("<H", (yield (24, 2) if size == 12 else (28, 2)))
    return Structure(bits, "palette") if bits <= 8 else Structure(5 if bits == 16 else 8, "rgb")


def _webp() -> Reading[Structure]:
    at = 12
    for _ in range(_CHUNKS_MAX):
        kind, length = struct.unpack("<4sI", (yield at, 8))
        if kind == b"ANMF":  # a frame holds chunks of its own
            at += 8 + 16
        elif kind in (b"VP8 ", b"VP8L"):
            return Structure(8, "rgb", "4:2:0" if kind == b"VP8 " else None)
        else:
            at += 8 + length + (length & 1)
    return Structure(8, "rgb")


def _heif() -> Reading[Structure]:
    meta = yield from boxes.reading_meta(META_BYTES_MAX)
    found = _coded(boxes.codings(meta))
    has_map = _AUXILIARY[0] in meta or (b"tmap" in meta and _AUXILIARY[1] in meta)
    return found._replace(gain_map=has_map)


def _coded(properties: list[boxes.Property]) -> Structure:
    """By the configuration of the first picture's decoder."""
    for kind, body in properties:
        if kind == b"av1C" and len(body) >= 3:
            flags = body[2]
            bits = 12 if flags & 0x60 == 0x60 else 10 if flags & 0x40 else 8
            is_gray, halved = bool(flags & 0x10), (flags & 0x08, flags & 0x04)
            chroma = {(0, 0): "4:4:4", (8, 0): "4:2:2", (8, 4): "4:2:0"}.get(halved)
            return Structure(bits, "gray" if is_gray else "rgb", None if is_gray else chroma)
        if kind == b"hvcC" and len(body) >= 19:
            format = body[16] & 3
            space = "rgb" if format else "gray"
            return Structure(8 + (body[17] & 7), space, {1: "4:2:0", 2: "4:2:2", 3: "4:4:4"}.get(format))
    return Structure()


_READINGS: dict[str, Callable[[], Reading[Structure]]] = {
    "jpeg": _jpeg, "png": _png, "gif": _gif, "bmp": _bmp, "webp": _webp, "avif": _heif, "heic": _heif,
}  # fmt: skip
