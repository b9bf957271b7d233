"""POST /grants: makes a grant for an app's server that has a key.

The signature is jobs/access/grants.py's, the check of grants web/access/caller.py's, the count of uses the broker's.
"""

import re
import secrets
import time
from datetime import datetime
from typing import Any

import msgspec
from starlette.responses import Response

from jobs.access.grants import ORIGIN, Grant, UploadGrant, ViewGrant, sign
from jobs.errors import ClientFault, LimitExceeded
from jobs.limits import (
    FIELD_BYTES_MAX,
    GRANT_COUNT_MAX,
    GRANT_SECONDS,
    GRANT_SECONDS_MAX,
    REFERENCE_CHARACTERS_MAX,
)
from jobs.recipes.presets import DEFAULT_PRESET
from jobs.requests.texts import bad_parameter
from web.access.call import Call, find_job, read_body
from web.access.caller import has_key
from web.http.json import as_json, read_object
from web.uploads.hooks import checked
from web.views.fields import moment
from web.views.replies import GrantMade, ViewGrantMade

_ID_BYTES = 12


async def make(call: Call) -> Response:
    """POST /grants: a grant of the caller's tenant to upload; or, with `job`, a grant to look at that job."""
    values = read_object(await read_body(call.request, "field_bytes_max", FIELD_BYTES_MAX))
    grant = await _view_grant(call, values) if "job" in values else _upload_grant(call, values)
    shown = msgspec.structs.asdict(grant) | {"expires_at": moment(grant.expires_at)}
    del shown["tenant"]
    kind = ViewGrantMade if isinstance(grant, ViewGrant) else GrantMade
    return as_json(kind(sign(call.web.grant_secrets[0], grant), **shown), 201, {"Cache-Control": "no-store"})


async def _view_grant(call: Call, values: dict[str, Any]) -> Grant:
    _refuse_unknown(values, {"job", "expires_at"})
    job = values["job"]
    row = await find_job(call.web, call.caller, job) if isinstance(job, str) else None
    if row is None:
        raise ClientFault(f"there is no job {job}", code="not_found")
    if not has_key(call.web, row.tenant):
        raise bad_parameter("job", "the job's tenant has no key any more: its grants are not honoured")
    return ViewGrant(row.tenant, row.id, _end(values))


def _upload_grant(call: Call, values: dict[str, Any]) -> Grant:
    _refuse_unknown(values, set(UploadGrant.__struct_fields__) - {"id", "tenant"})
    most = call.web.settings.upload_bytes_max
    preset = values.get("preset", DEFAULT_PRESET)
    if not isinstance(preset, str) or preset not in call.web.recipes.presets:
        known = ", ".join(call.web.recipes.presets)
        raise ClientFault(f"there is no preset {preset!r}: use {known}", code="unknown_preset")
    return UploadGrant(
        id=secrets.token_urlsafe(_ID_BYTES),
        tenant=call.caller.tenant,
        preset=preset,
        bytes_max=_number(values, "bytes_max", most, "upload_bytes_max", most),
        count=_number(values, "count", 1, "grant_count_max", GRANT_COUNT_MAX),
        expires_at=_end(values),
        reference=_reference(values),
        origin=_origin(values),
        webhook_url=None if values.get("webhook_url") is None else checked(call.web, values["webhook_url"]),
    )


def _refuse_unknown(values: dict[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(values) - known):
        raise bad_parameter(unknown[0], f"there is no key {unknown[0]!r}: use {', '.join(sorted(known))}")


def _number(values: dict[str, Any], name: str, default: int, limit: str, most: int) -> int:
    value = values.get(name, default)
    if type(value) is not int or value < 1:
        raise bad_parameter(name, f"{name} is a whole number of at least 1, not {value!r}")
    if value > most:
        raise _over(name, limit, most, value)
    return value


def _end(values: dict[str, Any]) -> int:
    """The wall time at which the grant ends, in whole seconds."""
    now, value = time.time(), values.get("expires_at")
    if value is None:
        return int(now) + GRANT_SECONDS
    try:
        end = datetime.fromisoformat(value)
        seconds = end.timestamp() - now if end.tzinfo else 0.0
    except (TypeError, ValueError, OverflowError):
        seconds = 0.0
    if seconds < 1:
        raise bad_parameter("expires_at", f"expires_at is a future time, as 2030-12-31T12:00:00Z, not {value!r}")
    if seconds > GRANT_SECONDS_MAX:
        raise _over("expires_at", "grant_seconds_max", GRANT_SECONDS_MAX, round(seconds))
    return int(now + seconds)


def _reference(values: dict[str, Any]) -> str | None:
    value = values.get("reference")
    if value is None:
        return None
    if not isinstance(value, str):
        raise bad_parameter("reference", "reference is a text")
    if len(value) > REFERENCE_CHARACTERS_MAX:
        raise _over("reference", "reference_characters_max", REFERENCE_CHARACTERS_MAX, len(value))
    return value


def _origin(values: dict[str, Any]) -> str | None:
    value = values.get("origin")
    if value is None:
        return None
    if not isinstance(value, str) or not re.match(ORIGIN, value):
        detail = f"origin is as a browser sends it: https://shop.example (lower case, no path), not {value!r}"
        raise bad_parameter("origin", detail)
    return value


def _over(name: str, limit: str, most: int, actual: int) -> ClientFault:
    came = "bytes_max is {}" if name == "bytes_max" else ""
    fault = LimitExceeded("bad_parameter", limit, most, actual, came)
    fault.members["parameter"] = name
    return fault
