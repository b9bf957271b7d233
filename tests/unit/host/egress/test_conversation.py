"""host/egress/conversation.py: one question, and an answer that is bounded whatever the stranger does."""

import time

import pytest

from host.egress.addresses import parse_allowed
from host.egress.conversation import HEAD_BYTES_MAX, REDIRECTS_MAX, Answer, Times, ask
from host.egress.gate import Gate, Stop
from jobs.errors import EgressFault, EgressRefused
from tests.support.patience import stretched
from tests.support.servers.stranger import Script, Stranger, answers, endless, says, stranger

LONG = Times(stretched(10.0), stretched(10.0), stretched(10.0))
SHORT = Times(0.3, 0.2, 0.2)


def call(server: Stranger, times: Times = LONG, redirects: int = 0, body: bytes = b"") -> Answer:
    gate = Gate(parse_allowed(f"127.0.0.1:{server.port}"))
    method = "POST" if body else "GET"
    return ask(gate, method, f"{server.url}/hook?q=1", {"X-Own": "1"}, body, times, Stop(), redirects=redirects)


def test_a_question_and_its_answer() -> None:
    with stranger(answers("201 Created", "X-Theirs: a", body=b"hello")) as server:
        answer = call(server, body=b"{}")
        assert (answer.status, answer.headers["x-theirs"], b"".join(answer.pieces())) == (201, "a", b"hello")
        answer.close()
        (heard,) = server.heard
        assert (heard.line, heard.body) == ("POST /hook?q=1 HTTP/1.1", b"{}")
        assert heard.headers == {
            "host": f"127.0.0.1:{server.port}", "user-agent": "pixmill", "accept-encoding": "identity",
            "connection": "close", "x-own": "1", "content-length": "2",
        }  # fmt: skip


def test_a_chunked_answer_is_put_together() -> None:
    with stranger(
        says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    ) as server:
        answer = call(server)
        assert b"".join(answer.pieces()) == b"abcde"
        answer.close()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\r\n\r\n",
        b"HTTP/1.1 2",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * (2 * HEAD_BYTES_MAX) + b"\r\n\r\n",
    ],
)
def test_a_head_that_is_none_is_a_fault_and_no_refusal(said: bytes) -> None:
    with stranger(says(said)) as server, pytest.raises(EgressFault) as fault:
        call(server)
    assert type(fault.value) is EgressFault


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"], ids=["nothing", "half", "interim"]
)
def test_who_keeps_silent_is_left_in_time(said: bytes) -> None:
    with stranger(says(said, then_wait=True)) as server:
        began = time.monotonic()
        with pytest.raises(EgressFault, match="in time"):
            call(server, SHORT)
        assert time.monotonic() - began < 0.3 + stretched(2.0)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnone\r\nabc",
    ],
)
def test_a_body_that_is_cut_off_is_a_fault(said: bytes) -> None:
    with stranger(says(said)) as server:
        answer = call(server)
        with pytest.raises(EgressFault):
            list(answer.pieces())
        assert answer.begins(0) == b""
        answer.close()


def test_a_body_that_stops_is_left_in_time() -> None:
    with stranger(says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", then_wait=True)) as server:
        answer = call(server, SHORT)
        with pytest.raises(EgressFault, match="in time"):
            list(answer.pieces())
        answer.close()


def test_of_an_endless_answer_the_beginning_is_read() -> None:
    with stranger(endless(b"HTTP/1.1 200 OK\r\n\r\n")) as server:
        answer = call(server)
        assert answer.begins(4096) == bytes(4096)
        answer.close()


def test_an_encoded_answer_is_refused() -> None:
    with stranger(answers("200 OK", "Content-Encoding: gzip", body=b"\x1f\x8b")) as server:
        answer = call(server)
        with pytest.raises(EgressRefused):
            list(answer.pieces())
        answer.close()


def redirecting(location: str) -> Script:
    return answers("302 Found", f"Location: {location}")


def test_a_redirect_is_an_answer_unless_it_is_to_be_followed() -> None:
    with stranger(redirecting("/x")) as server:
        answer = call(server)
        assert answer.status == 302
        answer.close()
        assert len(server.heard) == 1


def test_redirects_are_followed_and_counted() -> None:
    with stranger(redirecting("/again")) as server:
        with pytest.raises(EgressRefused, match="more than 3 times"):
            call(server, redirects=REDIRECTS_MAX)
        assert [heard.line.split()[1] for heard in server.heard] == ["/hook?q=1", "/again", "/again", "/again"]


def test_a_redirect_goes_through_the_gate() -> None:
    with stranger(answers("200 OK")) as victim:
        with stranger(redirecting(f"{victim.url}/")) as server, pytest.raises(EgressRefused):
            call(server, redirects=REDIRECTS_MAX)
        assert not victim.called


@pytest.mark.parametrize("location", ["https://[oops/", "//[", "http://a.example:x/"])
def test_a_redirect_to_what_is_no_address_is_refused(location: str) -> None:
    with stranger(redirecting(location)) as server, pytest.raises(EgressRefused):
        call(server, redirects=REDIRECTS_MAX)


def test_an_address_with_a_line_break_reaches_no_wire() -> None:
    with stranger(answers("200 OK")) as server, pytest.raises(EgressRefused):
        ask(Gate(parse_allowed(f"127.0.0.1:{server.port}")), "GET", f"{server.url}/\r\nX: y", {}, b"", LONG, Stop())
