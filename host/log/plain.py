"""Makes any text fit for a line of the log: nothing invisible, no secret, bounded.

Pure. Owns what counts as a secret in a text that nobody checked before, as the message of an exception.
"""

import json
import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

TEXT_CHARACTERS_MAX = 4000
"""Characters of a text that are looked at; the rest is cut first."""
VALUE_CHARACTERS_MAX = 500
SECRET_CHARACTERS_MIN = 6
"""Shorter ones would hide ordinary words."""
_INFINITE = float("inf")
CUT, HIDDEN = "…", "***"
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,20}://)([^\s/?#'\"<>]*@)?([^\s?#'\"<>]*)([?#][^\s'\"<>]*)?")
_TOKEN = re.compile(r"\b(pm_|whsec_|[a-z]1\.)[A-Za-z0-9._=+/-]{8,}")
"""API keys, secrets of webhooks, and what is signed: grants, receipts, sessions."""
_BEARER = re.compile(r"\b(bearer|basic)(\s+)[A-Za-z0-9._~+/=-]+", re.IGNORECASE)
_SPACES = frozenset(" \t\n\r\v\f\x1c\x1d\x1e\x1f\x85\xa0\u2028\u2029\u3000")
_NAMED = re.compile(
    r"\b(password|passwd|secret|token|grant|receipt|cookie|authorization|signature|x-amz-[a-z-]+|pixmill_session)"
    r"(['\"]?\s*[=:]\s*['\"]?)(?!\*\*\*|bearer|basic)[^\s,;&'\"]+",
    re.IGNORECASE,
)


def printable(text: str) -> str:
    """`text` on one line, with an escape for each character that is invisible, turns text around, or acts on a
    terminal."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)


def without_secrets(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without these `secrets`, and without what looks like one: a URL's user and query, keys, signed texts."""
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, HIDDEN)
    if text.isalnum():  # as an id: each form of a secret has another character
        return text
    if "://" in text:
        text = _URL.sub(_without_ends, text)
    if "_" in text or "." in text:
        text = _TOKEN.sub(rf"\1{HIDDEN}", text)
    if not _SPACES.isdisjoint(text):
        text = _BEARER.sub(rf"\1\2{HIDDEN}", text)
    if "=" in text or ":" in text:
        text = _NAMED.sub(rf"\1\2{HIDDEN}", text)
    return text


def cut(text: str, most: int) -> str:
    """The beginning of `text`, at most so many characters."""
    return text if len(text) <= most else text[: most - 1] + CUT


def value(given: object, secrets: Iterable[str] = ()) -> object:
    """A member's value for a line: numbers, truths and None as they are, all else as a text that is safe to show."""
    if given is None or type(given) in (bool, int):
        return given
    if type(given) is float:
        return given if abs(given) < _INFINITE else str(given)
    return cut(without_secrets(cut(str(given), TEXT_CHARACTERS_MAX), secrets), VALUE_CHARACTERS_MAX)


def secrets_of(settings: Iterable[str]) -> tuple[str, ...]:
    """What must be in no line, from the values of secret settings: the whole values, their parts between commas, and
    the passwords of URLs, encoded or not. The longest come first: one may hold another."""
    found = set[str]()
    for whole in settings:
        for each in (whole, *whole.split(","), *(part.partition("=")[2] for part in whole.split(","))):
            found.add(each.strip())
            found |= _passwords(each)
    return tuple(sorted((each for each in found if len(each) >= SECRET_CHARACTERS_MIN), key=len, reverse=True))


def _passwords(url: str) -> set[str]:
    try:
        password = urlsplit(url.strip()).password or ""
    except ValueError:  # as of "http://["
        return set()
    return {password, unquote(password)}


def _without_ends(found: re.Match[str]) -> str:
    scheme, user, place, query = found.groups()
    return f"{scheme}{HIDDEN + '@' if user else ''}{place}{'?' + HIDDEN if query else ''}"
