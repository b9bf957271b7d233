"""An image file without its metadata: the same pixels, and nothing that does not draw them. Pure.

Owns which parts of a JPEG, PNG and WebP draw pixels. Only these are copied, one by one. A file with anything unexpected
is not stripped. Colour profiles are left out, too: the caller knows that they change nothing.
"""

import re
import struct
import zlib
from collections.abc import Callable

from jobs.images.kept.blocks import JFIF

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_TABLES = frozenset({0xDB, 0xC4, 0xDD})
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended and progressive, with Huffman codes."""
_SCAN, _COMMENT, _APP0, _ADOBE = 0xDA, 0xFE, 0xE0, 0xEE
_APPS = range(0xE0, 0xF0)
_ADOBE_BYTES = 12
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7]")
"""What ends the data of a scan: not a stuffed zero, nor a restart."""

_PNG = b"\x89PNG\r\n\x1a\n"
_DRAWN = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_CRITICAL = 0x20
"""Without this bit in its first letter a chunk is needed to draw the picture."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEFLATED_BYTES, _INFLATED_BYTES = 64 * 1024, 1024 * 1024
_PARTS_MAX = 65_536
"""Chunks of a file: a PNG of 64 MB has 8,192 of the usual size."""

_VP8X_ALPHA, _VP8X_ANIMATED = 0x10, 0x02
_WEBP_DRAWN = frozenset({b"VP8 ", b"VP8L", b"ALPH"})
_WEBP_PARTS_MAX = 64


def stripped(data: bytes, format: str) -> bytes | None:
    """The still image file `data` of this format without its metadata. None: it holds something unexpected, or another
    format."""
    if format not in _STRIPPED:
        return None
    try:
        return _STRIPPED[format](data)
    except (struct.error, zlib.error, ValueError, IndexError):
        return None


def _jpeg(data: bytes) -> bytes | None:
    """JFIF's segment is written anew where there is one, because it may hold a preview. (It says, as Adobe's does, what
    the colours are.) What follows the end of the picture is cut off."""
    parts: list[bytes] = []
    at, frames, jfif, adobe = 2, 0, b"", b""
    while True:
        lead, marker = struct.unpack_from(">BB", data, at)
        if lead != 0xFF:
            return None
        if marker == 0xFF:
            at += 1
            continue
        if marker == _EOI[1]:
            break
        (length,) = struct.unpack_from(">H", data, at + 2)
        end = at + 2 + length
        if length < 2 or end > len(data):
            return None
        if marker == _APP0 and data[at + 4 : at + 9] == b"JFIF\0":
            jfif = JFIF
        elif marker == _ADOBE and data[at + 4 : at + 9] == b"Adobe" and length >= 2 + _ADOBE_BYTES:
            adobe = adobe or b"\xff\xee\0\x0e" + data[at + 4 : at + 4 + _ADOBE_BYTES]
        elif marker in _FRAMES:
            frames += 1
        elif marker not in _TABLES and marker != _SCAN and marker != _COMMENT and marker not in _APPS:
            return None
        if marker == _SCAN:
            end = _scan_end(data, end)
        if marker != _COMMENT and marker not in _APPS:
            parts.append(data[at:end])
        at = end
    return _SOI + jfif + adobe + b"".join(parts) + _EOI if frames == 1 else None


def _scan_end(data: bytes, at: int) -> int:
    """Where the data of a scan ends. Raises ValueError."""
    found = _MARKER.search(data, at)
    if found is None:
        raise ValueError("a scan without an end")
    return found.start()


def _png(data: bytes) -> bytes | None:
    """The checksums were checked by the decoder, but for those of chunks that it may ignore: here all are."""
    parts, pixels, at = [_PNG], list[bytes](), len(_PNG)
    for _ in range(_PARTS_MAX):
        length, name = struct.unpack_from(">I4s", data, at)
        body, end = data[at + 8 : at + 8 + length], at + 12 + length
        if name in _DRAWN:
            if end > len(data) or zlib.crc32(name + body) != struct.unpack_from(">I", data, at + 8 + length)[0]:
                return None
            parts.append(data[at:end])
            if name == b"IDAT":
                pixels.append(body)
        elif not name[0] & _CRITICAL:
            return None
        if name == b"IEND":
            begins = parts[1][4:8] == b"IHDR" and length == 0
            return b"".join(parts) if begins and _fills(parts[1][8:-4], b"".join(pixels)) else None
        at = end
    return None


def _fills(header: bytes, pixels: bytes) -> bool:
    """Whether these compressed pixels are those of the picture, and nothing follows them."""
    width, height, bits, kind, _, _, interlaced = struct.unpack(">2I5B", header)
    if interlaced:
        return False  # (its rows are counted otherwise)
    wanted = height * (1 + -(-width * bits * _CHANNELS[kind] // 8)) if kind in _CHANNELS else 0
    inflating, at = zlib.decompressobj(), 0
    while at < len(pixels) and not inflating.eof and wanted >= 0:
        piece, at = pixels[at : at + _DEFLATED_BYTES], at + _DEFLATED_BYTES
        while piece and not inflating.eof and wanted >= 0:
            wanted -= len(inflating.decompress(piece, _INFLATED_BYTES))
            piece = inflating.unconsumed_tail
    return wanted == 0 and inflating.eof and not inflating.unused_data and at >= len(pixels)


def _webp(data: bytes) -> bytes | None:
    kind, size = data[8:12], struct.unpack_from("<I", data, 4)[0]
    if data[:4] != b"RIFF" or kind != b"WEBP" or size + 8 > len(data):
        return None
    body, at, pictures = b"", 12, 0
    for _ in range(_WEBP_PARTS_MAX):
        if at >= size + 8:
            break
        name, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + (length & 1)
        if end > size + 8:
            return None
        if name == b"VP8X":
            (flags,) = struct.unpack_from("B", data, at + 8)
            if flags & _VP8X_ANIMATED or length != 10:
                return None
            body += data[at : at + 8] + bytes((flags & _VP8X_ALPHA,)) + data[at + 9 : end]
        elif name in _WEBP_DRAWN:
            pictures += name != b"ALPH"
            body += data[at:end]
        at = end
    whole = pictures == 1 and at >= size + 8
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body if whole else None


_STRIPPED: dict[str, Callable[[bytes], bytes | None]] = {"jpeg": _jpeg, "png": _png, "webp": _webp}
FORMATS = frozenset(_STRIPPED)
"""The formats whose files can be stripped."""
