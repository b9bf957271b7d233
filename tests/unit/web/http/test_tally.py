"""The tally of a request: copies of its scope share it, and without one nothing happens."""

import re
from typing import Any

import pytest

from web.http import tally


def test_copies_of_a_scope_share_it() -> None:
    scope: dict[str, Any] = {"type": "http", "method": "GET", "headers": []}
    told = tally.begin(scope)
    tally.tell_route({**scope, "root_path": "/pix"}, "GET /jobs")
    tally.tell_code({**scope}, "not_found")
    tally.tell_caller({**scope}, "acme", "0123")
    assert (told.route, told.code, told.tenant, told.key) == ("GET /jobs", "not_found", "acme", "0123")
    assert tally.begin({**scope}) is told
    assert told.reads and tally.tally_of(scope) is told


def test_nothing_happens_where_nobody_counts() -> None:
    scope: dict[str, Any] = {"type": "http"}
    tally.tell_route(scope, "GET /jobs")
    tally.tell_code(scope, "not_found")
    assert scope == {"type": "http"}


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ([b"a"], True), ([b"0123456789abcdef-_.ABC"], True), ([b"x" * 128], True), ([b"x" * 129], False),
        ([b""], False), ([b"a b"], False), ([b"a\nb"], False), ([b"\xff"], False), ([b"a", b"b"], False), ([], False),
    ],
)  # fmt: skip
def test_an_id_of_a_request_is_taken_if_it_is_a_plain_word_else_made(given: list[bytes], taken: bool) -> None:
    made = tally.request_id([(b"host", b"h"), *((tally.REQUEST_ID, each) for each in given)])
    assert (made.encode() in given) == taken
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", made)
    assert tally.fresh_id() != tally.fresh_id()
