"""The HTTP server of one web process: uvicorn on a given socket, and its orderly end (API section 10).

Owns the order of the end: health turns 503 at once, a short linger, waiters and streams answered,
exit 0; nothing that a client does holds it past the drain time.
"""

import asyncio
import logging
import socket
from types import FrameType

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from host import notify
from web.config import Web
from web.events import ABORT
from web.link import Link

LINGER_SECONDS = 0.3
"""A connection that the kernel had accepted still gets its answer (FACTS 5)."""
KEEP_ALIVE_SECONDS = 65
"""Longer than a proxy keeps its own side (nginx: 60 s), so that we never close under a request."""


class _Protocol(HttpToolsProtocol):
    """Lets a response cut its connection: the only way out of a send that the client does not read."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: self.transport.abort}  # type: ignore[dict-item]


class Server(uvicorn.Server):
    """Serves `app` on `listener`; `inherited`: others accept on it too, so we stop accepting first."""

    def __init__(self, app: ASGIApp, web: Web, link: Link, *, inherited: bool) -> None:
        logging.getLogger("python_multipart").setLevel(logging.ERROR)
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=int(web.settings.drain_seconds),
        )
        super().__init__(config)
        self._web, self._link, self._inherited = web, link, inherited

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Connect, serve, and say so."""
        self._link.open()
        await super().startup(sockets)
        self._web.log.info("serving", extra={"web": self._web.id})
        notify.ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal to end. (uvicorn would raise it once more at the end, and not exit 0.)"""
        self._web.draining = True
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End as promised."""
        if self._inherited:
            self._stop_accepting()
        self._web.results.stop()
        self._web.hub.stop()
        await asyncio.sleep(LINGER_SECONDS)
        self._stop_accepting()
        self._web.hub.abort()
        await super().shutdown(sockets)
        self._link.close()

    def _stop_accepting(self) -> None:
        for server in self.servers:
            server.close()
