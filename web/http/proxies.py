"""What a proxy in front says of a request: client address, scheme and Host (PIXMILL_TRUSTED_PROXIES).

Owns whom that is believed of: from anybody else these headers change nothing. Judges no request; web/access/guard.py
does.
"""

from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

HOST, FORWARDED_HOST = b"host", b"x-forwarded-host"


class Proxied(ProxyHeadersMiddleware):
    """uvicorn's own, for X-Forwarded-For (its last address that is no trusted proxy's) and X-Forwarded-Proto; and the
    same for X-Forwarded-Host. That goes before the Host that the request itself has, and does not replace it: a script
    of a page can send the one, and never choose the other."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["client"] and scope["client"][0] in self.trusted_hosts and (host := _forwarded(scope["headers"])):
            scope = {**scope, "headers": [(HOST, host), *scope["headers"]]}
        await super().__call__(scope, receive, send)


def _forwarded(headers: list[tuple[bytes, bytes]]) -> bytes:
    """What the nearest proxy wrote: the last of X-Forwarded-Host, or nothing."""
    values = [value for name, value in headers if name == FORWARDED_HOST]
    return values[-1].rpartition(b",")[2].strip() if values else b""
