"""stores/ledger/postgres/durability.py: what a 202 rests on."""

import pytest

from stores.ledger.postgres.durability import durability_of


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        (("on", "on", "", 0), "local"),
        (("on", "local", "", 0), "local"),
        (("on", "on", "", 1), "asynchronous"),
        (("on", "local", "s1", 1), "asynchronous"),
        (("on", "on", "FIRST 1 (s1)", 1), "synchronous"),
        (("on", "remote_write", "*", 1), "synchronous"),
        (("on", "remote_apply", "*", 0), "synchronous"),
        (("on", "off", "s1", 1), "asynchronous"),
        (("off", "on", "s1", 1), "asynchronous"),
        (("on", "on", "  ", 0), "local"),
    ],
)
def test_a_commit_rests_on_what_the_settings_say(settings: tuple[str, str, str, int], word: str) -> None:
    assert durability_of(*settings).word == word


def test_what_may_lose_commits_is_said_plainly() -> None:
    assert "fsync is off" in durability_of("off", "on", "", 0).why
    assert "failover may lose" in durability_of("on", "on", "", 2).why
