"""The seconds of each stage of one accept: measured once, told to the client (Server-Timing) and counted.

Owns the names of the header's metrics. A stage that fails is neither told nor counted.
"""

import time

from starlette.responses import Response

from host.settings.settings import cors_origins
from web.access.call import Call

WAIT = "wait"
"""The stage after the promise, of a client that prefers to wait for the end: told, and not counted."""


class Timing:
    """The stages of one accept, one after another, from now on."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._stages: list[tuple[str, float]] = []
        self._since = time.perf_counter()

    def ended(self, stage: str) -> None:
        """This stage has lasted since the end of the one before."""
        now = time.perf_counter()
        self._stages.append((stage, now - self._since))
        self._since = now

    def count(self) -> None:
        """All is promised: count the stages so far."""
        if (counts := self._call.web.counts) is not None:
            for stage, seconds in self._stages:
                counts.accepted(stage, seconds)

    def tell(self, response: Response) -> Response:
        """The response, with the stages in milliseconds. Pages of the origins that may read it may read them, too."""
        told = ", ".join(f"{stage};dur={1000 * seconds:.1f}" for stage, seconds in self._stages)
        response.headers["Server-Timing"] = told
        if (origin := self._call.request.headers.get("origin")) in cors_origins(self._call.web.settings):
            response.headers["Timing-Allow-Origin"] = origin
        return response
