"""JPEG files beyond what Pillow tells of them: how many scans one has, and one whose end marker is missing.

Owns the walk over markers (ITU-T T.81, B.1) and what counts as a whole picture. Decodes by Pillow.
"""

import io
import re
import struct
from typing import BinaryIO

from PIL import Image, ImageChops, JpegImagePlugin

from jobs.pieces import Reading, found_in_file
from jobs.segments import ALONE, END, FRAMES, SCAN, segment

CODED_BYTES_READ = 1024 * 1024
"""Bytes of coded data that are looked through at once."""
_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
"""In coded data: all but a stuffed zero and the restarts."""
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_PADDING_BYTES = 4096
_RESTART_INTERVAL = b"\xff\xdd\0\4"
_RESTARTS = re.compile(rb"\xff[\xd0-\xd7]")
_END_MARKER = bytes((0xFF, END))


def has_several_scans(file: BinaryIO) -> bool:
    """Whether a JPEG is progressive, or its first scan has not all of its components: then libjpeg reads scans to its
    end before it gives a row. Also where its head does not tell."""
    return found_in_file(_several_scans(), file) is not False


def _several_scans() -> Reading[bool]:
    at, progressive, components = 2, False, 0
    while (found := (yield from segment(at))) is not None:
        if found.marker == SCAN:
            (count,) = struct.unpack("B", (yield found.at, 1))
            return progressive or count < components
        if found.marker in FRAMES:
            (components,) = struct.unpack("5xB", (yield found.at, 6))
            progressive = found.marker in _PROGRESSIVE
        at = found.behind
    return False


def scans(file: BinaryIO, most: int) -> int:
    """How many scans a JPEG has up to its end marker, counted until past `most`. What lies behind the end, a video or
    further pictures, is no part of it."""
    count = 0
    place: int | None = 2
    while place is not None and count <= most:
        file.seek(place)
        found = _MARKER.match(head := file.read(4))
        marker = head[found.end() - 1] if found else END
        if not found:  # coded data, or padding before a marker
            place = _next_marker(file, place)
        elif marker == END:
            place = None
        elif marker in ALONE:
            place += found.end()
        else:
            count += marker == SCAN
            place = _behind(file, place + found.end())
    return count


def _behind(file: BinaryIO, place: int) -> int | None:
    """Where a segment ends whose length stands at `place`; None where the file ends before."""
    file.seek(place)
    length = int.from_bytes(file.read(2), "big")
    return place + length if length >= 2 else None


def _next_marker(file: BinaryIO, place: int) -> int | None:
    """Where the next marker begins, at `place` or behind it, without what pads it."""
    file.seek(place)
    last = b""
    while data := file.read(CODED_BYTES_READ):
        if found := _MARKER.search(last + data):
            return place - len(last) + found.end() - 2
        place += len(data)
        last = b"\xff" if data.endswith(b"\xff") else b""
    return None


def without_end(file: BinaryIO, scale: int) -> Image.Image | None:
    """The pixels, at 1/`scale`, of a JPEG that lacks its end marker and nothing else; None where it lacks more.

    libjpeg does not say whether it made pixels up. So it decodes again, each time with other bits behind the last that
    there are: where any pixel hangs on them, the picture is not whole.
    """
    file.seek(0)
    data = file.read().rstrip(b"\xff")  # half of the marker, or what pads it
    first = _decoded(data + bytes(_PADDING_BYTES) + _END_MARKER, scale)
    for start in dict.fromkeys((b"", _restart(data))):
        other = _decoded(data + start + b"\xaa" * _PADDING_BYTES + _END_MARKER, scale)
        if ImageChops.difference(first, other).getbbox() is not None:
            return None
    return first


def _restart(data: bytes) -> bytes:
    """The restart marker that would follow: where one is due libjpeg passes over other bits. b"" without restarts."""
    if _RESTART_INTERVAL not in data:
        return b""
    last = max(_RESTARTS.finditer(data, data.rfind(bytes((0xFF, SCAN)))), key=re.Match.start, default=None)
    return bytes((0xFF, 0xD0 + (last[0][1] - 0xD0 + 1) % 8 if last else 0xD0))


def _decoded(data: bytes, scale: int) -> Image.Image:
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    if scale > 1:
        image.draft(None, (int(image.width / scale), int(image.height / scale)))
    image.load()
    return image
