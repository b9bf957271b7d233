"""ThumbHashes against those of the reference (npm thumbhash 0.1.1), of pictures made by arithmetic."""

import pytest

from worker.images.facts.thumbhash import thumbhash


def picture(width: int, height: int, *, alpha: bool) -> bytes:
    return bytes(
        value
        for y in range(height)
        for x in range(width)
        for value in (
            (x * 37 + y * 11) % 256,
            (x * x * 3 + y * 29) % 256,
            (255 - x * 7) % 256,
            (x * y * 5) % 256 if alpha else 255,
        )
    )


@pytest.mark.parametrize(
    ("width", "height", "alpha", "hash"),
    [
        (24, 18, False, "a3f60545827f788876767677776776767077873f4e"),
        (18, 24, False, "e5f5053d026f786766575767776647857077e68c06"),
        (24, 18, True, "e306861c80166f8876877887068a8988d51033026538877205"),
        (7, 24, True, "a7f4810902155b9a948099b1cf7ad91f306472a9945969"),
        (1, 1, False, "15002aff0108f708888788708f7088f80888707ff8000000"),
        (24, 1, False, "e005428988787778888808876387cf8f68"),
        (16, 32, True, "e5f5811300165f776888a6908878902e00325286614837"),
        (100, 3, False, "a0f705198298a70d777777870276f8f687"),
    ],
)
def test_the_bytes_are_those_of_the_reference(width: int, height: int, alpha: bool, hash: str) -> None:
    assert thumbhash(width, height, picture(width, height, alpha=alpha)).hex() == hash


def test_colours_of_transparent_pixels_do_not_count() -> None:
    red = bytes((255, 0, 0, 255)) * 8
    assert thumbhash(8, 2, red + bytes((0, 255, 0, 0)) * 8) == thumbhash(8, 2, red + bytes(32))
