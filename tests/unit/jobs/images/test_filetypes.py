"""jobs/images/filetypes.py: what is no image of ours is called by its name, with what to do."""

import gzip
import io
import json
import struct
import tarfile
import wave
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.images.filetypes import kind_of, refusal
from jobs.images.formats import READ
from jobs.images.head import TYPE_BYTES, format_of

CORPUS = Path(__file__).parents[5] / "shared" / "corpus" / "pillow"


def brand(major: bytes, *others: bytes) -> bytes:
    return struct.pack(">I4s4sI", 16 + 4 * len(others), b"ftyp", major, 0) + b"".join(others) + bytes(40)


def archive() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("a.txt", "a")
    return stream.getvalue()


def sound() -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(bytes(100))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a drawing -->\n<svg width='1'>", "SVG"),
        (b"<!DOCTYPE html><html><head><title>404</title>", "web page"),
        (b"<?xml version='1.0'?><feed>", "XML"),
        (b"%PDF-1.7\n", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
        (b"\0\0\1\0\1\0\x10\x10", "ICO"),
        (b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 ", "JPEG 2000"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\xff\x0a\xfa\x1f", "JPEG XL"),
        (brand(b"heic", b"mif1"), "HEIC"),
        (brand(b"mif1", b"heix"), "HEIC"),
        (brand(b"mif1", b"miaf"), "HEIF"),
        (brand(b"isom", b"iso2", b"avc1"), "video (MP4)"),
        (brand(b"qt  "), "QuickTime"),
        (brand(b"crx ", b"isom"), "Canon CR3"),
        (b"FUJIFILMCCD-RAW 0201", "Fujifilm"),
        (b"IIU\0\x18\0\0\0", "Panasonic"),
        (b"\x1aE\xdf\xa3\x01\0\0\0", "Matroska"),
        (b"RIFF\0\0\0\0AVI LIST", "AVI"),
        (sound(), "WAV"),
        (archive(), "ZIP"),
        (gzip.compress(b"a", mtime=0), "gzip"),
        (b"hello, I am no image\n", "text"),
        ("Grüße von der Küste".encode(), "text"),
        ("text in UTF-16".encode("utf-16"), "text"),
        (json.dumps({"image": None}).encode(), "text"),
        (b"data:image/png;base64,iVBORw0KGgo", "base64"),
        (b"/9j/4AAQSkZJRgABAQ", "base64"),
        (b"G" + bytes(187) + b"G" + bytes(187), "video"),
    ],
)
def test_a_file_is_called_by_its_name(data: bytes, name: str) -> None:
    said = refusal(data[:TYPE_BYTES])
    assert name in said
    assert format_of(data[:TYPE_BYTES]) not in READ
    if data:
        assert "not read here (JPEG, PNG, WebP, AVIF, GIF, TIFF, BMP are): " in said


def test_what_tells_nothing_is_said_with_what_is_read() -> None:
    assert refusal(bytes(range(1, 40))).endswith("(JPEG, PNG, WebP, AVIF, GIF, TIFF, BMP)")
    stream = io.BytesIO()
    tarfile.open(fileobj=stream, mode="w").close()
    assert "no image that we read" in refusal(stream.getvalue()[:TYPE_BYTES])


@given(st.binary(max_size=TYPE_BYTES), st.sampled_from([b"", b"RIFF", b"\0\0\0 ftyp", b"<svg", b"\xff\xfe", b"%PDF-"]))
def test_any_bytes_have_a_sentence(tail: bytes, start: bytes) -> None:
    said = refusal((start + tail)[:TYPE_BYTES])
    assert said.isprintable()
    assert len(said) < 250


@pytest.mark.skipif(not CORPUS.is_dir(), reason="needs ../shared/corpus")
def test_no_image_that_is_read_is_taken_for_another_kind() -> None:
    starts = [path.read_bytes()[:TYPE_BYTES] for path in CORPUS.rglob("*") if path.is_file()]
    ours = [start for start in starts if format_of(start) in READ]
    assert len(ours) > 200
    assert not [
        start[:16] for start in ours if (kind := kind_of(start)) and "HEI" not in kind.name and "video" not in kind.name
    ]
