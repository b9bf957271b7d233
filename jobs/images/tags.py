"""What EXIF tells of a photo: when it was taken, by whom, with which camera, and where.

Pure. Owns the tags that are read, and the bounds of their texts. Reads an EXIF block or a TIFF piece by piece; damaged
fields are passed over. jobs/images/exif.py finds the block.
"""

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from math import isfinite
from typing import Any, NamedTuple

TEXT_CHARACTERS_MAX, TEXT_BYTES_MAX = 200, 300
"""Of one text, also in UTF-8."""
DENSITY_MAX, _METRES_MAX = 1e9, 1e9
_VALUE_BYTES_MAX = 1024
_ENTRIES_MAX = 512
_ASCII, _UTF_8 = 2, 129
_TYPE_BYTES = {2: 1, 3: 2, 4: 4, 5: 8, 10: 8, _UTF_8: 1, 1: 1, 7: 1, 9: 4}
_EXIF, _GPS = 0x8769, 0x8825
_MOMENT = re.compile(r"([0-9]{4}):([0-9]{2}):([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})")
_OFFSET_TEXT = re.compile(r"[+-][01][0-9]:[0-5][0-9]")
_MAKE, _MODEL, _ARTIST, _COPYRIGHT = 0x010F, 0x0110, 0x013B, 0x8298
_RESOLUTION, _RESOLUTION_UNIT, _INCHES = 0x011A, 0x0128, {2: 1.0, 3: 2.54}
_EXPOSURE, _F_NUMBER, _ISO, _TAKEN, _TAKEN_OFFSET, _FOCAL = 0x829A, 0x829D, 0x8827, 0x9003, 0x9011, 0x920A
_OWNER, _SERIAL, _LENS = 0xA430, 0xA431, 0xA434
_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE, _ALTITUDE_REF, _ALTITUDE = range(1, 7)

Read = Callable[[int, int], bytes]
"""The bytes at an offset of a TIFF's header: (at, length)."""
Values = dict[int, tuple[Any, ...]]


class Shot(NamedTuple):
    """`captured_at`: ISO 8601, with an offset only if the camera told one. `exposure` is in seconds. `place`, `serial`
    and `owner` are private."""

    captured_at: str | None = None
    make: str | None = None
    model: str | None = None
    lens: str | None = None
    exposure: float | None = None
    f_number: float | None = None
    iso: int | None = None
    focal_mm: float | None = None
    artist: str | None = None
    copyright: str | None = None
    place: tuple[float, float, float | None] | None = None
    """Degrees north and east, and metres above the sea."""
    serial: str | None = None
    owner: str | None = None
    density: float | None = None
    """Pixels an inch on paper."""


def read_shot(read: Read) -> Shot:
    """What the tags tell; `read` reads a TIFF's header and what it refers to."""
    head = read(0, 8)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(head[:4])
    if order is None or len(head) < 8:
        return Shot()
    top = _directory(read, order, struct.unpack_from(order + "I", head, 4)[0])
    taken, place = (_directory(read, order, _first(top, tag) or 0) for tag in (_EXIF, _GPS))
    iso = _first(taken, _ISO)
    return Shot(
        captured_at=_moment(_text(taken, _TAKEN), _text(taken, _TAKEN_OFFSET)),
        make=_text(top, _MAKE),
        model=_text(top, _MODEL),
        lens=_text(taken, _LENS),
        exposure=_positive(taken, _EXPOSURE),
        f_number=_positive(taken, _F_NUMBER),
        iso=iso if isinstance(iso, int) and 0 < iso < 2**32 - 1 else None,
        focal_mm=_positive(taken, _FOCAL),
        artist=_text(top, _ARTIST),
        copyright=_text(top, _COPYRIGHT),
        place=_place(place),
        serial=_text(taken, _SERIAL),
        owner=_text(taken, _OWNER),
        density=_density(top),
    )


def of_block(block: bytes) -> Read:
    """Reads an EXIF block without its start."""
    return lambda at, length: block[at : at + length]


def _directory(read: Read, order: str, at: int) -> Values:
    """The values of a directory, by tag; of several of one tag the first."""
    found: Values = {}
    if at < 8 or len(start := read(at, 2)) < 2:
        return found
    entries = read(at + 2, 12 * min(struct.unpack(order + "H", start)[0], _ENTRIES_MAX))
    for tag, kind, count, field in struct.iter_unpack(order + "HHI4s", entries[: len(entries) // 12 * 12]):
        if tag in found or kind not in _TYPE_BYTES:
            continue
        size = min(count * _TYPE_BYTES[kind], _VALUE_BYTES_MAX)
        data = field[:size] if size <= 4 else read(struct.unpack(order + "I", field)[0], size)
        if size and len(data) == size:
            found[tag] = tuple(_values(order, kind, data))
    return found


def _values(order: str, kind: int, data: bytes) -> Iterator[Any]:
    if kind in (_ASCII, _UTF_8, 1, 7):
        yield data
    elif kind in (5, 10):
        for over, under in struct.iter_unpack(order + ("2I" if kind == 5 else "2i"), data[: len(data) // 8 * 8]):
            yield over / under if under else None
    else:
        code = {3: "H", 4: "I", 9: "i"}[kind]
        whole = data[: len(data) // _TYPE_BYTES[kind] * _TYPE_BYTES[kind]]
        yield from (value for (value,) in struct.iter_unpack(order + code, whole))


def _first(values: Mapping[int, tuple[Any, ...]], tag: int) -> Any:
    return next((value for value in values.get(tag, ()) if not isinstance(value, bytes)), None)


def _text(values: Mapping[int, tuple[Any, ...]], tag: int) -> str | None:
    return plain(next((value for value in values.get(tag, ()) if isinstance(value, bytes)), b""))


def plain(data: bytes) -> str | None:
    """A text that a file tells: UTF-8, else Latin-1, up to its first zero, without control characters; None if nothing
    is left."""
    data = data.partition(b"\0")[0]
    try:
        text = data.decode()
    except UnicodeDecodeError as fault:
        cut = fault.start >= len(data) - 3 and len(data) >= _VALUE_BYTES_MAX  # within a character
        text = data[: fault.start].decode() if cut else data.decode("latin-1")
    return bounded("".join(each if each.isprintable() else " " for each in text))


def bounded(text: str) -> str | None:
    """`text` without spaces around it, cut to the bounds; None if nothing is left."""
    text = " ".join(text.split(" ")).strip()[:TEXT_CHARACTERS_MAX]
    return text.encode("utf-8", "ignore")[:TEXT_BYTES_MAX].decode("utf-8", "ignore").strip() or None


def _positive(values: Mapping[int, tuple[Any, ...]], tag: int) -> float | None:
    found = _first(values, tag)
    return float(f"{found:.6g}") if isinstance(found, float) and isfinite(found) and found > 0 else None


def _density(values: Mapping[int, tuple[Any, ...]]) -> float | None:
    across, unit = _positive(values, _RESOLUTION), _INCHES.get(_first(values, _RESOLUTION_UNIT) or 2)
    found = round(float(across * unit), 2) if across and unit else 0.0
    return found if 0 < found < DENSITY_MAX else None


def _moment(taken: str | None, offset: str | None) -> str | None:
    """2026:12:01 04:30:00 in ISO 8601; None if it is no time, such as zeros."""
    numbers = _MOMENT.fullmatch(taken or "")
    if numbers is None:
        return None
    year, month, day, hour, minute, second = map(int, numbers.groups())
    try:
        moment = datetime(year, month, day, hour, minute, second).isoformat()
    except ValueError:
        return None
    return moment + (offset if offset and _OFFSET_TEXT.fullmatch(offset) else "")


def _place(values: Values) -> tuple[float, float, float | None] | None:
    latitude = _degrees(values.get(_LATITUDE, ()), _text(values, _LATITUDE_REF), "NS", 90)
    longitude = _degrees(values.get(_LONGITUDE, ()), _text(values, _LONGITUDE_REF), "EW", 180)
    if latitude is None or longitude is None:
        return None
    metres = _first(values, _ALTITUDE)
    below = values.get(_ALTITUDE_REF, (b"",))[0] == b"\1"
    if not isinstance(metres, float) or not abs(metres) < _METRES_MAX:
        return latitude, longitude, None
    return latitude, longitude, round(-metres if below else metres, 2)


def _degrees(parts: tuple[Any, ...], side: str | None, sides: str, most: int) -> float | None:
    """Degrees, minutes and seconds as one number, positive to the first of `sides`."""
    if not 1 <= len(parts) <= 3 or not all(isinstance(each, float) for each in parts) or (side or " ")[0] not in sides:
        return None
    degrees: float = sum(float(part) / 60.0**power for power, part in enumerate(parts))
    if not 0 <= degrees <= most:
        return None
    return round(-degrees if side and side[0] == sides[1] else degrees, 7)
