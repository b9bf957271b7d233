"""What is clear in a PNG by one value or by its palette, at every depth: exactly that, by the PNG specification."""

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.pictures.animations import Laid, Pixel, apng, chunk, rows, shown, still_png
from tests.support.pictures.images import made

GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
WIDTH, HEIGHT = 5, 2


def packed(samples: list[int], depth: int) -> bytes:
    """A row, its bits from the left."""
    bits = "".join(format(sample, f"0{depth}b") for sample in samples)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


def eight(sample: int, depth: int) -> int:
    """A sample as one of 8 bits."""
    return sample * 255 // ((1 << depth) - 1)


def pixels(data: bytes, **keys: Any) -> list[Pixel]:
    return [pixel for row in rows(made(data, **keys)) for pixel in row]


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from([1, 2, 4, 8, 16]))
def test_exactly_the_clear_gray_is_clear(data: st.DataObject, depth: int) -> None:
    top = 2**depth - 1
    samples = data.draw(st.lists(st.integers(0, top), min_size=WIDTH * HEIGHT, max_size=WIDTH * HEIGHT))
    clear = data.draw(st.sampled_from(samples))
    beside = [clear ^ 1, clear ^ (1 << depth - 1)]  # what only the lowest or the highest bit tells apart
    samples[:2] = beside
    lines = [packed(samples[at : at + WIDTH], depth) for at in range(0, len(samples), WIDTH)]
    found = pixels(still_png(GRAY, WIDTH, lines, depth, chunk(b"tRNS", struct.pack(">H", clear))))
    assert [pixel[3] for pixel in found] == [0 if sample == clear else 255 for sample in samples]
    assert all(
        abs(pixel[0] - eight(sample, depth)) <= 1 for pixel, sample in zip(found, samples, strict=True) if pixel[3]
    )


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from([8, 16]))
def test_exactly_the_clear_colour_is_clear(data: st.DataObject, depth: int) -> None:
    colour = st.tuples(*[st.integers(0, 2**depth - 1)] * 3)
    samples = data.draw(st.lists(colour, min_size=WIDTH * HEIGHT, max_size=WIDTH * HEIGHT))
    clear = data.draw(st.sampled_from(samples))
    for channel in range(3):  # of which one channel alone differs, by its lowest bit
        samples[channel] = tuple(each ^ (number == channel) for number, each in enumerate(clear))
    flat = [sample for each in samples for sample in each]
    lines = [packed(flat[at : at + 3 * WIDTH], depth) for at in range(0, len(flat), 3 * WIDTH)]
    found = pixels(still_png(RGB, WIDTH, lines, depth, chunk(b"tRNS", struct.pack(">3H", *clear))))
    assert [pixel[3] for pixel in found] == [0 if sample == clear else 255 for sample in samples]


def test_a_colour_of_16_bits_is_clear_by_all_of_them() -> None:
    """Row 1: its low bytes are other pixels' high bytes, with which they must not be compared."""
    clear, other = (0x1234, 0x5678, 0x9ABC), (0x3400, 0x7800, 0xBC00)
    line = struct.pack(">6H", *clear, *other)
    data = still_png(RGB, 2, [line], 16, chunk(b"tRNS", struct.pack(">3H", *clear)))
    for keys in ({"format": "png"}, {"format": "webp", "lossless": True}):
        assert [pixel[3] for pixel in pixels(data, **keys)] == [0, 255]
    first, second = pixels(data, format="jpeg", quality=100, background="#00ff00", chroma=444)
    assert first[1] > 200 > second[1]
    assert pixels(data)[1] == (0x34, 0x78, 0xBC, 255)


@pytest.mark.parametrize(("clear", "alphas"), [(40_000, [255, 0, 255]), (39_999, [255, 255, 255]), (0, [0, 255, 255])])
def test_gray_of_16_bits_is_scaled_and_clear_by_all_of_them(clear: int, alphas: list[int]) -> None:
    """Row 2."""
    data = still_png(GRAY, 3, [struct.pack(">3H", 0, 40_000, 40_001)], 16, chunk(b"tRNS", struct.pack(">H", clear)))
    image = made(data)
    assert image.mode == "LA", "it is still gray"
    assert [pixel[3] for pixel in rows(image)[0]] == alphas
    assert rows(image)[0][2][0] == round(40_001 / 257)


@pytest.mark.parametrize("depth", [2, 4, 8])
def test_of_a_clear_value_only_the_bits_of_the_depth_count(depth: int) -> None:
    samples = [0, 1, 2, 3, 1]
    clear = chunk(b"tRNS", struct.pack(">H", 1 | 0xFFFF << depth & 0xFFFF))
    found = pixels(still_png(GRAY, WIDTH, [packed(samples, depth)], depth, clear))
    assert [pixel[3] for pixel in found] == [255, 0, 255, 255, 0]


@pytest.mark.parametrize("depth", [2, 4, 8])
@pytest.mark.parametrize("alphas", [b"\0", b"\x80\0", b"\xff\0", b"\xff\x80\0\x20"])
def test_a_palette_may_have_fewer_alphas_than_colours(depth: int, alphas: bytes) -> None:
    colours = bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    extra = chunk(b"PLTE", colours) + chunk(b"tRNS", alphas)
    found = pixels(still_png(PALETTE, 4, [packed([0, 1, 2, 3], depth)], depth, extra))
    wanted = [(*colours[3 * n : 3 * n + 3], alphas[n] if n < len(alphas) else 255) for n in range(4)]
    assert [pixel if pixel[3] else (0, 0, 0, 0) for pixel in found] == [w if w[3] else (0, 0, 0, 0) for w in wanted]


@pytest.mark.parametrize(("kind", "channels"), [(GRAY_ALPHA, 2), (RGBA, 4)])
def test_16_bits_with_alpha_are_as_those_of_8(kind: int, channels: int) -> None:
    samples = [(n * 4111 + 7919) % 65536 for n in range(WIDTH * channels)]
    found = pixels(still_png(kind, WIDTH, [struct.pack(f">{len(samples)}H", *samples)], 16))
    wanted = [samples[at : at + channels] for at in range(0, len(samples), channels)]
    wanted = [[one[0]] * 3 + one[1:] if channels == 2 else one for one in wanted]
    for pixel, sample in zip(found, wanted, strict=True):
        assert all(abs(a - b / 257) <= 1 for a, b in zip(pixel, sample, strict=True))


def test_a_clear_value_of_16_bits_holds_in_every_frame_of_an_animation() -> None:
    clear, other = struct.pack(">3H", 0x1234, 0x5678, 0x9ABC), struct.pack(">3H", 0x1235, 0x5678, 0x9ABC)
    frames = [Laid(0, 0, 3, 3, other), Laid(0, 0, 3, 3, clear), Laid(1, 1, 1, 1, other)]
    data = apng(RGB, (3, 3), frames, chunk(b"tRNS", clear), depth=16)
    found = [[rows(image)[y][y][3] for y in (0, 1)] for image in shown(data, "png")]
    assert found == [[255, 255], [0, 0], [0, 255]]


def test_gray_stays_gray_where_one_value_is_clear_so_that_its_profile_serves() -> None:
    assert made(still_png(GRAY, 2, [b"\1\2"], 8, chunk(b"tRNS", b"\0\1"))).mode == "LA"
