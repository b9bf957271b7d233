"""Errors as HTTP answers: RFC 9457 problem documents. The one place that knows HTTP numbers of codes.

Must not know what a route does; a stack trace never passes here.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import cast

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from jobs.errors import PixmillError
from jobs.limits import RETRY_SECONDS
from web.http.tally import tally_of, tell_code

STATUS = {
    400: ("malformed", "no_image", "bad_parameter", "bad_key"),
    401: ("key_missing", "key_wrong"),
    403: ("forbidden", "grant_expired", "grant_used_up", "origin_not_allowed"),
    404: ("not_found", "original_missing"),
    405: ("method_not_allowed",),
    408: ("too_slow",),
    409: ("job_ended", "job_not_ended", "not_requeueable", "batch_closed"),
    413: ("upload_too_large", "too_many_parts"),
    415: ("unsupported_type",),
    416: ("range_not_satisfiable",),
    421: ("wrong_host",),
    422: (
        "undecodable",
        "pixels_over_limit",
        "frames_over_limit",
        "memory_over_limit",
        "digest_mismatch",
        "idempotency_key_reused",
        "bad_recipe",
        "operation_failed",
        "unknown_preset",
        "source_refused",
    ),
    429: ("rate_limited", "too_many_at_once"),
    431: ("head_too_large",),
    500: ("internal",),
    507: ("disk_full",),
}
LATER = ("broker_silent", "queue_full", "wait_too_long", "sweeps_full", "store_error")
"""The codes of 503."""
CODES = (*(code for codes in STATUS.values() for code in codes), *LATER)
_STATUS_OF = {code: status for status, codes in STATUS.items() for code in codes}
_CHALLENGES = {"key_missing": "", "key_wrong": ', error="invalid_token"', "forbidden": ', error="insufficient_scope"'}
"""What WWW-Authenticate says beyond the scheme (RFC 6750), for the codes that have one."""
_CODE_OF = {404: "not_found", 405: "method_not_allowed"}
_log = logging.getLogger("web")


def status_of(code: str) -> int:
    """The HTTP status of `code`. An unlisted code comes from a part that may work again later: 503."""
    return _STATUS_OF.get(code, 503)


class Problem(Response):
    """The answer that is this problem document. It tells its code to whoever counts requests."""

    media_type = "application/problem+json"

    def __init__(self, code: str, body: bytes, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(body, status, headers)
        self._code = code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tell_code(scope, self._code)
        await super().__call__(scope, receive, send)


def problem(code: str, detail: str, headers: Mapping[str, str] | None = None, **members: object) -> Response:
    """The problem document of `code`, with `members` beside the standard ones."""
    status = status_of(code)
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    document |= {"code": code, "detail": detail} | members
    extra = {"Retry-After": str(RETRY_SECONDS)} if status == 503 else {}
    if code in _CHALLENGES:
        extra["WWW-Authenticate"] = f'Bearer realm="pixmill"{_CHALLENGES[code]}'
    if status == 408:
        extra["Connection"] = "close"  # the rest of the request would be read as the next one
    body = msgspec.json.encode(document)
    return Problem(code, body, status, {**extra, **(headers or {})})


async def _on_purpose(_request: Request, error: Exception) -> Response:
    fault = cast(PixmillError, error)
    seconds = getattr(fault, "retry_seconds", None)
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    headers |= getattr(fault, "headers", {})
    return problem(fault.code, fault.detail, headers, **getattr(fault, "members", {}))


async def _of_the_router(request: Request, error: Exception) -> Response:
    refused = cast(HTTPException, error)
    code = _CODE_OF.get(refused.status_code, "malformed")
    if code == "method_not_allowed":
        allowed = ", ".join(sorted(_methods(request)))
        return problem(code, f"{request.url.path} knows {allowed}, not {request.method}", {"Allow": allowed})
    return problem(code, f"there is no {request.url.path}", refused.headers)


def _methods(request: Request) -> set[str]:
    """What may be asked of this path: each method is a route of its own."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    return {
        method
        for route in routes
        if route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }


async def _gone(_request: Request, _error: Exception) -> Response:
    return problem("malformed", "the request's body ended early")


async def _unforeseen(request: Request, error: Exception) -> Response:
    _log.error(
        "internal_error", extra={"request": tally_of(request.scope).id, "path": request.url.path, "why": repr(error)}
    )
    return problem("internal", "this should not have happened; the server's log says more")


HANDLERS = {PixmillError: _on_purpose, HTTPException: _of_the_router, ClientDisconnect: _gone, Exception: _unforeseen}
"""For Starlette, by class of error."""
