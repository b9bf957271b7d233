"""Counts every request by route and status, around the whole application: whatever answers, it is counted once.

Plain ASGI: touches no header and no body.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.http.problems import status_of
from web.http.tally import begin
from web.metrics.counts import Counts
from web.metrics.families import OTHER


class Counted:
    """`app`, whose requests `counts` counts when their answers begin."""

    def __init__(self, app: ASGIApp, counts: Counts) -> None:
        self._app, self._counts = app, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tally, counts = begin(scope), self._counts

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                counts.request(tally.route, message["status"])
                if tally.code:
                    counts.refused(tally.code)
            await send(message)

        await self._app(scope, receive, counting)


def count_early(counts: Counts, code: str) -> None:
    """A refusal with this code before there is a whole request: it has no route."""
    counts.request(OTHER, status_of(code))
    counts.refused(code)
