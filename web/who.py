"""Who is calling: decided here alone, from the headers and before a body is read (API section 8).

Owns what a caller is and how one is recognised: a bearer key, or the cookie of a session that a key opened
(web/session.py). What each route needs is in its row of web/routes.py. Knows no job.
"""

import math
import time
from typing import NamedTuple

from starlette.requests import Request

from jobs.errors import ClientFault
from jobs.keys import ApiKey, Scope, find, find_session
from web.config import Web
from web.guard import READING, is_own

COOKIE = "pixmill_session"


class Caller(NamedTuple):
    """`tenant`: whose the jobs are that he makes. `sees`: whose jobs exist for him; None is everyone's.
    `grant`: what narrows him further, if he came by one. `until`: the wall time at which his session ends."""

    tenant: str
    scope: Scope
    sees: str | None
    grant: None = None
    until: float = math.inf


ANYONE = Caller("", Scope.OPERATE, None)
"""Whoever calls a server without keys."""


def admit(web: Web, request: Request, needed: Scope | None) -> Caller:
    """The caller, if he may what needs the scope `needed` (None: everybody may, and is not looked at).

    Raises ClientFault `key_missing`, `key_wrong`, `forbidden`, `origin_not_allowed`.
    """
    if needed is None or not web.keys:
        return ANYONE
    caller = _caller(web, request)
    if not caller.scope.allows(needed):
        detail = f"this needs the scope {needed}, the key has {caller.scope}"
        raise ClientFault(detail, code="forbidden", scope=needed)
    return caller


def caller_of(key: ApiKey, until: float = math.inf) -> Caller:
    """Who calls with `key`, or with a session of it until then."""
    return Caller(key.tenant, key.scope, None if key.scope is Scope.OPERATE else key.tenant, until=until)


def _caller(web: Web, request: Request) -> Caller:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        key = find(web.keys, token.strip().encode("latin-1"))
        if key is None:
            raise ClientFault("there is no such key", code="key_wrong")
        return caller_of(key)
    if token := request.cookies.get(COOKIE, ""):
        return _of_session(web, request, token)
    raise ClientFault("send a key: Authorization: Bearer KEY", code="key_missing")


def _of_session(web: Web, request: Request, token: str) -> Caller:
    """A browser sends its cookie along whoever asks it to, so a change must come from our own page."""
    session = find_session(web.session_secret, web.keys, token, time.time())
    if session is None:
        raise ClientFault("the session is over: log in again", code="key_wrong")
    if request.method not in READING and not is_own(web, request.headers):
        raise ClientFault("a session changes things from our own page only", code="origin_not_allowed")
    return caller_of(*session)
