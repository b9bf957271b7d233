"""Grants, made offline by an app's server that has the secret: a browser uploads under one, without a key in the page.

Owns what a grant's text is for the client. The server judges it anew (its jobs/access/grants.py); speaks to no server.
"""

import base64
import hmac
import json
import re
import secrets
from typing import Any

GRANT_COUNT_MAX = 10_000
REFERENCE_CHARACTERS_MAX = 200
WEBHOOK_CHARACTERS_MAX = 1000
BYTES_MAX = 64 * 1024 * 1024
_DOMAIN = b"pixmill grant\0"
_SHAPES = {
    "tenant": (
        r"([A-Za-z0-9][A-Za-z0-9._@-]{0,63})?",
        "none, or 1 to 64 characters of A-Z, a-z, 0-9 and ._@-, the first one a letter or a digit",
    ),
    "preset": (
        r"[a-z0-9][a-z0-9_-]{0,31}",
        "1 to 32 characters of a-z, 0-9, - and _, the first one a letter or a digit",
    ),
    "origin": (
        r"https?://([a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(:[1-9][0-9]{0,4})?",
        "as a browser sends it: https://shop.example (lower case, no path)",
    ),
    "job": (r"[0-9a-z]{26}", "the id of a job, 26 characters of 0-9 and a-z"),
}
"""What each text looks like, and the same in words."""


def grant(
    secret: str | bytes,
    *,
    expires_at: float,
    count: int = 1,
    preset: str = "default",
    bytes_max: int = BYTES_MAX,
    reference: str | None = None,
    origin: str | None = None,
    webhook_url: str | None = None,
    tenant: str = "",
) -> str:
    """The text of a new grant: `count` images of one `preset`, at most `bytes_max` bytes in one POST, until wall time
    `expires_at` (seconds, as of time.time()), as jobs of `tenant` (without API keys: none).

    With a `reference`, the jobs have that one; with an `origin` ("https://shop.example"), it is for pages of that site.
    The receiver at `webhook_url` is told of the end of each job (docs/webhooks.md).
    `secret` is the first of PIXMILL_GRANT_SECRETS, or the bytes of the file grant.secret in the server's data folder.
    Raises ValueError where the server would not take it.
    """
    _check_shapes(preset=preset, tenant=tenant, **({} if origin is None else {"origin": origin}))
    _check_range("count", count, GRANT_COUNT_MAX)
    _check_range("bytes_max", bytes_max, 2**53)
    if reference is not None and len(reference) > REFERENCE_CHARACTERS_MAX:
        raise ValueError(f"reference has {REFERENCE_CHARACTERS_MAX} characters at most, not {len(reference)}")
    if webhook_url is not None and len(webhook_url) > WEBHOOK_CHARACTERS_MAX:
        raise ValueError(f"webhook_url has {WEBHOOK_CHARACTERS_MAX} characters at most, not {len(webhook_url)}")
    fields = [secrets.token_urlsafe(12), tenant, preset, bytes_max, count, _end(expires_at), reference, origin]
    return _signed(secret, "g1", fields if webhook_url is None else [*fields, webhook_url])


def view_grant(secret: str | bytes, job: str, *, expires_at: float, tenant: str = "") -> str:
    """The text of a grant to look at one job: its JSON, events and renditions. Arguments and errors as of `grant`."""
    _check_shapes(job=job, tenant=tenant)
    return _signed(secret, "v1", [tenant, job, _end(expires_at)])


def _check_shapes(**values: str) -> None:
    for name, value in values.items():
        pattern, words = _SHAPES[name]
        if not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError(f"{name} is {words}, not {value!r}")


def _check_range(name: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        raise ValueError(f"{name} is 1 to {most}, not {value}")


def _end(expires_at: float) -> int:
    if not 0 <= expires_at <= 10**11:
        raise ValueError(f"expires_at is wall time in seconds, not {expires_at}")
    return int(expires_at)


def _signed(secret: str | bytes, kind: str, fields: list[Any]) -> str:
    signed = f"{kind}.{_text(json.dumps(fields, ensure_ascii=False, separators=(',', ':')).encode())}"
    return f"{signed}.{signature(secret, signed)}"


def signature(secret: str | bytes, signed: str) -> str:
    """The signature of a grant's text up to its last dot."""
    key = secret.encode() if isinstance(secret, str) else secret
    return _text(hmac.digest(key, _DOMAIN + signed.encode(), "sha256"))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
