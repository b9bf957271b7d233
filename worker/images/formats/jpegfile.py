"""What Pillow does not do for JPEG files: counts their scans, and decodes a file that lacks only its end marker.

Owns the walk over markers (ITU-T T.81, B.1), and the rule for a complete picture. Decodes by Pillow.
"""

import io
import re
import struct
from typing import BinaryIO

from PIL import Image, ImageChops, JpegImagePlugin

from jobs.images.segments import ALONE, END, SCAN

CODED_BYTES_READ = 64 * 1024
"""Bytes of coded data that are read at once."""
_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
"""A marker that ends coded data: any but a stuffed zero and a restart."""
_PADDING_BYTES = 4096
_RESTART_INTERVAL = b"\xff\xdd\0\4"
_RESTARTS = re.compile(rb"\xff[\xd0-\xd7]")
_SCAN_MARKER, _END_MARKER = bytes((0xFF, SCAN)), bytes((0xFF, END))


def has_several_scans(image: Image.Image, file: BinaryIO) -> bool:
    """Whether a JPEG is progressive, or its first scan lacks some components. For such a file libjpeg reads all scans
    before it returns a row. `file` must be at the end of the first scan's header, up to which Pillow has read."""
    components = getattr(image, "layers", 0)
    header = struct.pack(">BBHB", 0xFF, SCAN, 6 + 2 * components, components)
    end = file.tell()
    start = end - 8 - 2 * components
    file.seek(max(0, start))
    whole = start > 0 and file.read(len(header)) == header  # (libjpeg takes no other length)
    file.seek(end)
    return not whole or "progressive" in image.info


def has_more_scans(file: BinaryIO, most: int) -> bool:
    """Whether a JPEG has more than `most` scans. It walks over the markers only if the bytes of the scan marker occur
    that often."""
    found, last = 0, b""
    file.seek(0)
    while found <= most and (data := file.read(CODED_BYTES_READ)):
        found += (last + data[:1]).count(_SCAN_MARKER) + data.count(_SCAN_MARKER)
        last = data[-1:]
    return found > most and scans(file, most) > most


def scans(file: BinaryIO, most: int) -> int:
    """How many scans a JPEG has before its end marker; the count stops at `most` + 1. Data after the end marker (a
    video or further pictures) does not count."""
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
    """The end of the segment whose length is stored at `place`. None: the length is missing or wrong."""
    file.seek(place)
    length = int.from_bytes(file.read(2), "big")
    return place + length if length >= 2 else None


def _next_marker(file: BinaryIO, place: int) -> int | None:
    """Where the next marker begins, at `place` or later, without its padding."""
    file.seek(place)
    last = b""
    while data := file.read(CODED_BYTES_READ):
        if found := _MARKER.search(last + data):
            return place - len(last) + found.end() - 2
        place += len(data)
        last = b"\xff" if data.endswith(b"\xff") else b""
    return None


def without_end(file: BinaryIO, scale: int) -> Image.Image | None:
    """The pixels, at 1/`scale`, of a JPEG that lacks only its end marker. None: it lacks more.

    libjpeg does not tell whether it invented pixels. So the file is decoded several times, each time with other bits
    appended. If any pixel depends on the appended bits, the picture is not complete.
    """
    file.seek(0)
    data = file.read().rstrip(b"\xff")  # may be the first half of the marker, or its padding
    first = _decoded(data + bytes(_PADDING_BYTES) + _END_MARKER, scale)
    for start in dict.fromkeys((b"", _restart(data))):
        other = _decoded(data + start + b"\xaa" * _PADDING_BYTES + _END_MARKER, scale)
        if ImageChops.difference(first, other).getbbox() is not None:
            return None
    return first


def _restart(data: bytes) -> bytes:
    """The restart marker that would come next; b"" if the file has none. libjpeg skips other bits where one is due, so
    they would not show whether the picture is complete."""
    if _RESTART_INTERVAL not in data:
        return b""
    last = max(_RESTARTS.finditer(data, data.rfind(_SCAN_MARKER)), key=re.Match.start, default=None)
    return bytes((0xFF, 0xD0 + (last[0][1] - 0xD0 + 1) % 8 if last else 0xD0))


def _decoded(data: bytes, scale: int) -> Image.Image:
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    if scale > 1:
        image.draft(None, (int(image.width / scale), int(image.height / scale)))
    image.load()
    return image
