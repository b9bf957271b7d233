"""Writes a rendition's IPTC (IIM 4.2): a new block with those fields of the original that are still true. Pure.

Owns the list of these fields. Never copied: previews (2:200 to 2:202), and what no program of today reads.
"""

import struct
from collections.abc import Collection

BLOCK_BYTES_MAX = 60_000
"""Bytes of a written block: a JPEG has one segment for it."""
_MARK = 0x1C
_CHARACTERS = (1, 90)
_TEXTS = frozenset({5, 7, 10, 12, 15, 20, 25, 30, 35, 37, 38, 40, 55, 60, 62, 63, 65, 70, 80, 85, 103, 105, 110, 115,
                    116, 118, 120, 122, 131, 135})  # fmt: skip
"""Of record 2: titles, keywords, times, who made it, who may use it, what it shows."""
_PLACES = frozenset({26, 27, 90, 92, 95, 100, 101})
_RIGHTS = frozenset({80, 116})


def kept(block: bytes, kinds: Collection[str]) -> tuple[bytes, bool]:
    """The block of a rendition that keeps these kinds (`iptc`, `copyright`; with `iptc` and `location` also places), or
    b"" if there is nothing to keep; and whether all had room."""
    wanted: frozenset[int] = frozenset()
    if "iptc" in kinds:
        wanted |= _TEXTS | (_PLACES if "location" in kinds else frozenset())
    if "copyright" in kinds:
        wanted |= _RIGHTS
    made, whole, characters = b"", True, b""
    for record, number, value in _fields(block):
        written = struct.pack(">3BH", _MARK, record, number, len(value)) + value
        if (record, number) == _CHARACTERS and len(value) <= 32:
            characters = written
        elif record == 2 and number in wanted:
            if len(made) + len(written) > BLOCK_BYTES_MAX:
                whole = False
            else:
                made += written
    return (characters + made if made else b""), whole


def _fields(block: bytes) -> list[tuple[int, int, bytes]]:
    """The fields (record, number, value) up to one that is damaged or too long for the short form."""
    found, at = [], 0
    while at + 5 <= len(block):
        mark, record, number, length = struct.unpack_from(">3BH", block, at)
        if mark != _MARK or length & 0x8000 or at + 5 + length > len(block):
            break
        found.append((record, number, block[at + 5 : at + 5 + length]))
        at += 5 + length
    return found
