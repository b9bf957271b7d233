"""jobs/images/kept/blocks.py and the key `keep`: exiftool finds exactly the kinds that are listed, in every format."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from jobs.images.kept.blocks import KINDS, NONE, Blocks, Sources, blocks, in_jpeg
from jobs.images.turns import Size
from tests.support.pictures.images import corners, of_format, one, outputs, read, saved
from tests.support.pictures.planted import IPTC, SECRET, XMP, planted, tags

PLACED = {
    "jpeg": {"JFIF:JFIFVersion", "JFIF:ResolutionUnit", "JFIF:XResolution", "JFIF:YResolution"},
    "png": {f"PNG:{name}" for name in ("BitDepth", "ColorType", "Compression", "Filter", "ImageHeight", "ImageWidth",
                                       "Interlace")},
}  # fmt: skip
"""What draws the picture, and is no metadata. (Of WebP and AVIF: all of some groups.)"""
DRAWING = ("RIFF", "QuickTime", "Meta")
RIGHTS = {"IFD0:Copyright"}
XMP_RIGHTS = {"XMP-dc:Creator", "XMP-dc:Rights", "XMP-dc:Rights-de"}
IPTC_RIGHTS = {"IPTC:By-line", "IPTC:CopyrightNotice", "IPTC:CodedCharacterSet"}
EXIF = RIGHTS | {
    "ExifIFD:ColorSpace", "ExifIFD:DateTimeOriginal", "ExifIFD:ExifImageHeight", "ExifIFD:ExifImageWidth",
    "ExifIFD:SerialNumber", "IFD0:Model", "IFD0:Orientation",
}  # fmt: skip
RESOLUTION = {"IFD0:ResolutionUnit", "IFD0:XResolution", "IFD0:YResolution"}
PHYS = {"PNG-pHYs:PixelUnits", "PNG-pHYs:PixelsPerUnitX", "PNG-pHYs:PixelsPerUnitY"}


def expected(kinds: tuple[str, ...], original: str, format: str) -> set[str]:
    """What exiftool should find."""
    found: set[str] = set(PLACED.get(format, ()))
    with_density = "density" in kinds and original in ("JPEG", "PNG")
    if "exif" in kinds:
        found |= EXIF - ({"IFD0:Orientation"} if format == "avif" else set())  # its box says it
    if "copyright" in kinds:
        found |= RIGHTS | XMP_RIGHTS
    if "location" in kinds:
        found |= {"GPS:GPSLatitude", "GPS:GPSLatitudeRef"}
    if "xmp" in kinds:
        found |= XMP_RIGHTS | {"XMP-dc:Subject", "XMP-photoshop:Headline", "XMP-xmp:Rating"}
        found |= {"XMP-photoshop:City", "XMP-iptcCore:Location"} if "location" in kinds else set()
    if original == "JPEG" and format == "jpeg":
        found |= IPTC_RIGHTS if {"iptc", "copyright"} & {*kinds} else set()
        found |= {"IPTC:Keywords", "IPTC:Caption-Abstract"} if "iptc" in kinds else set()
        found |= {"IPTC:City"} if {"iptc", "location"} <= {*kinds} else set()
    if with_density:
        found |= PHYS if format == "png" else set()
        has_exif = format in ("webp", "avif") or {"exif", "copyright", "location"} & {*kinds}
        found |= RESOLUTION if has_exif else set()
    return found


PAIRS = [("location", "xmp"), ("iptc", "location"), ("copyright", "density"), ("density", "exif"), ("copyright", "xmp")]
SETS: list[tuple[str, ...]] = [(), *((kind,) for kind in KINDS), *PAIRS, KINDS]


@pytest.mark.parametrize("original", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif"])
def test_exiftool_finds_exactly_what_is_listed(original: str, format: str, tmp_path: Path) -> None:
    data = planted(Image.new("RGB", (64, 48), "#336699"), original)
    assert SECRET in data
    for kinds in SETS:
        if "iptc" in kinds and format != "jpeg":
            kinds = tuple(kind for kind in kinds if kind != "iptc")
        made = outputs(data, one(keep=kinds, width=32, **of_format(format)))["a"]
        assert SECRET not in made.data
        found = {name for name in tags(tmp_path, made.data) if name.partition(":")[0] not in DRAWING}
        assert found == expected(kinds, original, format), kinds
        assert made.unmet == ()


def test_the_values_are_those_of_the_original_and_the_densities_agree(tmp_path: Path) -> None:
    data = planted(Image.new("RGB", (64, 48), "#336699"), "JPEG")
    source, found = tags(tmp_path, data), tags(tmp_path, outputs(data, one(keep=KINDS, format="jpeg"))["a"].data)
    false = {"IFD0:Orientation", "ExifIFD:ColorSpace", "ExifIFD:ExifImageHeight", "ExifIFD:ExifImageWidth"} | RESOLUTION
    assert {name: found[name] for name in found.keys() - false} == {name: source[name] for name in found.keys() - false}
    assert (found["JFIF:XResolution"], found["IFD0:XResolution"], found["JFIF:ResolutionUnit"]) == (240, 240, 1)
    png = outputs(data, one(keep=["density"]))["a"].data
    assert read(outputs(png, one(keep=["density"], format="jpeg"))["a"]).info["dpi"] == (240, 240)


def test_every_rendition_of_planes_keeps_the_same(tmp_path: Path) -> None:
    data = planted(corners(), "JPEG")
    planes, rgb = (
        tags(tmp_path, outputs(data, one(keep=KINDS, format="jpeg", **keys))["a"].data) for keys in ({}, {"blur": 1})
    )
    assert planes == rgb


@pytest.mark.parametrize("format", ["png", "webp"])
def test_an_animation_keeps_them_too(format: str, tmp_path: Path) -> None:
    frames = [corners(), corners().rotate(180)]
    data = planted(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=100)
    kinds = ("copyright", "exif", "location", "xmp")
    made = outputs(data, one(keep=kinds, format=format))["a"]
    assert getattr(read(made), "n_frames", 1) == 2
    found = tags(tmp_path, made.data)
    assert expected(kinds, "WEBP", format) <= {*found}
    assert SECRET not in made.data


def test_each_rendition_says_what_has_no_room() -> None:
    long = XMP.replace(b"A boat", b"A boat" * 12_000)
    made, whole = blocks(Sources(xmp=long), ("xmp",), Size(1, 1), "png")
    assert (whole, b"Headline" in made.xmp, b"Rating" in made.xmp) == (False, False, True)
    assert blocks(Sources(xmp=XMP), ("xmp",), Size(1, 1), "png")[1]
    assert blocks(Sources(unread=True), ("exif",), Size(1, 1), "png") == (NONE, False)
    assert blocks(Sources(unread=True), ("xmp",), Size(1, 1), "png") == (NONE, True)
    assert blocks(Sources(xmp=XMP, iptc=IPTC), KINDS, Size(1, 1), "gif") == (NONE, True)


@pytest.mark.parametrize("density", [(0.0, 300.0), (1e9, 1.0), (0.5, 0.5)])
def test_a_density_that_no_format_can_say_is_none(density: tuple[float, float]) -> None:
    assert blocks(Sources(density=density), ("density",), Size(1, 1), "jpeg") == (NONE, True)


def test_a_file_without_jfif_takes_no_blocks() -> None:
    assert in_jpeg(b"\xff\xd8\xff\xdb\0\2", Blocks(xmp=b"x")) is None
    data = saved(corners(), "JPEG")
    assert in_jpeg(data, NONE) == data


def test_the_tags_of_a_tiff_are_not_kept_and_that_is_said() -> None:
    options: dict[str, Any] = {"dpi": (150, 150)}
    made = outputs(saved(corners(), "TIFF", **options), one(keep=["density", "copyright"], format="jpeg"))["a"]
    assert (made.unmet, read(made).info["dpi"]) == (("metadata",), (150, 150))
