"""Sessions of the page: a key opens a session, and a cookie that no script can read carries its token.

Owns the cookie. The server stores no session: jobs/access/keys.py signs the token, web/access/caller.py checks it.
"""

import time
from typing import Any

import msgspec
from starlette.responses import Response

from jobs.access.keys import find, open_session
from jobs.errors import ClientFault
from jobs.limits import FIELD_BYTES_MAX, SESSION_SECONDS
from jobs.requests.texts import bad_parameter, read_json
from web.access.call import Call, read_body
from web.access.caller import Caller, caller_of, cookie_of
from web.access.parts import Web
from web.http.json import as_json
from web.http.tally import tell_caller
from web.views.fields import moment
from web.views.replies import Session

_NOT_KEPT = {"Cache-Control": "no-store"}
TENANTS_MAX = 1000
"""Tenants that an operator may choose from: more are no list that a person reads."""


async def get_session(call: Call) -> Response:
    """GET /session: who is calling, and whether this server asks for keys at all."""
    return as_json(_view(call, call.caller), 200, _NOT_KEPT)


async def open_by_key(call: Call) -> Response:
    """POST /session: the cookie of a session. Raises ClientFault `key_wrong`."""
    presented = _presented(read_json(await read_body(call.request, "field_bytes_max", FIELD_BYTES_MAX), "body"))
    key = find(call.web.by_digest, presented.encode())
    if key is None:
        raise ClientFault("there is no such key", code="key_wrong")
    caller = caller_of(key)
    tell_caller(call.request.scope, caller.tenant, caller.who)
    until = time.time() + SESSION_SECONDS
    response = as_json(msgspec.structs.replace(_view(call, caller), expires_at=moment(until)), 200, _NOT_KEPT)
    token = open_session(call.web.session_secret, key, until)
    response.set_cookie(cookie_of(call.web, call.request), token, SESSION_SECONDS, **_attributes(call))
    return response


async def close(call: Call) -> Response:
    """DELETE /session: the browser deletes the cookie."""
    response = Response(status_code=204, headers=_NOT_KEPT)
    response.delete_cookie(cookie_of(call.web, call.request), **_attributes(call))
    return response


def _presented(body: Any) -> str:
    if not isinstance(body, dict) or set(body) != {"key"} or not isinstance(body["key"], str):
        raise bad_parameter("key", 'the body is {"key": "..."}')
    return str(body["key"])


def _view(call: Call, caller: Caller) -> Session:
    tenants = _tenants(call.web) if call.web.keys and caller.sees is None else msgspec.UNSET
    return Session(bool(call.web.keys), caller.tenant, caller.scope, tenants)


def _tenants(web: Web) -> list[str]:
    """The names of tenants with a key or with jobs, in order; the first TENANTS_MAX."""
    beat = web.feed.latest_beat
    return sorted(web.tenants.union(beat.tenants if beat else ()))[:TENANTS_MAX]


def _attributes(call: Call) -> dict[str, Any]:
    """The attributes of the cookie: sent only to this server, only over https if the request came by it, and never with
    requests from another site."""
    path, secure = call.web.root_path or "/", call.base.startswith("https:")
    return {"path": path, "secure": secure, "httponly": True, "samesite": "strict"}
