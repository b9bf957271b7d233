"""jobs/units.py: limits in the units that people use, and never two equal numbers for different ones."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host.settings.settings import Settings
from jobs.units import AT_ONCE, PASSED, SETTINGS, exceeded, full

ROOT = Path(__file__).resolve().parents[3]
MIB = 1024 * 1024
UPLOADS = "PIXMILL_UPLOAD_BYTES_MAX"
PIXELS = "PIXMILL_PIXELS_MAX"


@pytest.mark.parametrize(
    ("limit", "allowed", "actual", "said"),
    [
        (
            "upload_bytes_max", 64 * MIB, 100_000_182,
            f"the upload has 100 MB; at most 67.1 MB (67,108,864 bytes) are allowed ({UPLOADS})",
        ),
        (
            "upload_bytes_max", 64 * MIB, 3 * 1024 * MIB,
            f"the upload has 3.22 GB; at most 67.1 MB (67,108,864 bytes) are allowed ({UPLOADS})",
        ),
        (
            "upload_bytes_max", 64 * MIB, 64 * MIB + 1,
            f"the upload has 67,108,865 bytes; at most 67,108,864 bytes are allowed ({UPLOADS})",
        ),
        ("field_bytes_max", 800, 1500, "the text has 1,500 bytes; at most 800 bytes are allowed (field_bytes_max)"),
        (
            "pixels_max", 100_000_000, 268_435_456,
            f"the picture has 268 megapixels; at most 100 megapixels are allowed ({PIXELS})",
        ),
        (
            "pixels_max", 100_000_000, 100_000_001,
            f"the picture has 100,000,001 pixels; at most 100,000,000 pixels are allowed ({PIXELS})",
        ),
        (
            "pixels_max", 10_000, 2_560_000,
            f"the picture has 2.56 megapixels; at most 10,000 pixels are allowed ({PIXELS})",
        ),
        (
            "frames_max", 500, 1501,
            "the animation has 1,501 frames; at most 500 are allowed (PIXMILL_FRAMES_MAX)",
        ),
        (
            "files_per_post_max", 100, 101,
            "the upload has 101 images; at most 100 are allowed (files_per_post_max)",
        ),
        ("unknown_max", 1, 2, "this has 2; at most 1 are allowed (unknown_max)"),
    ],
)  # fmt: skip
def test_a_limit_is_told_as_people_say_it(limit: str, allowed: int, actual: int, said: str) -> None:
    assert exceeded(limit, allowed, actual) == said


def test_what_was_not_counted_to_its_end_is_said_so() -> None:
    said = "the animation has 6 frames or more; at most 5 are allowed (PIXMILL_FRAMES_MAX)"
    assert exceeded("frames_max", 5, 6, or_more=True) == said
    assert exceeded("upload_bytes_max", 5, 6, came="bytes_max is {}").startswith(
        "bytes_max is 6 bytes; at most 5 bytes"
    )


def test_what_is_full_is_told() -> None:
    said = "at most 256 uploads are allowed at the same time, and as many are under way (uploads_at_once_max)"
    assert full("uploads_at_once_max", 256) == said


@given(
    st.sampled_from(["a_bytes_max", "pixels_max", "a_seconds_max", "count", *PASSED]),
    st.integers(0, 2**53),
    st.integers(1, 2**53),
)
def test_what_came_is_never_said_as_what_is_allowed(limit: str, allowed: int, more: int) -> None:
    first, _, rest = exceeded(limit, allowed, allowed + more, came="{}").partition("; at most ")
    second = re.sub(r"( \([0-9,]+ bytes\))? are allowed .*", "", rest)
    assert first.partition(" ")[0] != second or " " in second
    assert first != second


def test_every_limit_that_is_refused_by_has_words() -> None:
    """None is told by its name alone."""
    named = re.compile(r"""(?:LimitExceeded|exceeded|read_body)\([^()]*?"([a-z_]+_(?:max|minute))\"""")
    sources = [
        path.read_text() for role in ("jobs", "web", "worker", "courier") for path in (ROOT / role).rglob("*.py")
    ]
    limits = {limit for source in sources for limit in named.findall(source)}
    assert {"upload_bytes_max", "frames_max", "audit_bytes_max", "rate_per_minute"} <= limits
    assert limits <= set(PASSED)
    once = {limit for source in sources for limit in re.findall(r'"([a-z_]+_at_once_max|exports_max)"', source)}
    assert once - {"too_many_at_once"} == set(AT_ONCE)


def test_a_setting_is_told_by_its_name() -> None:
    assert all(hasattr(Settings(), name) for name in SETTINGS)
