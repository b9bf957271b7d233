"""Receipts: what is signed comes back, and whatever else is offered is none."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.access.receipts import Receipt, sign, verify
from jobs.ids import mint

SECRET, OTHER, OLD = b"s" * 32, b"o" * 32, b"before the rotation"
ids = st.builds(mint, st.floats(0, 1e10), st.binary(min_size=10, max_size=10))
receipts = st.builds(
    Receipt,
    ids,
    st.binary(min_size=32, max_size=32).map(bytes.hex),
    st.integers(0, 2**63 - 1),
    st.integers(0, 10**14).map(lambda milliseconds: milliseconds / 1000),
)
ONE = Receipt("01m87tmt9j05srya2xnm5w4zyp", "ab" * 32, 17, 1_800_000_000.25)


@given(receipts)
def test_what_was_signed_comes_back(receipt: Receipt) -> None:
    text = sign(SECRET, receipt, "")
    assert re.fullmatch(r"[A-Za-z0-9._~-]{1,200}", text), "URL-safe and compact"
    assert verify([SECRET], text, [""]) == receipt


@given(receipts, st.data())
def test_any_changed_character_is_forged(receipt: Receipt, data: st.DataObject) -> None:
    text = sign(SECRET, receipt, "")
    place = data.draw(st.integers(0, len(text) - 1))
    character = data.draw(st.characters() | st.sampled_from(sorted(set(text))))
    changed = text[:place] + character + text[place + 1 :]
    assert (verify([SECRET], changed, [""]) is not None) == (changed == text)


@pytest.mark.parametrize("place", range(len(sign(SECRET, ONE, ""))))
def test_no_place_is_free_to_change(place: int) -> None:
    """The last character of base64 holds two bits that decode to nothing: it must not be free either."""
    text = sign(SECRET, ONE, "")
    for character in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=":
        changed = text[:place] + character + text[place + 1 :]
        assert changed == text or verify([SECRET], changed, [""]) is None


@given(st.text() | st.text("r1.abc0_-=\ud800\n"))
def test_noise_is_forged_and_never_raises(text: str) -> None:
    assert verify([SECRET], text, [""]) is None
    assert verify([SECRET], sign(SECRET, ONE, "") + text, [""]) == (None if text else ONE)
    assert verify([SECRET], text + sign(SECRET, ONE, ""), [""]) == (None if text else ONE)


def test_another_secret_signs_nothing_here() -> None:
    assert verify([OTHER], sign(SECRET, ONE, ""), [""]) is None
    assert verify([], sign(SECRET, ONE, ""), [""]) is None


def test_after_a_rotation_both_secrets_verify() -> None:
    assert verify([SECRET, OLD], sign(OLD, ONE, ""), [""]) == ONE
    assert verify([SECRET, OLD], sign(SECRET, ONE, ""), [""]) == ONE


def test_what_is_signed_in_another_shape_is_none() -> None:
    """Even a rightful signature makes no receipt of what could not be one."""
    for wrong in (ONE._replace(job="short"), ONE._replace(digest="AB" * 32), ONE._replace(change=-1)):
        assert verify([SECRET], sign(SECRET, wrong, ""), [""]) is None
