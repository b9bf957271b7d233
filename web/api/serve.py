"""GET /openapi.json and GET /docs: the document of the routes of this process, made at the first request and kept."""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
from starlette.applications import Starlette
from starlette.responses import Response

from web.access.call import Call, Served
from web.access.parts import Web
from web.api.document import Facts, document
from web.api.shown.page import page
from web.http.headers import joined

_HEADERS = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


class _Kept:
    """The bytes of an answer, and their ETag."""

    def __init__(self, body: bytes, media: str, headers: dict[str, str]) -> None:
        self.body, self.media = body, media
        self.headers = {**_HEADERS, **headers, "ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"'}

    def answer(self, call: Call) -> Response:
        """The whole; or a 304 if the client has it."""
        asked = [tag.strip().removeprefix("W/") for tag in joined(call.request.headers, "if-none-match").split(",")]
        if self.headers["ETag"] in asked or "*" in asked:
            return Response(status_code=304, headers=self.headers)
        return Response(self.body, headers=self.headers, media_type=self.media)


_kept: WeakKeyDictionary[Starlette, dict[str, _Kept]] = WeakKeyDictionary()
"""By application, what was made of its routes."""


async def get_document(call: Call) -> Response:
    """GET /openapi.json."""
    return await _of(call, "json", lambda made: _Kept(msgspec.json.encode(made), "application/json", {}))


async def get_page(call: Call) -> Response:
    """GET /docs."""
    return await _of(call, "html", lambda made: _page(made, f"{call.web.root_path}/"))


def _page(made: dict[str, Any], base: str) -> _Kept:
    text, policy = page(made, base)
    return _Kept(text.encode(), "text/html", {"Content-Security-Policy": policy})


async def _of(call: Call, kind: str, make: Callable[[dict[str, Any]], _Kept]) -> Response:
    app: Starlette = call.request.app
    kept = _kept.setdefault(app, {})
    if kind not in kept:
        routes = [route for route in app.routes if isinstance(route, Served)]
        kept[kind] = await asyncio.to_thread(lambda: make(document(routes, _facts(call.web))))
    return kept[kind].answer(call)


def _facts(web: Web) -> Facts:
    """An address without PUBLIC_URL is a path, so it means the host that the document came from."""
    public, root = web.settings.public_url.rstrip("/"), web.root_path
    server = (public if public.endswith(root) else public + root) if public else root
    return Facts(server or "/", bool(web.keys), web.settings.upload_bytes_max)
