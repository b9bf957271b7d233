"""Animations through the image path: what each frame shows, by the specifications, and how long and how often."""

import contextlib
import io
import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jobs.errors import ImageFault
from jobs.images.kept.blocks import Blocks
from jobs.recipes.recipe import parse
from tests.support.pictures.animations import (
    CLEAR,
    GIF_PALETTE,
    NONE,
    NOTHING,
    OVER,
    PREVIOUS,
    SOURCE,
    Laid,
    Pixel,
    alike,
    apng,
    chunk,
    expected,
    gif,
    rows,
    shown,
)
from tests.support.pictures.images import BLUE, GREEN, RED, made, one, outputs, saved
from worker.images import encoders, motion
from worker.images.formats import gifs
from worker.images.formats.animation import PLAYS_MAX, SECONDS_MAX, Showing, fitted, ticks

SIDES = (6, 5)
LOSSLESS: dict[str, dict[str, Any]] = {
    "webp": {"format": "webp", "lossless": True},
    "png": {"format": "png"},
    "gif": {"format": "gif"},
}
GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
GIF_DISPOSALS = {NONE: 1, CLEAR: 2, PREVIOUS: 3}
INDICES = [(*GIF_PALETTE[at : at + 3], 255) for at in range(0, len(GIF_PALETTE), 3)]
PLTE = chunk(b"PLTE", GIF_PALETTE)


def matches(found: list[Image.Image], wanted: list[list[list[Pixel]]], tolerance: int = 0) -> bool:
    return len(found) == len(wanted) and all(
        alike(a, b, tolerance)
        for image, picture in zip(found, wanted, strict=True)
        for line, row in zip(rows(image), picture, strict=True)
        for a, b in zip(line, row, strict=True)
    )


# --- what a frame shows ---

_BLUE = b"\0\0\xff"
COLOURS: dict[int, tuple[bytes, Callable[[bytes], Pixel], list[bytes]]] = {
    RGBA: (b"", tuple, [b"\xff\0\0\xff", b"\0\0\xff\x80", b"\0\xff\0\x01", b"\1\2\3\0"]),
    RGB: (
        chunk(b"tRNS", b"\0\0\0\0\0\xff"),
        lambda pixel: NOTHING if pixel == _BLUE else (*pixel, 255),
        [b"\xff\0\0", _BLUE, b"\0\0\xfe"],
    ),
    GRAY: (
        chunk(b"tRNS", b"\0\7"),
        lambda pixel: NOTHING if pixel == b"\7" else (*pixel * 3, 255),
        [b"\7", b"\x64", b"\xff"],
    ),
    GRAY_ALPHA: (b"", lambda pixel: (*pixel[:1] * 3, pixel[1]), [b"\0\xff", b"\xff\x80", b"\x50\0"]),
    PALETTE: (
        PLTE + chunk(b"tRNS", b"\x80\xff\0"),
        lambda pixel: (*INDICES[pixel[0]][:3], (128, 255, 0, 255)[pixel[0]]),
        [b"\0", b"\1", b"\2", b"\3"],
    ),
}
"""By the colour type: chunks that tell of clear pixels, what a pixel's bytes mean, and some of these."""


@st.composite
def animated_pngs(draw: st.DrawFn) -> tuple[bytes, list[tuple[Laid, Pixel]]]:
    kind = draw(st.sampled_from(sorted(COLOURS)))
    extra, meaning, pixels = COLOURS[kind]
    frames = []
    for number in range(draw(st.integers(2, 5))):
        width = SIDES[0] if number == 0 else draw(st.integers(1, SIDES[0]))
        height = SIDES[1] if number == 0 else draw(st.integers(1, SIDES[1]))
        left, top = draw(st.integers(0, SIDES[0] - width)), draw(st.integers(0, SIDES[1] - height))
        ways = draw(st.sampled_from((NONE, CLEAR, PREVIOUS))), draw(st.sampled_from((SOURCE, OVER)))
        frames.append(Laid(left, top, width, height, draw(st.sampled_from(pixels)), *ways))
    return apng(kind, SIDES, frames, extra), [(each, meaning(each.pixel)) for each in frames]  # type: ignore[arg-type]


@settings(max_examples=150, deadline=None)
@given(animated_pngs())
def test_every_frame_of_an_animated_png_is_as_the_specification_says(made: tuple[bytes, Any]) -> None:
    data, frames = made
    assert matches(shown(data, "png"), list(expected(SIDES, frames)), tolerance=2)


@st.composite
def animated_gifs(draw: st.DrawFn) -> tuple[bytes, list[tuple[Laid, Pixel]]]:
    """Frames of one colour, beyond the canvas too, some with a table of their own."""
    frames: list[Laid] = []
    meant = []
    for _ in range(draw(st.integers(2, 5))):
        width, height = draw(st.integers(0, SIDES[0])), draw(st.integers(0, SIDES[1]))
        left, top = draw(st.integers(0, 4)), draw(st.integers(0, 3))
        if not frames:  # which would make the canvas larger
            left, top = min(left, SIDES[0] - width), min(top, SIDES[1] - height)
        index, disposal = draw(st.integers(0, 3)), draw(st.sampled_from((NONE, CLEAR, PREVIOUS)))
        clear = draw(st.sampled_from((None, 0, index)))
        table = draw(st.sampled_from((b"", GIF_PALETTE[::-1])))
        colours = table or GIF_PALETTE
        pixel = NOTHING if clear == index else (*colours[3 * index : 3 * index + 3], 255)
        laid = Laid(left, top, width, height, index, GIF_DISPOSALS[disposal])
        frames.append(laid._replace(clear=clear, table=table, interlaced=draw(st.booleans())))
        meant.append((frames[-1]._replace(disposal=disposal, blend=OVER), pixel))
    return gif(SIDES, frames), meant


@settings(max_examples=150, deadline=None)
@given(animated_gifs())
def test_every_frame_of_a_gif_is_as_browsers_show_it(made: tuple[bytes, Any]) -> None:
    data, frames = made
    assert matches(shown(data, "gif"), list(expected(SIDES, frames)))


@settings(max_examples=60, deadline=None)
@given(st.one_of(animated_gifs(), animated_pngs()), st.sampled_from(["webp", "png", "gif"]))
def test_every_animated_rendition_shows_what_the_original_does(made: tuple[bytes, Any], format: str) -> None:
    data, frames = made
    wanted = list(expected(SIDES, frames))
    if format == "gif":  # alpha of one bit
        wanted = [[[NOTHING if p[3] < 128 else (*p[:3], 255) for p in row] for row in picture] for picture in wanted]
    output = outputs(data, one(**LOSSLESS[format]))["a"]
    found = shown(output.data, format)
    assert tells(found, wanted)


def tells(found: list[Image.Image], wanted: list[list[list[Pixel]]]) -> bool:
    """Whether these are the pictures that were wanted, in order. Alike ones in a row may be one, or more, in a file."""
    reached = {-1}
    for each in wanted:
        like = [matches([image], [each], tolerance=2) for image in found]
        before, reached = reached, set[int]()
        for place in range(len(found)):
            if like[place] and ({place, place - 1} & before or place - 1 in reached):
                reached.add(place)
    return len(found) - 1 in reached


def test_all_renditions_of_a_job_show_the_same_frames() -> None:
    red, green = b"\xff\0\0", b"\0\xff\0"
    frames = [Laid(0, 0, *SIDES, red), Laid(1, 1, 3, 3, green, CLEAR), Laid(0, 0, 1, 1, green)]
    every = [
        {"name": f"{format}{gray}", **keys, "grayscale": bool(gray)}
        for format, keys in LOSSLESS.items()
        for gray in (0, 1)
    ]
    same = gif(SIDES, [Laid(0, 0, *SIDES, 0), Laid(1, 1, 3, 3, 1, 2), Laid(0, 0, 1, 1, 1)])
    for data in (apng(RGB, SIDES, frames), same):
        for name, output in outputs(data, parse({"renditions": every})).items():
            alphas = [image.convert("RGBA").getpixel((2, 2))[3] for image in shown(output.data, output.format)]  # type: ignore[index]
            assert alphas == [255, 255, 0], name


def test_what_comes_behind_a_frames_controls_in_their_block_is_passed_over() -> None:
    data = gif(SIDES, [Laid(0, 0, *SIDES, 0), Laid(1, 1, 3, 3, 1, 2), Laid(0, 0, 1, 1, 1)])
    at = data.index(b"\x21\xf9\x04") + 7
    longer = data[:at] + b"\x03abc" + data[at:]
    assert [frame.part for frame in gifs.frames(io.BytesIO(longer))] == [
        frame.part for frame in gifs.frames(io.BytesIO(data))
    ]
    assert [rows(image) for image in shown(longer, "gif")] == [rows(image) for image in shown(data, "gif")]


def test_a_still_shows_what_the_first_frame_leaves_clear() -> None:
    data = gif((8, 8), [Laid(2, 2, 4, 4, 1)])
    for format, keys in (*LOSSLESS.items(), ("avif", {"format": "avif", "lossless": True})):
        image = Image.open(io.BytesIO(outputs(data, one(**keys))["a"].data)).convert("RGBA")
        assert alike(image.getpixel((0, 0)), NOTHING), format  # type: ignore[arg-type]
        assert alike(image.getpixel((3, 3)), (*GREEN, 255), 3), format  # type: ignore[arg-type]
    jpeg = Image.open(io.BytesIO(outputs(data, one(format="jpeg", quality=100))["a"].data))
    assert min(jpeg.getpixel((0, 0))) > 250, "white, where a picture cannot be clear"  # type: ignore[arg-type]


def test_a_first_frame_of_no_pixels_is_a_clear_picture() -> None:
    output = outputs(gif(SIDES, [Laid(0, 0, 0, 0, 0), Laid(0, 0, *SIDES, 1)]), one(format="webp", lossless=True))["a"]
    assert output.dominant_colour is None
    assert [rows(image)[2][2][3] for image in shown(output.data, "webp")] == [0, 255]


def test_a_canvas_is_as_large_as_its_screen_and_first_frame() -> None:
    data = gif((2, 2), [Laid(1, 1, 4, 3, 1), Laid(0, 0, 90, 80, 0)])
    output = outputs(data, one(**LOSSLESS["webp"]))["a"]
    assert (output.width, output.height) == (5, 4)
    assert [image.size for image in shown(output.data, "webp")] == [(5, 4)] * 2


def test_animated_webp_is_laid_by_its_library_as_its_specification_says() -> None:
    """Disposal to the background is to nothing, whatever background the file names; libwebp composes."""
    frames = [Image.new("RGBA", (16, 16), (*RED, 255)), Image.new("RGBA", (16, 16), NOTHING)]
    frames[1].paste((*BLUE, 255), (4, 4, 8, 8))
    data = bytearray(saved(frames[0], "WEBP", save_all=True, append_images=[frames[1]], lossless=True))
    at = data.index(b"ANIM") + 8
    data[at : at + 4] = b"\0\xff\0\xff"  # green, opaque
    data[20] |= 0x10  # its head says that it has alpha
    found = shown(bytes(data), "webp")
    assert rows(found[0])[0][0] == (*RED, 255)
    assert (rows(found[1])[0][0], rows(found[1])[5][5]) == (NOTHING, (*BLUE, 255))


def test_what_no_frame_of_a_webp_covers_is_clear_whatever_its_head_says() -> None:
    """As Chromium shows it; Pillow reads it as opaque."""
    frames = [Image.new("RGBA", (16, 16), (*RED, 255)), Image.new("RGBA", (16, 16), NOTHING)]
    frames[1].paste((*BLUE, 255), (4, 4, 8, 8))
    data = saved(frames[0], "WEBP", save_all=True, append_images=[frames[1]], lossless=True)
    assert not data[20] & 0x10, "its head says that it has no alpha"
    for format, keys in LOSSLESS.items():
        found = shown(outputs(data, one(**keys))["a"].data, format)
        assert (rows(found[0])[0][0], rows(found[1])[0][0]) == ((*RED, 255), NOTHING), format
    assert made(data, format="avif").mode == "RGB", "the first is opaque"


def test_a_webp_says_that_it_is_clear_where_only_a_disposal_makes_it_so() -> None:
    images = [Image.new("RGBA", (16, 16), (*RED, 255)), Image.new("RGBA", (16, 16), NOTHING)]
    images[1].paste((*BLUE, 255), (0, 0, 16, 4))
    spec = one(**LOSSLESS["webp"]).renditions[0]
    data, _ = encoders.encode_animation(images, "webp", spec, Blocks(), Showing([Fraction(1)] * 2, 0))
    image = Image.open(io.BytesIO(data))
    image.seek(1)
    assert (image.mode, image.getpixel((8, 8))) == ("RGBA", NOTHING)


# --- damage ---


def test_an_animated_png_of_fewer_frames_than_it_says_is_damaged() -> None:
    frames = [Laid(0, 0, *SIDES, b"\xff\0\0"), Laid(0, 0, *SIDES, b"\0\0\xff")]
    with pytest.raises(ImageFault, match="2 of 3 frames") as fault:
        outputs(apng(RGB, SIDES, frames, promised=3), one(format="webp"))
    assert fault.value.code == "undecodable"
    assert outputs(apng(RGB, SIDES, frames, promised=3), one(format="jpeg")), "its first picture is whole"


def test_frames_beyond_those_that_an_animated_png_tells_are_passed_over() -> None:
    frames = [Laid(0, 0, *SIDES, bytes((number, 0, 0))) for number in range(4)]
    assert len(shown(apng(RGB, SIDES, frames, promised=3), "png")) == 3


PLACE = struct.pack(">4I2H", 3, 3, 2, 1, 1, 10)


@pytest.mark.parametrize(
    "harm",
    [
        lambda data: data.replace(b"fcTL" + struct.pack(">I", 1), b"fcTL" + struct.pack(">I", 7)),
        lambda data: data.replace(PLACE, struct.pack(">4I2H", 3, 3, 4, 1, 1, 10)),
        lambda data: data.replace(PLACE, struct.pack(">4I2H", 0, 3, 2, 1, 1, 10)),
        lambda data: data.replace(PLACE + b"\0\0", PLACE + b"\3\0"),
        lambda data: data.replace(PLACE + b"\0\0", PLACE + b"\0\2"),
        lambda data: data[: data.rindex(b"fdAT") + 6],
        lambda data: data[: data.rindex(b"fcTL") + 6],
    ],
)
def test_a_damaged_frame_is_the_images_fault(harm: Callable[[bytes], bytes]) -> None:
    whole = apng(RGB, SIDES, [Laid(0, 0, *SIDES, b"\xff\0\0"), Laid(2, 1, 3, 3, b"\0\0\xff")])
    assert outputs(whole, one(format="webp"))
    assert harm(whole) != whole
    with pytest.raises(ImageFault) as fault:
        outputs(harm(whole), one(format="webp"))
    assert fault.value.code == "undecodable"


@settings(max_examples=200, deadline=None)
@given(st.one_of(animated_gifs(), animated_pngs()), st.integers(0, 2000), st.binary(min_size=1, max_size=4))
def test_wounds_end_in_frames_or_in_a_fault(made: tuple[bytes, Any], at: int, wound: bytes) -> None:
    data = bytearray(made[0])
    data[at % len(data) : at % len(data) + len(wound)] = wound
    for format in ("webp", "gif", "jpeg"):
        with contextlib.suppress(ImageFault):
            assert len(outputs(bytes(data), one(format=format))) == 1


# --- time ---


def animation(format: str, milliseconds: list[float], colours: Any = (RED, GREEN, BLUE)) -> bytes:
    frames = [Image.new("RGB", (12, 12), colour) for colour, _ in zip(colours, milliseconds, strict=True)]
    return saved(frames[0], format, save_all=True, append_images=frames[1:], duration=milliseconds, lossless=True)


def times(data: bytes, format: str) -> list[Any]:
    stream = io.BytesIO(data)
    return [1000 * seconds for _, seconds in motion.shown(format, Image.open(stream), stream, ())]


@pytest.mark.parametrize("stored", ["WEBP", "PNG"])
@pytest.mark.parametrize(
    ("milliseconds", "wanted"),
    [
        (17, 20),
        (19, 20),
        (33, 30),
        (35, 40),
        (67, 70),
        (99, 100),
        (11, 20),
        (14, 20),
        (10, 10),
        (8, 10),
        (4, 0),
        (0, 0),
    ],
)
def test_a_gifs_delay_is_the_nearest_that_browsers_honour_as_the_original(
    stored: str, milliseconds: int, wanted: int
) -> None:
    output = outputs(animation(stored, [milliseconds] * 3), one(format="gif"))["a"]
    assert (times(output.data, "gif"), output.unmet) == ([wanted] * 3, ())


@pytest.mark.parametrize("format", ["webp", "png"])
@pytest.mark.parametrize("hundredths", [0, 1, 2, 7, 65_535])
def test_a_gifs_own_delays_are_kept_as_they_are(format: str, hundredths: int) -> None:
    frames = [Laid(0, 0, *SIDES, number, delay=(hundredths, 0)) for number in range(3)]
    output = outputs(gif(SIDES, frames), one(**LOSSLESS[format]))["a"]
    assert (times(output.data, format), output.unmet) == ([10 * hundredths] * 3, ())


def test_a_png_keeps_a_pngs_fraction_of_a_second() -> None:
    frames = [Laid(0, 0, *SIDES, bytes((9, number, 0)), delay=(1, 60)) for number in range(2)]
    frames.append(Laid(0, 0, *SIDES, b"\1\1\1", delay=(7, 0)))
    output = outputs(apng(RGB, SIDES, frames), one(format="png"))["a"]
    assert times(output.data, "png") == [Fraction(1000, 60), Fraction(1000, 60), 70], "over 0 is over 100"


def test_a_time_beyond_the_formats_field_is_limited_and_said() -> None:
    data = animation("WEBP", [700_000, 40, 50])
    output = outputs(data, one(format="gif"))["a"]
    assert (times(output.data, "gif"), output.unmet) == ([655_350, 40, 50], ("delays",))
    output = outputs(data, one(format="png"))["a"]
    assert (times(output.data, "png"), output.unmet) == ([700_000, 40, 50], ())
    hours = [Laid(0, 0, *SIDES, bytes((9, number, 0)), delay=(65_535, 1)) for number in range(3)]
    output = outputs(apng(RGB, SIDES, hours), one(**LOSSLESS["webp"]))["a"]
    assert (times(output.data, "webp"), output.unmet) == ([2**24 - 1] * 3, ("delays",))


def test_frames_that_are_alike_become_one_of_their_times_together() -> None:
    """Row 13: ten equal frames, then two others; their whole time is kept."""
    pixels = [b"\xff\0\0"] * 10 + [b"\0\xff\0", b"\0\0\xff"]
    data = apng(RGB, SIDES, [Laid(0, 0, *SIDES, pixel, delay=(33, 1000)) for pixel in pixels])
    for format, wanted in (("webp", [330, 33, 33]), ("png", [330, 33, 33]), ("gif", [300, 30, 30])):
        output = outputs(data, one(**LOSSLESS[format]))["a"]
        assert (times(output.data, format), output.unmet) == (wanted, ()), format


def test_the_times_of_frames_that_are_alike_pass_no_field() -> None:
    pixels = (b"\1\1\1", b"\1\1\1", b"\2\2\2", b"\3\3\3")
    frames = [Laid(0, 0, *SIDES, pixel, delay=(400, 1)) for pixel in pixels]
    output = outputs(apng(RGB, SIDES, frames), one(format="gif"))["a"]
    assert (times(output.data, "gif"), output.unmet) == ([655_350, 400_000, 400_000], ("delays",))
    output = outputs(apng(RGB, SIDES, frames[:2]), one(format="gif"))["a"]
    assert (times(output.data, "gif"), output.unmet) == ([655_350], ("delays",)), "all alike: one picture"


def test_the_times_of_a_long_webp_are_no_more_than_its_writer_counts() -> None:
    showing, unmet = fitted(Showing([SECONDS_MAX["webp"]] * 500, 0), "webp")
    assert sum(showing.seconds) == Fraction(2**31 - 1, 1000)
    assert unmet == ("delays",)


@given(
    st.lists(st.fractions(0, 10**6, max_denominator=65_535), min_size=1, max_size=20),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["gif", "webp", "png"]),
)
def test_whatever_the_times_what_is_written_has_room(seconds: list[Fraction], plays: int, format: str) -> None:
    showing, unmet = fitted(Showing(seconds, plays), format)
    assert showing.plays <= PLAYS_MAX[format]
    assert (showing.plays == plays) is ("plays" not in unmet)
    for each, was in zip(showing.seconds, seconds, strict=True):
        assert 0 <= each <= SECONDS_MAX[format]
        if format == "png":
            assert max(each.numerator, each.denominator) <= 65_535
            assert "delays" in unmet or abs(each - was) <= max(Fraction(1, 10**6), was / 60_000)
    assert fitted(showing, format) == (showing, ())


def test_a_delay_is_never_shorter_than_what_browsers_honour() -> None:
    assert [ticks(Fraction(ms, 1000)) for ms in (0, 5, 10, 11, 15, 24, 25)] == [0, 1, 1, 2, 2, 2, 3]


# --- counts ---


@pytest.mark.parametrize(
    ("loop", "format", "wanted", "unmet"),
    [
        (0, "webp", 0, ()),
        (2, "webp", 3, ()),
        (65_534, "webp", 65_535, ()),
        (65_535, "webp", 65_535, ("plays",)),
        (65_535, "png", 65_536, ()),
        (65_535, "gif", 65_536, ()),
    ],
)
def test_a_gifs_repeats_are_one_less_than_its_plays(
    loop: int, format: str, wanted: int, unmet: tuple[str, ...]
) -> None:
    frames = [Laid(0, 0, *SIDES, 0), Laid(0, 0, *SIDES, 1)]
    output = outputs(gif(SIDES, frames, loop=loop), one(**LOSSLESS[format]))["a"]
    assert (motion.plays(Image.open(io.BytesIO(output.data))), output.unmet) == (wanted, unmet)


@pytest.mark.parametrize(("format", "wanted"), [("gif", 65_536), ("webp", 65_535), ("png", 1_000_000)])
def test_plays_beyond_the_formats_field_are_limited_and_said(format: str, wanted: int) -> None:
    frames = [Laid(0, 0, *SIDES, b"\xff\0\0"), Laid(0, 0, *SIDES, b"\0\0\xff")]
    output = outputs(apng(RGB, SIDES, frames, plays=1_000_000), one(**LOSSLESS[format]))["a"]
    assert motion.plays(Image.open(io.BytesIO(output.data))) == wanted
    assert output.unmet == (() if format == "png" else ("plays",))


def test_one_frame_beside_a_default_image_is_what_an_animation_shows() -> None:
    data = apng(RGB, SIDES, [Laid(0, 0, *SIDES, b"\xff\0\0")], apart=b"\0\0\xff")
    moving = Image.open(io.BytesIO(outputs(data, one(**LOSSLESS["webp"]))["a"].data))
    assert moving.convert("RGB").getpixel((0, 0)) == RED
    still = Image.open(io.BytesIO(outputs(data, one(format="avif", lossless=True))["a"].data))
    assert alike((*still.convert("RGB").getpixel((0, 0)), 255), (*BLUE, 255), 3)  # type: ignore[misc]


# --- a GIF of what has alpha ---


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize("keys", [{}, {"grayscale": True}])
def test_what_is_clear_stays_clear_in_a_gif_whatever_colour_hides_there(mode: str, keys: dict[str, Any]) -> None:
    image = Image.new(mode, (40, 10), (200, 255) if mode == "LA" else (200, 200, 200, 255))
    for column in range(20):  # each of another hidden colour, and of another alpha below a half
        hidden = (8 * column, 6 * column)
        image.paste(hidden if mode == "LA" else (hidden[0], 3, 99, hidden[1]), (column, 0, column + 1, 10))
    alphas = [
        pixel[3] for pixel in rows(shown(outputs(saved(image), one(format="gif", **keys))["a"].data, "gif")[0])[5]
    ]
    assert alphas == [0] * 20 + [255] * 20


def test_delays_are_told_to_the_frames_that_are_left() -> None:
    frames = [Laid(0, 0, *SIDES, number, delay=(merged, 0)) for number, merged in enumerate((1, 3, 1))]
    data, limited = gifs.timed(gif(SIDES, frames), [5, 10, 20, 30, 7])
    assert [int(each.part.seconds * 100) for each in gifs.frames(io.BytesIO(data))] == [5, 60, 7]
    assert not limited
