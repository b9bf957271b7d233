"""The deadlines and bounds of a connection, on a transport of memory: who is dropped, when, and with which answer."""

import asyncio
import weakref
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import Mock

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from jobs.limits import (
    BODY_BYTES_PER_SECOND_MIN,
    HEAD_BYTES_MAX,
    HEAD_SECONDS,
    KEEP_ALIVE_SECONDS,
    PIPELINED_MAX,
    REFUSED_SECONDS,
    SEND_SECONDS,
    WRITE_BUFFER_BYTES,
)
from tests.support.garbage import no_look_for_garbage
from tests.support.harnesses.web_harness import turns
from web.broker.link import Link
from web.http import unsent
from web.http.body import until_gone
from web.http.connection import Connection
from web.http.counts import Addresses
from web.http.unsent import ENDLESS

HEAD = b"GET /quick HTTP/1.1\r\nHost: localhost\r\n\r\n"
WATCH = HEAD.replace(b"quick", b"watch")


class Wire(asyncio.Transport):
    """Takes everything; `unsent` is what its client has yet to read."""

    def __init__(self, peer: str = "") -> None:
        super().__init__({"peername": (peer, 50_000)} if peer else None)
        self.written = b""
        self.unsent = self.buffered_most = 0
        self.closed = self.aborted = self.paused = self.ended = False

    def write(self, data: Any) -> None:
        assert not self.ended, "as a socket's transport"
        self.written += data

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.buffered_most = high or 0

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class Line:
    """A connection, its wire, and the handler's gate: /quick answers at once, whatever of the body is to come;
    /body reads it, once the gate is open, into `read`; /watch waits until its client has `left`."""

    def __init__(self, addresses: Addresses | None = None, peer: str = "") -> None:
        self.read = b""
        self.left = False
        self.gate = asyncio.Event()
        self.wire = Wire(peer)
        self.waits = list[int]()
        self.refused = list[tuple[str, ...]]()
        self.connection = Connection(
            Config(self.app, interface="asgi3", ws="none", log_config=None, timeout_keep_alive=10**6),
            ServerState(),
            {},
            addresses=addresses or Addresses(1 << 20),
            waits_more=self.waits.append,
            refused=lambda *told: self.refused.append(told),
        )
        self.connection.connection_made(self.wire)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/watch":
            await until_gone(receive)
            self.left = True
            return
        if scope["path"] != "/quick":
            await self.gate.wait()
        more = scope["path"] == "/body"
        while more:
            message = await receive()
            self.read += message["body"]
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    def after(self, seconds: float) -> bool:
        """Whether the client is dropped once `seconds` have passed from now."""
        self.connection.expire(asyncio.get_running_loop().time() + seconds)
        return self.wire.closed

    async def dropped_at(self, seconds: float, *pieces: bytes) -> None:
        """After `pieces`, it is dropped at `seconds` from now and not before."""
        for piece in pieces:
            self.connection.data_received(piece)
            await turns()
        assert not self.after(seconds - 1)
        assert self.after(seconds + 1)


def on_a_line(scenario: Callable[[Line], Awaitable[None]]) -> None:
    async def whole() -> None:
        line = Line()
        try:
            await scenario(line)
        finally:
            line.gate.set()
            line.connection.connection_lost(None)
        await turns()

    asyncio.run(whole())


def test_who_says_nothing_is_closed_without_a_word() -> None:
    async def scenario(line: Line) -> None:
        await line.dropped_at(HEAD_SECONDS)
        assert line.wire.written == b""

    on_a_line(scenario)


@pytest.mark.parametrize("before", [b"", HEAD])
def test_a_slow_head_is_408(before: bytes) -> None:
    async def scenario(line: Line) -> None:
        await line.dropped_at(HEAD_SECONDS, before, b"GET / HT", b"TP/1.1\r\nHost:")
        answer = line.wire.written.removeprefix(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"code":"too_slow"' in answer
        assert b"connection: close\r\n" in answer.lower()

    on_a_line(scenario)


def test_between_requests_it_may_wait_whatever_line_breaks_it_sends() -> None:
    async def scenario(line: Line) -> None:
        await line.dropped_at(KEEP_ALIVE_SECONDS, HEAD, b"\r\n", b"\r\n")

    on_a_line(scenario)


def test_a_handler_has_its_own_time() -> None:
    async def scenario(line: Line) -> None:
        line.connection.data_received(HEAD.replace(b"quick", b"wait"))
        await turns()
        assert not line.after(1e9)
        line.gate.set()
        await line.dropped_at(KEEP_ALIVE_SECONDS, b"")

    on_a_line(scenario)


def test_the_rest_of_a_refused_body_is_read_for_a_while() -> None:
    head = b"POST /quick HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"

    async def refused(line: Line) -> None:
        await line.dropped_at(REFUSED_SECONDS, head, b"x" * 50)

    async def ended(line: Line) -> None:
        await line.dropped_at(KEEP_ALIVE_SECONDS, head, b"x" * 100)

    on_a_line(refused)
    on_a_line(ended)


def test_who_wants_no_other_request_loses_no_answer_to_a_body_that_was_refused_early() -> None:
    """nginx does. A close while the body comes would drop the answer, and nginx would say 502."""
    head = b"POST /quick HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 100\r\n\r\n"

    async def refused(line: Line) -> None:
        await line.dropped_at(REFUSED_SECONDS, head, b"x" * 50)
        assert line.wire.written.endswith(b"connection: close\r\n\r\nok")

    async def ended(line: Line) -> None:
        line.connection.data_received(head + b"x" * 99)
        await turns()
        assert line.wire.ended
        assert not line.wire.closed
        line.connection.data_received(b"x" + HEAD)
        assert line.wire.closed
        assert line.wire.written.count(b"HTTP/1.1") == 1

    async def whole(line: Line) -> None:
        line.connection.data_received(head.replace(b"POST /quick", b"POST /body") + b"x" * 100)
        line.gate.set()
        await turns()
        assert line.wire.closed

    on_a_line(refused)
    on_a_line(ended)
    on_a_line(whole)


def test_reading_stops_where_a_second_piece_of_a_body_comes_before_the_first_is_taken() -> None:
    async def scenario(line: Line) -> None:
        line.connection.data_received(b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc")
        await turns()
        assert not line.wire.paused
        line.connection.data_received(b"def")
        assert line.wire.paused
        line.gate.set()
        await turns()
        assert not line.wire.paused
        line.connection.data_received(b"ghi")
        await turns()
        assert line.read == b"abcdefghi"

    on_a_line(scenario)


def test_pieces_of_a_body_are_gathered_in_place() -> None:
    """One read of 256 KiB holds 40,000 chunks of a byte."""

    async def scenario(line: Line) -> None:
        line.connection.data_received(b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\na")
        line.connection.data_received(b"b")
        gathered = line.connection.cycle.body
        line.connection.data_received(b"c")
        assert line.connection.cycle.body is gathered
        line.connection.data_received(b"d")
        line.gate.set()
        await turns()
        assert line.read == b"abcd"

    on_a_line(scenario)


def test_who_reads_nothing_is_cut_off() -> None:
    async def scenario(line: Line) -> None:
        line.connection.data_received(HEAD.replace(b"quick", b"wait"))
        line.connection.pause_writing()
        line.wire.unsent = 1
        assert not line.after(SEND_SECONDS - 1)
        line.connection.resume_writing()
        assert not line.after(SEND_SECONDS + 1)
        line.connection.pause_writing()
        assert line.after(SEND_SECONDS + 1)
        assert line.wire.aborted

    on_a_line(scenario)


@pytest.mark.parametrize(("rate", "seconds"), [(BODY_BYTES_PER_SECOND_MIN * 2, 128), (BODY_BYTES_PER_SECOND_MIN, 256)])
@pytest.mark.parametrize("ending", [b"", b"\r\nConnection: close"])
def test_who_reads_slowly_gets_all(rate: int, seconds: int, ending: bytes) -> None:
    """A megabyte takes longer than a silence may, and than the next request."""

    async def scenario(line: Line) -> None:
        line.connection.data_received(HEAD.replace(b"\r\n\r\n", ending + b"\r\n\r\n"))
        line.wire.unsent = rate * seconds
        line.connection.pause_writing()
        await turns()
        for second in range(seconds):
            line.after(second)
            assert not line.wire.aborted, second
            line.wire.unsent -= rate
        line.after(seconds + SEND_SECONDS + 1)
        assert line.wire.aborted == bool(line.wire.unsent)

    on_a_line(scenario)


@pytest.mark.parametrize("rate", [1, BODY_BYTES_PER_SECOND_MIN // 4])
def test_a_trickle_is_no_reading(rate: int) -> None:
    async def scenario(line: Line) -> None:
        line.connection.data_received(HEAD)
        line.wire.unsent = 10**6
        line.connection.pause_writing()
        await turns()
        for second in range(60):
            line.after(second)
            line.wire.unsent -= rate
        assert line.wire.aborted

    on_a_line(scenario)


def test_what_waits_for_a_client_is_told_with_what_he_takes_of_it() -> None:
    async def scenario(line: Line) -> None:
        began = asyncio.get_running_loop().time()
        assert line.connection.held(began) == []
        line.wire.unsent = 70_000
        line.connection.pause_writing()
        line.wire.unsent = 70_000 - 30_000
        line.after(0.5)  # the kernel takes
        line.wire.unsent = 70_000
        line.after(3)
        (silent,) = line.connection.held(began + 3)
        assert (silent.size, silent.rate) == (70_000, 0.0)
        assert silent.silent_seconds == pytest.approx(3, abs=1)
        line.wire.unsent = 20_000
        line.after(5)
        (slow,) = line.connection.held(began + 6)
        assert (slow.size, slow.is_silent) == (20_000, False)
        assert slow.silent_seconds == pytest.approx(1, abs=1)
        assert slow.rate == pytest.approx(50_000 / 6, rel=0.2)
        line.wire.unsent = 0
        assert line.connection.held(began + 7) == []
        line.wire.unsent = 1
        (anew,) = line.connection.held(began + 8)
        assert anew.rate == 0.0
        anew.cut()
        assert line.wire.aborted

    on_a_line(scenario)


def test_more_than_the_buffer_may_hold_is_told_at_once() -> None:
    """Ten looks a second would come too late where many ask for lists."""

    async def scenario(line: Line) -> None:
        assert line.wire.buffered_most == WRITE_BUFFER_BYTES
        line.wire.unsent = 70_000
        line.connection.pause_writing()
        assert line.waits == [70_000]

    on_a_line(scenario)


def test_who_empties_the_buffer_between_two_looks_takes_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(line: Line) -> None:
        began = asyncio.get_running_loop().time()
        monkeypatch.setattr(unsent, "KERNEL_SECONDS", 0.0)
        for _ in range(2):
            line.wire.unsent = 40_000
            line.connection.pause_writing()
            line.wire.unsent = 5_000
            line.connection.resume_writing()
        line.wire.unsent = 40_000
        line.connection.pause_writing()
        (held,) = line.connection.held(began + 1)
        assert held.rate == pytest.approx(70_000, rel=0.2)

    on_a_line(scenario)


def test_a_close_that_waits_for_its_client_to_read_is_cut_off() -> None:
    async def scenario(line: Line) -> None:
        line.connection.data_received(HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        await turns()
        assert line.wire.closed
        line.wire.unsent = 1
        line.after(SEND_SECONDS - 1)
        assert not line.wire.aborted
        line.after(SEND_SECONDS + 1)
        assert line.wire.aborted

    on_a_line(scenario)


@pytest.mark.parametrize(
    "start",
    [
        b"GET /",
        b"GET / HTTP/1.1\r\nX: ",
        b"POST /wait HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: ",
        b"POST /wait HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;",
    ],
)
def test_heads_trailers_and_framing_are_bounded(start: bytes) -> None:
    async def scenario(line: Line) -> None:
        line.connection.data_received(start)
        sent = 0
        while not line.wire.closed:
            line.connection.data_received(b"x" * 1024)
            sent += 1024
        assert HEAD_BYTES_MAX - 1024 <= sent <= HEAD_BYTES_MAX + 1024
        assert (b" 431 " in line.wire.written) == (b"POST" not in start)

    on_a_line(scenario)


def test_requests_in_a_row_are_answered_in_turn_and_bounded() -> None:
    async def answered(line: Line) -> None:
        line.connection.data_received(HEAD * (1 + PIPELINED_MAX))
        await turns(3 * PIPELINED_MAX)
        assert line.wire.written.count(b"200 OK") == 1 + PIPELINED_MAX
        assert not line.wire.closed

    async def dropped(line: Line) -> None:
        line.connection.data_received(HEAD * 10_000)
        assert len(line.connection.pipeline) == PIPELINED_MAX
        assert line.wire.closed
        await turns(3 * PIPELINED_MAX)
        assert line.wire.written.count(b"200 OK") <= 1

    on_a_line(answered)
    on_a_line(dropped)


@pytest.mark.parametrize(("before", "behind"), [(b"", b""), (b"", HEAD), (HEAD, HEAD), (HEAD * 2, HEAD * 2)])
def test_a_handler_hears_that_its_client_left_whatever_is_behind_it(before: bytes, behind: bytes) -> None:
    async def scenario(line: Line) -> None:
        line.connection.data_received(before + HEAD.replace(b"/quick", b"/watch") + behind)
        await turns(20)
        assert not line.left
        line.connection.connection_lost(None)
        await turns()
        assert line.left

    on_a_line(scenario)


@pytest.mark.parametrize("reset", [None, ConnectionResetError()])
@pytest.mark.parametrize("sent", [b"", HEAD, HEAD * 3, HEAD.replace(b"quick", b"held") + HEAD, WATCH])
def test_a_lost_connection_leaves_nothing_for_the_garbage_collector(sent: bytes, reset: Exception | None) -> None:
    async def whole() -> "weakref.ref[Connection]":
        line = Line()
        if sent:
            line.connection.data_received(sent)
            await turns()
        lost = weakref.ref(line.connection)
        line.connection.connection_lost(reset)
        line.gate.set()
        await turns()
        del line.connection
        return lost

    with no_look_for_garbage():
        lost = asyncio.run(whole())
        assert lost() is None


def test_trailers_change_no_request() -> None:
    async def scenario(line: Line) -> None:
        line.connection.data_received(
            b"POST /wait HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: y\r\n\r\n"
        )
        assert dict(line.connection.scope["headers"]) == {b"transfer-encoding": b"chunked"}

    on_a_line(scenario)


@pytest.mark.parametrize(
    "noise", [b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n", b"GET http://[ HTTP/1.1\r\n\r\n"]
)
def test_what_is_no_request_is_400(noise: bytes) -> None:
    async def scenario(line: Line) -> None:
        line.connection.data_received(noise)
        assert line.wire.written.startswith(b"HTTP/1.1 400 ")
        assert b'"code":"malformed"' in line.wire.written
        ((code, request, _),) = line.refused
        assert code == "malformed" and f"x-request-id: {request}\r\n".encode() in line.wire.written.lower()
        assert line.wire.closed

    on_a_line(scenario)


OFFERS = [
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA",
    b"Connection: upgrade\r\nUpgrade: websocket",
]
BODIES = [b"Content-Length: 5\r\n\r\nbytes", b"Transfer-Encoding: chunked\r\n\r\n2\r\nby\r\n3\r\ntes\r\n0\r\n\r\n"]


@pytest.mark.parametrize("size", [1, 40, 10_000])
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("offer", OFFERS)
def test_a_request_that_offers_another_protocol_is_what_it_is_without(offer: bytes, body: bytes, size: int) -> None:
    async def scenario(line: Line) -> None:
        line.gate.set()
        post = b"POST /body HTTP/1.1\r\nHost: localhost\r\n" + offer + b"\r\n" + body
        sent = post + HEAD[:-2] + offer + b"\r\n\r\n" + post + HEAD
        for at in range(0, len(sent), size):
            line.connection.data_received(sent[at : at + size])
            await turns()
        await turns(30)
        assert line.read == b"bytesbytes"
        assert line.wire.written.count(b"HTTP/1.1 200 OK") == 4
        assert not line.wire.closed

    on_a_line(scenario)


@pytest.mark.parametrize("count", [1, 3])
def test_who_sends_no_more_gets_all_answers_and_is_closed_then(count: int) -> None:
    async def scenario(line: Line) -> None:
        line.connection.data_received(HEAD.replace(b"/quick", b"/wait") * count)
        await turns()
        assert line.connection.eof_received()
        assert not line.wire.closed
        line.gate.set()
        await turns(20)
        assert line.wire.written.count(b"HTTP/1.1 200 OK") == count
        assert line.wire.closed

    on_a_line(scenario)


@pytest.mark.parametrize("sent", [b"", HEAD, HEAD[:-4], b"POST /body HTTP/1.1\r\nContent-Length: 9\r\n\r\nbytes"])
def test_who_sends_no_more_and_waits_for_nothing_has_left(sent: bytes) -> None:
    async def scenario(line: Line) -> None:
        line.connection.data_received(sent) if sent else None
        await turns(10)
        assert not line.connection.eof_received()

    on_a_line(scenario)


@pytest.mark.parametrize("before", [True, False])
def test_who_sends_no_more_has_left_a_stream_without_end(before: bool) -> None:
    async def scenario(line: Line) -> None:
        line.connection.data_received(HEAD.replace(b"/quick", b"/wait"))
        await turns()
        endless = line.connection.scope["extensions"][ENDLESS]
        if before:
            assert line.connection.eof_received()
            endless()  # type: ignore[operator]
            assert line.wire.closed
        else:
            endless()  # type: ignore[operator]
            assert not line.connection.eof_received()

    on_a_line(scenario)


def test_a_visit_that_is_due_as_the_link_closes_touches_no_socket() -> None:
    closed = Mock(closed=True)
    Link.__new__(Link)._visit(closed)
    assert closed.method_calls == []
