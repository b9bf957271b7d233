"""Who is calling: decided here alone, from the headers and before a body is read.

Owns what a caller is and how one is recognised: a bearer key, the cookie of a session that a key opened
(web/handlers/session.py), or a grant (web/handlers/grants.py). What each route needs is in its row of web/routes.py.
Knows no job.
"""

import math
import time
from collections.abc import Sequence
from typing import NamedTuple

from starlette.requests import Request

from jobs.access.grants import Grant, UploadGrant, ViewGrant, is_grant, verify
from jobs.access.keys import ApiKey, Scope, find, find_session
from jobs.errors import ClientFault
from jobs.wire import WHO_CHARACTERS
from web.access.guard import base_of, is_own
from web.access.parts import Web
from web.http.tally import READING, tell_caller

COOKIE = "pixmill_session"
IN_QUERY = "grant"
"""The query parameter that carries a grant where no header can: in an `<img>`, in an EventSource."""


class Caller(NamedTuple):
    """`tenant`: whose the jobs are that they make. `sees`: whose jobs exist for them; None is everyone's.
    `grant`: what narrows them further, if they came by one. `until`: the wall time at which that, or their session,
    ends. `who`: the first digits of their key's digest; empty without keys."""

    tenant: str
    scope: Scope
    sees: str | None
    grant: Grant | None = None
    until: float = math.inf
    who: str = ""

    def may_see(self, tenant: str, job: str) -> bool:
        """Whether this job of that tenant exists for them."""
        return self.sees in (None, tenant) and not (isinstance(self.grant, ViewGrant) and self.grant.job != job)


ANYONE = Caller("", Scope.OPERATE, None)
"""Whoever calls a server without keys."""


def admit(web: Web, request: Request, needed: Scope | None, by: type[Grant] | None = None) -> Caller:
    """The caller, if they have the scope `needed` or a grant of the kind `by`. With None for `needed` everybody may,
    and nothing is checked. A caller with a grant has the grant's rights only, even if they show a key too.

    Raises ClientFault `key_missing`, `key_wrong`, `forbidden`, `origin_not_allowed`, `grant_expired`.
    """
    if needed is None:
        return ANYONE
    if (text := request.query_params.get(IN_QUERY, _bearer_grant(request))) is not None:
        caller = _of_grant(web, request, text, by)
        tell_caller(request.scope, caller.tenant, caller.who)
        return caller
    if not web.keys:
        return ANYONE
    caller = _caller(web, request)
    tell_caller(request.scope, caller.tenant, caller.who)
    if not caller.scope.allows(needed):
        detail = f"this needs the scope {needed}, the key has {caller.scope}"
        raise ClientFault(detail, code="forbidden", scope=needed)
    return caller


def admit_each(web: Web, request: Request, texts: Sequence[str]) -> list[Caller]:
    """The callers that these grants to look at a job make, each judged as `admit` judges one. Raises ClientFault."""
    return [_of_grant(web, request, text, ViewGrant) for text in texts]


def caller_of(key: ApiKey, until: float = math.inf) -> Caller:
    """Who calls with `key`, or with a session of it until then."""
    sees = None if key.scope is Scope.OPERATE else key.tenant
    return Caller(key.tenant, key.scope, sees, until=until, who=key.digest.hex()[:WHO_CHARACTERS])


def cookie_of(web: Web, request: Request) -> str:
    """The name of a session's cookie. Over https it has a prefix that binds the cookie to this very host: neither a
    neighbour domain nor a man in the middle of a plain page can set another session. Over http browsers refuse such
    names; below a path they refuse the prefix for a whole host."""
    if not base_of(web, request).startswith("https:"):
        return COOKIE
    return f"__Secure-{COOKIE}" if web.root_path else f"__Host-{COOKIE}"


def has_key(web: Web, tenant: str) -> bool:
    """Whether a grant of `tenant` can be good: it ends with the tenant's last key."""
    return not web.keys or tenant in web.tenants


def _of_grant(web: Web, request: Request, text: str, by: type[Grant] | None) -> Caller:
    grant = verify(web.grant_secrets, text)
    if grant is None or not has_key(web, grant.tenant):
        detail = f"no key is left of its tenant {grant.tenant!r}" if grant else "it was not signed here, or was changed"
        raise ClientFault(f"there is no such grant: {detail}", code="key_wrong")
    if grant.expires_at <= time.time():
        raise ClientFault("the grant is over: ask for another", code="grant_expired")
    if by is None or not isinstance(grant, by):
        opens = "uploads" if isinstance(grant, UploadGrant) else "one job's state, events and renditions"
        raise ClientFault(f"this grant opens {opens}, not this", code="forbidden")
    if isinstance(grant, UploadGrant) and grant.origin not in (None, request.headers.get("origin")):
        raise ClientFault(f"this grant is for pages of {grant.origin}", code="origin_not_allowed")
    scope = Scope.WRITE if isinstance(grant, UploadGrant) else Scope.READ
    return Caller(grant.tenant, scope, grant.tenant, grant, grant.expires_at)


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _bearer_grant(request: Request) -> str | None:
    token = _bearer(request)
    return token if token and is_grant(token) else None


def _caller(web: Web, request: Request) -> Caller:
    token = _bearer(request)
    if token is not None:
        key = find(web.by_digest, token.encode("latin-1"))
        if key is None:
            raise ClientFault("there is no such key", code="key_wrong")
        return caller_of(key)
    if token := request.cookies.get(cookie_of(web, request)):
        return _of_session(web, request, token)
    raise ClientFault("send a key: Authorization: Bearer KEY", code="key_missing")


def _of_session(web: Web, request: Request, token: str) -> Caller:
    """The caller of a session. A browser sends its cookie for any page, so a change must come from our own page."""
    session = find_session(web.session_secret, web.by_name, token, time.time())
    if session is None:
        raise ClientFault("the session is over: log in again", code="key_wrong")
    if request.method not in READING and not is_own(web, request.scope["scheme"], request.headers):
        raise ClientFault("a session changes things from our own page only", code="origin_not_allowed")
    return caller_of(*session)
