"""jobs/images/metadata.py and its place in the image path: what a rendition keeps of EXIF, and what never comes out."""

import io
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jobs.images import exif
from jobs.images.kept.blocks import KINDS
from jobs.images.metadata import BLOCK_BYTES_MAX, kept
from jobs.images.turns import Size
from jobs.recipes.recipe import parse
from tests.support.pictures.coloured import power, profile
from tests.support.pictures.images import corners, made, one, outputs, read, saved
from tests.support.pictures.planted import (
    ASCII,
    CAMERA,
    COLOUR_SPACE,
    COMMENT,
    COPYRIGHT,
    EXIF,
    GPS,
    HEIGHT,
    INTEROP,
    LONG,
    MAKER,
    ORIENTATION,
    SECRET,
    SERIAL,
    SUBJECT,
    TAKEN,
    UNDEFINED,
    WIDTH,
    Field,
    block,
    directory,
)


def tags(image: Image.Image) -> dict[int, Any]:
    """Of the first directory and that of EXIF together."""
    found = image.getexif()
    return {**found, **found.get_ifd(EXIF)}


@pytest.mark.parametrize("original", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("format", ["jpeg", "webp", "png", "avif"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_kept_block_is_true_of_the_rendition_and_shows_nothing_that_was_cut_away(
    order: str, format: str, original: str
) -> None:
    data = saved(Image.new("RGB", (400, 300), "#336699"), original, exif=block(order))
    crop = {"left": 0, "top": 0, "width": 200, "height": 300}
    output = outputs(data, one(crop=crop, width=50, blur=3, keep_metadata=True, keep=["location"], format=format))["a"]
    assert SECRET not in output.data
    assert output.unmet == ()
    image = read(output)
    found = tags(image)
    assert (found[CAMERA].rstrip("\0"), found[COPYRIGHT].rstrip("\0"), found[SERIAL].rstrip("\0")) == (
        "a camera", "somebody", "12345678",
    )  # fmt: skip
    assert found[TAKEN].rstrip("\0") == "2024:05:06 07:08:09"
    assert (found.get(ORIENTATION, 1), found[COLOUR_SPACE]) == (1, 1)
    assert (found[WIDTH], found[HEIGHT]) == image.size == (50, 75)
    assert image.getexif().get_ifd(GPS) == {1: "N", 2: (52.0, 52.0, 52.0)}
    assert not found.keys() & {0x0100, 0x0101, 0x02BC, 0x8649, 0xC634, MAKER, INTEROP, SUBJECT}
    assert not image.getexif().get_ifd(1)


@pytest.mark.parametrize("format", ["jpeg", "webp", "png", "avif"])
def test_after_a_conversion_no_old_colour_space_is_said(format: str) -> None:
    colours = Image.new("RGB", (16, 16), (200, 80, 60))
    wide = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
    adobe = profile("Adobe RGB (1998)", power(563 / 256), wide)
    output = outputs(saved(colours, "PNG", icc_profile=adobe, exif=block()), one(format=format, keep_metadata=True))[
        "a"
    ]
    image = read(output)
    assert (tags(image)[COLOUR_SPACE], INTEROP in tags(image), "icc_profile" in image.info) == (1, False, False)
    if format == "png":
        found: Any = image.getpixel((8, 8))
        assert max(abs(a - b) for a, b in zip(found, (228, 79, 58), strict=True)) <= 2


@pytest.mark.parametrize("format", ["jpeg", "webp", "png", "avif"])
def test_what_has_no_room_is_left_out_and_said_the_largest_first(format: str) -> None:
    comment = (COMMENT, UNDEFINED, b"ASCII\0\0\0" + b"c" * 60_000)
    much = block(more=[comment, (0xA430, ASCII, b"o" * 9_000 + b"\0")])
    data = saved(corners(), "PNG", exif=much)
    output = outputs(data, one(format=format, keep_metadata=True))["a"]
    found = tags(read(output))
    assert (COMMENT in found, len(found[0xA430]) >= 9_000, output.unmet) == (False, True, ("metadata",))
    output = outputs(saved(corners(), "PNG", exif=block(more=[comment])), one(format=format, keep_metadata=True))["a"]
    assert (len(tags(read(output))[COMMENT]), output.unmet) == (60_008, ())


def test_a_gif_has_no_place_and_a_tiffs_tags_are_not_kept_and_both_say_so() -> None:
    gif = saved(corners(), "GIF")
    assert outputs(gif, one(format="original", keep_metadata=True))["a"].unmet == ("keep",)
    assert outputs(gif, one(format="original"))["a"].unmet == ()
    assert outputs(saved(corners(), "TIFF"), one(keep_metadata=True))["a"].unmet == ("metadata",)


def test_nothing_is_kept_without_the_key() -> None:
    image = made(saved(corners(), "PNG", exif=block()), format="jpeg")
    assert "exif" not in image.info


def test_each_rendition_has_its_own_sides() -> None:
    data = saved(Image.new("RGB", (400, 300)), "JPEG", exif=block())
    keys = {"keep_metadata": True, "format": "jpeg"}
    recipe = parse({"renditions": [{"name": "l", "width": 120, **keys}, {"name": "s", "width": 30, **keys}]})
    for output in outputs(data, recipe).values():
        found = tags(read(output))
        assert (found[WIDTH], found[HEIGHT]) == (output.width, output.height)


@pytest.mark.parametrize(
    "nothing", [b"", b"Exif\0\0", b"Exif\0\0II*\0\x08\0\0\0", b"II*\0\xff\xff\xff\xff", b"junk" * 9]
)
def test_of_what_is_no_block_none_is_kept(nothing: bytes) -> None:
    assert kept(nothing, Size(3, 2), KINDS) == (b"", True)


def test_a_kept_block_kept_again_is_the_same() -> None:
    first = kept(block(">"), Size(30, 20), KINDS)
    assert kept(first.block, Size(30, 20), KINDS) == first


@settings(max_examples=500)
@given(st.binary(max_size=300), st.lists(st.tuples(st.integers(0, 900), st.binary(min_size=1, max_size=6)), max_size=5))
def test_whatever_a_block_is_what_is_kept_is_a_small_upright_one(tail: bytes, wounds: list[tuple[int, bytes]]) -> None:
    damaged = bytearray(block())
    for at, wound in wounds:
        damaged[at : at + len(wound)] = wound
    for data in (bytes(damaged), bytes(damaged[:14]) + tail, tail):
        made_of, _ = kept(data, Size(16383, 16383), KINDS)
        assert len(made_of) <= BLOCK_BYTES_MAX
        assert exif.orientation(made_of) == 1
        assert kept(made_of, Size(16383, 16383), KINDS).block == made_of


def test_entries_that_all_point_at_one_large_value_stay_within_the_bound() -> None:
    fields: list[Field] = [(tag, ASCII, bytes(4)) for tag in range(0xA430, 0xA43D)]
    data = bytearray(b"Exif\0\0II*\0" + struct.pack("<I", 8) + directory("<", 8, fields) + b"x" * 60_000)
    for entry in range(len(fields)):
        struct.pack_into("<II", data, 16 + 12 * entry + 4, 60_000, 100)
    pointed = b"Exif\0\0II*\0" + struct.pack("<I", 60_300) + bytes(data[14:]).ljust(60_292, b"y")
    pointed += directory("<", 60_300, [(EXIF, LONG, struct.pack("<I", 8))])
    assert len(kept(pointed, Size(1, 1), KINDS).block) <= BLOCK_BYTES_MAX


def test_two_blocks_in_a_png_the_first_counts() -> None:
    first, second = block(turned=6), block(turned=1)
    data = saved(Image.new("RGB", (40, 30)), "PNG", exif=first)
    other = saved(Image.new("RGB", (40, 30)), "PNG", exif=second)
    at = other.index(b"eXIf") - 4
    chunk = other[at : at + 12 + struct.unpack_from(">I", other, at)[0]]
    both = data[:-12] + chunk + data[-12:]
    assert made(both).size == (30, 40)
    assert Image.open(io.BytesIO(both)).size == (40, 30)
