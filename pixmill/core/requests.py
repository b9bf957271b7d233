"""What a procedure asks of the shell that runs it, and what it gets back. Pure values; own no connection.

A procedure is a generator. It yields a Send and gets a Reply, or it yields a Pause and gets nothing. The shells
(pixmill/client) carry that out, one with threads' calls and one with asyncio's: all decisions are made once, here.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol, TypeVar

T = TypeVar("T")


class Source(Protocol):
    """An image that can be sent as often as it must be."""

    @property
    def filename(self) -> str:
        """The name that the job gets."""

    def open(self) -> BinaryIO:
        """Its bytes from the beginning. Raises OSError."""


class Sink(Protocol):
    """Takes the bytes of a good answer; each answer begins anew."""

    def restart(self) -> None:
        """Forget what came."""

    def write(self, data: bytes) -> object:
        """The next bytes."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `path` is below the server's address, or a whole address. At most one of `sources`
    (with `form` beside them if `is_form`, else one alone) and `json` is the body. `into` takes a good answer's bytes.
    The bytes of a `stream` are read later."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    form: Mapping[str, str] = field(default_factory=dict)
    sources: Sequence[Source] = ()
    is_form: bool = False
    into: Sink | None = None
    stream: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. `parsed` is its JSON, None if it is none. `elsewhere`: another server than the client's gave it, at
    `url`. `sends_on`: the address of a redirect. `opened`: the shell's own, of a stream whose bytes are to be read."""

    status: int
    headers: Mapping[str, str]
    parsed: Any
    url: str
    elsewhere: bool = False
    sends_on: str | None = None
    opened: object = None

    @property
    def good(self) -> bool:
        """Whether the request was done."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Send:
    """Send this request."""

    request: Request


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a Send: `response`, or None and the `reason` why there is none. `sent_at` and `now` are monotonic
    times, `wall` is wall time."""

    sent_at: float
    now: float
    wall: float
    response: Response | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """Why a request is sent again: `reason`, the seconds for which it has failed so far, those to the next try, and
    those for which the client tries in all."""

    reason: str
    failing_seconds: float
    next_seconds: float
    patience_seconds: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing for so many seconds; `retry` if that is because something failed."""

    seconds: float
    retry: Retry | None = None


Procedure = Generator[Send | Pause, Reply | None, T]
