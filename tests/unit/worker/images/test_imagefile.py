"""Files with a fault beside the picture, or of a kind that Pillow alone does not read: the picture comes out."""

import io
import random
import struct
import zlib
from collections.abc import Sequence
from contextlib import suppress

import pytest
from PIL import Image, ImageChops

from jobs.errors import ImageFault
from jobs.images.pieces import READS_MAX
from jobs.limits import JPEG_SCANS_MAX
from tests.support.pictures.images import made, one, outputs, saved
from worker.images import imagefile
from worker.images.formats import jpegfile

BLUE = (40, 90, 200)


def refused(data: bytes) -> str:
    with pytest.raises(ImageFault) as fault:
        outputs(data, one())
    return fault.value.code


# --- PNG: chunks beside the picture


def chunk(name: bytes, body: bytes, off: int = 0) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body) ^ off)


ROWS = zlib.compress(b"".join(b"\0" + bytes(BLUE) * 8 for _ in range(8)))
IHDR = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
IDAT, IEND = chunk(b"IDAT", ROWS), chunk(b"IEND", b"")


def png(*before: bytes, after: Sequence[bytes] = (), end: bytes = IEND) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + IHDR + b"".join(before) + IDAT + b"".join(after) + end


KINDS = (
    b"tEXt", b"zTXt", b"iTXt", b"pHYs", b"iCCP", b"gAMA", b"cHRM", b"sRGB", b"tIME", b"eXIf", b"bKGD", b"tRNS", b"cICP",
    b"acTL", b"caBX", b"sBIT", b"hIST", b"sPLT",
)  # fmt: skip
LARGE = zlib.compress(b"w" * 1_500_000)
OVERSIZED = (
    (b"zTXt", b"workflow\0\0" + LARGE), (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + LARGE), (b"iCCP", b"p\0\0" + LARGE),
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("body", "off"), [(b"a\0\0body of a chunk that is long enough", 1), (b"", 0), (b"\0\0", 0), (bytes(40), 0)]
)
def test_an_ancillary_chunk_at_fault_is_passed_over(kind: bytes, body: bytes, off: int) -> None:
    for data in (png(chunk(kind, body, off)), png(after=[chunk(kind, body, off)])):
        assert made(data).convert("RGBA").getpixel((4, 4)) == (*BLUE, 255)


@pytest.mark.parametrize(("kind", "body"), OVERSIZED)
def test_a_chunk_that_inflates_too_far_is_passed_over(kind: bytes, body: bytes) -> None:
    for data in (png(chunk(kind, body)), png(after=[chunk(kind, body)])):
        assert made(data).convert("RGBA").getpixel((4, 4)) == (*BLUE, 255)


def test_a_chunk_without_its_sum_has_no_effect() -> None:
    clear = chunk(b"tRNS", struct.pack(">HHH", *BLUE))
    assert made(png(clear)).convert("RGBA").getpixel((4, 4))[3] == 0  # type: ignore[index]
    assert made(png(chunk(b"tRNS", struct.pack(">HHH", *BLUE), off=1))).convert("RGBA").getpixel((4, 4)) == (*BLUE, 255)


def test_a_png_that_ends_behind_its_pixels_is_whole() -> None:
    assert made(png(after=[chunk(b"tEXt", bytes(100))[:50]], end=b"")).getpixel((4, 4)) == BLUE
    assert made(png(end=b"")).getpixel((4, 4)) == BLUE


def test_damage_within_a_png_stays_undecodable() -> None:
    broken = IDAT[:12] + bytes((IDAT[12] ^ 0xFF,)) + IDAT[13:]
    for data in (
        b"\x89PNG\r\n\x1a\n" + IHDR[:-1] + b"x" + IDAT + IEND,
        b"\x89PNG\r\n\x1a\n" + IHDR + broken + IEND,
        b"\x89PNG\r\n\x1a\n" + IHDR + IDAT[:-9],
        b"\x89PNG\r\n\x1a\n" + IHDR + chunk(b"tEXt", bytes(100))[:50],
    ):
        assert refused(data) == "undecodable"


# --- JPEG: its end


def ramp(mode: str) -> Image.Image:
    return Image.linear_gradient("L").resize((96, 64)).convert("RGB").convert(mode)


WAYS: tuple[tuple[str, dict[str, object]], ...] = (
    ("RGB", {}), ("RGB", {"progressive": True}), ("L", {}), ("L", {"progressive": True}), ("RGB", {"subsampling": 0}),
    ("CMYK", {}), ("RGB", {"restart_marker_blocks": 2}),
)  # fmt: skip


@pytest.mark.parametrize(("mode", "options"), WAYS)
@pytest.mark.parametrize("scale", [1, 2, 4])
def test_a_jpeg_without_its_end_marker_is_whole(mode: str, options: dict[str, object], scale: int) -> None:
    whole = saved(ramp(mode), "JPEG", quality=90, **options)
    assert whole.endswith(b"\xff\xd9")
    for lacking in (whole[:-2], whole[:-1]):
        keys = {"width": 96 // scale}
        assert made(lacking, **keys).tobytes() == made(whole, **keys).tobytes()


@pytest.mark.parametrize(("mode", "options"), WAYS)
def test_a_jpeg_that_lacks_pixels_stays_undecodable(mode: str, options: dict[str, object]) -> None:
    noise = Image.effect_noise((96, 64), 60).convert(mode)
    whole = saved(noise, "JPEG", quality=90, **options)
    expected = made(whole)
    for cut in range(3, 400, 3):
        with suppress(ImageFault):
            found = made(whole[:-cut])  # what it lacks is less than a level of a colour
            assert max(high for _, high in ImageChops.difference(found, expected).convert("RGB").getextrema()) <= 1  # type: ignore[misc]
    assert refused(whole[: len(whole) // 2]) == "undecodable"
    assert refused(whole[: len(whole) * 9 // 10]) == "undecodable"


def has_several_scans(data: bytes) -> bool:
    stream = io.BytesIO(data)
    return jpegfile.has_several_scans(imagefile.open_image(stream, "jpeg"), stream)


def scans(data: bytes) -> int:
    return jpegfile.scans(io.BytesIO(data), 10_000)


def test_scans_are_counted_up_to_the_end_of_the_picture() -> None:
    baseline, progressive = saved(ramp("RGB"), "JPEG"), saved(ramp("RGB"), "JPEG", progressive=True)
    assert scans(baseline) == 1
    own = scans(progressive)
    assert 5 < own < 20
    behind = random.Random(1).randbytes(3_000_000) + baseline * 600
    assert behind.count(b"\xff\xda") > JPEG_SCANS_MAX
    assert scans(progressive + behind) == own
    assert made(progressive + behind).tobytes() == made(progressive).tobytes()


def test_scans_in_a_comment_do_not_count_and_padding_hides_none() -> None:
    data = saved(ramp("RGB"), "JPEG", progressive=True)
    own, comment = scans(data), b"\xff\xfe" + struct.pack(">H", 2002) + b"\xff\xda" * 1000
    assert scans(data[:2] + comment + data[2:]) == own
    assert scans(data.replace(b"\xff\xda", b"\xff" * 9 + b"\xda")) == own
    assert scans(data[:-2]) == own


def test_a_marker_across_two_reads_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(ramp("RGB"), "JPEG", progressive=True)
    own = scans(data)
    for size in (2, 3, 7, 64):
        monkeypatch.setattr(jpegfile, "CODED_BYTES_READ", size)
        assert scans(data) == own


def test_too_many_scans_are_refused_in_any_jpeg() -> None:
    data = saved(ramp("RGB"), "JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    assert refused(data[:start] + data[start:-2] * (JPEG_SCANS_MAX + 1) + data[-2:]) == "undecodable"
    baseline = bytearray(saved(ramp("RGB"), "JPEG"))
    assert not has_several_scans(bytes(baseline))
    start = baseline.index(b"\xff\xda")
    one_component = b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1, 0, 0, 63, 0) + bytes(baseline[start + 14 : -2])
    several = bytes(baseline[:start]) + one_component * (JPEG_SCANS_MAX + 1) + b"\xff\xd9"
    assert has_several_scans(several)
    assert refused(several) == "undecodable"


def test_too_many_segments_hide_no_scans() -> None:
    data = saved(ramp("RGB"), "JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    many = data[:start] + data[start:-2] * (JPEG_SCANS_MAX + 1) + data[-2:]
    assert refused(many[:2] + b"\xff\xe2\0\3x" * (READS_MAX + 1) + many[2:]) == "undecodable"
    for cut in range(20, len(data), 7):
        with suppress(ImageFault):
            made(data[:cut])  # raises nothing else


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_picture_of_one_scan_is_told_by_its_head(mode: str) -> None:
    data = saved(ramp(mode), "JPEG")
    start = data.index(b"\xff\xda")
    assert not has_several_scans(data)
    assert not has_several_scans(data[:start] + b"\xff" * 5 + data[start:])
    assert has_several_scans(saved(ramp(mode), "JPEG", progressive=True))
    longer = start + 2, struct.pack(">H", len(data[start:]) - 100)
    assert has_several_scans(data[: longer[0]] + longer[1] + data[longer[0] + 2 :])  # libjpeg says what is wrong


def test_a_scan_marker_across_two_reads_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(ramp("RGB"), "JPEG", progressive=True)
    monkeypatch.setattr(jpegfile, "scans", lambda file, most: most + 1)
    for size in (1, 2, 3, 7, 64, 100_000):
        monkeypatch.setattr(jpegfile, "CODED_BYTES_READ", size)
        assert jpegfile.has_more_scans(io.BytesIO(data), data.count(b"\xff\xda") - 1)
        assert not jpegfile.has_more_scans(io.BytesIO(data), data.count(b"\xff\xda"))


def test_sides_that_no_head_tells_come_with_the_renditions() -> None:
    data = saved(ramp("RGB"), "JPEG")
    hidden = data[:2] + b"\xff\xe2\0\3x" * (READS_MAX + 1) + data[2:]
    assert [outputs(each, one(width=9))["a"].original for each in (data, hidden)] == [None, (96, 64)]


# --- BMP: masks

MASKS = {
    "RGBX": (32, (0xFF, 0xFF00, 0xFF0000, 0)), "ARGB from the top": (32, (0xFF00, 0xFF0000, 0xFF000000, 0xFF)),
    "BGRA": (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)), "10 10 10": (32, (0x3FF00000, 0xFFC00, 0x3FF, 0)),
    "10 10 10 2": (32, (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000)), "11 11 10": (32, (0xFFE00000, 0x1FFC00, 0x3FF, 0)),
    "4444": (16, (0xF00, 0xF0, 0xF, 0xF000)), "X444": (16, (0xF00, 0xF0, 0xF, 0)),
    "565": (16, (0xF800, 0x7E0, 0x1F, 0)),
    "565, blue first": (16, (0x1F, 0x7E0, 0xF800, 0)), "1555": (16, (0x7C00, 0x3E0, 0x1F, 0x8000)),
    "332": (16, (0xE0, 0x1C, 0x3, 0)),
}  # fmt: skip


def packed(pixel: Sequence[int], masks: Sequence[int]) -> int:
    value = 0
    for number, mask in zip(pixel, masks, strict=True):
        if mask:
            lowest = mask & -mask
            value |= round(number * (mask // lowest) / 255) * lowest
    return value


def bmp(
    bits: int, masks: Sequence[int], header: int, pixels: Sequence[Sequence[Sequence[int]]], down: bool = False
) -> bytes:
    rows = b""
    for line in pixels if down else pixels[::-1]:
        row = b"".join(struct.pack("<I" if bits == 32 else "<H", packed(pixel, masks)) for pixel in line)
        rows += row + bytes(-len(row) % 4)
    height = -len(pixels) if down else len(pixels)
    head = struct.pack("<IiiHHIIiiII", header, len(pixels[0]), height, 1, bits, 3, len(rows), 0, 0, 0, 0)
    head += struct.pack("<4I", *masks)[: 12 if header == 40 else 16].ljust(max(header - 40, 12), b"\0")
    return b"BM" + struct.pack("<IHHI", 14 + len(head) + len(rows), 0, 0, 14 + len(head)) + head + rows


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("header", [40, 56, 108, 124])
@pytest.mark.parametrize("down", [False, True])
def test_a_bitmap_of_any_masks(name: str, header: int, down: bool) -> None:
    bits, masks = MASKS[name]
    if header == 40:
        masks = (*masks[:3], 0)
    pixels = [[(x * 63, y * 85, (x + y) * 36, 0 if x < 2 and masks[3] else 255) for x in range(5)] for y in range(4)]
    image = made(bmp(bits, masks, header, pixels, down)).convert("RGBA")
    coarsest = max(255 / (mask // (mask & -mask)) for mask in masks[:3])
    for y, line in enumerate(pixels):
        for x, wanted in enumerate(line):
            got = image.getpixel((x, y))
            assert got[3] == wanted[3]  # type: ignore[index]
            if wanted[3]:
                assert all(abs(a - b) <= coarsest / 2 + 1 for a, b in zip(got, wanted, strict=True))  # type: ignore[arg-type]


def test_a_mask_of_any_width_has_black_and_white() -> None:
    for masks in [mask for _, mask in MASKS.values()]:
        bits = 32 if max(masks) > 0xFFFF else 16
        image = made(bmp(bits, masks, 56, [[(0, 0, 0, 255), (255, 255, 255, 255)]])).convert("RGB")
        assert [image.getpixel((x, 0)) for x in (0, 1)] == [(0, 0, 0), (255, 255, 255)]


def test_alpha_that_is_nowhere_is_none() -> None:
    image = made(bmp(32, MASKS["BGRA"][1], 124, [[(10, 20, 30, 0)] * 3])).convert("RGBA")
    assert image.getpixel((1, 0)) == (10, 20, 30, 255)


def test_masks_that_are_none_are_refused() -> None:
    assert refused(bmp(32, (0, 0xFF00, 0xFF, 0), 56, [[(1, 2, 3, 255)]])) == "undecodable"
    assert refused(bmp(16, (0xFF0000, 0xFF00, 0xFF, 0), 56, [[(0, 2, 3, 255)]])) == "undecodable"


# --- AVIF: its clean aperture


def test_a_clean_aperture_cuts_the_picture() -> None:
    image = Image.new("RGB", (96, 64), (200, 30, 60))
    image.paste((20, 120, 220), (10, 6, 90, 60))
    data = with_clap(saved(image, "AVIF", quality=95), (96, 64), (80, 54), (10, 6))
    cut = made(data)
    assert cut.size == (80, 54)
    for spot in ((1, 1), (78, 1), (1, 52), (78, 52)):
        assert all(abs(a - b) < 12 for a, b in zip(cut.getpixel(spot), (20, 120, 220), strict=True))  # type: ignore[arg-type]
    assert made(with_clap(saved(image, "AVIF"), (96, 64), (97, 54), (0, 0))).size == (96, 64)


def with_clap(data: bytes, stored: tuple[int, int], shown: tuple[int, int], at: tuple[int, int]) -> bytes:
    """An AVIF of Pillow's with a clean aperture: one property more, and places in the file that move by its bytes."""
    offsets = [2 * at[axis] - stored[axis] + shown[axis] for axis in (0, 1)]
    clap = struct.pack(">I4s4IiIiI", 40, b"clap", shown[0], 1, shown[1], 1, offsets[0], 2, offsets[1], 2)
    made = bytearray(data)
    ipco, ipma, iloc = (made.index(name) - 4 for name in (b"ipco", b"ipma", b"iloc"))
    count = struct.unpack_from(">I", made, ipco)[0]
    properties, place = 0, ipco + 8
    while place < ipco + count:
        properties, place = properties + 1, place + struct.unpack_from(">I", made, place)[0]
    uses = ipma + 8 + 4 + 4 + 2  # behind version, entries and the first item's number
    made[uses] += 1
    made.insert(uses + made[uses], 0x80 | properties + 1)
    made[ipco + count : ipco + count] = clap
    for name, more in ((b"meta", 41), (b"iprp", 41), (b"ipco", 40), (b"ipma", 1)):
        start = made.index(name) - 4
        struct.pack_into(">I", made, start, struct.unpack_from(">I", made, start)[0] + more)
    sizes, items = struct.unpack_from(">BxH", made, iloc + 12)
    assert (sizes, items) == (0x44, 1)  # offsets and lengths of four bytes
    start = iloc + 12 + 4 + 2 + 2 + 2
    struct.pack_into(">I", made, start, struct.unpack_from(">I", made, start)[0] + 41)
    return bytes(made)


@pytest.mark.parametrize(
    "text",
    [
        "ERROR assembling WebP: -3.",
        "ERROR adding frame. WebPMuxError: -3.",
        "ERROR adding frame. WebPEncodingError: 1.",
    ],
)
def test_what_libwebp_says_of_a_lack_of_memory_is_not_the_images_fault(text: str) -> None:
    with pytest.raises(MemoryError), imagefile.blamed("undecodable"):
        raise RuntimeError(text)


@pytest.mark.parametrize("text", ["ERROR assembling WebP: -2.", "ERROR adding frame. WebPMuxError: -33."])
def test_another_fault_of_libwebp_is_the_images(text: str) -> None:
    with pytest.raises(ImageFault, match=text), imagefile.blamed("undecodable"):
        raise RuntimeError(text)
