"""Grants in use: what an upload under one may ask for, and what is left of it (API section 8).

Owns no signature (jobs/access/grants.py), no recognition (web/access/caller.py) and no count (the broker's).
"""

import time
from collections.abc import Mapping

from jobs.access.grants import Grant, UploadGrant, ViewGrant
from jobs.errors import ClientFault
from jobs.job import Row
from jobs.limits import SPENT_GRANTS_MAX
from jobs.wire import Use
from web.access.call import Call, grant_query
from web.access.caller import Caller

_SHOWN_SECONDS = 3600
"""An upload under a grant can be followed for so long at least: a queue is seldom longer."""


def as_granted(caller: Caller, fields: Mapping[str, str]) -> Mapping[str, str]:
    """The fields of an upload, with what the caller's grant decides: preset, and reference if it has one. Another one
    asked, a recipe of one's own or a place before others is `forbidden` (raises ClientFault)."""
    grant = caller.grant
    if not isinstance(grant, UploadGrant):
        return fields
    decided = {"preset": grant.preset} | ({} if grant.reference is None else {"reference": grant.reference})
    for name, value in fields.items():
        if name == "recipe" or (name, value) == ("priority", "high") or decided.get(name, value) != value:
            raise ClientFault(f"this grant does not allow this {name}", code="forbidden", parameter=name)
    return {**fields, **decided}


def bytes_limit(call: Call) -> tuple[str, int]:
    """The limit of one POST's images: its name and bytes."""
    grant, most = call.caller.grant, call.web.settings.upload_bytes_max
    if isinstance(grant, UploadGrant) and grant.bytes_max < most:
        return "bytes_max", grant.bytes_max
    return "upload_bytes_max", most


def use_of(grant: Grant | None) -> Use | None:
    """What the broker counts of an upload."""
    return Use(grant.id, grant.count, grant.expires_at) if isinstance(grant, UploadGrant) else None


def used_up(call: Call, left: int) -> ClientFault:
    """The refusal of a POST under a grant that has `left` uses; one without any is refused before its body from now
    on, by this process."""
    grant, spent = call.caller.grant, call.web.spent
    if isinstance(grant, UploadGrant) and left == 0:
        if len(spent) >= SPENT_GRANTS_MAX:
            spent.clear()
        spent.add(grant.id)
    return ClientFault(f"the grant has {left} uses left", code="grant_used_up", left=left)


def is_spent(call: Call) -> bool:
    """Whether the caller's grant is known to have no use left."""
    return isinstance(call.caller.grant, UploadGrant) and call.caller.grant.id in call.web.spent


def shown_by_grant(call: Call, row: Row) -> str:
    """What a job's addresses end with that was uploaded under a grant: a grant to look at that job alone, so that the
    page that sent it can follow it. Else nothing."""
    grant = call.caller.grant
    if grant is None:
        return ""
    until = max(grant.expires_at, int(time.time()) + _SHOWN_SECONDS)
    return grant_query(call.web, ViewGrant(row.tenant, row.id, until))
