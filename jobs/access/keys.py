"""API keys and the sessions that they open: who may do what.

Owns the text of a key's entry in PIXMILL_API_KEYS, the comparison, the shape of a session's token, and what is kept of
an Idempotency-Key. Knows no
request, no cookie and no clock. A key itself is kept nowhere: only its SHA-256, which is enough for 256 random bits.

    s1.<first 16 hex digits of the key's digest>.<wall seconds of its end>.<signature, base64url>

A token names its key, so a session ends with the key that opened it. It is signed over the whole digest, by a secret
that all web processes of a DATA folder share, so none of them keeps a list.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from jobs.limits import KEYS_MAX


class Scope(StrEnum):
    """What a key may: each scope has all that those before it have."""

    READ = "read"
    WRITE = "write"
    OPERATE = "operate"

    def allows(self, needed: "Scope") -> bool:
        """Whether a key of this scope may do what needs `needed`."""
        return _ORDER.index(self) >= _ORDER.index(needed)


_ORDER = list(Scope)
_ENTRY = re.compile(r"([A-Za-z0-9][A-Za-z0-9._@-]{0,63}):([a-z]+):([0-9a-fA-F]{64})", re.ASCII)
VARIABLE = "PIXMILL_API_KEYS="
"""`python -m web key` prints an entry behind it, as a line of an environment file. So people paste it into a file of
keys, too."""
_TOKEN = re.compile(r"s1\.([0-9a-f]{16})\.([1-9][0-9]{0,11})", re.ASCII)
_DOMAIN = b"pixmill session\0"
"""The prefix of the signed text: so no other use of the same secret can ever sign a session."""
_NAMED_BYTES = 8


class ApiKey(NamedTuple):
    """One key: whose it is, what it may, and its SHA-256 (32 bytes)."""

    tenant: str
    scope: Scope
    digest: bytes


def parse(text: str) -> tuple[ApiKey, ...]:
    """The keys of `tenant:scope:sha256` entries, separated by commas or white space. VARIABLE before one is dropped.

    Raises ValueError: it tells the fault and the number of the entry (and its line, where there are several), never the
    entry itself, which may be a key.
    """
    keys: dict[bytes, ApiKey] = {}
    lines = [line.replace(",", " ").split() for line in text.splitlines()]
    entries = [(number, entry) for number, line in enumerate(lines, 1) for entry in line]
    if len(entries) > KEYS_MAX:
        raise ValueError(f"{len(entries)} entries, and {KEYS_MAX} are the most")
    for number, (line, entry) in enumerate(entries, 1):
        where = f"entry {number}" + f" (line {line})" * (len(lines) > 1)
        found = _ENTRY.fullmatch(entry.removeprefix(VARIABLE))
        if not found or found[2] not in _ORDER:
            scopes = ", ".join(_ORDER)
            raise ValueError(f"{where} must be tenant:scope:sha256 (scopes: {scopes}; 64 hex digits)")
        key = ApiKey(found[1], Scope(found[2]), bytes.fromhex(found[3]))
        if keys.setdefault(key.digest, key) != key:
            raise ValueError(f"{where} is the key of an entry before it, for another tenant or scope")
    return tuple(keys.values())


def entry_of(tenant: str, scope: Scope, key: str) -> str:
    """The entry of a new key. Raises ValueError where the tenant's name is not one."""
    entry = f"{tenant}:{scope}:{digest_of(key.encode()).hex()}"
    if not _ENTRY.fullmatch(entry):
        raise ValueError(f"{tenant!r} is no name of a tenant: letters, digits and ._@- (64 at most)")
    return entry


def digest_of(key: bytes) -> bytes:
    """The SHA-256 of a key: all that is kept of it."""
    return hashlib.sha256(key).digest()


def find(by_digest: Mapping[bytes, ApiKey], presented: bytes) -> ApiKey | None:
    """The entry of the presented key. The time that this takes can reveal only the digest, which nobody can choose."""
    return by_digest.get(digest_of(presented))


def by_name(keys: Sequence[ApiKey]) -> dict[str, list[ApiKey]]:
    """The keys by their names in a session's token. A name has one key, except with a chance of 2^-64."""
    named: dict[str, list[ApiKey]] = {}
    for key in keys:
        named.setdefault(_name(key), []).append(key)
    return named


def open_session(secret: bytes, key: ApiKey, until: float) -> str:
    """The token of a session that `key` opens and that ends at wall time `until`."""
    named = f"s1.{_name(key)}.{int(until)}"
    return f"{named}.{_signature(secret, key, named)}"


def find_session(
    secret: bytes, named_keys: Mapping[str, Sequence[ApiKey]], token: str, now: float
) -> tuple[ApiKey, float] | None:
    """The key of an open session, out of `by_name`, and the wall time at which the session ends. None if the token is
    made up, if it ended before wall time `now`, or if its key is gone."""
    named, _, signature = token.rpartition(".")
    shape = _TOKEN.fullmatch(named)
    if shape is None or not token.isascii() or int(shape[2]) <= now:
        return None
    for key in named_keys.get(shape[1], ()):
        if hmac.compare_digest(_signature(secret, key, named), signature):
            return key, float(shape[2])
    return None


def _name(key: ApiKey) -> str:
    return key.digest[:_NAMED_BYTES].hex()


def _signature(secret: bytes, key: ApiKey, named: str) -> str:
    digest = hmac.digest(secret, _DOMAIN + key.digest + named.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def keyed(secret: bytes, owner: Sequence[str], key: str, index: int) -> bytes:
    """What is kept of an Idempotency-Key for one file of a POST, an HMAC: keys are their owner's own."""
    return hmac.digest(secret, "\0".join((*owner, key, str(index))).encode(), hashlib.sha256)
