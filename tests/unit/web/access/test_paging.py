"""web/access/paging.py: the pattern of a cursor is that of all cursors, and of nothing else."""

import base64
import re

from hypothesis import given
from hypothesis import strategies as st

from web.access.paging import CURSOR_PATTERN, cursor


@given(st.integers(0, 10**17 - 1))
def test_every_cursor_has_the_pattern(seq: int) -> None:
    assert re.fullmatch(CURSOR_PATTERN, cursor(seq))


@given(st.from_regex(CURSOR_PATTERN, fullmatch=True).map(str.strip))
def test_every_text_of_the_pattern_is_a_cursor(text: str) -> None:
    seq = int(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    assert (cursor(seq), seq < 2**63) == (text, True)
