"""An AsyncClient with the face of a Client, so that one suite tests both. Each call runs in a loop of its own."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from types import TracebackType
from typing import Any, Self

import httpx2

from pixmill import AsyncClient


class Awaited:
    """The methods of an AsyncClient, each waited for. `pause` is called as a Client's is; `client` is a made one."""

    def __init__(
        self,
        url: str | None = None,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
        pause: Callable[[float], None] | None = None,
        client: AsyncClient | None = None,
        **others: Any,
    ) -> None:
        async def paused(seconds: float) -> None:
            assert pause is not None
            pause(seconds)

        self._loop = asyncio.new_event_loop()
        given = others if pause is None else {**others, "pause": paused}
        self._client = client or AsyncClient(url, transport=transport, **given)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found):
            return found

        def called(*positional: Any, **named: Any) -> Any:
            said = found(*positional, **named)
            if inspect.isasyncgen(said):
                return self._each(said)
            return self._loop.run_until_complete(said)

        return called

    def _each(self, said: AsyncIterator[Any]) -> Iterator[Any]:
        async def next_of() -> Any:
            return await anext(said)

        while True:
            try:
                yield self._loop.run_until_complete(next_of())
            except StopAsyncIteration:
                return

    def close(self) -> None:
        """Close the client and its loop."""
        if not self._loop.is_closed():
            self._done(self._client.close())
            self._done(self._loop.shutdown_asyncgens())
            self._loop.close()

    def _done(self, what: Awaitable[None]) -> None:
        self._loop.run_until_complete(what)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
