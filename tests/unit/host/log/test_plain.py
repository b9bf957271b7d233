"""Texts that others chose, in a line of the log."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host.log.plain import VALUE_CHARACTERS_MAX, printable, secrets_of, value, without_secrets

KEY = "pm_" + "k" * 43


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("Café 5", "Café 5"),
        ("évil\n12:00 broker ready", "évil\\n12:00 broker ready"),
        ("\x1b[31mred\x07", "\\u001b[31mred\\u0007"),
        ("a\u202eb\u200bc\ufeff\u2028\x85\x7f", "a\\u202eb\\u200bc\\ufeff\\u2028\\u0085\\u007f"),
        ("\ud800", "\\ud800"),
    ],
)
def test_nothing_is_invisible_or_acts_on_a_terminal(told: str, shown: str) -> None:
    assert printable(told) == shown


@given(st.text(max_size=200))
def test_any_text_is_printable_afterwards_and_can_be_read_back(text: str) -> None:
    assert printable(text).isprintable()
    assert json.loads(printable(json.dumps(text, ensure_ascii=False))) == text


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("see https://u:p@host:5/a/b.jpg?X-Amz-Signature=abc&x=1#f now", "see https://***@host:5/a/b.jpg?*** now"),
        ("postgresql://me:p@ss@db/pix?sslmode=require", "postgresql://***@db/pix?***"),
        ("'redis://:hunter2@h/0'", "'redis://***@h/0'"),
        ("ftp://host/file", "ftp://host/file"),
        (f"key {KEY}.", "key pm_***."[:-1]),
        ("grant u1.eyJhIjoxfQ.c2lnbmF0dXJl", "grant u1.***"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("host=db password='hunter2' user=me", "host=db password='***' user=me"),
        ("{'cookie': 'pixmill_session=s1.abcd.1.xyz'}", "{'cookie': '***'}"),
        ("no secret here: 12 tokens", "no secret here: 12 tokens"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(told: str, shown: str) -> None:
    assert without_secrets(told).rstrip(".") == shown


def test_the_secrets_of_the_settings_are_hidden_in_any_form() -> None:
    ledger, several, webhooks = (
        "postgresql://me:p%40ss-word@db/x",
        "one-secret-of-many,another-secret",
        "acme=https://h.ex/q",
    )
    secrets = secrets_of([ledger, several, webhooks, "none"])
    for text in ("p%40ss-word", "p@ss-word", "one-secret-of-many", "another-secret", "https://h.ex/q"):
        assert text not in without_secrets(f"it said {text}!", secrets)
    assert without_secrets("none", secrets) == "none", "ordinary words stay"


@given(st.text(max_size=30), st.text(max_size=30), st.sampled_from(["https", "postgresql", "rediss"]))
def test_no_query_and_no_password_of_an_url_remains(before: str, after: str, scheme: str) -> None:
    shown = str(value(f"{before} {scheme}://user:hunter2hunter2@host/path?grant=hunter2hunter2 {after}"))
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    ("told", "shown"), [(1, 1), (True, True), (None, None), (1.5, 1.5), (float("nan"), "nan"), (b"x", "b'x'")]
)
def test_numbers_and_truths_stay(told: object, shown: object) -> None:
    assert value(told) == shown


def test_a_long_value_is_cut() -> None:
    shown = value("x" * 10**6)
    assert isinstance(shown, str) and len(shown) == VALUE_CHARACTERS_MAX and shown.endswith("x…")
