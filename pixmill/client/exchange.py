"""Between the core's requests and httpx2's: what is sent, and what an answer is for the core. Sends nothing itself."""

from contextlib import ExitStack
from typing import Any

import httpx2

from pixmill.client.origin import Origin, origin, origin_of
from pixmill.core.answers import Job, Rendition
from pixmill.core.errors import PixmillError
from pixmill.core.requests import Request, Response

TIMEOUT = httpx2.Timeout(30.0, connect=5.0)


def built(http: "httpx2.Client | httpx2.AsyncClient", url: str, request: Request, stack: ExitStack) -> httpx2.Request:
    """The request to send to the server at `url`. `stack` closes the sources. Raises OSError."""
    address = request.path if "://" in request.path else url + request.path
    parts: dict[str, Any] = {"headers": dict(request.headers), "params": list(request.query) or None}
    files = [(source.filename, stack.enter_context(source.open())) for source in request.sources]
    if request.is_form:
        parts |= {"data": dict(request.form), "files": [("image", named) for named in files]}
    elif files:
        parts["content"] = files[0][1].read()
    elif request.json is not None:
        parts["json"] = request.json
    return http.build_request(request.method, address, **parts)


def as_response(answer: httpx2.Response, ours: Origin, *, has_json: bool, opened: object = None) -> Response:
    """An answer as the core reads it. `opened`: its bytes are read later."""
    sends_on = answer.headers["Location"] if answer.has_redirect_location else None
    parsed = _parsed(answer) if has_json else None
    elsewhere = origin(answer.url) != ours
    return Response(answer.status_code, answer.headers, parsed, str(answer.url), elsewhere, sends_on, opened)


def address(what: "str | Rendition | Job") -> str:
    """The address of a rendition or of a job's original, or the address itself. Raises PixmillError if it is none."""
    url = what.original.url if isinstance(what, Job) else what if isinstance(what, str) else what.url
    try:
        origin_of(url)
    except ValueError as error:
        raise PixmillError(str(error), code="bad_address") from None
    return url


def _parsed(answer: httpx2.Response) -> Any:
    """The answer's JSON; None where it is none."""
    try:
        return answer.json()
    except ValueError:
        return None
