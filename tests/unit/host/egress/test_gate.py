"""host/egress/gate.py: one resolution, every answer judged, and a connection to a judged address alone."""

import socket
import ssl
import threading
import time

import pytest

from host.egress import gate as gate_module
from host.egress.addresses import parse_allowed, split
from host.egress.gate import ADDRESSES_MAX, Gate, Stop, Stream
from host.egress.proxies import Proxy, parse_proxy
from jobs.errors import EgressFault, EgressRefused
from tests.support.patience import stretched
from tests.support.servers.spellings import GOOD_V4, GOOD_V6
from tests.support.servers.stranger import answers, says, stranger


def soon() -> float:
    return time.monotonic() + stretched(5.0)


@pytest.mark.parametrize(
    "found", [["127.0.0.1"], [GOOD_V4, "10.0.0.1"], ["10.0.0.1", GOOD_V4], ["fe80::1%eth0"], [GOOD_V6, "::1"], ["x"]]
)
def test_one_bad_answer_refuses_the_name(found: list[str]) -> None:
    gate = Gate(resolve=lambda host, port: found)
    with pytest.raises(EgressRefused):
        gate.addresses(split("https://app.example/"), soon())


def test_good_answers_pass_in_their_order_and_the_name_is_resolved_once() -> None:
    asked: list[tuple[str, int]] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return [GOOD_V6, GOOD_V4]

    found = Gate(resolve=resolve).addresses(split("https://app.example/"), soon())
    assert list(map(str, found)) == [GOOD_V6, GOOD_V4]
    assert asked == [("app.example", 443)]


def test_a_name_with_too_many_addresses_is_refused() -> None:
    with pytest.raises(EgressRefused, match=str(ADDRESSES_MAX)):
        Gate(resolve=lambda host, port: [GOOD_V4] * (ADDRESSES_MAX + 1)).addresses(split("https://a.example/"), soon())


def test_a_resolver_that_is_silent_costs_its_time_only() -> None:
    over = threading.Event()
    gate = Gate(resolve=lambda host, port: [str(over.wait())])
    try:
        with pytest.raises(EgressFault, match="not resolved in time"):
            gate.addresses(split("https://app.example/"), time.monotonic() + 0.05)
    finally:
        over.set()


def test_a_resolver_that_is_silent_costs_so_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_module, "_resolvers", places := threading.BoundedSemaphore(2))
    over, asked = threading.Event(), list[str]()

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        over.wait()
        return [GOOD_V4]

    gate = Gate(resolve=resolve)
    try:
        for _ in range(2):
            with pytest.raises(EgressFault, match="not resolved in time"):
                gate.addresses(split("https://app.example/"), time.monotonic())
        with pytest.raises(EgressFault, match="names wait for it"):
            gate.addresses(split("https://other.example/"), soon())
    finally:
        over.set()
    for _ in range(2):  # the threads that answer make room
        assert places.acquire(timeout=stretched(20.0))
    assert asked == ["app.example", "app.example"]


def test_a_name_that_nobody_knows_may_be_known_later() -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(EgressFault) as fault:
        Gate(resolve=resolve).addresses(split("https://app.example/"), soon())
    assert not isinstance(fault.value, EgressRefused)


def test_loopback_is_not_called_unless_it_is_listed() -> None:
    with stranger(answers("204 No Content")) as server:
        url = split(server.url)
        with pytest.raises(EgressRefused):
            Gate().open(url, soon(), Stop())
        assert not server.called
        Gate(parse_allowed(f"127.0.0.1:{server.port}")).open(url, soon(), Stop()).close()


def test_the_variables_of_proxies_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    with stranger(answers("204 No Content")) as server, stranger(answers("204 No Content")) as other:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, other.url)
        Gate(parse_allowed(f"127.0.0.1:{server.port}")).open(split(server.url), soon(), Stop()).close()
        assert not other.called


def test_with_a_proxy_all_goes_through_it_and_no_name_is_resolved_here() -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with stranger(says(b"HTTP/1.1 200 Connected\r\n\r\nX")) as server:
        proxy = parse_proxy(f"http://me:pa%3Ass@127.0.0.1:{server.port}")
        stream = Gate(parse_allowed("app.example"), proxy, resolve).open(split("http://app.example/"), soon(), Stop())
        assert stream.receive(10, soon()) == b"X"
        stream.close()
        assert server.heard[0].line == "CONNECT app.example:80 HTTP/1.1"
        assert server.heard[0].headers["proxy-authorization"] == "Basic bWU6cGE6c3M="
    assert asked == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        (b"HTTP/1.1 403 No\r\n\r\n", True),
        (b"HTTP/1.1 502 No\r\n\r\n", False),
        (b"x" * 20_000, False),
        (b"", False),
        (b"\r\n\r\n", False),
    ],
)
def test_a_proxy_that_does_not_connect(said: bytes, refused: bool) -> None:
    with stranger(says(said)) as server:
        gate = Gate((), Proxy("127.0.0.1", server.port, b""))
        with pytest.raises(EgressFault) as fault:
            gate.open(split("https://app.example/"), soon(), Stop())
        assert isinstance(fault.value, EgressRefused) == refused


def test_a_proxy_does_not_excuse_an_address_that_is_written_out() -> None:
    with pytest.raises(EgressRefused):
        Gate((), Proxy("127.0.0.1", 1, b"")).open(split("https://10.0.0.1/"), soon(), Stop())


def test_who_speaks_no_tls_is_left_in_time() -> None:
    with stranger(says(b"SSH-2.0-x\r\n", then_wait=True)) as server:
        gate = Gate(parse_allowed(f"127.0.0.1:{server.port}"))
        with pytest.raises(EgressFault):
            gate.open(split(f"https://127.0.0.1:{server.port}/"), soon(), Stop())


class Broken(ssl.SSLContext):
    """Finds each connection reset, as one is whose other side went between connect and handshake."""

    def wrap_socket(self, *_: object, **__: object) -> ssl.SSLSocket:
        raise ConnectionResetError(104, "Connection reset by peer")


def test_a_connection_that_ends_before_its_handshake_is_a_fault() -> None:
    ours, theirs = socket.socketpair()
    stream = Stream(ours, Stop())
    with theirs, pytest.raises(EgressFault, match="Connection reset"):
        stream.encrypt(Broken(ssl.PROTOCOL_TLS_CLIENT), "a.example", soon())
    stream.close()


def test_a_stop_ends_a_handshake_that_waits() -> None:
    stop = Stop()
    ours, theirs = socket.socketpair()
    stream = Stream(ours, stop)

    def ends_it() -> None:
        theirs.recv(1)
        stop.set()

    thread = threading.Thread(target=ends_it)
    thread.start()
    with theirs, pytest.raises(EgressFault, match="on request"):
        stream.encrypt(ssl.create_default_context(), "a.example", soon())
    thread.join()
    stream.close()


def test_a_stop_leaves_the_keys_to_the_thread_that_uses_them() -> None:
    stop = Stop()
    ours, theirs = socket.socketpair()
    context = ssl.create_default_context()
    with theirs, context.wrap_socket(ours, server_hostname="a.example", do_handshake_on_connect=False) as sealed:
        stop.watch(sealed)
        stop.set()
        with pytest.raises((ssl.SSLError, BrokenPipeError)):  # without keys: an AttributeError
            sealed.do_handshake()


def test_where_no_thread_is_left_a_name_is_not_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    with pytest.raises(EgressFault, match="no thread"):
        Gate(resolve=lambda host, port: [GOOD_V4]).addresses(split("https://app.example/"), soon())


def read_on(stream: Stream) -> None:
    """Read for ever."""
    while True:
        stream.receive(10, soon())


def test_a_stop_ends_a_call_that_waits() -> None:
    stop = Stop()

    def script(*_: object) -> None:
        stop.set()

    with stranger(script) as server:
        stream = Gate(parse_allowed(f"127.0.0.1:{server.port}")).open(split(server.url), soon(), stop)
        stream.send(b"GET / HTTP/1.1\r\n\r\n", soon())
        with pytest.raises(EgressFault, match="on request"):
            read_on(stream)
        stream.close()


def test_a_stop_that_came_first_lets_nothing_begin() -> None:
    stop = Stop()
    stop.set()
    with stranger(answers("204 No Content")) as server, pytest.raises(EgressFault, match="on request"):
        Gate(parse_allowed(f"127.0.0.1:{server.port}")).open(split(server.url), soon(), stop)
