"""The shells that run the core's procedures: one with threads' calls, one with asyncio's. They own the connections.

They decide nothing: what to send, and what to do about an answer, is the core's (pixmill/core).
"""

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from typing import TypeVar

import httpx2

from pixmill.client.absence import logged
from pixmill.client.exchange import TIMEOUT, as_response, built
from pixmill.client.origin import Server
from pixmill.core.requests import Pause, Procedure, Reply, Request, Response, Retry

T = TypeVar("T")


def _ignored() -> None:
    """A reader who will see by the events that there are more."""


class Connections:
    """The connections of one process to `server`. A child of a fork opens its own, and never uses its parent's."""

    def __init__(
        self,
        server: Server,
        transport: "httpx2.BaseTransport | None",
        on_retry: Callable[[Retry], object] | None,
        clock: Callable[[], float],
        pause: Callable[[float], None],
    ) -> None:
        self.server, self.pause = server, pause
        self._transport, self._on_retry, self._clock = transport, on_retry or logged(clock), clock
        self._open()

    def _open(self) -> None:
        self._pid = os.getpid()
        self._opened = httpx2.Client(transport=self._transport, timeout=TIMEOUT, auth=self.server.auth)

    @property
    def _http(self) -> httpx2.Client:
        if self._pid != os.getpid():
            self._open()
        return self._opened

    def close(self) -> None:
        """Close them."""
        self._http.close()

    def received(self, response: Response, on_lost: Callable[[], None] = _ignored) -> Iterator[bytes]:
        """The bytes of a stream, until it ends or is lost, which `on_lost` is told."""
        opened = response.opened
        assert isinstance(opened, httpx2.Response)
        try:
            yield from opened.iter_bytes()
        except httpx2.RequestError:
            on_lost()
        finally:
            opened.close()

    def run(self, procedure: Procedure[T]) -> T:
        """Do what a procedure asks for, until it returns."""
        reply: Reply | None = None
        try:
            while True:
                step = procedure.send(reply)
                if isinstance(step, Pause):
                    if step.retry:
                        self._on_retry(step.retry)
                    self.pause(step.seconds)
                    reply = None
                else:
                    reply = self._reply(step.request)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    def _reply(self, request: Request) -> Reply:
        sent_at = self._clock()
        try:
            response, reason = self._exchanged(request), ""
        except httpx2.RequestError as error:
            response, reason = None, str(error) or type(error).__name__
        return Reply(sent_at, self._clock(), time.time(), response, reason)

    def _exchanged(self, request: Request) -> Response:
        with ExitStack() as stack:
            answer = self._http.send(built(self._http, self.server.url, request, stack), stream=True)
            if request.stream and answer.status_code == 200:
                return as_response(answer, self.server.origin, has_json=False, opened=answer)
            stack.callback(answer.close)
            if request.into is None or answer.status_code != 200:
                answer.read()
                return as_response(answer, self.server.origin, has_json=True)
            request.into.restart()
            for data in answer.iter_bytes():
                request.into.write(data)
            return as_response(answer, self.server.origin, has_json=False)


class AsyncConnections:
    """The connections of one event loop to `server`."""

    def __init__(
        self,
        server: Server,
        transport: "httpx2.AsyncBaseTransport | None",
        on_retry: Callable[[Retry], object] | None,
        clock: Callable[[], float],
        pause: Callable[[float], Awaitable[None]],
    ) -> None:
        self.server, self.pause = server, pause
        self._on_retry, self._clock = on_retry or logged(clock), clock
        self._http = httpx2.AsyncClient(transport=transport, timeout=TIMEOUT, auth=server.auth)

    async def close(self) -> None:
        """Close them."""
        await self._http.aclose()

    async def received(self, response: Response, on_lost: Callable[[], None] = _ignored) -> AsyncIterator[bytes]:
        """The bytes of a stream, until it ends or is lost, which `on_lost` is told."""
        opened = response.opened
        assert isinstance(opened, httpx2.Response)
        try:
            async for data in opened.aiter_bytes():
                yield data
        except httpx2.RequestError:
            on_lost()
        finally:
            await opened.aclose()

    async def run(self, procedure: Procedure[T]) -> T:
        """Do what a procedure asks for, until it returns."""
        reply: Reply | None = None
        try:
            while True:
                step = procedure.send(reply)
                if isinstance(step, Pause):
                    if step.retry:
                        self._on_retry(step.retry)
                    await self.pause(step.seconds)
                    reply = None
                else:
                    reply = await self._reply(step.request)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    async def _reply(self, request: Request) -> Reply:
        sent_at = self._clock()
        try:
            response, reason = await self._exchanged(request), ""
        except httpx2.RequestError as error:
            response, reason = None, str(error) or type(error).__name__
        return Reply(sent_at, self._clock(), time.time(), response, reason)

    async def _exchanged(self, request: Request) -> Response:
        async with AsyncExitStack() as stack:
            files = stack.enter_context(ExitStack())
            answer = await self._http.send(built(self._http, self.server.url, request, files), stream=True)
            if request.stream and answer.status_code == 200:
                return as_response(answer, self.server.origin, has_json=False, opened=answer)
            stack.push_async_callback(answer.aclose)
            if request.into is None or answer.status_code != 200:
                await answer.aread()
                return as_response(answer, self.server.origin, has_json=True)
            request.into.restart()
            async for data in answer.aiter_bytes():
                request.into.write(data)
            return as_response(answer, self.server.origin, has_json=False)
