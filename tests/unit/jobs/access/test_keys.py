"""Keys and sessions as texts: what is taken, what is not, and what a session outlives."""

from unittest.mock import Mock

import pytest

from host.settings.settings import Settings
from host.settings.settings import parse as parse_settings
from jobs.access.keys import (
    VARIABLE,
    ApiKey,
    Scope,
    by_name,
    digest_of,
    entry_of,
    find,
    find_session,
    open_session,
    parse,
)
from jobs.errors import SetupFault
from jobs.limits import KEYS_MAX

SECRET, OTHER = b"s" * 32, b"o" * 32
ONE = ApiKey("acme", Scope.WRITE, digest_of(b"one"))
TWO = ApiKey("acme", Scope.READ, digest_of(b"two"))
ENTRY_TWO = entry_of("acme", Scope.READ, "two")

BOTH = by_name([TWO, ONE])


def test_keys_are_separated_by_commas_or_lines() -> None:
    text = f"{entry_of('acme', Scope.WRITE, 'one')}, \n{entry_of('acme', Scope.READ, 'two')}\n"
    assert parse(text) == (ONE, TWO)
    assert parse(" , ") == ()
    assert parse(text + text) == (ONE, TWO)


@pytest.mark.parametrize(
    "entry",
    [
        "acme:write",
        "acme:admin:" + "0" * 64,
        ":write:" + "0" * 64,
        "ac me:write:" + "0" * 64,
        "-acme:write:" + "0" * 64,
        "acme:write:" + "0" * 63,
        "acme:write:" + "0" * 65,
        "acme:write:hunter2",
        "ácme:write:" + "0" * 64,
    ],
)
def test_an_entry_that_is_none_is_refused_by_number_and_not_told(entry: str) -> None:
    with pytest.raises(SetupFault, match=r"PIXMILL_API_KEYS: entry \d must be tenant:scope:sha256") as fault:
        parse_settings({"PIXMILL_API_KEYS": f"{entry_of('acme', Scope.READ, 'two')},{entry}"})
    assert "hunter2" not in fault.value.detail


def test_a_line_as_it_was_printed_is_an_entry() -> None:
    assert parse(f"PIXMILL_API_KEYS={entry_of('acme', Scope.WRITE, 'one')}\n{VARIABLE}{ENTRY_TWO}\n") == (ONE, TWO)
    with pytest.raises(ValueError, match="entry 1 must be"):
        parse(f"{VARIABLE}{VARIABLE}{ENTRY_TWO}")


def test_of_several_lines_the_wrong_one_is_told() -> None:
    with pytest.raises(ValueError, match=r"entry 3 \(line 4\) must be"):
        parse(f"{ENTRY_TWO},{ENTRY_TWO}\n\n\nhunter2")


def test_there_are_not_more_keys_than_can_be_compared_with() -> None:
    entries = [f"t:read:{number:064x}" for number in range(KEYS_MAX + 1)]
    assert len(parse(",".join(entries[1:]))) == KEYS_MAX
    with pytest.raises(ValueError, match="10001 entries"):
        parse(",".join(entries))


def test_one_key_is_of_one_tenant_and_scope() -> None:
    with pytest.raises(ValueError, match="entry 2 is the key of an entry before it"):
        parse(f"{entry_of('acme', Scope.WRITE, 'one')},{entry_of('bolt', Scope.WRITE, 'one')}")


def test_the_client_s_variables_are_no_settings_and_no_fault() -> None:
    assert parse_settings({"PIXMILL_API_KEY": "one", "PIXMILL_URL": "http://localhost:1"})[0] == Settings()


def test_a_key_is_found_by_itself_alone() -> None:
    assert find({key.digest: key for key in (TWO, ONE)}, b"one") == ONE
    assert find({key.digest: key for key in (TWO, ONE)}, ONE.digest.hex().encode()) is None
    assert find({}, b"one") is None


@pytest.mark.parametrize("held", list(Scope))
def test_each_scope_has_those_before_it(held: Scope) -> None:
    order = ["read", "write", "operate"]
    assert [scope for scope in Scope if held.allows(scope)] == order[: order.index(held) + 1]


def test_a_session_is_its_key_s_until_its_end() -> None:
    token = open_session(SECRET, ONE, 1000.9)
    assert find_session(SECRET, BOTH, token, 999.9) == (ONE, 1000.0)
    assert find_session(SECRET, BOTH, token, 1000.0) is None


def test_a_session_s_key_is_found_by_its_name_and_told_from_another_of_that_name() -> None:
    twin = ApiKey("bolt", Scope.READ, ONE.digest[:8] + bytes(24))
    named = by_name([twin, ONE, TWO])
    assert sorted(map(len, named.values())) == [1, 2]
    for key in (twin, ONE, TWO):
        assert find_session(SECRET, named, open_session(SECRET, key, 1000), 0) == (key, 1000.0)
    looked = Mock(wraps=named)
    assert find_session(SECRET, looked, open_session(SECRET, ONE, 1000), 0)
    assert [call[0] for call in looked.mock_calls] == ["get"], "none is gone through"


def test_a_session_ends_with_its_key_or_the_secret() -> None:
    token = open_session(SECRET, ONE, 1000)
    assert find_session(SECRET, by_name([TWO]), token, 0) is None
    assert find_session(OTHER, by_name([ONE]), token, 0) is None


def test_a_session_s_token_tells_no_key_and_cannot_be_changed() -> None:
    token = open_session(SECRET, ONE, 1000)
    assert ONE.digest.hex() not in token
    for place in range(len(token)):
        for character in "0A.=é":
            changed = token[:place] + character + token[place + 1 :]
            assert changed == token or find_session(SECRET, by_name([ONE]), changed, 0) is None
