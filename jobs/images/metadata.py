"""Writes a rendition's EXIF: a new block with those fields of the original that are still true.

Pure. Owns the list of those fields. Nothing else is copied: previews show what a crop removed, MakerNotes hold more
previews, and sides, colours and places in the picture are the original's. jobs/images/exif.py reads the orientation.
"""

import struct
from collections.abc import Collection, Iterable
from fractions import Fraction
from typing import NamedTuple

from jobs.images.exif import EXIF_START, byte_order
from jobs.images.segments import ENTRIES_MAX
from jobs.images.turns import Size

BLOCK_BYTES_MAX = 65533
"""Bytes of the block with its start, in every format: a JPEG has one segment of this size for it."""
_TYPE_BYTES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8)
"""Of TIFF's types 1 to 12; 129 is EXIF 3.0's text."""
_UTF_8 = 129
_SHORT, _LONG, _RATIONAL = 3, 4, 5
_ORIENTATION, _EXIF, _GPS = 0x0112, 0x8769, 0x8825
_COLOUR_SPACE, _WIDTH, _HEIGHT = 0xA001, 0xA002, 0xA003
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
_SRGB, _UNCALIBRATED, _INCH = 1, 65_535, 2
_PARTS_MAX = 10_000

_RIGHTS = frozenset({0x013B, 0x8298})
"""Of IFD 0: artist and copyright."""
_PICTURE = _RIGHTS | {
    0x010D, 0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013C, 0x4746, 0x4749, *range(0x9C9B, 0x9CA0),
}  # fmt: skip
"""Of IFD 0: names and descriptions, camera, software, time, rating."""
_SHOT = frozenset({
    0x829A, 0x829D, 0x8822, 0x8824, 0x8827, *range(0x8830, 0x8836), 0x9000, 0x9003, 0x9004, *range(0x9010, 0x9013),
    *range(0x9201, 0x920B), 0x9286, *range(0x9290, 0x9293), *range(0x9400, 0x9406), 0xA000, 0xA215, 0xA217, 0xA300,
    0xA301, *range(0xA401, 0xA40B), 0xA40C, 0xA420, *range(0xA430, 0xA43D), 0xA460, 0xA461,
})  # fmt: skip
"""Tags of the EXIF directory: how and when the picture was taken, by whom and with which lens. Not the place of the
subject in the picture, nor the sensor's points for a millimetre."""
_PLACE = frozenset(range(0x20))
"""Of the GPS directory: all that EXIF defines."""


class _Field(NamedTuple):
    tag: int
    kind: int
    number: int
    value: bytes


class Kept(NamedTuple):
    """The block with its start, b"" if there is nothing to keep; and whether all kept fields had room."""

    block: bytes
    whole: bool


def kept(
    block: bytes,
    sides: Size,
    kinds: Collection[str],
    density: tuple[float, float] | None = None,
    *,
    srgb: bool = True,
) -> Kept:
    """The EXIF `block` of an original for a rendition of these `sides`, with the fields of these kinds: `exif`
    (upright, of EXIF's own fields), `copyright`, `location`. `density`: pixels for an inch, which it tells. `srgb`: its
    colours are.

    If all together pass BLOCK_BYTES_MAX, the largest are left out. Damaged fields are ignored.
    """
    order, data = byte_order(block) or "<", block.removeprefix(EXIF_START)
    top = [] if byte_order(block) is None else list(_fields(data, order, _offset(data, order, 4)))
    picture, shot, place = (
        _chosen(fields, tags)
        for fields, tags in (
            (top, _PICTURE if "exif" in kinds else _RIGHTS if "copyright" in kinds else ()),
            (_directory(data, order, top, _EXIF), _SHOT if "exif" in kinds else ()),
            (_directory(data, order, top, _GPS), _PLACE if "location" in kinds else ()),
        )
    )
    if not picture and not shot and not place and not density:
        return Kept(b"", True)
    if "exif" in kinds and (picture or shot):
        picture[_ORIENTATION] = _short(order, _ORIENTATION, 1)
        shot[_COLOUR_SPACE] = _short(order, _COLOUR_SPACE, _SRGB if srgb else _UNCALIBRATED)
        for tag, side in ((_WIDTH, sides.width), (_HEIGHT, sides.height)):
            shot[tag] = _Field(tag, _LONG, 1, struct.pack(order + "I", side))
    if density:
        picture[_RESOLUTION_UNIT] = _short(order, _RESOLUTION_UNIT, _INCH)
        for tag, each in zip((_X_RESOLUTION, _Y_RESOLUTION), density, strict=True):
            part = Fraction(each).limit_denominator(_PARTS_MAX)
            picture[tag] = _Field(tag, _RATIONAL, 1, struct.pack(order + "2I", part.numerator, part.denominator))
    whole = _fitted(picture, shot, place)
    return Kept(EXIF_START + _written(order, picture, shot, place), whole)


def _short(order: str, tag: int, value: int) -> _Field:
    return _Field(tag, _SHORT, 1, struct.pack(order + "H", value))


def _directory(data: bytes, order: str, top: Iterable[_Field], tag: int) -> Iterable[_Field]:
    """The fields of the directory that a field of the first one points at."""
    pointers = [field.value for field in top if field.tag == tag and len(field.value) == 4]
    return _fields(data, order, _offset(pointers[0], order, 0)) if pointers else ()


def _offset(data: bytes, order: str, at: int) -> int:
    return int(struct.unpack_from(order + "I", data, at)[0]) if len(data) >= at + 4 else 0


def _fields(data: bytes, order: str, at: int) -> Iterable[_Field]:
    """The whole fields of a directory."""
    if not 8 <= at <= len(data) - 2:
        return
    (entries,) = struct.unpack_from(order + "H", data, at)
    for entry in range(at + 2, at + 2 + 12 * min(entries, ENTRIES_MAX), 12):
        if entry + 12 > len(data):
            return
        tag, kind, count = struct.unpack_from(order + "HHI", data, entry)
        size = count * (1 if kind == _UTF_8 else _TYPE_BYTES[kind] if kind < len(_TYPE_BYTES) else 0)
        start = entry + 8 if size <= 4 else _offset(data, order, entry + 8)
        if size and start + size <= len(data):
            yield _Field(tag, kind, count, data[start : start + size])


def _chosen(fields: Iterable[_Field], tags: Collection[int]) -> dict[int, _Field]:
    """Those of the given tags; of several of one tag the first."""
    found: dict[int, _Field] = {}
    for field in fields:
        if field.tag in tags:
            found.setdefault(field.tag, field)
    return found


def _fitted(*directories: dict[int, _Field]) -> bool:
    """Removes the largest values until all have room. Returns whether none had to be removed."""
    heads = len(EXIF_START) + 8 + sum(2 + 12 * (len(each) + 2) + 4 for each in directories)
    room = BLOCK_BYTES_MAX - heads - sum(_value_bytes(field) for each in directories for field in each.values())
    fields = [(field, each) for each in directories for field in each.values()]
    largest = sorted(fields, key=lambda one: -len(one[0].value))
    for number, (field, directory) in enumerate(largest):
        if room >= 0:
            return number == 0
        room += _value_bytes(field)
        del directory[field.tag]
    return False


def _value_bytes(field: _Field) -> int:
    """What its value takes outside of its entry, to an even number."""
    return len(field.value) + (len(field.value) & 1) if len(field.value) > 4 else 0


def _written(order: str, picture: dict[int, _Field], shot: dict[int, _Field], place: dict[int, _Field]) -> bytes:
    """The block: its header, the EXIF directory, that of GPS where there is one, then IFD 0, which points at them."""
    body = b""
    for tag, fields in ((_EXIF, shot), (_GPS, place)):
        if fields:
            picture[tag] = _Field(tag, _LONG, 1, struct.pack(order + "I", 8 + len(body)))
            body += _directory_bytes(order, fields, 8 + len(body))
    at = 8 + len(body)
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", at)
    return header + body + _directory_bytes(order, picture, at)


def _directory_bytes(order: str, fields: dict[int, _Field], at: int) -> bytes:
    """A directory that lies at `at`, its values behind it, and no next one."""
    entries, values = b"", b""
    behind = at + 2 + 12 * len(fields) + 4
    for _, field in sorted(fields.items()):
        entries += struct.pack(order + "HHI", field.tag, field.kind, field.number)
        if len(field.value) <= 4:
            entries += field.value.ljust(4, b"\0")
            continue
        entries += struct.pack(order + "I", behind + len(values))
        values += field.value + bytes(len(field.value) & 1)
    return struct.pack(order + "H", len(fields)) + entries + bytes(4) + values
