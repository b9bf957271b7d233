"""jobs/imagehead.py: against files of every format that Pillow writes, and against any bytes."""

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jobs.imagehead import HEAD_BYTES, Head, read_head

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "pillow"
TEST_DATA = Path(__file__).parents[2] / "test-data"
SIDES = (37, 21)
FRAME_LARGER_THAN_SCREEN = "decompression_bomb.gif"
"""A GIF whose head lies: the decoder's own guard refuses it, once its first frame is read."""


def written(format: str, mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.effect_noise(SIDES, 40).convert(mode).save(stream, format, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("jpeg", written("JPEG")),
        ("jpeg", written("JPEG", "CMYK", progressive=True)),
        ("jpeg", written("JPEG", exif=b"Exif\0\0" + bytes(60_000), icc_profile=bytes(40_000))),
        ("png", written("PNG")),
        ("gif", written("GIF")),
        ("webp", written("WEBP")),
        ("webp", written("WEBP", lossless=True)),
        ("webp", written("WEBP", "RGBA")),
        ("webp", written("WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0")),
        ("avif", written("AVIF")),
        ("bmp", written("BMP")),
        ("tiff", written("TIFF")[:HEAD_BYTES]),
        ("tiff", written("TIFF", big_tiff=True)),
    ],
)
def test_format_and_sides(name: str, data: bytes) -> None:
    expected = Head(name, 0, 0) if data.startswith(b"II+") else Head(name, *SIDES)
    assert read_head(data) == expected


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "TIFF", "BMP"])
def test_a_cut_head_still_names_the_format(format: str) -> None:
    assert read_head(written(format)[:9]) == Head(format.lower(), 0, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7",
        b"BMW is a maker of cars and not a bitmap",
        b"RIFF\x24\0\0\0WAVEfmt ",
        struct.pack(">I4s4sI4s", 24, b"ftyp", b"mif1", 0, b"miaf") + bytes(64),
        struct.pack(">I4s4sI", 16, b"ftyp", b"mp42", 0),
    ],
)
def test_what_is_no_image_of_ours_is_none(data: bytes) -> None:
    assert read_head(data) is None


def test_heic_is_known_by_its_brands() -> None:
    sides = struct.pack(">I4sIII", 20, b"ispe", 0, 4032, 3024)
    for major, other in ((b"heic", b"mif1"), (b"mif1", b"heix"), (b"hevc", b"msf1")):
        head = struct.pack(">I4s4sI4s", 20, b"ftyp", major, 0, other)
        assert read_head(head + sides) == Head("heic", 4032, 3024)


def test_a_bomb_shows_its_claim() -> None:
    head = read_head((TEST_DATA / "bomb.png").read_bytes())
    assert head is not None
    assert head.width * head.height > 100_000_000


@given(st.binary(max_size=300), st.sampled_from([b"", *(written(f)[:64] for f in ("JPEG", "WEBP", "AVIF", "TIFF"))]))
def test_any_bytes_are_answered(tail: bytes, start: bytes) -> None:
    head = read_head(start + tail)
    assert head is None or (head.width >= 0 and head.height >= 0)


@given(st.integers(0, 400), st.binary(min_size=1, max_size=8), st.sampled_from(["JPEG", "PNG", "WEBP", "AVIF", "TIFF"]))
def test_a_damaged_head_is_answered(at: int, damage: bytes, format: str) -> None:
    data = bytearray(written(format))
    data[at : at + len(damage)] = damage
    head = read_head(bytes(data))
    assert head is None or (head.width >= 0 and head.height >= 0)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="needs ../shared/corpus")
def test_agrees_with_pillow_on_its_own_test_images() -> None:
    compared = 0
    for path in sorted(CORPUS.rglob("*")):
        if path.suffix not in {".jpg", ".png", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff"}:
            continue
        head = read_head(path.read_bytes()[:HEAD_BYTES])
        try:
            with Image.open(path, formats=["JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF"]) as image:
                told = (image.format or "").lower().replace("mpo", "jpeg"), image.size
        except (OSError, SyntaxError, ValueError, Warning, Image.DecompressionBombError):
            continue
        assert head is not None, path.name
        assert head.format == told[0], path.name
        if head.width and head.height and path.name != FRAME_LARGER_THAN_SCREEN:
            compared += 1
            assert (head.width, head.height) in (told[1], told[1][::-1]), path.name
    assert compared > 100
