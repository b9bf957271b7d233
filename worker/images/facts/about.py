"""What the file of an original tells: the structure of its pixels, its colours, its resolution, and its EXIF tags.

Owns the choice of these facts. Reads the file, and decodes nothing. Knows no recipe.
"""

import struct
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

from PIL import Image

from jobs.images import boxes, tags
from jobs.images.exif import EXIF_START, reading_orientation
from jobs.images.head import picture_properties_of
from jobs.images.pieces import found_in_file, reader_of
from jobs.images.structure import Structure, reading_structure
from jobs.images.tags import Shot
from worker.images.colours import icc
from worker.images.colours.clear import MASK
from worker.images.colours.declared import Declarations, colours_of
from worker.images.formats import tiffs
from worker.images.formats.pngfile import CODE_POINTS

_CHROMA_SUBSAMPLING, _YCBCR = 530, 6
_TIFF_SPACES = {0: "gray", 1: "gray", 2: "rgb", 3: "palette", 5: "cmyk", _YCBCR: "rgb", 8: "rgb"}
_SPACES = {"L": "gray", "RGB": "rgb", "CMYK": "cmyk"}
_BMP_SIZE, _BMP_INFO_HEADER, _PER_METRE = 14, 40, 1 / 0.0254
_WEBP_FLAGS, _WEBP_ALPHA = 20, 0x10


class About(NamedTuple):
    """`density`: pixels an inch. `profile`: the description of the ICC profile. `code_points`: CICP's of primaries and
    transfer."""

    structure: Structure
    orientation: int
    pages: int
    alpha: bool
    density: float | None
    profile: str | None
    code_points: tuple[int, int] | None
    shot: Shot


def about(format: str, file: BinaryIO, image: Image.Image, block: bytes, *, moving: bool) -> About:
    """The facts in `file`, of which `image` is the picture, before its colours were converted. `block`: its EXIF. The
    file's position afterwards is not defined."""
    read = reader_of(file) if format == "tiff" else tags.of_block(block.removeprefix(EXIF_START))
    structure = _of_tiff(file) if format == "tiff" else found_in_file(reading_structure(format), file) or Structure()
    if format == "jpeg" and structure.bits is None:  # its segments do not follow each other, which Pillow forgives
        structure = structure._replace(bits=8, space=_SPACES.get(image.mode))
    shot = tags.read_shot(read)
    return About(
        structure=structure,
        orientation=found_in_file(reading_orientation(), file) or 1,
        pages=len(tiffs.pages(file)) if format == "tiff" else 1,
        alpha=_has_alpha(format, file, image, moving=moving),
        density=_density(format, file, image.info) or shot.density,
        profile=_profile(colours_of(format, image.info, file)),
        code_points=_code_points(format, file, image.info.get(CODE_POINTS)),
        shot=shot,
    )


def _of_tiff(file: BinaryIO) -> Structure:
    directory, _ = tiffs.picture(file)
    bits = tiffs.values(file, directory, tiffs.BITS, (1,))
    kind = next(iter(tiffs.values(file, directory, tiffs.PHOTOMETRIC)), None)
    across, down = (*tiffs.values(file, directory, _CHROMA_SUBSAMPLING, (2, 2)), 1, 1)[:2]
    chroma = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0"}.get((across, down)) if kind == _YCBCR else None
    return Structure(max(bits, default=1), _TIFF_SPACES.get(kind) if kind is not None else None, chroma)


def _has_alpha(format: str, file: BinaryIO, image: Image.Image, *, moving: bool) -> bool:
    if format == "webp" and moving:  # which is always read with alpha
        file.seek(_WEBP_FLAGS)
        return bool((file.read(1) or b"\0")[0] & _WEBP_ALPHA)
    return image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info or MASK in image.info


def _density(format: str, file: BinaryIO, info: Mapping[Any, Any]) -> float | None:
    """Pixels an inch, as the format tells it. (Pillow makes numbers up for a JPEG or TIFF without any.)"""
    if format == "bmp":
        file.seek(_BMP_SIZE)
        size, across = struct.unpack("<I20xi", file.read(28).ljust(28, b"\0"))
        return round(across / _PER_METRE, 2) or None if size >= _BMP_INFO_HEADER and across > 0 else None
    told = format == "png" or (format == "jpeg" and info.get("jfif_unit") in (1, 2))
    dots = info.get("dpi") if told else None
    across = float(dots[0]) if isinstance(dots, tuple) else 0.0
    return round(across, 2) or None if 0 < across < tags.DENSITY_MAX else None


def _profile(declarations: Declarations) -> str | None:
    profile = next((each for each in declarations if isinstance(each, bytes) and each), None)
    return icc.description(profile) if profile else None


def _code_points(format: str, file: BinaryIO, codes: object) -> tuple[int, int] | None:
    if format in ("avif", "heic"):
        return boxes.code_points(picture_properties_of(file))
    return (codes[0], codes[1]) if isinstance(codes, bytes) and len(codes) == 4 else None
