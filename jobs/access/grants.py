"""Grants: what an app's server signs, so that a browser may upload, or look at one job, without a key in the page.

Owns the shape of a grant and its signature. Reads no clock and draws no randomness. web/access/caller.py decides
whether a grant has expired and what it opens. The broker counts how often one was used.

    g1.<JSON of an UploadGrant, base64url>.<signature, base64url>
    v1.<JSON of a ViewGrant, base64url>.<signature, base64url>

pixmill/grants.py makes the same texts without this package; tests/unit/jobs/access/test_grants.py holds the two
together.
"""

import base64
import hmac
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from jobs.ids import ID_CHARACTERS
from jobs.limits import GRANT_CHARACTERS_MAX, GRANT_COUNT_MAX, REFERENCE_CHARACTERS_MAX, WEBHOOK_CHARACTERS_MAX
from jobs.recipes.recipe import NAME_PATTERN

_DOMAIN = b"pixmill grant\0"
"""The prefix of the signed text: so no other use of the same secret can ever sign a grant."""
ORIGIN = r"\Ahttps?://([a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(:[1-9][0-9]{0,4})?\Z"
"""As a browser sends one: lower case, no path."""
Tenant = Annotated[str, Meta(pattern=r"\A([A-Za-z0-9][A-Za-z0-9._@-]{0,63})?\Z")]
Seconds = Annotated[int, Meta(ge=0, le=10**11)]


class UploadGrant(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`count` images may be uploaded as jobs of `tenant`, by `preset`, at most `bytes_max` bytes in one POST, until
    wall time `expires_at` (seconds). If the grant names a `reference`, the jobs have it; if it names an `origin`, they
    must come from its web pages. The receiver at `webhook_url` is told of their ends. The uses are counted under
    `id`."""

    id: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{16,64}\Z")]
    tenant: Tenant
    preset: Annotated[str, Meta(pattern=NAME_PATTERN)]
    bytes_max: Annotated[int, Meta(ge=1, le=2**53)]
    count: Annotated[int, Meta(ge=1, le=GRANT_COUNT_MAX)]
    expires_at: Seconds
    reference: Annotated[str, Meta(max_length=REFERENCE_CHARACTERS_MAX)] | None = None
    origin: Annotated[str, Meta(pattern=ORIGIN)] | None = None
    webhook_url: Annotated[str, Meta(max_length=WEBHOOK_CHARACTERS_MAX)] | None = None


class ViewGrant(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One `job` of `tenant` may be looked at (its JSON, events and renditions) until wall time `expires_at`."""

    tenant: Tenant
    job: Annotated[str, Meta(pattern=rf"\A[0-9a-z]{{{ID_CHARACTERS}}}\Z")]
    expires_at: Seconds


Grant = UploadGrant | ViewGrant
_TYPES: dict[str, type[Grant]] = {"g1": UploadGrant, "v1": ViewGrant}
_KIND_OF = {kind: name for name, kind in _TYPES.items()}


def sign(secret: bytes, grant: Grant) -> str:
    """The grant as URL-safe text of at most GRANT_CHARACTERS_MAX. Does not check the fields: `verify` does."""
    fields = msgspec.structs.astuple(grant)
    if isinstance(grant, UploadGrant) and grant.webhook_url is None:
        fields = fields[:-1]  # the release before knows no such field
    signed = f"{_KIND_OF[type(grant)]}.{_text(msgspec.json.encode(fields))}"
    return f"{signed}.{_signature(secret, signed)}"


def is_grant(text: str) -> bool:
    """Whether `text` is meant as a grant, rather than as a key."""
    return text.partition(".")[0] in _TYPES


def verify(secrets: Sequence[bytes], text: str) -> Grant | None:
    """The grant that was signed under any of `secrets`, expired or not. None if the text was changed or made up, or if
    a field has a forbidden value."""
    if not text.isascii() or len(text) > GRANT_CHARACTERS_MAX:
        return None
    signed, _, signature = text.rpartition(".")
    genuine = [hmac.compare_digest(_signature(secret, signed), signature) for secret in secrets]
    kind, _, fields = signed.partition(".")
    if not any(genuine) or kind not in _TYPES:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(fields + "=" * (-len(fields) % 4)), type=_TYPES[kind])
    except ValueError:  # of base64, UTF-8 and JSON alike
        return None


def _signature(secret: bytes, signed: str) -> str:
    return _text(hmac.digest(secret, _DOMAIN + signed.encode(), "sha256"))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
