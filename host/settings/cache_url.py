"""Where the result cache is, by CACHE_URL: nowhere, in DATA, or on a server that speaks Redis' protocol.

Pure. No fault quotes the address, because it may hold a password.
"""

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

NONE = "none"
PORT = 6379
PREFIX = "pixmill"
FORM = "empty, none, or as redis://[USER:PASSWORD@]HOST[:PORT][/NUMBER], rediss:// for TLS, or unix:///PATH"
_PREFIX = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9:._-]{1,253}", re.ASCII)
_PARAMETERS = frozenset({"prefix", "ssl_ca_certs", "db"})


class RedisPlace(NamedTuple):
    """A database of a server: at `path` if it is a unix socket, else at `host` and `port`. `ca`: a file of the
    certificate authorities that are trusted; empty: those of the machine. All keys begin with `prefix`."""

    host: str
    port: int
    path: str
    database: int
    user: str
    password: str
    tls: bool
    ca: str
    prefix: str


def redis_place(cache_url: str) -> RedisPlace | None:
    """The server that CACHE_URL names; None if it names none (`none`, or empty: files in DATA). Raises ValueError with
    what is wrong."""
    if cache_url in ("", NONE):
        return None
    try:
        url = urlsplit(cache_url)
        port = url.port
    except ValueError:
        raise ValueError(f"must be {FORM}") from None
    if url.scheme not in ("redis", "rediss", "unix") or url.fragment:
        raise ValueError(f"must be {FORM}")
    unix = url.scheme == "unix"
    if unix and not (url.path.startswith("/") and not url.hostname):
        raise ValueError("must be the path of a unix socket, as unix:///run/redis/redis.sock")
    if not unix and not _HOST.fullmatch(url.hostname or ""):
        raise ValueError(f"must be {FORM}")
    asked = _parameters(url.query)
    return RedisPlace(
        host="" if unix else url.hostname or "",
        port=PORT if port is None else port,
        path=unquote(url.path) if unix else "",
        database=_database(asked.get("db", "") or ("" if unix else url.path.strip("/"))),
        user=unquote(url.username or ""),
        password=unquote(url.password or ""),
        tls=url.scheme == "rediss",
        ca=asked.get("ssl_ca_certs", ""),
        prefix=asked.get("prefix", PREFIX),
    )


def _parameters(query: str) -> dict[str, str]:
    asked = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := sorted(asked.keys() - _PARAMETERS):
        raise ValueError(
            f"must be without the other {len(unknown)} parameters: it may have {', '.join(sorted(_PARAMETERS))}"
        )
    if not _PREFIX.fullmatch(asked.get("prefix", PREFIX)):
        raise ValueError("must be with a prefix of 1 to 64 letters, digits and ._-")
    return asked


def _database(text: str) -> int:
    if text and not (text.isascii() and text.isdecimal() and len(text) <= 5):
        raise ValueError("must be with a database that is a number, as redis://HOST/0")
    return int(text or 0)
