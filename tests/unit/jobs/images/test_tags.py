"""EXIF tags of photos, from blocks made byte by byte."""

import struct
from collections.abc import Mapping
from typing import Any

import pytest

from jobs.images.tags import TEXT_BYTES_MAX, TEXT_CHARACTERS_MAX, Shot, bounded, of_block, plain, read_shot

ASCII, SHORT, LONG, RATIONAL, BYTE = 2, 3, 4, 5, 1
PHOTO: dict[str, dict[int, tuple[int, Any]]] = {
    "top": {0x010F: (ASCII, b"Canon\0"), 0x0110: (ASCII, b"EOS\0 R5"), 0x013B: (ASCII, b"M\xfcller"),
            0x8298: (ASCII, "© 2026".encode()), 0x011A: (RATIONAL, [(300, 1)]), 0x0128: (SHORT, [2])},
    "shot": {0x829A: (RATIONAL, [(1, 250)]), 0x829D: (RATIONAL, [(28, 10)]), 0x8827: (SHORT, [400]),
             0x9003: (ASCII, b"2026:12:01 04:30:05\0"), 0x9011: (ASCII, b"+02:00\0"), 0x920A: (RATIONAL, [(50, 1)]),
             0xA430: (ASCII, b"Somebody\0"), 0xA431: (ASCII, b"0042\0"), 0xA434: (ASCII, b"RF50mm\0")},
    "place": {1: (ASCII, b"S\0"), 2: (RATIONAL, [(48, 1), (12, 1), (30, 1)]), 3: (ASCII, b"E\0"),
              4: (RATIONAL, [(16, 1), (22, 1), (21, 1)]), 5: (BYTE, b"\1"), 6: (RATIONAL, [(157, 2)])},
}  # fmt: skip


def directory(order: str, at: int, fields: Mapping[int, tuple[int, Any]]) -> bytes:
    entries, behind = b"", b""
    start = at + 2 + 12 * len(fields) + 4
    for tag, (kind, value) in sorted(fields.items()):
        if kind == RATIONAL:
            data, count = b"".join(struct.pack(order + "2I", *each) for each in value), len(value)
        elif kind in (SHORT, LONG):
            data, count = b"".join(struct.pack(order + "HI"[kind == LONG], each) for each in value), len(value)
        else:
            data, count = value, len(value)
        entries += struct.pack(order + "HHI", tag, kind, count)
        entries += data.ljust(4, b"\0") if len(data) <= 4 else struct.pack(order + "I", start + len(behind))
        behind += data if len(data) > 4 else b""
    return struct.pack(order + "H", len(fields)) + entries + bytes(4) + behind


def block(order: str, parts: Mapping[str, Mapping[int, tuple[int, Any]]]) -> bytes:
    """A TIFF header, the directories of shot and place, then the first one, which points at them."""
    top, made, at = dict(parts.get("top", {})), b"", 8
    for tag, name in ((0x8769, "shot"), (0x8825, "place")):
        if name in parts:
            top[tag] = (LONG, [at + len(made)])
            made += directory(order, at + len(made), parts[name])
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", at + len(made))
    return head + made + directory(order, at + len(made), top)


def shot(data: bytes) -> Shot:
    return read_shot(of_block(data))


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_photo_tells_all_that_is_asked(order: str) -> None:
    assert shot(block(order, PHOTO)) == Shot(
        captured_at="2026-12-01T04:30:05+02:00", make="Canon", model="EOS", lens="RF50mm", exposure=0.004, f_number=2.8,
        iso=400, focal_mm=50.0, artist="Müller", copyright="© 2026", place=(-48.2083333, 16.3725, -78.5),
        serial="0042", owner="Somebody", density=300.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("taken", "offset", "told"),
    [
        (b"2026:12:01 04:30:05", b"", "2026-12-01T04:30:05"),
        (b"2026:12:01 04:30:05", b"Z", "2026-12-01T04:30:05"),
        (b"2026:12:01 04:30:05", b"-11:30", "2026-12-01T04:30:05-11:30"),
        (b"0000:00:00 00:00:00", b"+02:00", None),
        (b"    :  :     :  :  ", b"", None),
        (b"2026:02:30 00:00:00", b"", None),
        (b"2026-12-01", b"", None),
    ],
)
def test_a_time_has_an_offset_only_if_the_camera_told_one(taken: bytes, offset: bytes, told: str | None) -> None:
    fields = {0x9003: (ASCII, taken + b"\0"), 0x9011: (ASCII, offset + b"\0")}
    assert shot(block("<", {"shot": fields})).captured_at == told


@pytest.mark.parametrize(
    "place",
    [
        {1: (ASCII, b"N\0"), 2: (RATIONAL, [(91, 1), (0, 1), (0, 1)])},
        {1: (ASCII, b"N\0"), 2: (RATIONAL, [(48, 0), (0, 1), (0, 1)])},
        {1: (ASCII, b"X\0"), 2: (RATIONAL, [(48, 1), (0, 1), (0, 1)])},
        {2: (RATIONAL, [(48, 1), (0, 1), (0, 1)])},
        {1: (ASCII, b"N\0")},
        {1: (ASCII, b"N\0"), 2: (SHORT, [48])},
    ],
)
def test_half_a_place_is_none(place: dict[int, tuple[int, Any]]) -> None:
    longitude = {3: PHOTO["place"][3], 4: PHOTO["place"][4]}
    assert shot(block("<", {"place": place | longitude})).place is None


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain", "plain"), (b"", None), (b"   ", None), (b"\0behind", None), (b"a\x1b[31mb\n", "a [31mb"),
        ("日本".encode(), "日本"), (b"\xe9t\xe9", "été"), (b"a  b", "a  b"), ("\u202eright".encode(), "right"),
    ],
)  # fmt: skip
def test_texts_are_plain(data: bytes, text: str | None) -> None:
    assert plain(data) == text


def test_texts_are_bounded_in_characters_and_bytes() -> None:
    assert bounded("x" * 1000) == "x" * TEXT_CHARACTERS_MAX
    cut = bounded("😀" * 1000)
    assert cut is not None and len(cut.encode()) <= TEXT_BYTES_MAX
    assert plain("ü".encode() * 512 + b"\xc3") == "ü" * 150


@pytest.mark.parametrize("cut", range(0, 400, 7))
def test_a_damaged_block_is_read_as_far_as_it_goes(cut: int) -> None:
    whole = block("<", PHOTO)
    shot(whole[:cut])
    shot(whole[:cut] + b"\xff" * (len(whole) - cut))


def test_directories_that_name_each_other_end() -> None:
    looped = {0x8769: (LONG, [8]), 0x8825: (LONG, [8])}
    assert shot(b"II*\0" + struct.pack("<I", 8) + directory("<", 8, looped)) == Shot()
    assert shot(b"no tiff at all") == Shot()
