"""A request that is repeated until it has an answer: after a lost connection, and after 429, 502, 503 and 504.

Decides what is tried again and what an answer that is no good one means. Knows no route.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pixmill.core.errors import PixmillError, Refused, Unreachable, refusal
from pixmill.core.requests import Pause, Procedure, Reply, Request, Response, Retry, Send
from pixmill.core.retries import PATIENCE_SECONDS, Patience, retry_after

AGAIN = frozenset({502, 503, 504})
"""Statuses after which the same request may be answered: 502 and 504 are a proxy's, of a server that restarts."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A good answer, and how it came: `repeated` if an earlier try may have been done, too."""

    response: Response
    sent_at: float
    now: float
    wall: float
    repeated: bool

    @property
    def headers(self) -> Mapping[str, str]:
        """The answer's headers."""
        return self.response.headers


def sent(request: Request, url: str, done_before: str = "") -> Procedure[Answered]:
    """The first good answer to `request`. `url` is the server, for what is told of it. `done_before`: the code of a
    refusal which says that a repeated request was done by an earlier try; that answer is returned, too.

    Raises Refused, and Unreachable when the patience ends.
    """
    patience: Patience | None = None
    repeated = False
    while True:
        reply = yield Send(request)
        assert reply is not None
        patience = patience or Patience(reply.sent_at)
        response = reply.response
        if response is not None and (response.good or (repeated and _code(response) == done_before != "")):
            return Answered(response, reply.sent_at, reply.now, reply.wall, repeated)
        fault, seconds = _lost(reply, patience, url) if response is None else _unwell(reply, response, patience, url)
        if seconds is None:
            raise fault
        repeated = repeated or response is None or response.status in AGAIN
        failing = patience.failing_seconds(reply.now)
        yield Pause(seconds, Retry(str(fault), failing, seconds, PATIENCE_SECONDS))


def _lost(reply: Reply, patience: Patience, url: str) -> tuple[PixmillError, float | None]:
    seconds = patience.pause(reply.now, 0.0)
    return _given_up(f"no connection to {url} ({reply.reason})", "no_connection", seconds), seconds


def _unwell(reply: Reply, response: Response, patience: Patience, url: str) -> tuple[PixmillError, float | None]:
    """What an answer that is no good one means in the end, and seconds to the next try if there is one."""
    asked = retry_after(response.headers, reply.wall)
    said = _refusal(response, url, asked or None)
    if response.status == 429:
        return said, patience.turn(reply.now, asked)
    if response.status in AGAIN:
        seconds = patience.pause(reply.now, asked)
        return _given_up(f"{url} says: {said}", said.code, seconds, said.retry_after), seconds
    return said, None


def _refusal(response: Response, url: str, asked: float | None) -> Refused:
    """What a refusal says; and what to do where it is one of an address other than ours."""
    said = dict(response.parsed) if isinstance(response.parsed, dict) else {}
    if response.sends_on is not None:
        target = response.sends_on
        said["detail"] = f"{response.url} sends on to {target}: name the server by the address that it has"
    elif response.status in (401, 403) and response.elsewhere:
        detail = said.get("detail", f"HTTP status {response.status}")
        said["detail"] = f"{response.url} says: {detail}; the API key is sent to {url} alone"
    return refusal(response.status, said, asked)


def _code(response: Response) -> str:
    return str(response.parsed.get("code", "")) if isinstance(response.parsed, dict) else ""


def _given_up(said: str, code: str, seconds: float | None, asked: float | None = None) -> Unreachable:
    """The error of a failure; `seconds` are those to the next try, None if there is none."""
    tried = "" if seconds is not None else f"; tried for {PATIENCE_SECONDS:.0f} s"
    return Unreachable(f"{said}{tried}", code=code, retry_after=asked)


def not_pixmill(response: Response, url: str) -> Refused:
    """The error of an answer that pixmill does not give."""
    return refusal(response.status, {"detail": f"{url} does not answer as pixmill does", "code": "not_pixmill"})
