"""Judges every request before any route: its origin, its host, and our own address in
its answer. Also marks every answer of a process that is about to end.

Plain ASGI middleware: it touches no body.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from host.settings.settings import cors_origins
from host.sockets.listener import is_loopback
from web.access.parts import Web
from web.http.problems import problem
from web.http.tally import READING


class Guard:
    """Refuses changes from foreign origins, and a browser's preflight for one (403); and, on loopback, foreign hosts
    (421). So no web site that a user visits can drive or read their cluster. ROOT_PATH holds whether a proxy strips it
    or not."""

    def __init__(self, app: ASGIApp, web: Web) -> None:
        self._app, self._web = app, web
        settings = web.settings
        self._on_loopback = is_loopback(settings.host)
        self._public = urlsplit(settings.public_url)
        public = [origin_of(settings.public_url)] if settings.public_url else []
        self._origins = frozenset([*cors_origins(settings), *public])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        app = self._refusal(scope["method"], scope["scheme"], headers) or self._app
        await app({**scope, "root_path": self._web.root_path}, receive, self._closing(send))

    def _refusal(self, method: str, scheme: str, headers: Headers) -> ASGIApp | None:
        hosts, origin = headers.getlist("host") or [""], headers.get("origin")
        strangers = [host for host in hosts if not self._is_ours(host)] if self._on_loopback else []
        if strangers:
            detail = f"{strangers[0]!r} is no name of this server: use localhost or set PIXMILL_PUBLIC_URL"
            return problem("wrong_host", detail)
        preflight = method == "OPTIONS" and "access-control-request-method" in headers
        changes = preflight or method not in READING
        if origin is None or not changes or origin in self._origins or _is_at(origin, scheme, hosts[0]):
            return None
        detail = f"{origin} may change nothing here: add it to PIXMILL_CORS_ORIGINS if it should"
        return problem("origin_not_allowed", detail)

    def _is_ours(self, host: str) -> bool:
        if host and host == self._public.netloc:
            return True
        try:
            return is_loopback(urlsplit(f"//{host}").hostname or "")
        except ValueError:  # as of "[::1"
            return False

    def _closing(self, send: Send) -> Send:
        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start" and self._web.draining:
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        return closing


def is_own(web: Web, scheme: str, headers: Headers) -> bool:
    """Whether a request says that a page of this very server sent it."""
    origin = headers.get("origin", "")
    return _is_at(origin, scheme, headers.get("host", "")) or origin == origin_of(web.settings.public_url)


def base_of(web: Web, request: Request) -> str:
    """PUBLIC_URL, or what the request itself was sent to; with ROOT_PATH."""
    public, root = web.settings.public_url.rstrip("/"), web.root_path
    if public:
        return public if public.endswith(root) else public + root
    host = request.headers.get("host") or "localhost"
    return f"{request.scope['scheme']}://{host}{root}"


def is_base_ours(web: Web) -> bool:
    """Whether no client on the network chooses what `base_of` says."""
    return bool(web.settings.public_url) or is_loopback(web.settings.host)


def origin_of(address: str) -> str:
    """Scheme and host of an address."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _is_at(origin: str, scheme: str, host: str) -> bool:
    """Whether an origin is the target of a request. A page that came by http is no page of a server that is reached by
    https: a man in the middle may have written it. (By http we may be behind a proxy that does not tell.)"""
    try:
        parts = urlsplit(origin)
    except ValueError:  # as of "http://["
        return False
    return bool(host) and parts.netloc == host and (parts.scheme == scheme or scheme == "http")
