"""jobs/images/head.py: against files of every format that Pillow writes, and against any bytes."""

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jobs.images import exif, pieces
from jobs.images.head import HEAD_BYTES, TYPE_BYTES, Head, HeadReader, read_head, read_head_of
from jobs.images.pieces import READS_MAX, Passing, found_in

CORPUS = Path(__file__).parents[5] / "shared" / "corpus" / "pillow"
TEST_DATA = Path(__file__).parents[4] / "test-data"
SIDES = (37, 21)
FRAME_LARGER_THAN_SCREEN = "decompression_bomb.gif"
"""A GIF whose head lies: the decoder's own guard refuses it, once its first frame is read."""


def written(format: str, mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.effect_noise(SIDES, 40).convert(mode).save(stream, format, **options)
    return stream.getvalue()


def streamed(data: bytes, step: int) -> Head | None:
    """What a stream tells that comes in pieces of `step` bytes."""
    reader = HeadReader()
    for at in range(0, len(data), step):
        reader.feed(data[at : at + step])
    reader.end()
    return reader.head


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
    assert read_head(data) == Head(name, *SIDES)
    assert streamed(data, 1) == streamed(data, 1000) == read_head_of(io.BytesIO(data)) == Head(name, *SIDES)


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


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def meta(*properties: bytes, item: int = 1, others: bytes = b"") -> bytes:
    """A meta box whose primary item has all the properties but the last, which is another item's."""
    numbers = bytes(range(1, len(properties)))
    uses = struct.pack(">IIHB", 0, 2, item + 1, 1) + bytes((len(properties),))
    uses += struct.pack(">HB", item, len(numbers)) + numbers
    container = box(b"ipco", b"".join(properties)) + box(b"ipma", uses)
    return box(b"meta", bytes(4) + others + box(b"pitm", struct.pack(">IH", 0, item)) + box(b"iprp", container))


def ispe(width: int, height: int) -> bytes:
    return box(b"ispe", struct.pack(">III", 0, width, height))


def clap(*numbers: int) -> bytes:
    return box(b"clap", struct.pack(">4IiIiI", *numbers))


THUMBNAIL = ispe(9999, 9999)
"""Another item's sides, larger than the picture's: they are not its."""


def test_heic_is_known_by_its_brands() -> None:
    for major, other in ((b"heic", b"mif1"), (b"mif1", b"heix"), (b"hevc", b"msf1")):
        head = box(b"ftyp", major + bytes(4) + other)
        assert read_head(head + meta(ispe(4032, 3024), THUMBNAIL)) == Head("heic", 4032, 3024)


@pytest.mark.parametrize(
    ("aperture", "sides"),
    [
        ((90, 1, 60, 1, -6, 2, -4, 2), (90, 60)),
        ((92, 2, 40, 1, 0, 1, 0, 1), (46, 40)),
        ((96, 1, 64, 1, 0, 1, 0, 1), (96, 64)),
        ((97, 1, 64, 1, 0, 1, 0, 1), (96, 64)),  # larger than the picture
        ((91, 2, 64, 1, 0, 1, 0, 1), (96, 64)),  # of half a pixel
        ((95, 1, 64, 1, 0, 1, 0, 1), (96, 64)),  # begins at half a pixel
        ((90, 1, 60, 1, 9, 1, 0, 1), (96, 64)),  # reaches out of the picture
        ((90, 0, 60, 1, 0, 1, 0, 1), (96, 64)),
        ((0, 1, 60, 1, 0, 1, 0, 1), (96, 64)),
    ],
)
def test_a_clean_aperture_is_the_picture_where_it_is_one(aperture: tuple[int, ...], sides: tuple[int, int]) -> None:
    data = box(b"ftyp", b"avif" + bytes(4)) + meta(ispe(96, 64), clap(*aperture), THUMBNAIL)
    assert read_head(data) == Head("avif", *sides)


def segments(count: int, length: int = 60_002) -> bytes:
    return (b"\xff\xe2" + struct.pack(">H", length) + bytes(length - 2)) * count


def late_tiff(big: bool) -> bytes:
    """A TIFF whose directory is its last part, behind 300 KB."""
    if big:
        entries = b"".join(struct.pack("<HHQQ", tag, 16, 1, side) for tag, side in ((256, 300), (257, 200)))
        return b"II" + struct.pack("<HHHQ", 43, 8, 0, 300_000) + bytes(300_000 - 16) + struct.pack("<Q", 2) + entries
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, side) for tag, side in ((256, 300), (257, 200)))
    return b"II" + struct.pack("<HI", 42, 300_000) + bytes(300_000 - 8) + struct.pack("<H", 2) + entries


@pytest.mark.parametrize(
    ("data", "head"),
    [
        (written("JPEG")[:2] + segments(5) + written("JPEG")[2:], Head("jpeg", *SIDES)),
        (late_tiff(big=False), Head("tiff", 300, 200)),
        (late_tiff(big=True), Head("tiff", 300, 200)),
        (
            box(b"ftyp", b"avif" + bytes(4)) + box(b"mdat", bytes(200_000)) + meta(ispe(9, 5), THUMBNAIL),
            Head("avif", 9, 5),
        ),
    ],
)
def test_sides_behind_the_first_bytes_are_found(data: bytes, head: Head) -> None:
    assert read_head(data[:HEAD_BYTES]) == Head(head.format, 0, 0)
    assert read_head(data) == read_head_of(io.BytesIO(data)) == head
    assert {streamed(data, step) for step in (7, 4096, 100_000, len(data))} == {head}


def test_a_stream_holds_little_and_knows_when_it_is_told() -> None:
    data, reader, most = written("JPEG")[:2] + segments(40) + written("JPEG")[2:], HeadReader(), 0
    for at in range(0, len(data), 50_000):
        assert not reader.told
        assert reader.typed == (at >= TYPE_BYTES)
        reader.feed(data[at : at + 50_000])
        most = max(most, len(reader._passing._held))
    assert reader.told
    assert reader.head == Head("jpeg", *SIDES)
    assert most <= HEAD_BYTES + 50_000


def test_a_reader_asks_for_so_many_pieces_and_no_more() -> None:
    endless = written("JPEG")[:2] + segments(READS_MAX + 10, 3) + written("JPEG")[2:]
    assert read_head(endless) == streamed(endless, 1000) == Head("jpeg", 0, 0)
    allowed = written("JPEG")[:2] + segments(READS_MAX - 10, 3) + written("JPEG")[2:]
    assert read_head(allowed) == streamed(allowed, 1000) == Head("jpeg", *SIDES)


def test_a_bomb_shows_its_claim() -> None:
    head = read_head((TEST_DATA / "bomb.png").read_bytes())
    assert head is not None
    assert head.width * head.height > 100_000_000


@given(st.binary(max_size=300), st.sampled_from([b"", *(written(f)[:64] for f in ("JPEG", "WEBP", "AVIF", "TIFF"))]))
def test_any_bytes_are_answered(tail: bytes, start: bytes) -> None:
    head = read_head(start + tail)
    assert head is None or (head.width >= 0 and head.height >= 0)
    assert streamed(start + tail, 13) == head


@given(st.integers(0, 400), st.binary(min_size=1, max_size=8), st.sampled_from(["JPEG", "PNG", "WEBP", "AVIF", "TIFF"]))
def test_a_damaged_head_is_answered(at: int, damage: bytes, format: str) -> None:
    data = bytearray(written(format))
    data[at : at + len(damage)] = damage
    head = read_head(bytes(data))
    assert head is None or (head.width >= 0 and head.height >= 0)
    assert streamed(bytes(data), 100) == head


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


def test_no_search_for_exif_takes_many_looks() -> None:
    data = b"\xff\xd8" + b"\xff\xe0\0\2" * HEAD_BYTES
    looks = []

    def read(at: int, length: int) -> bytes:
        looks.append(at)
        return data[at : at + length]

    assert found_in(exif.reading_block("jpeg"), read) is None
    assert len(looks) == pieces.READS_MAX
    passing = Passing(exif.reading_orientation())
    passing.feed(data)
    passing.end()
    assert passing.found is None
