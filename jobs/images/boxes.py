"""The boxes of AVIF and HEIC (ISO/IEC 14496-12, 23008-12), as far as we need them. Pure bytes; bounded.

Owns the properties of a file's picture: its clean aperture, its orientation, the code points of its colours. Decodes
nothing. The caller reads the file.
"""

import struct
from collections.abc import Generator, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

BOXES_MAX = 4096
"""Boxes of one file, properties and their uses included. Real files have some 50, a grid of 1,000 tiles some 2,000."""


class Property(NamedTuple):
    """One property of the picture: its kind (`ispe`, `clap`, `colr`) and what its box holds."""

    kind: bytes
    body: bytes


class Aperture(NamedTuple):
    """The part of a picture that is shown, in whole pixels of its stored sides."""

    left: int
    top: int
    width: int
    height: int


def boxes(data: bytes) -> Iterator[Property]:
    """The boxes that lie in `data` one after another, at most BOXES_MAX. Raises struct.error where one is cut off."""
    at, seen = 0, 0
    while at + 8 <= len(data) and seen < BOXES_MAX:
        length, kind, head = box_head(data[at : at + 16])
        end = at + length if length else len(data)
        if end > len(data) or end < at + head:
            raise struct.error(f"a box {kind!r} of {length} bytes in {len(data) - at}")
        yield Property(kind, data[at + head : end])
        at, seen = end, seen + 1


def box_head(start: bytes) -> tuple[int, bytes, int]:
    """A box's length in bytes (0: to the end of what holds it), its kind, and how many bytes its own head has."""
    length, kind = struct.unpack_from(">I4s", start)
    if length == 1:
        return struct.unpack_from(">Q", start, 8)[0], kind, 16
    return length, kind, 8


def reading_properties(most: int) -> Generator[tuple[int, int], bytes, Sequence[Property]]:
    """Finds the properties of a file's primary item, as `reading_meta` finds the box that has them. Raises struct.error
    where the file is damaged."""
    meta = yield from reading_meta(most)
    return picture_properties(meta) if meta else ()


def reading_meta(most: int) -> Generator[tuple[int, int], bytes, bytes]:
    """Finds the content of the `meta` box, at most `most` bytes of it; b"" without such a box. It yields the offset and
    number of the bytes that it wants, and is sent them."""
    at = 0
    while True:
        length, kind, head = box_head((yield at, 16))
        if kind == b"meta":
            break
        if length < head:  # to the end of the file, or damaged
            return b""
        at += length
    return (yield at + head, min(length - head, most) if length else most)


def codings(meta: bytes) -> list[Property]:
    """The properties that configure a decoder, in their order: those of the picture's tiles come first."""
    parts = {kind: body for kind, body in boxes(meta[4:]) if kind == b"iprp"}
    container = next((body for kind, body in boxes(parts.get(b"iprp", b"")) if kind == b"ipco"), b"")
    return [each for each in boxes(container) if each.kind in (b"av1C", b"hvcC")]


@lru_cache(maxsize=1)
def picture_properties(meta: bytes) -> Sequence[Property]:
    """The properties of a file's primary item, in their order; `meta` is the content of the box of that name. Those of
    the last file are cached, because a job asks for sides, aperture and colours in turn.

    Raises struct.error where it is damaged.
    """
    parts = {kind: body for kind, body in boxes(meta[4:]) if kind in (b"pitm", b"iprp")}
    if len(parts) < 2:
        return ()
    item = struct.unpack_from(">I" if parts[b"pitm"][:1] != b"\0" else ">H", parts[b"pitm"], 4)[0]
    container, uses = b"", []
    for kind, body in boxes(parts[b"iprp"]):
        if kind == b"ipco":
            container = body
        elif kind == b"ipma":
            uses += _uses(body, item)
    known = list(boxes(container))
    return tuple(known[number - 1] for number in uses if 0 < number <= len(known))


def _uses(body: bytes, item: int) -> list[int]:
    """Which properties (counted from 1) an `ipma` box gives to the item."""
    large_id, large_index = body[:1] != b"\0", body[3:4] != b"\0" and body[3] & 1
    (entries,) = struct.unpack_from(">I", body, 4)
    at = 8
    for _ in range(min(entries, BOXES_MAX)):
        found, count = struct.unpack_from(">IB" if large_id else ">HB", body, at)
        at += 5 if large_id else 3
        if found == item:
            if large_index:
                return [each & 0x7FFF for each in struct.unpack_from(f">{count}H", body, at)]
            return [each & 0x7F for each in struct.unpack_from(f"{count}B", body, at)]
        at += count * (2 if large_index else 1)
    return []


def sides(properties: Sequence[Property]) -> tuple[int, int]:
    """Width and height as stored, by `ispe`; 0 where there is none."""
    for kind, body in properties:
        if kind == b"ispe" and len(body) >= 12:
            return struct.unpack_from(">II", body, 4)
    return 0, 0


def clean_aperture(properties: Sequence[Property]) -> Aperture | None:
    """The part of the picture that a `clap` property leaves. None without one. None also if the part is outside of the
    picture or not of whole pixels: libavif ignores such a property too (MIAF, ISO/IEC 23000-22, 7.3.6.7)."""
    body = next((each.body for each in properties if each.kind == b"clap"), b"")
    stored = sides(properties)
    if len(body) < 32 or not all(stored):
        return None
    numbers = struct.unpack(">4IiIiI", body[:32])
    if not all(numbers[1::2]):
        return None
    spans = [_span(stored[axis], *numbers[2 * axis : 2 * axis + 2], *numbers[4 + 2 * axis :][:2]) for axis in (0, 1)]
    (left, width), (top, height) = spans
    if not width or not height:
        return None
    return Aperture(left, top, width, height)


def orientation(properties: Sequence[Property]) -> int:
    """How the picture must be turned, as EXIF's number. `irot` counts quarter turns counter-clockwise; `imir` then
    swaps top and bottom (0) or left and right (1)."""
    quarters, mirror = 0, None
    for kind, body in properties:
        if kind == b"irot" and body:
            quarters = body[0] & 3
        elif kind == b"imir" and body:
            mirror = body[0] & 1
    return _TURNED[quarters, mirror]


_TURNED = {
    (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
    (0, 0): 4, (1, 0): 5, (2, 0): 2, (3, 0): 7,
    (0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5,
}  # fmt: skip


def code_points(properties: Sequence[Property]) -> tuple[int, int] | None:
    """CICP's numbers of the primaries and of the transfer function; None where no `nclx` tells them."""
    for kind, body in properties:
        if kind == b"colr" and body.startswith(b"nclx") and len(body) >= 8:
            return struct.unpack_from(">HH", body, 4)
    return None


def _span(stored: int, over: int, under: int, offset_over: int, offset_under: int) -> tuple[int, int]:
    """Where the aperture begins along one side, and its length; (0, 0) if it is not within the side.

    Its middle is `offset` right of the picture's: begin = (stored - length) / 2 + offset.
    """
    length, rest = divmod(over, under)
    begin, odd = divmod((stored - length) * offset_under + 2 * offset_over, 2 * offset_under)
    if rest or odd or begin < 0 or length < 1 or begin + length > stored:
        return 0, 0
    return begin, length
