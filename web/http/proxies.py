"""Applies the headers of a trusted proxy: client address, scheme and Host (PIXMILL_TRUSTED_PROXIES).

From any other peer these headers change nothing. Judges no request; web/access/guard.py does.
"""

from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

HOST, FORWARDED_HOST = b"host", b"x-forwarded-host"
UNIX_PEER = ("unix", 0)
"""The client's address where the connection came by a unix socket. TRUSTED_PROXIES trusts it by this word."""

BY_PROXY = "pixmill.by_proxy"
"""The key of a request's scope that is there if a trusted proxy sent the request."""


class Proxied(ProxyHeadersMiddleware):
    """uvicorn's own middleware, for X-Forwarded-For (the last address that is no trusted proxy's) and
    X-Forwarded-Proto, with X-Forwarded-Host added. That takes precedence over the request's own Host, but does not
    replace it: a script of a page can send X-Forwarded-Host, but can never choose Host."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope = {**scope, "client": scope["client"] or UNIX_PEER}
        if scope["client"][0] in self.trusted_hosts:
            scope[BY_PROXY] = True
            if host := _forwarded(scope["headers"]):
                scope["headers"] = [(HOST, host), *scope["headers"]]
        await super().__call__(scope, receive, send)


def _forwarded(headers: list[tuple[bytes, bytes]]) -> bytes:
    """What the nearest proxy wrote: the last of X-Forwarded-Host, or nothing."""
    values = [value for name, value in headers if name == FORWARDED_HOST]
    return values[-1].rpartition(b",")[2].strip() if values else b""
