"""Grants in use: what an upload under one may ask for and bring, and how it is counted.

Owns no signature (jobs/access/grants.py), no recognition (web/access/caller.py), no refusal (web/uploads/admission.py)
and no count (the broker's).
"""

from collections.abc import Mapping
from typing import NamedTuple

from jobs.access.grants import UploadGrant
from jobs.limits import FILES_PER_POST_MAX
from jobs.wire import Use
from web.access.call import Call


class Terms(NamedTuple):
    """`limit`, `bytes_max`: the bound of all images of one POST, and its name. `images_max`: their largest number.
    `owner`: the owner of the Idempotency-Key, a tenant or a grant. `decided`: the fields that a grant decides. `use`:
    the use that the broker counts; None if the caller has no grant."""

    limit: str
    bytes_max: int
    images_max: int
    owner: tuple[str, ...]
    decided: Mapping[str, str] | None = None
    use: Use | None = None


def terms_of(call: Call) -> Terms:
    """The terms of an upload of this caller."""
    limit, most = bytes_limit(call)
    grant = call.caller.grant
    if not isinstance(grant, UploadGrant):
        return Terms(limit, most, FILES_PER_POST_MAX, (call.caller.tenant,))
    decided = {"preset": grant.preset} | ({} if grant.reference is None else {"reference": grant.reference})
    decided |= {} if grant.webhook_url is None else {"webhook_url": grant.webhook_url}
    use = Use(grant.id, grant.count, grant.expires_at)
    return Terms(limit, most, min(grant.count, FILES_PER_POST_MAX), (call.caller.tenant, grant.id), decided, use)


def bytes_limit(call: Call) -> tuple[str, int]:
    """The limit of one POST's images: its name and bytes."""
    grant, most = call.caller.grant, call.web.settings.upload_bytes_max
    if isinstance(grant, UploadGrant) and grant.bytes_max < most:
        return "bytes_max", grant.bytes_max
    return "upload_bytes_max", most
