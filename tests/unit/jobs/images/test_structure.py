"""How pixels are stored, by files that Pillow or the makers of tests write."""

from typing import Any

import pytest
from PIL import Image

from jobs.images.pieces import found_in
from jobs.images.structure import Structure, reading_structure
from tests.support.pictures.animations import Laid, gif, still_png
from tests.support.pictures.coloured import bmp
from tests.support.pictures.images import saved


def structure(format: str, data: bytes) -> Structure | None:
    return found_in(reading_structure(format), lambda at, length: data[at : at + length])


def of(mode: str, format: str, **options: Any) -> Structure | None:
    name = {"JPEG": "jpeg", "PNG": "png", "WEBP": "webp", "AVIF": "avif", "GIF": "gif", "BMP": "bmp"}[format]
    return structure(name, saved(Image.new(mode, (40, 30)), format, **options))


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (of("RGB", "JPEG"), Structure(8, "rgb", "4:2:0")),
        (of("RGB", "JPEG", subsampling="4:4:4"), Structure(8, "rgb", "4:4:4")),
        (of("RGB", "JPEG", subsampling="4:2:2", progressive=True), Structure(8, "rgb", "4:2:2", progressive=True)),
        (of("L", "JPEG"), Structure(8, "gray")),
        (of("CMYK", "JPEG"), Structure(8, "cmyk", "4:4:4")),
        (of("L", "PNG"), Structure(8, "gray")),
        (of("1", "PNG"), Structure(1, "gray")),
        (of("I;16", "PNG"), Structure(16, "gray")),
        (of("RGBA", "PNG"), Structure(8, "rgb")),
        (structure("png", still_png(3, 2, [bytes(1)], depth=4)), Structure(4, "palette")),
        (structure("png", still_png(2, 1, [bytes(3)], interlaced=1)), Structure(8, "rgb", None, progressive=True)),
        (of("RGB", "WEBP"), Structure(8, "rgb", "4:2:0")),
        (of("RGBA", "WEBP", lossless=True), Structure(8, "rgb")),
        (of("RGB", "WEBP", save_all=True, append_images=[Image.new("RGB", (40, 30), "red")]),
         Structure(8, "rgb", "4:2:0")),
        (of("RGB", "AVIF"), Structure(8, "rgb", "4:2:0")),
        (of("RGB", "AVIF", subsampling="4:4:4"), Structure(8, "rgb", "4:4:4")),
        (of("L", "AVIF", subsampling="4:0:0"), Structure(8, "gray")),
        (structure("gif", gif((2, 2), [Laid(0, 0, 2, 2, 1)])), Structure(2, "palette")),
        (of("P", "BMP"), Structure(8, "palette")),
        (of("RGB", "BMP"), Structure(8, "rgb")),
        (structure("bmp", bmp((1, 2, 3))), Structure(8, "rgb")),
        (structure("tiff", b"II*\0"), Structure()),
    ],
)  # fmt: skip
def test_each_format_tells(found: Structure | None, wanted: Structure) -> None:
    assert found == wanted


@pytest.mark.parametrize(
    "piece",
    [
        b"\xff\xe2\0\x20urn:iso:std:iso:ts:21496:-1\0\0\0",
        b"\xff\xe1\0\x60http://ns.adobe.com/xap/1.0/\0" + b'<x xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"/>',
    ],
)
def test_a_gain_map_is_told(piece: bytes) -> None:
    data = saved(Image.new("RGB", (8, 8)), "JPEG")
    padded = piece[:2] + (len(piece) - 2).to_bytes(2, "big") + piece[4:]
    found = structure("jpeg", data[:2] + padded + data[2:])
    assert found is not None and found.gain_map
    assert found._replace(gain_map=False) == structure("jpeg", data)


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif", "heic", "gif", "bmp"])
def test_damage_is_no_fault(format: str) -> None:
    data = saved(Image.effect_noise((40, 30), 50).convert("RGB"), "JPEG")
    for cut in range(0, 200, 9):
        structure(format, data[:cut])
        structure(format, bytes(cut))
