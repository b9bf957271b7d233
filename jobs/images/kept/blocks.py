"""The blocks of metadata that a rendition keeps, by the kinds that its recipe names, and their place in a JPEG. Pure.

The fields of each block are jobs/images/metadata.py's (EXIF), jobs/images/kept/xmp.py's and jobs/images/kept/iptc.py's.
The encoders place the blocks in the other formats (worker/images/encoders.py).
"""

import struct
from collections.abc import Collection
from typing import Final, NamedTuple

from jobs.images import metadata
from jobs.images.formats import WITH_METADATA
from jobs.images.kept import iptc, xmp
from jobs.images.turns import Size

KINDS: Final = ("copyright", "density", "exif", "iptc", "location", "xmp")
Density = tuple[float, float]
"""Pixels for an inch on paper, by axis."""
DENSITY_MIN, DENSITY_MAX = 1.0, 65_535.0
_ONLY_IN_EXIF = frozenset({"webp", "avif"})
"""These formats have no other place for a density."""
_WITH_IPTC = frozenset({"jpeg"})
_XMP_START = b"http://ns.adobe.com/xap/1.0/\0"
JFIF = b"\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
"""The segment of JFIF, without a density and a preview."""
_ICC_START = b"ICC_PROFILE\0"
_ICC_PART_BYTES = 65_533 - len(_ICC_START) - 2
_JFIF, _APP0, _APP1, _APP2, _APP13 = b"JFIF\0", 0xE0, 0xE1, 0xE2, 0xED
_INCH = 1
_UNITS_AT = 13
"""Of the density in a JFIF segment that follows the start of the file."""


class Sources(NamedTuple):
    """The metadata of an original, as its file has it. `unread`: EXIF's fields are the file's own tags (TIFF), which
    are not read."""

    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    density: Density | None = None
    unread: bool = False


class Blocks(NamedTuple):
    """The metadata of a rendition, and its ICC profile (b"": sRGB without one)."""

    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    density: Density | None = None
    profile: bytes = b""


NONE = Blocks()


def blocks(
    sources: Sources, kinds: Collection[str], sides: Size, format: str, profile: bytes = b""
) -> tuple[Blocks, bool]:
    """What a rendition of these sides, this format and this profile keeps; and whether all of it had room."""
    if not kinds or format not in WITH_METADATA:
        return (NONE._replace(profile=profile) if profile else NONE), True
    density = _plain(sources.density) if "density" in kinds else None
    own = density if format in _ONLY_IN_EXIF else None
    exif, whole = metadata.kept(sources.exif, sides, kinds, own, srgb=not profile)
    if exif and density and not own:  # so that both places say the same
        exif, whole = metadata.kept(sources.exif, sides, kinds, density, srgb=not profile)
    packet, whole_xmp = xmp.kept(sources.xmp, kinds) if sources.xmp else (b"", True)
    iim, whole_iptc = iptc.kept(sources.iptc, kinds) if sources.iptc and format in _WITH_IPTC else (b"", True)
    whole = whole and not (sources.unread and not {"exif", "copyright", "location"}.isdisjoint(kinds))
    return Blocks(exif, packet, iim, density, profile), whole and whole_xmp and whole_iptc


def _plain(density: Density | None) -> Density | None:
    """The density, to hundredths; None if no format could store it."""
    if density is None or not all(DENSITY_MIN <= each <= DENSITY_MAX for each in density):
        return None
    x, y = (round(each) if abs(each - round(each)) < 0.01 else round(each, 2) for each in density)
    return x, y


def in_jpeg(data: bytes, kept: Blocks) -> bytes | None:
    """The JPEG `data`, which has no metadata, with these blocks and the profile behind its first segment. None: that is
    not JFIF's."""
    if kept == NONE:
        return data
    if data[3] != _APP0 or data[6 : 6 + len(_JFIF)] != _JFIF:
        return None
    end = 4 + int.from_bytes(data[4:6], "big")
    first = data[:end]
    if kept.density:
        x, y = (max(1, round(each)) for each in kept.density)
        first = first[:_UNITS_AT] + struct.pack(">BHH", _INCH, x, y) + first[_UNITS_AT + 5 :]
    segments = [(_APP1, kept.exif), (_APP1, kept.xmp and _XMP_START + kept.xmp), (_APP13, _resource(kept.iptc))]
    parts = [kept.profile[at : at + _ICC_PART_BYTES] for at in range(0, len(kept.profile), _ICC_PART_BYTES)]
    segments += [(_APP2, _ICC_START + bytes((number, len(parts))) + part) for number, part in enumerate(parts, 1)]
    placed = b"".join(struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body for marker, body in segments if body)
    return first + placed + data[end:]


def with_jfif(data: bytes) -> bytes:
    """The JPEG `data`, gray or of YCbCr, with a JFIF segment, if it has none."""
    return data if data[3] == _APP0 else data[:2] + JFIF + data[2:]


def _resource(block: bytes) -> bytes:
    """IPTC as Photoshop's resource for it."""
    if not block:
        return b""
    return b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(block)) + block + bytes(len(block) & 1)
