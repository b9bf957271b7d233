"""One question to a stranger and its answer, over HTTP/1.1: bounded in head, body and time. The only h11 of the house.

Owns redirects and the pace of an answer. Each redirect goes through the gate as a new address does. Nothing is decoded:
an answer with a content coding is refused.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import h11

from host.egress.addresses import Target, split
from host.egress.gate import Gate, Stop, Stream
from jobs.errors import EgressFault, EgressRefused
from jobs.limits import BODY_BYTES_PER_SECOND_MIN

HEAD_BYTES_MAX = 64 * 1024
"""Of an answer's head, and of the framing between two pieces of its body."""
REDIRECTS_MAX = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
INFORMATIONAL_MAX = 8
"""Interim answers (100, 103) before the real one."""
PIECE_BYTES = 64 * 1024
AGENT = "pixmill"
_OURS = {"user-agent": AGENT, "accept-encoding": "identity", "connection": "close"}


@dataclass(frozen=True, slots=True)
class Times:
    """`seconds` for all, `first_seconds` to the head of the answer, and `silence_seconds` between two pieces of its
    body, each of which buys time at BODY_BYTES_PER_SECOND_MIN."""

    seconds: float
    first_seconds: float
    silence_seconds: float


class Answer:
    """An answer whose head is here. Read `pieces`, or close it. `headers` are in lower case, the last of each name."""

    def __init__(self, stream: Stream, connection: h11.Connection, head: h11.Response, times: Times, until: float):
        self.status = head.status_code
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
        self._stream, self._connection, self._times, self._until = stream, connection, times, until

    def pieces(self) -> Iterator[bytes]:
        """The body, piece by piece. Raises EgressFault if it is too slow, malformed or cut off; EgressRefused if it is
        encoded."""
        coding = self.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            raise EgressRefused("its answer is compressed, and only the identity coding was asked for")
        patience = time.monotonic() + self._times.silence_seconds
        while isinstance(event := _next(self._stream, self._connection, min(patience, self._until)), h11.Data):
            bought = len(event.data) / BODY_BYTES_PER_SECOND_MIN
            patience = min(patience + bought, time.monotonic() + self._times.silence_seconds)
            yield bytes(event.data)
        if not isinstance(event, h11.EndOfMessage):
            raise EgressFault("its answer is cut off")

    def begins(self, most: int) -> bytes:
        """The first bytes of the body, at most so many; what was received if it ends badly."""
        data = b""
        try:
            for piece in self.pieces():
                data += piece
                if len(data) >= most:
                    break
        except EgressFault:
            pass
        return data[:most]

    def close(self) -> None:
        """End the connection; the rest of the answer is not read."""
        self._stream.close()


def ask(
    gate: Gate, method: str, url: str, headers: Mapping[str, str], body: bytes, times: Times, stop: Stop,
    *, redirects: int = 0, http: Callable[[Target], bool] | None = None,
) -> Answer:  # fmt: skip
    """Send one request and return its answer, of which the head is read. It must be closed.

    At most so many `redirects` are followed, by GET only. `http`: whether a target is listed by the operator, so that
    it may be http. Raises EgressRefused, EgressFault."""
    until = time.monotonic() + times.seconds
    target = split(url)
    for _ in range(redirects + 1):
        listed = http is not None and http(target)
        answer = _once(gate, method, target, headers, body, times, until, stop, listed)
        if not redirects or answer.status not in REDIRECTS or "location" not in answer.headers:
            return answer
        answer.close()
        target = _redirected(target, answer.headers["location"])
    raise EgressRefused(f"it redirects more than {redirects} times")


def _redirected(target: Target, location: str) -> Target:
    try:
        following = split(urljoin(f"{target.scheme}://{target.authority}{target.path}", location))
    except ValueError:
        raise EgressRefused("it redirects to what is no address") from None
    if (target.scheme, following.scheme) == ("https", "http"):
        raise EgressRefused("it redirects from https to http")
    return following


def _once(
    gate: Gate, method: str, target: Target, headers: Mapping[str, str], body: bytes, times: Times, until: float,
    stop: Stop, listed: bool,
) -> Answer:  # fmt: skip
    first = min(until, time.monotonic() + times.first_seconds)
    stream = gate.open(target, first, stop, http=listed)
    try:
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES_MAX)
        own = {"host": target.authority, **_OURS, **{name.lower(): value for name, value in headers.items()}}
        if body:
            own["content-length"] = str(len(body))
        request = h11.Request(method=method, target=target.path, headers=list(own.items()))
        sent = [connection.send(request), connection.send(h11.Data(data=body)) if body else b""]
        sent.append(connection.send(h11.EndOfMessage()))
        stream.send(b"".join(part or b"" for part in sent), first)
        for _ in range(INFORMATIONAL_MAX + 1):
            event = _next(stream, connection, first)
            if isinstance(event, h11.Response):
                return Answer(stream, connection, event, times, until)
            if not isinstance(event, h11.InformationalResponse) or event.status_code == 101:
                break
        raise EgressFault("it gave no answer")
    except h11.LocalProtocolError:
        stream.close()
        raise EgressRefused("this address has characters that HTTP forbids") from None
    except EgressFault:
        stream.close()
        raise


def _next(stream: Stream, connection: h11.Connection, until: float) -> Any:
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            raise EgressFault(f"its answer is malformed: {error}") from None
        if event is not h11.NEED_DATA:
            return event
        if time.monotonic() >= until:
            raise EgressFault("no answer in time")
        connection.receive_data(stream.receive(PIECE_BYTES, until))
