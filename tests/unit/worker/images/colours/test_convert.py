"""worker/images/colours/convert.py, told.py, icc.py and colourspaces.py: what a file says of its colours, judged by
formulas."""

import contextlib
import io
import struct
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from jobs.errors import ImageFault
from jobs.images import boxes
from tests.support.pictures.animations import chunk
from tests.support.pictures.coloured import (
    BT2020_TO_SRGB,
    P3_ENDPOINTS,
    P3_TO_SRGB,
    SRGB_COLORANTS,
    SRGB_CURVE,
    SRGB_ENDPOINTS,
    SRGB_XYZ,
    Colour,
    avif,
    bmp,
    chromaticities,
    cicp,
    gamma,
    light,
    png,
    power,
    profile,
    profiled,
    sample,
    through,
)
from tests.support.pictures.images import RED, WHITE, cmyk_profile, corners, made, one, outputs, saved
from worker.images.colours import icc
from worker.images.colours.colourspaces import CURVES, PRIMARIES, by_code
from worker.images.colours.declared import colours_of

COLOUR: Colour = (200, 80, 60)
FROM_P3 = through(P3_TO_SRGB, [light(value) for value in COLOUR])
FROM_LINEAR: Colour = tuple(sample(value / 255) for value in COLOUR)  # type: ignore[assignment]
P3 = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
BEST: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 100, "subsampling": 0},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
}
"""What makes a format keep colours."""
LINEAR_PROFILE = profile("sRGB-elle-V2-g10.icc", power(1.0))


def table(lights: Sequence[float]) -> bytes:
    return struct.pack(f">4s4xI{len(lights)}H", b"curv", len(lights), *(round(65535 * each) for each in lights))


def differ(data: bytes, wanted: Sequence[int], mode: str = "RGB") -> int:
    """By how much the middle of what comes out is off, at most."""
    image = made(data).convert(mode)
    found: Any = image.getpixel((4, 4))
    pairs = zip(found if isinstance(found, tuple) else (found,), wanted, strict=True)
    return max(int(abs(a - b)) for a, b in pairs)


# --- profiles, by what they hold ---


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("exponent", [1.0, 1.8, 2.2])
def test_a_profile_that_only_calls_itself_srgb_is_applied(format: str, exponent: float) -> None:
    named = profile("sRGB IEC61966-2.1", power(exponent))
    data = saved(Image.new("RGB", (8, 8), COLOUR), format, icc_profile=named, **BEST.get(format, {}))
    assert differ(data, [sample((value / 255) ** exponent) for value in COLOUR]) <= 3


def test_primaries_decide_as_curves_do() -> None:
    p3 = ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407))
    assert differ(png(COLOUR, profiled(profile("sRGB", SRGB_CURVE, p3))), FROM_P3) <= 1


@pytest.mark.parametrize(
    ("it_is", "data"),
    [
        (True, ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()),
        (True, profile("whatever", SRGB_CURVE)),
        (True, profile("", table([light(255 * entry / 1023) for entry in range(1024)]))),
        (False, profile("sRGB", power(2.2))),
        (False, profile("sRGB", SRGB_CURVE, (SRGB_COLORANTS[1], SRGB_COLORANTS[0], SRGB_COLORANTS[2]))),
        (False, profile("sRGB", SRGB_CURVE, more={b"A2B0": b"mft1" + bytes(60)})),
        (False, profile("sRGB", SRGB_CURVE, more={b"gTRC": power(1.0)})),
        (False, profile("sRGB", SRGB_CURVE, kind=b"link")),
        (False, profile("sRGB", SRGB_CURVE)[:300]),
        (False, b""),
    ],
)  # fmt: skip
def test_what_is_srgb(it_is: bool, data: bytes) -> None:
    assert icc.is_srgb(data) == it_is


def test_an_srgb_profile_of_any_name_changes_no_pixel() -> None:
    image = Image.effect_mandelbrot((64, 64), (-3, -2.5, 2, 2.5), 100).convert("RGB")
    assert made(saved(image, icc_profile=profile("a monitor", SRGB_CURVE))).tobytes() == image.tobytes()


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_gray_profile_is_exact_and_the_picture_stays_gray(mode: str) -> None:
    linear = profile("linear gray", power(1.0), space=b"GRAY")
    ramp = Image.frombytes("L", (256, 1), bytes(range(256)))
    made_of = made(saved(ramp.convert(mode), icc_profile=linear))
    assert made_of.mode == mode
    assert list(made_of.getchannel("L").tobytes()) == [sample(value / 255) for value in range(256)]


@pytest.mark.parametrize(
    ("mode", "useless"),
    [
        ("RGB", cmyk_profile()),
        ("RGB", profile("gray", power(1.0), space=b"GRAY")),
        ("L", LINEAR_PROFILE),
        ("RGB", LINEAR_PROFILE[: len(LINEAR_PROFILE) // 2]),
        ("RGB", LINEAR_PROFILE[:100]),
        ("L", profile("gray", power(1.0), space=b"GRAY")[:200]),
        ("RGB", profile("named", power(1.0), kind=b"nmcl")),
        ("RGB", profile("link", power(1.0), kind=b"link")),
        ("RGB", profile("abstract", power(1.0), kind=b"abst")),
    ],
)
@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_a_profile_of_another_space_or_class_or_cut_short_is_passed_over(
    format: str, mode: str, useless: bytes
) -> None:
    image = corners().convert(mode)
    plain = made(saved(image, format, **BEST.get(format, {})))
    assert made(saved(image, format, icc_profile=useless, **BEST.get(format, {}))).tobytes() == plain.tobytes()


def adobe(data: bytes, transform: int | None) -> bytes:
    """A JPEG of Pillow's under an Adobe marker of this transform, or none."""
    at = data.index(b"\xff\xee\x00\x0eAdobe")
    if transform is None:
        return data[:at] + data[at + 16 :]
    return data[: at + 15] + bytes((transform,)) + data[at + 16 :]


@pytest.mark.parametrize("with_profile", [False, True])
@pytest.mark.parametrize("transform", [0, None])
def test_cmyk_of_a_jpeg_is_ink_that_is_stored_the_other_way_round_with_and_without_adobes_marker(
    transform: int | None, with_profile: bool
) -> None:
    ink = Image.new("CMYK", (16, 8))
    ink.paste((255, 0, 0, 0) if with_profile else (0, 255, 255, 0), (0, 0, 8, 8))
    more = {"icc_profile": cmyk_profile()} if with_profile else {}
    image = made(adobe(saved(ink, "JPEG", quality=100, **more), transform))
    red, paper = image.getpixel((3, 4)), image.getpixel((12, 4))
    assert max(abs(a - b) for a, b in zip((*red, *paper), (*RED, *WHITE), strict=True)) <= 6  # type: ignore[misc]


def test_black_ink_alone_is_black_in_a_jpeg_and_in_a_tiff() -> None:
    ink = Image.new("CMYK", (8, 8), (0, 0, 0, 255))
    for data in (saved(ink, "JPEG", quality=100), saved(ink, "TIFF")):
        assert max(made(data).getpixel((4, 4))) <= 2  # type: ignore[arg-type]


# --- colours by number ---


@pytest.mark.parametrize(
    ("data", "wanted", "tolerance"),
    [
        (png(COLOUR, cicp(12, 13)), FROM_P3, 1),
        (png(COLOUR, cicp(12, 2)), FROM_P3, 1),
        (png(COLOUR, cicp(1, 8)), FROM_LINEAR, 1),
        (png(COLOUR, cicp(9, 14)), through(BT2020_TO_SRGB, [light(value) for value in COLOUR]), 1),
        (png((235, 126, 16), cicp(1, 13, full=0)), (255, 128, 0), 1),
        (png(COLOUR, gamma(1.0)), FROM_LINEAR, 1),
        (png(COLOUR, gamma(1 / 1.8)), [sample((value / 255) ** 1.8) for value in COLOUR], 1),
        (png(COLOUR, gamma(0.45455), chromaticities(*P3)), FROM_P3, 1),
        (png(COLOUR, gamma(1.0), chromaticities(*P3)), through(P3_TO_SRGB, [value / 255 for value in COLOUR]), 1),
        (avif(COLOUR, 12, 13), FROM_P3, 4),
        (avif(COLOUR, 1, 8), FROM_LINEAR, 4),
        (bmp(COLOUR, endpoints=SRGB_ENDPOINTS, gammas=(1.0, 1.0, 1.0)), FROM_LINEAR, 1),
        (bmp(COLOUR, endpoints=P3_ENDPOINTS, gammas=(2.2, 2.2, 2.2), size=108), FROM_P3, 1),
        (bmp(COLOUR, endpoints=SRGB_XYZ, gammas=(1.0,) * 3), FROM_LINEAR, 1),
        (bmp(COLOUR, b"DEBM", profile=LINEAR_PROFILE), FROM_LINEAR, 1),
    ],
    ids=lambda each: type(each).__name__,
)  # fmt: skip
def test_colours_told_by_number_come_out_by_the_formulas(data: bytes, wanted: Sequence[int], tolerance: int) -> None:
    assert differ(data, wanted) <= tolerance


@pytest.mark.parametrize(
    "data",
    [
        png(COLOUR, cicp(1, 13)),
        png(COLOUR, cicp(2, 2)),
        png(COLOUR, cicp(200, 13)),
        png(COLOUR, cicp(12, 99)),
        png(COLOUR, cicp(10, 8)),
        png(COLOUR, (b"cICP", b"\x0c")),
        png(COLOUR, gamma(0.45455)),
        png(COLOUR, gamma(0.0)),
        png(COLOUR, gamma(0.00001)),
        png(COLOUR, gamma(0.45455), chromaticities(0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)),
        png(COLOUR, chromaticities(*(0.3,) * 8)),
        png(COLOUR, chromaticities(*(0.0,) * 8)),
        bmp(COLOUR),
        bmp(COLOUR, b"BGRs", endpoints=P3_ENDPOINTS, gammas=(1.0,) * 3),
        bmp(COLOUR, b" niW", endpoints=P3_ENDPOINTS, gammas=(1.0,) * 3),
        bmp(COLOUR, b"DEBM", profile=b"none"),
        bmp(COLOUR, b"KNIL", profile=b"C:\\a.icc"),
        bmp(COLOUR, endpoints=(-1.0,) * 9, gammas=(1.0,) * 3),
    ],
)
def test_numbers_that_say_srgb_or_nothing_change_no_pixel(data: bytes) -> None:
    assert differ(data, COLOUR) == 0


def test_the_specifications_order_decides_between_what_a_file_says() -> None:
    linear = profiled(LINEAR_PROFILE)
    assert differ(png(COLOUR, cicp(12, 13), linear), FROM_P3) <= 1
    assert differ(png(COLOUR, linear, (b"sRGB", b"\0")), FROM_LINEAR) <= 1
    assert differ(png(COLOUR, linear, gamma(1 / 1.8)), FROM_LINEAR) <= 1
    assert differ(png(COLOUR, (b"sRGB", b"\0"), gamma(1.0)), COLOUR) == 0
    assert differ(png(COLOUR, profiled(b"junk" * 50), gamma(1.0)), FROM_LINEAR) <= 1
    assert differ(png(COLOUR, cicp(77, 13), linear), FROM_LINEAR) <= 1


@pytest.mark.parametrize("before", [b"PLTE", b"IDAT"])
def test_numbers_behind_a_palette_or_pixels_change_no_pixel(before: bytes) -> None:
    data, (kind, body) = png(COLOUR, (b"PLTE", bytes(3))), cicp(12, 13)
    behind = data.index(before) + len(before) + struct.unpack_from(">I", data, data.index(before) - 4)[0] + 4
    assert differ(data[:behind] + chunk(kind, body) + data[behind:], COLOUR) == 0


def test_of_two_chunks_of_numbers_the_first_is_believed() -> None:
    assert differ(png(COLOUR, cicp(12, 13), cicp(1, 13)), FROM_P3) <= 1
    assert differ(png(COLOUR, cicp(1, 13), cicp(12, 13)), COLOUR) == 0


def test_an_avifs_profile_comes_before_its_numbers() -> None:
    stream = io.BytesIO()
    image = Image.new("RGB", (32, 32), COLOUR)
    image.save(stream, "AVIF", quality=100, subsampling="4:4:4", icc_profile=LINEAR_PROFILE)
    assert differ(stream.getvalue(), FROM_LINEAR) <= 4


def test_gray_and_alpha_go_by_the_numbers_too() -> None:
    assert differ(png((128,), gamma(1.0)), (188,), "L") == 0
    assert differ(png((128, 77), gamma(1.0)), (188, 77), "LA") == 0
    assert differ(png((*COLOUR, 77), cicp(12, 13)), (*FROM_P3, 77), "RGBA") <= 1


def test_every_frame_of_an_animation_goes_by_the_numbers() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (COLOUR, COLOUR[::-1])]
    data = saved(frames[0], "PNG", save_all=True, append_images=frames[1:])
    at = data.index(b"acTL") - 4
    moving = data[:at] + b"\0\0\0\4cICP\x0c\x0d\0\1" + bytes(4) + data[at:]
    moving = moving.replace(b"cICP\x0c\x0d\0\1" + bytes(4), png((0,), cicp(12, 13))[37:49])
    image = made(moving, format="png")
    image.seek(1)
    wanted = through(P3_TO_SRGB, [light(value) for value in COLOUR[::-1]])
    found: Any = image.convert("RGB").getpixel((4, 4))
    assert max(abs(a - b) for a, b in zip(found, wanted, strict=True)) <= 1


@pytest.mark.parametrize("transfer", [16, 18])
def test_light_beyond_white_is_brought_down_in_order_and_nothing_else(transfer: int) -> None:
    """Chromium shows white paper (203 nits, 75 % of HLG, 58 % of PQ) as 187, and so within 6 of what comes here."""
    white = {16: 148, 18: 191}[transfer]
    assert differ(png((white,) * 3, cicp(9, transfer)), (187,) * 3) <= 6
    shown = [made(png((value,) * 3, cicp(9, transfer))).getpixel((4, 4))[0] for value in range(0, 256, 15)]  # type: ignore[index]
    assert shown == sorted(shown)
    assert (shown[0], shown[-1]) == (0, 255)


def test_every_code_point_has_colours_or_is_passed_over() -> None:
    for primaries in PRIMARIES:
        for transfer in CURVES:
            numbers = by_code(primaries, transfer)
            assert numbers is not None
            assert all(0 <= curve(value / 10) <= 1 for curve in numbers.curves for value in range(11))


# --- damage ---


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("gamma", [-3.0, -1.0, 0.0, 0.3, 2.4, 30000.0])
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (0, ()),
        (1, (9.0, -4.5)),
        (2, (-9.0, 4.5, 1.0)),
        (3, (3.0, -2.0, 0.5, 0.0)),
        (4, (30000.0, -2.0, 0.5, 0.0, 30000.0, -9.0)),
    ],
)
def test_no_curve_of_a_profile_ends_a_job(kind: int, values: tuple[float, ...], gamma: float, mode: str) -> None:
    """Powers of what is below 0, of 0, and beyond every number: 0 or white, as the colour engine has them."""
    curve = b"para" + struct.pack(f">4xH2x{1 + len(values)}i", kind, *(int(v * 65536) for v in (gamma, *values)))
    space = b"RGB " if mode == "RGB" else b"GRAY"
    assert made(saved(Image.new(mode, (4, 4), 128), "TIFF", icc_profile=profile("", curve, space=space))).size == (4, 4)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([LINEAR_PROFILE, profile("", SRGB_CURVE), profile("", power(2.0), space=b"GRAY"), cmyk_profile()]),
    st.lists(st.tuples(st.integers(0, 700), st.binary(min_size=1, max_size=4)), max_size=4),
    st.sampled_from(["RGB", "L", "CMYK"]),
)  # fmt: skip
def test_a_damaged_profile_is_applied_or_passed_over(whole: bytes, wounds: list[tuple[int, bytes]], mode: str) -> None:
    damaged = bytearray(whole)
    for at, wound in wounds:
        damaged[at % len(damaged) : at % len(damaged) + len(wound)] = wound
    image = Image.new(mode, (4, 4))
    assert made(saved(image, "TIFF", icc_profile=bytes(damaged))).size == (4, 4)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(
        [
            ("png", png(COLOUR, cicp(12, 13), gamma(1.0))),
            ("bmp", bmp(COLOUR, endpoints=P3_ENDPOINTS, gammas=(2.2,) * 3)),
            ("bmp", bmp(COLOUR, b"DEBM", profile=LINEAR_PROFILE)),
            ("avif", avif(COLOUR, 12, 13)),
        ]
    ),
    st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=4)), max_size=4),
    st.integers(0, 400),
)
def test_a_damaged_file_says_something_or_nothing(
    whole: tuple[str, bytes], wounds: list[tuple[int, bytes]], end: int
) -> None:
    format, data = whole[0], bytearray(whole[1])
    for at, wound in wounds:
        data[at % len(data) : at % len(data) + len(wound)] = wound
    for cut in (len(data), end):
        told = colours_of(format, {}, io.BytesIO(bytes(data[:cut])))
        assert len(told) <= 2
    with contextlib.suppress(ImageFault):
        outputs(bytes(data), one())


# --- boxes ---


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turn_in_avifs_boxes_is_the_one_that_its_reader_applies(orientation: int) -> None:
    tags = Image.Exif()
    tags[0x0112] = orientation
    data = saved(corners(), "AVIF", exif=tags, quality=95)
    found = boxes.picture_properties(next(each.body for each in boxes.boxes(data) if each.kind == b"meta"))
    assert boxes.orientation(found) == orientation
    assert Image.open(io.BytesIO(data)).getexif().get(0x0112, 1) == orientation


def test_an_avifs_numbers_are_found_behind_its_pixels_and_none_in_what_is_no_avif() -> None:
    data = avif(COLOUR, 12, 13)
    (head,) = struct.unpack_from(">I", data)
    moved = data[:head] + struct.pack(">I4sQ", 1, b"mdat", 200_016) + bytes(200_000) + data[head:]
    assert colours_of("avif", {}, io.BytesIO(moved)) == colours_of("avif", {}, io.BytesIO(data)) != ()
    for nothing in (b"", b"\0\0\0\x08meta", data[:60], b"\0\0\0\0mdat", bytes(4000), b"\0\0\0\x08free" * 1000):
        assert colours_of("avif", {}, io.BytesIO(nothing)) == ()


def test_what_is_not_converted_is_said() -> None:
    def unmet(data: bytes) -> tuple[str, ...]:
        return outputs(data, one())["a"].unmet

    assert unmet(png(COLOUR, profiled(b"junk" * 50))) == ("colours",)
    assert unmet(png(COLOUR, cicp(77, 13))) == ("colours",)
    assert unmet(png(COLOUR, cicp(9, 16))) == unmet(png(COLOUR, cicp(9, 18, full=0))) == ("hdr",)
    assert unmet(png(COLOUR, cicp(2, 2))) == unmet(png(COLOUR, cicp(12, 13))) == unmet(png(COLOUR)) == ()
    assert unmet(png(COLOUR, cicp(77, 13), profiled(LINEAR_PROFILE))) == unmet(bmp(COLOUR)) == ()
