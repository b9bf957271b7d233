"""jobs/ids.py: ordered by time, safe in an address, read back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.ids import ID_CHARACTERS, RANDOM_BYTES, is_id, mint, minted_at, original_name, rendition_name

TIMES = st.floats(0, 2**48 / 1000 - 1)
RANDOM = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)


@given(TIMES, RANDOM)
def test_an_id_is_one_and_tells_its_millisecond(at: float, randomness: bytes) -> None:
    job = mint(at, randomness)
    assert is_id(job)
    assert len(job) == ID_CHARACTERS
    assert minted_at(job) == int(at * 1000) / 1000
    assert re.fullmatch(r"[0-9a-z]+", job)


@given(TIMES, TIMES, RANDOM, RANDOM)
def test_later_ids_sort_later(one: float, other: float, random_one: bytes, random_other: bytes) -> None:
    if int(one * 1000) < int(other * 1000):
        assert mint(one, random_one) < mint(other, random_other)


@given(RANDOM, RANDOM)
def test_every_random_bit_counts(one: bytes, other: bytes) -> None:
    assert (mint(1.0, one) == mint(1.0, other)) == (one == other)


@pytest.mark.parametrize("text", ["", "0", "8" + "0" * 25, "0" * 27, "0" * 25 + "l", "0" * 25 + "A", "0" * 26 + "\n"])
def test_what_is_no_id(text: str) -> None:
    assert not is_id(text)


def test_names_of_blobs_are_fanned_out_by_random_characters() -> None:
    job = mint(1_700_000_000.0, bytes(range(RANDOM_BYTES)))
    assert original_name(job) == f"raw/{job[-2:]}/{job}"
    assert rendition_name(job, "thumb", "ab" * 32, "jpg") == f"processed/{job[-2:]}/{job}.thumb.abababab.jpg"
    assert mint(1_700_000_000.0, bytes(RANDOM_BYTES))[-2:] != job[-2:]
