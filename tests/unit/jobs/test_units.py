"""jobs/units.py: limits in the units that people use, and never two equal numbers for different ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.units import exceeded

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("limit", "allowed", "actual", "said"),
    [
        ("upload_bytes_max", 64 * MIB, 80 * MIB, "upload_bytes_max allows 64 MiB, this has 80 MiB"),
        ("upload_bytes_max", 64 * MIB, 3 * 1024 * MIB, "upload_bytes_max allows 64 MiB, this has 3 GiB"),
        ("upload_bytes_max", 64 * MIB, 64 * MIB + 1, "upload_bytes_max allows 67,108,864 bytes, this has 67,108,865"),
        ("field_bytes_max", 800, 1500, "field_bytes_max allows 800 bytes, this has 1.46 KiB"),
        ("pixels_max", 100_000_000, 268_435_456, "pixels_max allows 100 megapixels, this has 268 megapixels"),
        ("pixels_max", 100_000_000, 100_000_001, "pixels_max allows 100,000,000 pixels, this has 100,000,001"),
        ("pixels_max", 10_000, 2_560_000, "pixels_max allows 10,000 pixels, this has 2.56 megapixels"),
        ("frames_max", 500, 1501, "frames_max allows 500, this has 1,501"),
        ("files_per_post_max", 100, 101, "files_per_post_max allows 100, this has 101"),
    ],
)
def test_a_limit_is_told_as_people_say_it(limit: str, allowed: int, actual: int, said: str) -> None:
    assert exceeded(limit, allowed, actual) == said


@given(
    st.sampled_from(["a_bytes_max", "pixels_max", "a_seconds_max", "count"]),
    st.integers(0, 2**53),
    st.integers(1, 2**53),
)
def test_what_came_is_never_said_as_what_is_allowed(limit: str, allowed: int, more: int) -> None:
    _, _, numbers = exceeded(limit, allowed, allowed + more).partition(" allows ")
    first, _, second = numbers.partition(", this has ")
    assert first.partition(" ")[0] != second or " " in second
    assert first != second
