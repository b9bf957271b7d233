"""The tally of a request: copies of its scope share it, and without one nothing happens."""

from typing import Any

from web.http import tally


def test_copies_of_a_scope_share_it() -> None:
    scope: dict[str, Any] = {"type": "http"}
    told = tally.begin(scope)
    tally.tell_route({**scope, "root_path": "/pix"}, "GET /jobs")
    tally.tell_code({**scope}, "not_found")
    assert (told.route, told.code) == ("GET /jobs", "not_found")


def test_nothing_happens_where_nobody_counts() -> None:
    scope: dict[str, Any] = {"type": "http"}
    tally.tell_route(scope, "GET /jobs")
    tally.tell_code(scope, "not_found")
    assert scope == {"type": "http"}
