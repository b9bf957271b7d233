"""TIFFs by their tags: planes, depths, white-is-zero, previews before the picture, and what is refused by name."""

import contextlib
import io
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import ImageFault
from tests.support.pictures.animations import rows
from tests.support.pictures.images import LIMITS, made, one, outputs
from worker.images import planes
from worker.images.formats import tiffs
from worker.images.reading import PipelineLimits

WIDTH, HEIGHT = 12, 9
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, CMYK, SENSOR = 0, 1, 2, 5, 32803
SAMPLE_FORMAT, REDUCED, SUB_DIRECTORIES, DNG_VERSION = 339, 254, 330, 50706
Samples = list[list[tuple[int, ...]]]


def some(channels: int, bits: int) -> Samples:
    """A ramp in each channel, of all rows."""
    top = (1 << bits) - 1
    return [
        [tuple((x * 7919 * (c + 1) + y * 104_729 + c) % (top + 1) for c in range(channels)) for x in range(WIDTH)]
        for y in range(HEIGHT)
    ]


def packed(numbers: list[int], bits: int, order: str, predictor: int = 1, step: int = 1) -> bytes:
    """A row of samples; by predictor 2 each as its difference to the one `step` before."""
    if predictor == 2:
        numbers = [(n - (numbers[at - step] if at >= step else 0)) % (1 << bits) for at, n in enumerate(numbers)]
    if bits in (8, 16):
        return struct.pack(f"{order}{len(numbers)}{'B' if bits == 8 else 'H'}", *numbers)
    text = "".join(format(number, f"0{bits}b") for number in numbers)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


class Page:
    """One directory and its strips, of four rows each."""

    def __init__(
        self, samples: Samples, bits: int, photometric: int, *, planar: bool = False, order: str = "<",
        deflate: bool = False, predictor: int = 1, more: dict[int, list[int]] | None = None,
    ) -> None:  # fmt: skip
        channels = len(samples[0][0])
        planes = [[[number for pixel in row for number in pixel] for row in samples]]
        if planar:
            planes = [[[pixel[channel] for pixel in row] for row in samples] for channel in range(channels)]
        self.order, self.strips = order, []
        for plane in planes:
            lines = [packed(row, bits, order, predictor, 1 if planar else channels) for row in plane]
            self.strips += [b"".join(lines[at : at + 4]) for at in range(0, len(lines), 4)]
        self.strips = [zlib.compress(strip) for strip in self.strips] if deflate else self.strips
        self.tags = {
            256: [len(samples[0])], 257: [len(samples)], 258: [bits] * channels, 259: [8 if deflate else 1],
            262: [photometric], 277: [channels], 278: [4], 279: [len(strip) for strip in self.strips],
            284: [2 if planar else 1],
        }  # fmt: skip
        self.tags |= ({317: [predictor]} if predictor > 1 else {}) | (more or {})


def tiff(*pages: Page, under: Page | None = None, start: bytes = b"", big: bool = False) -> bytes:
    """The pages in a row; `under` is a directory under the first."""
    order = pages[0].order
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    head += struct.pack(order + "HH", 8, 0) if big else b""
    data = bytearray(head + bytes(8 if big else 4) + start)
    sub = _add(data, under, order, big) if under else None
    link = len(head)
    for page in pages:
        if sub and page is pages[0]:
            page.tags[SUB_DIRECTORIES] = [sub[0]]
        at, end = _add(data, page, order, big)
        struct.pack_into(order + ("Q" if big else "I"), data, link, at)
        link = end
    return bytes(data)


def _add(data: bytearray, page: Page, order: str, big: bool) -> tuple[int, int]:
    """Where the directory is, and where the place is that names the next one."""
    word, room = ("Q", 8) if big else ("I", 4)
    offsets = []
    for strip in page.strips:
        offsets.append(len(data))
        data += strip + bytes(len(strip) % 2)
    body = b""
    tags = page.tags | {273: offsets}
    for tag, numbers in sorted(tags.items()):
        short = max(numbers) < 65536 and tag not in (273, 279, SUB_DIRECTORIES)
        raw = struct.pack(f"{order}{len(numbers)}{'H' if short else 'I'}", *numbers)
        if len(raw) > room:
            at, raw = len(data), raw + bytes(len(raw) % 2)
            data += raw
            raw = struct.pack(order + word, at)
        body += struct.pack(f"{order}HH{word}", tag, 3 if short else 4, len(numbers)) + raw.ljust(room, b"\0")
    at = len(data)
    data += struct.pack(order + ("Q" if big else "H"), len(tags)) + body + bytes(room)
    return at, len(data) - room


def near(found: Any, wanted: tuple[int, ...], bits: int, tolerance: int = 1) -> bool:
    scaled = [number * 255 / ((1 << bits) - 1) for number in wanted]
    return all(abs(a - b) <= tolerance for a, b in zip(found, scaled, strict=True))


def fault(data: bytes, limits: PipelineLimits = LIMITS) -> ImageFault:
    with pytest.raises(ImageFault) as caught:
        outputs(data, one(), limits)
    return caught.value


# --- samples ---


@pytest.mark.parametrize("way", [(False, 1), (True, 1), (True, 2)], ids=["plain", "deflate", "predicted"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize(
    "kind", [(3, RGB, None), (4, RGB, 2), (4, RGB, 0), (2, BLACK_IS_ZERO, 2), (2, WHITE_IS_ZERO, 2)], ids=str
)
def test_samples_come_out_as_they_are_wherever_they_lie(
    kind: tuple[int, int, int | None], planar: bool, bits: int, order: str, way: tuple[bool, int]
) -> None:
    (channels, photometric, extra), (deflate, predictor) = kind, way
    samples = some(channels, bits)
    more = {} if extra is None else {338: [extra]}
    page = Page(samples, bits, photometric, planar=planar, order=order, deflate=deflate, predictor=predictor, more=more)
    predicted, white_is_zero = bits == 16 and predictor == 2, bits == 8 and photometric == WHITE_IS_ZERO
    if channels == 2 and not planar and (predicted or white_is_zero):
        assert f"a TIFF of 2 x {bits} bits" in fault(tiff(page)).detail, "refused by name"
        return
    found = rows(made(tiff(page)))
    for y, row in enumerate(samples):
        for x, wanted in enumerate(row):
            colour = wanted if channels > 2 else (wanted[0],) * 3 + wanted[1:]
            if photometric == WHITE_IS_ZERO:
                colour = (*((1 << bits) - 1 - each for each in colour[:3]), *colour[3:])
            seen = colour[:3] if extra == 0 or len(colour) == 3 else colour
            alpha = seen[3] if len(seen) == 4 else (1 << bits) - 1
            assert alpha * 255 >> bits == 0 or near(found[y][x][: len(seen)], seen, bits)
            assert len(seen) == 4 or found[y][x][3] == 255


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_ink_of_planes_is_as_that_of_one(planar: bool, bits: int, order: str) -> None:
    whole = made(tiff(Page(some(4, 8), 8, CMYK)))
    deep = [[tuple(n * 257 for n in p) for p in row] for row in some(4, 8)] if bits == 16 else some(4, 8)
    assert made(tiff(Page(deep, bits, CMYK, planar=planar, order=order))).tobytes() == whole.tobytes()


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12, 16])
def test_where_zero_is_white_a_picture_is_the_negative_of_its_numbers(
    bits: int, order: str, deflate: bool, big: bool
) -> None:
    """Row 3: at every depth, in both byte orders, it is as one whose zero is black with inverted numbers."""
    samples = some(1, bits)
    inverse: Samples = [[((1 << bits) - 1 - each,) for (each,) in row] for row in samples]
    negative = tiff(Page(samples, bits, WHITE_IS_ZERO, order=order, deflate=deflate), big=big)
    if order == ">" and (bits == 12 or big):
        said = "a big-endian BigTIFF" if big else "a TIFF of 1 x 12 bits"
        assert said in fault(negative).detail, "Pillow reads none of these"
        return
    wanted = made(tiff(Page(inverse, bits, BLACK_IS_ZERO, order=order, deflate=deflate)))
    found = made(negative)
    assert found.tobytes() == wanted.tobytes()
    assert near((found.convert("L").getpixel((3, 3)),), inverse[3][3], bits)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_of_planes_is_turned_as_others_are(orientation: int) -> None:
    turned = {274: [orientation]}
    whole, apart = (tiff(Page(some(3, 16), 16, RGB, planar=planar, more=turned)) for planar in (False, True))
    a, b = made(whole), made(apart)
    assert a.size == b.size == ((WIDTH, HEIGHT) if orientation < 5 else (HEIGHT, WIDTH))
    assert all(abs(x - y) <= 1 for x, y in zip(a.tobytes(), b.tobytes(), strict=True))


@pytest.mark.parametrize(
    ("bits", "sort", "said"),
    [(16, 2, "signed samples of 16"), (16, 3, "floating-point samples of 16"), (8, 2, "signed samples of 8 bits")],
)
def test_samples_that_are_no_colours_are_refused_by_name(bits: int, sort: int, said: str) -> None:
    data = tiff(Page(some(1, bits), bits, BLACK_IS_ZERO, more={SAMPLE_FORMAT: [sort]}))
    assert (fault(data).code, said in fault(data).detail) == ("undecodable", True)


def test_samples_of_32_bits_are_refused_by_name() -> None:
    page = Page(some(2, 16), 16, BLACK_IS_ZERO)
    page.tags |= {258: [32], 277: [1]}
    assert fault(tiff(page)).detail == "this is a TIFF of whole samples of 32 bits: save it with 8 or 16 bits"


def test_a_layout_that_nobody_reads_is_told() -> None:
    detail = fault(tiff(Page(some(5, 16), 16, RGB, planar=True, more={338: [2, 0]}))).detail
    assert detail.startswith("this is a TIFF of 5 x 16 bits, PhotometricInterpretation 2")


# --- which picture ---


def flat(colour: tuple[int, ...], side: int = 8) -> Samples:
    return [[colour] * side for _ in range(side)]


PREVIEW = {REDUCED: [1]}


@pytest.mark.parametrize(("order", "big"), [("<", False), (">", False), ("<", True)])
def test_the_picture_is_what_is_no_preview(big: bool, order: str) -> None:
    preview = Page(flat((255, 0, 0), 4), 8, RGB, more=PREVIEW, order=order)
    picture = Page(flat((0, 0, 255), 20), 8, RGB, order=order)
    for data in (tiff(preview, picture, big=big), tiff(preview, under=picture, big=big)):
        image = made(data)
        assert (image.size, image.convert("RGB").getpixel((1, 1))) == ((20, 20), (0, 0, 255))
        assert fault(data, PipelineLimits(399, 1)).code == "pixels_over_limit"


def test_a_page_or_an_only_directory_is_the_picture_whatever_it_says() -> None:
    first, second = Page(flat((255, 0, 0)), 8, RGB), Page(flat((0, 0, 255), 20), 8, RGB)
    assert made(tiff(first, second)).size == (8, 8)
    assert made(tiff(Page(flat((255, 0, 0)), 8, RGB, more=PREVIEW))).size == (8, 8)


@pytest.mark.parametrize("how", ["sub", "chain", "dng", "first"])
def test_a_raw_photo_is_refused_as_one_and_never_a_stamp(how: str) -> None:
    preview = Page(flat((255, 0, 0), 4), 8, RGB, more=PREVIEW)
    raw = Page(flat((9,), 40), 16, SENSOR)
    if how == "dng":
        preview.tags[DNG_VERSION] = [1, 4, 0, 0]
    data = {"chain": tiff(preview, raw), "first": tiff(raw)}.get(how) or tiff(preview, under=raw)
    assert fault(data).code == "undecodable"
    assert "a raw photo" in fault(data).detail
    assert "export it as JPEG or TIFF" in fault(data).detail


def test_a_canon_raw_photo_is_known_by_its_head() -> None:
    assert "CR2" in fault(tiff(Page(flat((255, 0, 0)), 8, RGB), start=b"CR\2\0")).detail


def test_previews_alone_are_no_picture() -> None:
    preview = Page(flat((255, 0, 0), 4), 8, RGB, more=PREVIEW)
    other = Page(flat((255, 0, 0), 2), 8, RGB, more=PREVIEW)
    assert "previews only" in fault(tiff(preview, other)).detail


def test_directories_in_a_circle_end() -> None:
    preview = Page(flat((255, 0, 0), 4), 8, RGB, more=PREVIEW)
    data = bytearray(tiff(preview))
    data[-4:] = data[4:8]  # the next is the first
    assert made(bytes(data)).size == (4, 4)
    data[-4:] = struct.pack("<I", len(data) + 9)
    assert fault(bytes(data)).code == "undecodable"


@settings(max_examples=200, deadline=None)
@given(st.data(), st.booleans(), st.sampled_from([8, 16]))
def test_wounds_end_in_a_picture_or_a_fault(data: st.DataObject, planar: bool, bits: int) -> None:
    whole = bytearray(tiff(Page(some(2, bits), bits, 1, planar=planar), Page(some(3, bits), bits, RGB, planar=planar)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ImageFault):
        assert made(bytes(whole))


@pytest.mark.parametrize("compression", [6, 7])
def test_planes_of_jpeg_are_pillow_s_to_read(compression: int) -> None:
    """It knows their depth from the JPEG alone; as strips of a gray picture they would be another."""
    page = Page(some(2, 8), 8, BLACK_IS_ZERO, planar=True, more={259: [compression]})
    file = io.BytesIO(tiff(page))
    directory, _ = tiffs.picture(file)
    assert not planes.Samples(file, directory).misread()
