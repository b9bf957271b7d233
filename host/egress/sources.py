"""Where originals may be fetched from: the prefixes of SOURCES, and an address judged by them. Pure.

A prefix ends at a slash or at the end of the address's path, so that `https://a.example/pics` does not stand for
`/picsecret`. Paths with dot segments are refused, also with encoded ones: servers read them in different ways.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from host.egress.addresses import ADDRESS_CHARACTERS_MAX, Allowed, Target, judge_text, split
from jobs.errors import EgressRefused

ANY = "*"
S3 = "s3"
_BUCKET = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/[\x21-\x7e]*)?", re.ASCII)
_BOUND = r"/|;|%(?:25)*(?:2f|5c|3b)"
"""What ends a segment of a path to some server: a slash, a backslash, or the semicolon before parameters; also encoded,
once or more often."""
_DOTS = re.compile(rf"(?:^|{_BOUND})(?:\.|%(?:25)*2e){{1,2}}(?:{_BOUND}|$)", re.IGNORECASE)


class Prefix(NamedTuple):
    """One entry of SOURCES. `place`: host and port, or a bucket; empty for any public host over https."""

    scheme: str
    place: str
    path: str

    def is_above(self, scheme: str, place: str, path: str) -> bool:
        """Whether this path is below the prefix."""
        if (self.scheme, self.place) == ("https", ""):
            return scheme == "https"
        whole = self.path if self.path.endswith("/") else f"{self.path}/"
        return (self.scheme, self.place) == (scheme, place) and f"{path}/".startswith(whole)


class Object(NamedTuple):
    """An object of a bucket."""

    bucket: str
    key: str


def parse_sources(text: str) -> tuple[Prefix, ...]:
    """The entries of SOURCES, separated by commas or white space. Raises ValueError with the faulty one."""
    return tuple(_prefix(entry) for entry in text.replace(",", " ").split())


def _prefix(entry: str) -> Prefix:
    if entry == ANY:
        return Prefix("https", "", "/")
    if found := _BUCKET.fullmatch(entry):
        return Prefix(S3, found[1], found[2] or "/")
    try:
        target = split(entry)
    except EgressRefused as fault:
        raise ValueError(f"{entry!r} is no prefix of addresses: {fault.detail}") from None
    if "?" in target.path:
        raise ValueError(f"{entry!r} is no prefix of addresses: it has a query")
    return Prefix(target.scheme, target.authority, target.path)


def judge_source(url: str, prefixes: Sequence[Prefix], allowed: Sequence[Allowed]) -> Target | Object:
    """Judge what is plain from the text of an address. Raises EgressRefused."""
    if url.startswith("s3:"):
        return _object(url, prefixes)
    target = split(url)
    if not is_listed(target, prefixes):
        raise EgressRefused("this address is not below a prefix of PIXMILL_SOURCES")
    judge_text(target, allowed, http=target.scheme == "http")
    return target


def is_listed(target: Target, prefixes: Sequence[Prefix]) -> bool:
    """Whether the address is below one of the prefixes."""
    path = target.path.partition("?")[0]
    if _DOTS.search(path):
        return False
    return any(prefix.is_above(target.scheme, target.authority, path) for prefix in prefixes)


def _object(url: str, prefixes: Sequence[Prefix]) -> Object:
    found = _BUCKET.fullmatch(url)
    if len(url) > ADDRESS_CHARACTERS_MAX or not found or len(path := found[2] or "") < 2 or _DOTS.search(path):
        raise EgressRefused("an object is s3://BUCKET/KEY, in visible ASCII characters and without dot segments")
    if not any(prefix.is_above(S3, found[1], path) for prefix in prefixes):
        raise EgressRefused("this object is not below a prefix of PIXMILL_SOURCES")
    return Object(found[1], path[1:])


def shown(url: str) -> str:
    """The address without its query, which is a secret."""
    return url.partition("?")[0]
