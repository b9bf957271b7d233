"""EXIF blocks, as far as we need them: where they are, the orientation, found and set. Pure bytes; never raises.

What an orientation means is jobs/turns.py's.
"""

import struct

_ORIENTATION = 0x0112
_SHORT = 3
EXIF_START = b"Exif\0\0"
"""Before the block in a JPEG; the other formats may leave it out."""
_ENTRIES_MAX = 512
_SEGMENTS_MAX = 1024
"""Of a JPEG before the block: a reader of what a stranger sends must end soon."""
_APP1, _SCAN = 0xE1, 0xDA


def orientation(block: bytes) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none to be found."""
    found = _find_orientation(block)
    return found[0] if found else 1


def upright(block: bytes) -> bytes:
    """The same EXIF block saying that the picture is upright."""
    if found := _find_orientation(block):
        _, at, order = found
        return block[:at] + struct.pack(order + "H", 1) + block[at + 2 :]
    return block


def find_block(data: bytes, format: str) -> bytes:
    """The EXIF block in an image's first bytes; b"" where there is none, or none yet (a WebP's is at its end)."""
    if format == "tiff":
        return data
    try:
        return _FINDERS[format](data) if format in _FINDERS else b""
    except struct.error:  # it ends before
        return b""


def _in_jpeg(data: bytes) -> bytes:
    at = 2
    for _ in range(_SEGMENTS_MAX):
        lead, marker, length = struct.unpack_from(">BBH", data, at)
        if lead != 0xFF or marker == _SCAN:
            break
        if marker == _APP1 and data.startswith(EXIF_START, at + 4):
            return data[at + 4 : at + 2 + length]
        at += 2 + length
    return b""


def _in_png(data: bytes) -> bytes:
    at = 8
    while True:
        length, name = struct.unpack_from(">I4s", data, at)
        if name == b"eXIf":
            return data[at + 8 : at + 8 + length]
        if name == b"IEND":
            return b""
        at += 12 + length


def _in_webp(data: bytes) -> bytes:
    at = 12
    while True:
        name, length = struct.unpack_from("<4sI", data, at)
        if name == b"EXIF":
            return data[at + 8 : at + 8 + length]
        at += 8 + length + (length & 1)


_FINDERS = {"jpeg": _in_jpeg, "png": _in_png, "webp": _in_webp}


def _find_orientation(block: bytes) -> tuple[int, int, str] | None:
    """The orientation in IFD 0, the offset of its value and the byte order."""
    base = len(EXIF_START) if block.startswith(EXIF_START) else 0
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[base : base + 4])
    if order is None:
        return None
    try:
        at = base + struct.unpack_from(order + "I", block, base + 4)[0]
        (entries,) = struct.unpack_from(order + "H", block, at)
        for entry in range(at + 2, at + 2 + 12 * min(entries, _ENTRIES_MAX), 12):
            tag, kind, _count, value = struct.unpack_from(order + "HHIH", block, entry)
            if tag == _ORIENTATION and kind == _SHORT and 1 <= value <= 8:
                return value, entry + 8, order
    except struct.error:
        return None
    return None
