"""Right by somebody else's arithmetic: every operation, all orientations, colours, and what docs/recipes.md says."""

import math
import struct
from typing import Any

import pytest
from PIL import Image, ImageCms

from jobs.images.formats import EXTENSIONS
from tests.support.pictures import recipes
from tests.support.pictures.images import TEST_DATA, made, psnr, saved
from tests.support.pictures.quality import JUDGED, Judged, gaussian, judged, ssim
from worker.images.operations import AFTER_RESIZE

PAGE = recipes.PAGE.read_text()
MAKE = "run python -m tests.support.pictures.recipes"
Colour = tuple[float, float, float]
Matrix = tuple[Colour, Colour, Colour]

SRGB: Matrix = ((0.43607, 0.38515, 0.14307), (0.22249, 0.71687, 0.06061), (0.01392, 0.09708, 0.71410))
P3: Matrix = ((0.51512, 0.29198, 0.15710), (0.24120, 0.69225, 0.06657), (-0.00105, 0.04189, 0.78407))
"""Linear red, green and blue to XYZ as the ICC has it (D50); by columns the primaries."""
D50: Colour = (0.9642, 1.0, 0.8249)


# --- the measure itself ---


def test_ssim_tells_equal_from_alike_from_other() -> None:
    image = Image.open(TEST_DATA / "rotated.jpg").convert("RGB")
    assert ssim(image, image) == pytest.approx(1)
    assert 0.99 > ssim(image, gaussian(image, 1)) > ssim(image, gaussian(image, 3)) > 0.2
    assert ssim(image, image.transpose(Image.Transpose.ROTATE_180)) < 0.6


# --- operations, and the page that shows them ---


@pytest.mark.parametrize("operation", JUDGED, ids=lambda operation: operation.name)
def test_an_operation_is_as_near_to_its_reference_as_the_page_says(operation: Judged) -> None:
    figures = recipes.told(PAGE)
    assert operation.name in figures, MAKE
    assert judged(operation) >= float(figures[operation.name]) - 0.001


def test_every_operation_on_pixels_is_judged() -> None:
    """Rotations and `contain` ask for turn, tilt and pad; each other operation has a key of its name."""
    asked = {key for operation in JUDGED for key in operation.keys}
    unjudged = {operation.__name__ for operation in AFTER_RESIZE} - {"turn", "tilt", "pad"} - asked
    assert unjudged == set(), f"give JUDGED (tests/support/pictures/quality.py) a line with a reference, then {MAKE}"


def test_the_page_has_the_table_and_the_pictures() -> None:
    figures = recipes.told(PAGE)
    assert figures.keys() == {operation.name for operation in JUDGED}, MAKE
    assert recipes.with_table(PAGE, figures) == PAGE, MAKE
    assert min(map(float, figures.values())) > 0.97
    for operation in JUDGED:
        assert (recipes.PICTURES / f"{operation.name}.webp").stat().st_size < 10_000
    for format in EXTENSIONS:
        assert f"| `{format}` |" in PAGE


# --- orientations, by the words of the EXIF standard ---

PLACES = {
    # orientation: where the first row and the first column of the stored pixels are in the picture
    1: ("top", "left"), 2: ("top", "right"), 3: ("bottom", "right"), 4: ("bottom", "left"),
    5: ("left", "top"), 6: ("right", "top"), 7: ("right", "bottom"), 8: ("left", "bottom"),
}  # fmt: skip


@pytest.mark.parametrize("orientation", PLACES)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_rows_and_columns_lie_where_the_standard_says(orientation: int, format: str) -> None:
    width, height = 48, 32
    stored = Image.new("RGB", (width, height), "black")
    stored.paste((255, 0, 0), (0, 0, width, 8))
    stored.paste((0, 0, 255), (0, 8, 8, height))
    block = Image.Exif()
    block[0x0112] = orientation
    picture = made(saved(stored, format, exif=block, quality=95)).convert("RGB")
    assert picture.size == ((width, height) if orientation < 5 else (height, width))
    middle, last = (picture.width // 2, picture.height // 2), (picture.width - 3, picture.height - 3)
    at = {"top": (middle[0], 2), "bottom": (middle[0], last[1]), "left": (2, middle[1]), "right": (last[0], middle[1])}
    first_row, first_column = PLACES[orientation]
    red, blue = picture.getpixel(at[first_row]), picture.getpixel(at[first_column])
    assert isinstance(red, tuple) and isinstance(blue, tuple)
    assert red[0] > 200 > 90 > max(red[1:])
    assert blue[2] > 200 > 90 > max(blue[:2])


# --- colours, by the formulas of sRGB and CIELAB ---


def linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def curved(value: float) -> float:
    value = min(1.0, max(0.0, value))
    return value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


def times(matrix: Matrix, colour: Colour) -> Colour:
    x, y, z = (sum(a * b for a, b in zip(row, colour, strict=True)) for row in matrix)
    return x, y, z


def solved(matrix: Matrix, colour: Colour) -> Colour:
    """The x with matrix x = colour, by Cramer."""

    def determinant(m: Any) -> float:
        (a, b, c), (d, e, f), (g, h, i) = m
        return float(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))

    def replaced(column: int) -> Any:
        return [[*row[:column], value, *row[column + 1 :]] for row, value in zip(matrix, colour, strict=True)]

    x, y, z = (determinant(replaced(column)) / determinant(matrix) for column in range(3))
    return x, y, z


def lab(rgb: Colour) -> Colour:
    x, y, z = (
        (ratio ** (1 / 3) if (ratio := value / white) > 216 / 24389 else (24389 / 27 * ratio + 16) / 116)
        for value, white in zip(times(SRGB, (linear(rgb[0]), linear(rgb[1]), linear(rgb[2]))), D50, strict=True)
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def profile(primaries: Matrix) -> bytes:
    """The sRGB profile with other primaries, under no name that would be taken for sRGB."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {bytes(data[at : at + 4]): at for at in range(132, 132 + 12 * int.from_bytes(data[128:132]), 12)}
    for column, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ")):
        (offset,) = struct.unpack_from(">I", data, tags[name] + 4)
        struct.pack_into(">3i", data, offset + 8, *(round(row[column] * 65536) for row in primaries))
    return bytes(data).replace(b"s\0R\0G\0B", b"o\0d\0d\0!").replace(b"\0s\0R\0G\0B", b"\0o\0d\0d\0!")


def test_display_p3_comes_out_as_the_formulas_say() -> None:
    grid = [(r, g, b) for r in range(0, 256, 25) for g in range(0, 256, 25) for b in range(0, 256, 25)]
    image = Image.new("RGB", (len(grid), 1))
    image.putdata(grid)
    converted = made(saved(image, icc_profile=profile(P3)))
    worst = checked = 0.0
    for at, colour in enumerate(grid):
        red, green, blue = solved(SRGB, times(P3, tuple(linear(value / 255) for value in colour)))  # type: ignore[arg-type]
        if min(red, green, blue) < -0.0005 or max(red, green, blue) > 1.0005:
            continue  # sRGB does not have it
        found = tuple(value / 255 for value in converted.getpixel((at, 0)))  # type: ignore[union-attr]
        expected = curved(red), curved(green), curved(blue)
        worst = max(worst, math.dist(lab(found), lab(expected)))  # type: ignore[arg-type]
        checked += 1
    assert checked > 500
    assert 0 < worst < 1.0


def test_gray_of_16_bits_is_rounded_and_not_cut() -> None:
    image = Image.new("I;16", (256, 1))
    for value in range(256):
        image.putpixel((value, 0), min(65535, value * 257 + 100))
    assert list(made(saved(image)).tobytes()) == list(range(256))


# --- what is written, against what went in ---


@pytest.mark.parametrize(
    ("keys", "least"),
    [
        ({"format": "png"}, 99),
        ({"format": "webp", "lossless": True}, 99),
        ({"format": "avif", "lossless": True}, 45),
        ({"format": "jpeg", "quality": 90, "chroma": 444}, 43),
        ({"format": "webp", "quality": 90}, 40),
        ({"format": "avif", "quality": 90}, 42),
        ({"format": "gif"}, 38),
    ],
)
def test_what_is_written_is_what_was_made(keys: dict[str, Any], least: float) -> None:
    data = (TEST_DATA / "rotated.jpg").read_bytes()
    assert psnr(made(data, **keys), made(data)) > least
