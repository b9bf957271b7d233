"""jobs/images/kept/iptc.py: what a block keeps. (exiftool: test_blocks.)"""

from hypothesis import given
from hypothesis import strategies as st

from jobs.images.kept.iptc import BLOCK_BYTES_MAX, kept
from tests.support.pictures.planted import IPTC, SECRET, iim

UTF_8 = (1, 90, b"\x1b%G")
ALL = ("iptc", "copyright", "location")


def test_the_listed_fields_are_kept_and_no_other() -> None:
    block, whole = kept(IPTC, ALL)
    assert (whole, SECRET in block, kept(block, ALL)) == (True, False, (block, True))
    assert kept(IPTC, ("copyright",))[0] == iim(UTF_8, (2, 80, "A. Mäker".encode()), (2, 116, b"of somebody"))
    assert b"Paris" not in kept(IPTC, ("iptc",))[0]
    assert kept(IPTC, ("exif", "location")) == (b"", True)
    assert kept(iim(UTF_8), ALL) == (b"", True), "a set of characters alone says nothing"


def test_what_has_no_room_is_left_out_and_a_long_form_ends_it() -> None:
    block, whole = kept(iim((2, 120, b"a" * 32_000), (2, 122, b"b" * 32_000), (2, 25, b"c")), ALL)
    assert (whole, block) == (False, iim((2, 120, b"a" * 32_000), (2, 25, b"c")))
    long = b"\x1c\x02\x19\x80\x04\0\0\0\1c"
    assert kept(iim((2, 25, b"c")) + long + iim((2, 25, b"d")), ALL)[0] == iim((2, 25, b"c"))


@given(st.binary(max_size=60), st.integers(0, len(IPTC)))
def test_whatever_a_block_is_what_is_kept_is_a_small_one(wound: bytes, at: int) -> None:
    block, _ = kept(IPTC[:at] + wound + IPTC[at:], ALL)
    assert len(block) <= BLOCK_BYTES_MAX + 37
    assert kept(block, ALL)[0] == block
