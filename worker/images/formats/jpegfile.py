"""JPEG files beyond what Pillow tells of them: how many scans one has, and one whose end marker is missing.

Owns the walk over markers (ITU-T T.81, B.1) and what counts as a whole picture. Decodes by Pillow.
"""

import io
import re
import struct
from typing import BinaryIO

from PIL import Image, ImageChops, JpegImagePlugin

from jobs.images.segments import ALONE, END, SCAN

CODED_BYTES_READ = 64 * 1024
"""Bytes of coded data that are looked through at once."""
_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
"""In coded data: all but a stuffed zero and the restarts."""
_PADDING_BYTES = 4096
_RESTART_INTERVAL = b"\xff\xdd\0\4"
_RESTARTS = re.compile(rb"\xff[\xd0-\xd7]")
_SCAN_MARKER, _END_MARKER = bytes((0xFF, SCAN)), bytes((0xFF, END))


def has_several_scans(image: Image.Image, file: BinaryIO) -> bool:
    """Whether a JPEG is progressive, or its first scan lacks some components: then libjpeg reads all scans before it
    returns a row. Pillow has read the head of `image` up to the first scan's; `file` is at the end of that."""
    components = getattr(image, "layers", 0)
    header = struct.pack(">BBHB", 0xFF, SCAN, 6 + 2 * components, components)
    end = file.tell()
    start = end - 8 - 2 * components
    file.seek(max(0, start))
    whole = start > 0 and file.read(len(header)) == header  # (libjpeg takes no other length)
    file.seek(end)
    return not whole or "progressive" in image.info


def has_more_scans(file: BinaryIO, most: int) -> bool:
    """Whether a JPEG has more than `most` scans. The walk over its markers is only done if the bytes of the scan marker
    occur that often."""
    found, last = 0, b""
    file.seek(0)
    while found <= most and (data := file.read(CODED_BYTES_READ)):
        found += (last + data[:1]).count(_SCAN_MARKER) + data.count(_SCAN_MARKER)
        last = data[-1:]
    return found > most and scans(file, most) > most


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

    libjpeg does not tell whether it made pixels up. So the file is decoded again, each time with other bits after its
    last ones: if any pixel depends on them, the picture is not whole.
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
    last = max(_RESTARTS.finditer(data, data.rfind(_SCAN_MARKER)), key=re.Match.start, default=None)
    return bytes((0xFF, 0xD0 + (last[0][1] - 0xD0 + 1) % 8 if last else 0xD0))


def _decoded(data: bytes, scale: int) -> Image.Image:
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    if scale > 1:
        image.draft(None, (int(image.width / scale), int(image.height / scale)))
    image.load()
    return image
