"""worker/images/canvas.py: blending, disposal and clipping, each by the specifications' own words."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jobs.images.turns import Size
from worker.images.canvas import Canvas, opaque
from worker.images.formats.animation import Disposal, Part

SIDES = Size(4, 3)
FEW = Size(2, 1)
"""Of so few pixels that frames often cover just those that are clear."""
Row = list[tuple[int, int, int, int]]
RED, HALF_BLUE, CLEAR = (255, 0, 0, 255), (0, 0, 255, 128), (0, 0, 0, 0)


def part(left: int, top: int, *, over: bool = False, disposal: Disposal = Disposal.KEEP, size: Size = SIDES) -> Part:
    return Part(left, top, size, over, disposal, Fraction(1, 10))


def pixels(colour: tuple[int, ...], size: Size = SIDES) -> Image.Image:
    return Image.new("RGBA", size, colour)


def at(image: Image.Image, x: int, y: int) -> object:
    return image.convert("RGBA").getpixel((x, y))


def test_a_canvas_begins_clear_and_frames_lie_where_they_say() -> None:
    shown = Canvas(SIDES, "RGBA").lay(part(1, 1, size=Size(2, 1)), pixels(RED, Size(2, 1)))
    assert shown.mode == "RGBA"
    assert [at(shown, x, 1) for x in range(4)] == [CLEAR, RED, RED, CLEAR]
    assert at(shown, 1, 0) == at(shown, 1, 2) == CLEAR


def test_what_is_laid_over_is_composed_and_what_replaces_is_not() -> None:
    canvas = Canvas(SIDES, "RGBA")
    canvas.lay(part(0, 0), pixels(RED))
    assert at(canvas.lay(part(0, 0, over=True), pixels(HALF_BLUE)), 0, 0) == (127, 0, 128, 255)
    assert at(canvas.lay(part(0, 0), pixels(HALF_BLUE)), 0, 0) == HALF_BLUE


def test_a_part_is_cleared_only_once_its_frame_was_shown() -> None:
    canvas, small = Canvas(SIDES, "RGBA"), Size(2, 2)
    canvas.lay(part(0, 0), pixels(RED))
    shown = canvas.lay(part(0, 0, disposal=Disposal.CLEAR, size=small), pixels(HALF_BLUE, small))
    assert at(shown, 0, 0) == HALF_BLUE
    shown = canvas.lay(part(3, 2, size=Size(1, 1)), pixels(RED, Size(1, 1)))
    assert [at(shown, x, 0) for x in range(4)] == [CLEAR, CLEAR, RED, RED]


def test_what_was_before_comes_back_also_where_that_was_nothing() -> None:
    canvas = Canvas(SIDES, "RGBA")
    canvas.lay(part(0, 0, disposal=Disposal.RESTORE), pixels(RED))
    shown = canvas.lay(part(0, 0, size=Size(1, 1)), pixels(HALF_BLUE, Size(1, 1)))
    assert (at(shown, 0, 0), at(shown, 1, 1)) == (HALF_BLUE, CLEAR)
    canvas.lay(part(0, 0, disposal=Disposal.RESTORE), pixels(RED))
    shown = canvas.lay(part(3, 2, size=Size(1, 1)), pixels(RED, Size(1, 1)))
    assert (at(shown, 0, 0), at(shown, 1, 1)) == (HALF_BLUE, CLEAR)


@st.composite
def small_frames(draw: st.DrawFn) -> list[tuple[Part, Row]]:
    """Rows of pixels, each clear or opaque, or all half opaque and replacing what was."""
    frames = []
    for _ in range(draw(st.integers(3, 5))):
        left, width = draw(st.sampled_from([(0, 1), (1, 1), (0, 2)]))
        over, disposal = draw(st.booleans()), draw(st.sampled_from(list(Disposal)))
        colours = st.sampled_from([RED, CLEAR, (0, 255, 0, 255)] if over else [RED, CLEAR, HALF_BLUE])
        row = draw(st.lists(colours, min_size=width, max_size=width))
        frames.append((part(left, 0, over=over, disposal=disposal, size=Size(width, 1)), row))
    return frames


@settings(max_examples=500, deadline=None)
@given(small_frames())
def test_whatever_is_kept_the_canvas_shows_what_pixel_by_pixel_comes_out(
    frames: list[tuple[Part, Row]],
) -> None:
    canvas, left = Canvas(FEW, "RGBA"), [CLEAR] * FEW.width
    for each, row in frames:
        image = Image.new("RGBA", each.size)
        image.putdata(row)
        shown, before = canvas.lay(each, image), list(left)
        for x, pixel in enumerate(row, each.left):
            left[x] = left[x] if each.over and pixel == CLEAR else pixel
        assert [at(shown, x, 0) for x in range(FEW.width)] == left
        for x in range(each.left, each.left + len(row)):
            left[x] = {Disposal.KEEP: left[x], Disposal.CLEAR: CLEAR, Disposal.RESTORE: before[x]}[each.disposal]


@pytest.mark.parametrize(("left", "top"), [(2, 1), (4, 0), (0, 3), (60_000, 60_000)])
@pytest.mark.parametrize("disposal", list(Disposal))
def test_what_reaches_beyond_the_canvas_is_cut(left: int, top: int, disposal: Disposal) -> None:
    canvas = Canvas(SIDES, "RGBA")
    shown = canvas.lay(part(left, top, over=True, disposal=disposal), pixels(RED))
    assert shown.size == SIDES
    inside = left < SIDES.width and top < SIDES.height
    assert at(shown, 3, 2) == (RED if inside else CLEAR)
    after = canvas.lay(part(0, 0, size=Size(1, 1)), pixels(RED, Size(1, 1)))
    assert at(after, 3, 2) == (RED if inside and disposal is Disposal.KEEP else CLEAR)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_what_covers_all_is_cleared_and_taken_back_as_any_other(mode: str) -> None:
    whole = Image.new("RGBA", SIDES, (9, 9, 9, 255)).convert(mode)
    for disposal, left in ((Disposal.KEEP, (9, 9, 9, 255)), (Disposal.CLEAR, CLEAR), (Disposal.RESTORE, RED)):
        canvas = Canvas(SIDES, "RGBA")
        canvas.lay(part(0, 0), pixels(RED))
        assert at(canvas.lay(part(0, 0, over=True, disposal=disposal), whole), 1, 1) == (9, 9, 9, 255)
        assert at(canvas.lay(part(0, 0, size=Size(1, 1)), pixels(HALF_BLUE, Size(1, 1))), 1, 1) == left
    assert whole.getpixel((0, 0)) == (9 if mode == "L" else (9, 9, 9, 255)[: len(mode)])


def test_a_frame_of_no_pixels_shows_what_is_there() -> None:
    canvas = Canvas(SIDES, "RGBA")
    canvas.lay(part(0, 0, disposal=Disposal.CLEAR, size=Size(1, 1)), pixels(RED, Size(1, 1)))
    shown = canvas.lay(part(0, 0, disposal=Disposal.CLEAR, size=Size(0, 9)), None)
    assert at(shown, 0, 0) == CLEAR
    assert canvas.lay(part(0, 0), pixels(RED)).mode == "RGB"


def test_gray_is_laid_as_gray_and_what_is_opaque_needs_no_alpha() -> None:
    canvas = Canvas(SIDES, "LA")
    assert canvas.lay(part(0, 0), Image.new("L", SIDES, 7)).mode == "L"
    shown = canvas.lay(part(0, 0, over=True, disposal=Disposal.CLEAR), Image.new("LA", SIDES, (255, 128)))
    assert (shown.mode, shown.getpixel((0, 0))) == ("L", 131)
    assert canvas.lay(part(0, 0, size=Size(1, 1)), Image.new("L", (1, 1), 7)).getpixel((1, 1)) == (0, 0)
    assert opaque(Image.new("RGBA", (2, 1), CLEAR)).mode == "RGBA"


def test_what_was_given_is_not_changed_by_what_comes() -> None:
    canvas = Canvas(SIDES, "RGBA")
    first = canvas.lay(part(0, 0), pixels((*RED[:3], 254)))
    canvas.lay(part(0, 0), pixels(HALF_BLUE))
    assert at(first, 0, 0) == (*RED[:3], 254)


def test_what_was_clear_before_a_frame_made_all_opaque_is_clear_again() -> None:
    canvas, one = Canvas(SIDES, "RGBA"), Size(1, 1)
    canvas.lay(part(0, 0), pixels(RED))
    canvas.lay(part(1, 1, size=one), pixels(CLEAR, one))
    assert canvas.lay(part(1, 1, disposal=Disposal.RESTORE, size=one), pixels(RED, one)).mode == "RGB"
    shown = canvas.lay(part(0, 0, size=one), pixels(RED, one))
    assert [at(shown, x, 1) for x in range(4)] == [RED, CLEAR, RED, RED]
