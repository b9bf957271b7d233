"""The access log, which is the audit log too: a line for each refused request, and for each that changes something.

Plain ASGI, around the whole application: whatever answers, it is told once, and has its X-Request-ID. Owns which
requests are told. Touches no body. What a line may hold: host/log/.
"""

import logging
from collections.abc import Callable
from urllib.parse import urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.access.filters import DELIVERY_FILTERS, FILTERS, TENANT
from web.http.problems import status_of
from web.http.tally import REQUEST_ID, Tally, begin

CHANGES, ALL, OFF = "changes", "all", "off"
"""The values of PIXMILL_ACCESS_LOG."""
ALARMING = frozenset({401, 403, 413, 415, 421, 429, 500, 503, 507})
"""Refusals that are told of reads, too. Others, as 404, are told of changes only."""
_CHOSEN_BY = frozenset((*FILTERS, *DELIVERY_FILTERS, TENANT, "all", "purge", "dry_run", "limit", "after"))
"""The parameters that are told: what a change or a list is chosen by. So of an upload's fields `reference` and `preset`
are told, and those that may hold secrets are not: metadata, an address with a password."""
_NAMES = {"incarnation": "worker", "name": "rendition"}
"""What a part of a path is called in the log, if it has another name there. (A record has a `name` of its own.)"""


class AccessLog:
    """`app`, whose requests are told to `log`; `mode` is PIXMILL_ACCESS_LOG."""

    def __init__(self, app: ASGIApp, log: logging.Logger, mode: str) -> None:
        self._app, self._log, self._mode = app, log, mode

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tally, status = begin(scope), 0

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), (REQUEST_ID, tally.id.encode())]}
            await send(message)

        try:
            await self._app(scope, receive, named)
        finally:
            if self._mode != OFF:
                self._tell(scope, tally, status)

    def _tell(self, scope: Scope, tally: Tally, status: int) -> None:
        if status >= 400:
            if not tally.reads or status in ALARMING or self._mode == ALL:
                self._log.info("refused", extra=_members(scope, tally, status))
        elif not tally.reads:
            if not status:
                self._log.info("unanswered", extra=_members(scope, tally, status))
            elif not tally.told:
                self._log.info("changed", extra=_members(scope, tally, status))
        elif self._mode == ALL:
            self._log.info("answered", extra=_members(scope, tally, status))


def early(log: logging.Logger, mode: str) -> Callable[[str, str, str], None]:
    """Tells of a refusal before there is a whole request: its code, its id, the client's address."""

    def tell(code: str, request: str, client: str) -> None:
        if mode != OFF:
            log.info("refused", extra={"request": request, "status": status_of(code), "code": code, "client": client})

    return tell


def _members(scope: Scope, tally: Tally, status: int) -> dict[str, object]:
    """What is told of a request, without what is empty."""
    told: dict[str, object] = {
        "request": tally.id,
        "method": scope["method"],
        "path": scope["path"],
        "query": urlencode({name: value for name, value in tally.query.items() if name in _CHOSEN_BY}),
        "status": status,
        "code": tally.code,
        "tenant": tally.tenant,
        "key": tally.key,
        "client": scope["client"][0] if scope.get("client") else "",
        **{_NAMES.get(name, name): value for name, value in tally.names.items()},
    }
    return {name: value for name, value in told.items() if value} | {"ms": tally.ms}
