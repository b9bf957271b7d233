"""The HTTP server of one web process: uvicorn on a given socket, and its orderly end.

Owns the order of the end: health turns 503 at once, a short linger, waiters and streams answered,
exit 0; nothing that a client does holds it past the drain time.
"""

import asyncio
import math
import socket
from functools import partial
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from host.process import garbage, notify
from jobs.limits import KEEP_ALIVE_SECONDS, UNSENT_BYTES_MAX
from web.access.log import early
from web.access.parts import Web
from web.broker.links import Links
from web.http.connection import SWEEP_SECONDS, Connection
from web.http.unsent import relieve
from web.metrics.requests import count_early

CALM_CONNECTIONS = 100
"""Each is some 100 objects, so to look at all of them is short (host/process/garbage.py). It can wait where there are
more: a lost connection leaves no garbage."""
LINGER_SECONDS = 0.3
"""A connection that the kernel has accepted already still gets its answer."""


class Server(uvicorn.Server):
    """Serves `app` on `listener`; `inherited`: others accept on it too, so we stop accepting first."""

    def __init__(self, app: ASGIApp, web: Web, links: Links, *, inherited: bool) -> None:
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http=partial(  # type: ignore[arg-type]
                Connection,
                addresses=web.addresses,
                waits_more=self._waits_more,
                refused=self._refused,
            ),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",  # what it warns of is what clients send
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=int(KEEP_ALIVE_SECONDS),
            timeout_graceful_shutdown=int(web.settings.drain_seconds),
        )
        super().__init__(config)
        self._web, self._links, self._inherited = web, links, inherited
        self._tell_refusal = early(web.log, web.settings.access_log)
        self._watchdog = notify.Watchdog()
        self._collector = garbage.Collector()
        self._sweep_at = 0.0
        self._waits_more_bytes = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Connect, serve, and say so."""
        self._links.open()
        await super().startup(sockets)
        garbage.keep_pauses_short()
        self._web.log.info("serving", extra={"web": self._web.id})
        notify.ready()
        self._tell_alive()

    def _refused(self, code: str, request: str, client: str) -> None:
        """A connection refuses what is no whole request yet, so the application never sees it."""
        self._tell_refusal(code, request, client)
        if self._web.counts is not None:
            count_early(self._web.counts, code)

    def _tell_alive(self) -> None:
        """Report life by a timer of the serving loop, until it ends: uvicorn's ticks end before the last answers."""
        if self._watchdog.seconds < math.inf:
            self._watchdog.ping()
            asyncio.get_running_loop().call_later(self._watchdog.seconds, self._tell_alive)

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: drop the clients whose time is up."""
        now = asyncio.get_running_loop().time()
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_SECONDS
            for connection in self._connections():
                connection.expire(now)
            self._relieve()
            if self._web.counts is not None:
                self._web.counts.streams(self._web.streams.total)
            self._collector.tick(now, is_short=len(self.server_state.connections) <= CALM_CONNECTIONS)
        return await super().on_tick(counter)

    def _connections(self) -> list[Connection]:
        return [each for each in self.server_state.connections if isinstance(each, Connection)]

    def _waits_more(self, size: int) -> None:
        """This many bytes wait for another client. Ten ticks a second would be too slow for lists to silent clients."""
        self._waits_more_bytes += size
        if self._waits_more_bytes > UNSENT_BYTES_MAX // 8:
            self._waits_more_bytes = 0
            asyncio.get_running_loop().call_soon(self._relieve)

    def _relieve(self) -> None:
        now = asyncio.get_running_loop().time()
        cut = relieve([held for connection in self._connections() for held in connection.held(now)])
        cut += relieve(self._web.hub.held(now))
        if cut:
            self._web.log.warning("clients_cut_off", extra={"clients": cut})

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal to end. (uvicorn would raise it once more at the end, and not exit 0.)"""
        self._web.draining = True
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End as promised."""
        if self._inherited:
            self._stop_accepting()
        self._web.feed.stop()
        self._web.hub.stop()
        await asyncio.sleep(LINGER_SECONDS)
        self._stop_accepting()
        self._web.hub.abort()
        await super().shutdown(sockets)
        self._links.close()
        self._web.tracer.close()

    def _stop_accepting(self) -> None:
        for server in self.servers:
            server.close()
