"""jobs/images/kept/stripped.py: the same pixels and nothing else, and no file that is not understood."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jobs.images.kept.stripped import FORMATS, stripped
from tests.support.pictures.images import TEST_DATA, saved
from tests.support.pictures.planted import SECRET, planted, tags

DRAWING = {"JFIF", "Adobe", "PNG", "RIFF"}


def photo(mode: str = "RGB") -> Image.Image:
    with Image.open(TEST_DATA / "sample.jpg") as image:
        return image.convert("RGB").resize((75, 50)).convert(mode)


def pixels(data: bytes) -> Any:
    image = Image.open(io.BytesIO(data))
    image.load()
    transparency = image.info.get("transparency")
    return image.mode, image.size, image.tobytes(), image.getpalette(), transparency


FILES: list[tuple[str, str, dict[str, Any]]] = [
    ("JPEG", "RGB", {"quality": 90}),
    ("JPEG", "RGB", {"quality": 90, "progressive": True, "subsampling": 0}),
    ("JPEG", "L", {"restart_marker_blocks": 3}),
    ("JPEG", "RGB", {"keep_rgb": True}),
    ("JPEG", "RGB", {"icc_profile": SECRET * 9, "optimize": True}),
    ("PNG", "RGB", {}),
    ("PNG", "RGBA", {}),
    ("PNG", "P", {"transparency": 3}),
    ("PNG", "1", {}),
    ("PNG", "L", {"transparency": 7}),
    ("PNG", "I;16", {}),
    ("WEBP", "RGB", {}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("WEBP", "RGBA", {"quality": 50, "icc_profile": SECRET * 9}),
]


@pytest.mark.parametrize(("format", "mode", "options"), FILES, ids=str)
def test_the_pixels_are_equal_and_exiftool_finds_nothing(
    format: str, mode: str, options: dict[str, Any], tmp_path: Path
) -> None:
    data = planted(photo(mode), format, **options)
    made = stripped(data, format.lower())
    assert made is not None
    assert pixels(made) == pixels(data)
    assert SECRET not in made
    assert len(made) < len(data)
    assert stripped(made, format.lower()) == made
    assert {name.partition(":")[0] for name in tags(tmp_path, made)} <= DRAWING


def test_what_is_not_understood_is_not_stripped() -> None:
    png, jpeg, webp = (saved(photo(), format) for format in ("PNG", "JPEG", "WEBP"))
    moving = {"save_all": True, "append_images": [photo().rotate(180)]}
    assert stripped(saved(photo(), "WEBP", **moving), "webp") is None
    assert stripped(saved(photo(), "GIF"), "gif") is None
    assert stripped(jpeg[:-2], "jpeg") is None, "it has no end"
    assert stripped(jpeg[:-2] + jpeg[2:], "jpeg") is None, "two frames"
    assert stripped(jpeg.replace(b"\xff\xc0", b"\xff\xc9"), "jpeg") is None, "arithmetic codes"
    assert stripped(webp[:-1], "webp") is None
    at = png.index(b"IDAT") - 4
    (length,) = struct.unpack_from(">I", png, at)
    inflated = zlib.decompress(png[at + 8 : at + 8 + length])
    for body in (zlib.compress(inflated) + SECRET, zlib.compress(inflated + SECRET), zlib.compress(inflated[:-1])):
        chunk = struct.pack(">I", len(body)) + b"IDAT" + body + zlib.crc32(b"IDAT" + body).to_bytes(4, "big")
        assert stripped(png[:at] + chunk + png[at + 12 + length :], "png") is None
    bare = png[: at + 8] + b"\0" + png[at + 9 :]
    assert stripped(bare, "png") is None, "a checksum is wrong"


@given(
    st.sampled_from(["JPEG", "PNG", "WEBP"]),
    st.lists(st.tuples(st.integers(0, 6000), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4),
)
def test_whatever_a_file_is_nothing_is_raised(format: str, wounds: list[tuple[int, bytes]]) -> None:
    data = bytearray(WHOLE[format])
    for at, wound in wounds:
        data[at % len(data) : at % len(data) + len(wound)] = wound
    made = stripped(bytes(data), format.lower())
    assert made is None or len(made) <= len(data) + 18


WHOLE = {format: planted(photo(), format) for format in ("JPEG", "PNG", "WEBP")}


def test_every_format_of_the_table_is_tried() -> None:
    assert {format.lower() for format, _, _ in FILES} == FORMATS
