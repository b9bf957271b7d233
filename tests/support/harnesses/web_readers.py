"""A client of web that reads a stream for as long as a test wants."""

import asyncio
import json
from typing import Any

from tests.support.harnesses.web_harness import BASE, WebHarness
from web.http.unsent import ABORT


def parse(data: bytes) -> list[tuple[str, int | None, Any]]:
    """(event, number in its id, data) of each event in a stream's bytes."""
    found = []
    for block in data.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            number = int(fields["id"].partition(".")[0]) if "id" in fields else None
            found.append((fields["event"], number, json.loads(fields["data"])))
    return found


class Reader:
    """One raw ASGI request that may go on for ever; `stalls` lets it read nothing more."""

    def __init__(
        self, harness: WebHarness, path: str, last: int | str | None = None, *, key: str = "", cookie: str = ""
    ) -> None:
        headers = [(b"host", b"localhost:3000"), (b"cookie", cookie.encode())]
        if key:
            headers.append((b"authorization", f"Bearer {key}".encode()))
        if last is not None:
            headers.append((b"last-event-id", str(last).encode()))
        self.status, self.body, self.ended, self.aborted = 0, b"", False, False
        self._gone = asyncio.Event()
        self._reads = asyncio.Event()
        self._reads.set()
        path, _, query = path.removeprefix(BASE).partition("?")
        scope = {
            "type": "http", "method": "GET", "scheme": "http", "path": path, "root_path": "",
            "query_string": query.encode(),
            "headers": headers, "extensions": {ABORT: self._abort},
        }  # fmt: skip
        self.task = asyncio.ensure_future(harness.app(scope, self._receive, self._send))

    def stall(self) -> None:
        self._reads.clear()

    def leave(self) -> None:
        self._gone.set()

    def _abort(self) -> None:
        self.aborted = True
        self._reads.set()
        self._gone.set()

    async def _receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        await self._reads.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.body += message.get("body", b"")
            self.ended = not message.get("more_body", False)

    def seen(self) -> list[tuple[str, int | None, Any]]:
        return parse(self.body)
