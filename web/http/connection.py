"""One client's connection: uvicorn's HTTP protocol, with the deadlines and bounds that it lacks.

Drops a client that is too slow, silent, or endless in its head. Also handles a client that offers another protocol, or
that sends no more. web/http/body.py owns the body's pace.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from jobs.limits import (
    HEAD_BYTES_MAX,
    HEAD_SECONDS,
    KEEP_ALIVE_SECONDS,
    PIPELINED_MAX,
    REFUSED_SECONDS,
    SEND_SECONDS,
    WRITE_BUFFER_BYTES,
)
from web.http.body import next_due
from web.http.counts import Addresses, TooMany
from web.http.problems import problem, status_of
from web.http.tally import fresh_id
from web.http.unsent import ABORT, ENDLESS, Held, Taking

SWEEP_SECONDS = 0.2
"""A deadline may be noticed this late: one look at every connection costs less than a timer for each request."""


class Parting(asyncio.Transport):
    """The transport as a request sees it: to close it is to ask `part`."""

    def __init__(self, transport: asyncio.Transport, part: Callable[[], None]) -> None:
        super().__init__()
        self.write, self.is_closing = transport.write, transport.is_closing  # type: ignore[method-assign]
        self.close = part  # type: ignore[method-assign]


class Connection(HttpToolsProtocol):
    """A deadline for each state but the handler's own (a wait, a stream of events), judged by `expire`.

    A response may cut its connection by the ASGI extension ABORT: the only way out of a send that nobody reads. A
    response without an end of its own tells so by ENDLESS: then a client that sends no more has left. `refused` is
    called with code, request id and client's address of a refusal of our own.
    """

    def __init__(
        self,
        *args: Any,
        addresses: Addresses,
        waits_more: Callable[[int], None],
        refused: Callable[[str, str, str], None],
        **named: Any,
    ) -> None:
        super().__init__(*args, **named)
        self._addresses, self._waits_more, self._refused = addresses, waits_more, refused

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected. It must send a request's head in time; it is refused if its address has too many."""
        super().connection_made(transport)
        self._in_head = False
        self._running: RequestResponseCycle | None = None
        """The request that is answered now; those behind it wait in the pipeline, and uvicorn's `cycle` is the last."""
        self._loose = 0
        """Bytes since the last complete head or piece of a body."""
        self._send_due, self._unsent = math.inf, 0
        self._taking: Taking | None = None
        """The client's rate of taking the answer, since it began to wait."""
        transport.set_write_buffer_limits(WRITE_BUFFER_BYTES)
        self._offered = False
        """The request that is parsed now offers another protocol."""
        self._half_closed = self._endless = False
        self._parting = False
        """All is answered, and nothing is sent any more: the rest of a refused body is read, and then it ends."""
        self._give(HEAD_SECONDS)
        self._left: Callable[[], None] = lambda: None
        try:
            self._left = self._addresses.come(self.client[0] if self.client else "")
        except TooMany as fault:
            self._refuse(fault.code, fault.detail, fault.retry_seconds, **fault.members)

    def expire(self, now: float) -> None:
        """Drop the client if its time is up at loop time `now`. While an answer waits for it, only the bytes that it
        takes count."""
        if self._send_due < math.inf:
            self._send_due = self._paced(now)
        if now < (self._due if self._send_due == math.inf else self._send_due):
            return
        if self.transport.is_closing() or self.transport.get_write_buffer_size():
            self.transport.abort()  # a close would wait for the client to read
        elif self._in_head and self._answered():
            self._refuse("too_slow", f"a request's head must come within {HEAD_SECONDS:g} s")
        else:
            self.transport.close()

    def held(self, now: float) -> list[Held]:
        """The bytes that wait for the client here at loop time `now`, if there are any."""
        size = self.transport.get_write_buffer_size()
        if not size:
            self._taking = None
            return []
        self._taking = self._taking or Taking(now)
        return [self._taking.held(now, size, self.transport.abort)]

    def data_received(self, data: bytes) -> None:
        self._loose += len(data)
        self._unset_keepalive_if_required()
        while data:
            data = self._parse(data)
        if self._loose > HEAD_BYTES_MAX and not self.transport.is_closing():
            self._refuse("head_too_large", f"a head, and what frames a body, has {HEAD_BYTES_MAX} bytes at most")

    def _parse(self, data: bytes) -> bytes:
        """Give the parser `data`, and return the bytes that it must get next."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            return self._without_offer() + data[offer.args[0] :] if self._offered else b""
        except httptools.HttpParserError:
            self.send_400_response("")
        return b""

    def _without_offer(self) -> bytes:
        """The head that was parsed, without its offer of another protocol, for which the parser took no body."""
        self._offered = False
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends no more: it may still read what it has asked for (RFC 9112, 9.6)."""
        self._half_closed = self._waits_for_answer() and not self._endless
        return self._half_closed

    def _waits_for_answer(self) -> bool:
        return not self._answered() and not self.cycle.more_body and not self._in_head

    def _tell_endless(self) -> None:
        self._endless = True
        if self._half_closed:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        self._refuse("malformed", "this is no HTTP/1.1 request")

    # -- what uvicorn's parser tells

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: self.transport.abort, ENDLESS: self._tell_endless}  # type: ignore[dict-item]
        self._in_head = True
        self._give(HEAD_SECONDS)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # else it is a trailer
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Raises OverflowError past PIPELINED_MAX: the parser stops, and the connection is closed, answered or not."""
        self._offered = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if self._offered:
            return
        if len(self.pipeline) >= PIPELINED_MAX:
            raise OverflowError
        self._in_head, self._loose, self._due = False, 0, math.inf
        super().on_headers_complete()
        self.cycle.transport = Parting(self.transport, self._part)
        if not self.pipeline or self.pipeline[0][0] is not self.cycle:
            self._running = self.cycle

    def on_body(self, body: bytes) -> None:
        """Replaces uvicorn's, which copies each piece twice and pauses reading after each piece of over 64 KB. Passes
        the first piece through; pauses reading if a second one arrives before the application consumed it."""
        self._loose = 0
        if self.cycle.response_complete:
            return
        if not self.cycle.body:
            self.cycle.body = body  # type: ignore[assignment]
        else:
            if isinstance(self.cycle.body, bytes):
                self.cycle.body = bytearray(self.cycle.body)
            self.cycle.body += body
            self.flow.pause_reading()
        self.cycle.message_event.set()

    def on_message_complete(self) -> None:
        if self._offered:
            return
        self._loose = 0
        super().on_message_complete()
        if self.cycle.response_complete:
            self.cycle.more_body = False
            self._give(KEEP_ALIVE_SECONDS)
            if self._parting:
                self.transport.close()

    # -- what uvicorn's transport and response tell

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells the request that is answered now too: uvicorn tells only the last one of a pipeline. No one
        answers those behind it."""
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)
        self._left()
        self._unset_keepalive_if_required()  # uvicorn does it only where the client closed in order
        # All these lead back here by bound methods: without them no circle is left for the garbage collector.
        self.cycle = self.scope = self._running = None  # type: ignore[assignment]
        self.pipeline.clear()

    def pause_writing(self) -> None:
        super().pause_writing()
        now = self.loop.time()
        self._send_due, self._unsent = now + SEND_SECONDS, self.transport.get_write_buffer_size()
        self._taking = self._taking or Taking(now)
        self._waits_more(self._unsent)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._took(self.loop.time())
        self._send_due = math.inf
        if not self._in_head:
            self._due = max(self._due, self.loop.time() + SEND_SECONDS)  # for what is left, however long it took

    def on_response_complete(self) -> None:
        following = self.pipeline[-1][0] if self.pipeline else None
        super().on_response_complete()
        self._running = following or self._running
        self._endless = False
        if self._half_closed and not following:
            self.transport.close()
        if self.transport.is_closing():
            self._give(SEND_SECONDS)
        elif not following and not self._in_head:
            self._give(REFUSED_SECONDS if self.cycle.more_body else KEEP_ALIVE_SECONDS)

    # -- ours

    def _part(self) -> None:
        """A request wants the connection closed. If its answer came before all of its body, the kernel would now drop
        what has come of the body, and with it, at the client or the proxy, the answer (RFC 9112, 9.6). So the rest is
        read first, for REFUSED_SECONDS."""
        last = self._running if self._running is self.cycle else None
        if last and last.response_complete and last.more_body and not self.transport.is_closing():
            self._parting = True
            self.transport.write_eof()
        else:
            self.transport.close()

    def _give(self, seconds: float) -> None:
        self._due = self.loop.time() + seconds

    def _paced(self, now: float) -> float:
        """The time by which the client must take more of its answer, as for a body that it sends."""
        taken = self._took(now)
        return next_due(self._send_due, now, taken) if taken > 0 else self._send_due

    def _took(self, now: float) -> int:
        """How much of its answer the client has taken since this was asked, or since it began to wait."""
        left = self.transport.get_write_buffer_size()
        taken, self._unsent = self._unsent - left, left
        if self._taking:
            self._taking.took(now, taken)
        return taken

    def _answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _refuse(self, code: str, detail: str, retry_seconds: int | None = None, **members: object) -> None:
        """Answer and close, unless another answer is on its way: then only close."""
        if self._answered() and not self._parting:
            again = {} if retry_seconds is None else {"Retry-After": str(retry_seconds)}
            request = fresh_id()
            response = problem(code, detail, {"Connection": "close", "X-Request-ID": request, **again}, **members)
            self._refused(code, request, self.client[0] if self.client else "")
            headers = [*self.server_state.default_headers, *response.raw_headers]
            lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
            self.transport.write(STATUS_LINE[status_of(code)] + lines + b"\r\n" + bytes(response.body))
        self.transport.close()
        self._give(SEND_SECONDS)
