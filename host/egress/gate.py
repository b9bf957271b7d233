"""The gate: one resolution, every answer judged, and a connection to a judged address and to no other.

Owns resolver, sockets and TLS, and their times. host/egress/addresses.py judges. A name is resolved once, and the
connection goes to the addresses of that one answer: a second answer could be another one (DNS rebinding). Proxies that
the environment names are ignored. With EGRESS_PROXY everything goes through that proxy, and it judges.
"""

import errno
import queue
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

from host.egress.addresses import Address, Allowed, Target, judge_address, judge_text, literal_of
from host.egress.proxies import Proxy
from jobs.errors import EgressFault, EgressRefused

RESOLVE_SECONDS = 2.0
CONNECT_SECONDS = 5.0
"""To connect and to agree on keys, for each address."""
ADDRESSES_MAX = 16
"""Addresses of one answer that are judged; a longer answer is refused."""
PROXY_HEAD_BYTES_MAX = 8192
RESOLVERS_MAX = 64
"""Threads that wait for the system's resolver at once. One outlives its call where the resolver is more patient."""
_resolvers = threading.BoundedSemaphore(RESOLVERS_MAX)
Resolve = Callable[[str, int], list[str]]


class Stop:
    """Ends a call from another thread. Once it is set, its call fails at the next step; a wait for its connection ends
    at once, one for the resolver within RESOLVE_SECONDS."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.is_set = False

    def set(self) -> None:
        """End the call, now or when it begins."""
        with self._lock:
            self.is_set = True
            if self._socket is not None:
                _shut(self._socket)

    def watch(self, opened: socket.socket | None) -> None:
        """The call waits on this socket from now on (None: on none)."""
        with self._lock:
            self._socket = opened
            if opened is not None and self.is_set:
                _shut(opened)


def _shut(opened: socket.socket) -> None:
    try:
        socket.socket.shutdown(opened, socket.SHUT_RDWR)  # an SSLSocket's own would take its keys from the other thread
    except OSError:
        return


class Stream:
    """A connection whose every step ends at a time (monotonic seconds) or before. It never blocks beyond that."""

    def __init__(self, opened: socket.socket, stop: Stop) -> None:
        opened.setblocking(False)
        self._socket = opened
        self._stop = stop
        stop.watch(opened)

    def encrypt(self, context: ssl.SSLContext, name: str, until: float) -> None:
        """Agree on keys with the host `name`, whose certificate must be its own. Raises EgressFault."""
        try:
            sealed = context.wrap_socket(self._socket, server_hostname=name, do_handshake_on_connect=False)
        except OSError as error:
            raise _ended(error) from None
        self._socket = sealed
        self._stop.watch(sealed)
        try:
            self._do(sealed.do_handshake, select.POLLIN, until)
        except ssl.SSLCertVerificationError as error:
            raise EgressFault(f"its certificate is not valid: {error.verify_message}") from None

    def send(self, data: bytes, until: float) -> None:
        """Send all of it. Raises EgressFault."""
        sent = 0
        while sent < len(data):
            sent += self._do(partial(self._socket.send, data[sent:]), select.POLLOUT, until)

    def receive(self, size: int, until: float) -> bytes:
        """Up to so many bytes; none at the end. Raises EgressFault."""
        received: bytes = self._do(lambda: self._socket.recv(size), select.POLLIN, until)
        return received

    def close(self) -> None:
        """End the connection without a word."""
        self._stop.watch(None)
        self._socket.close()

    def _do(self, step: Callable[[], Any], events: int, until: float) -> Any:
        while True:
            if self._stop.is_set:
                raise EgressFault("ended on request")
            try:
                return step()
            except ssl.SSLWantReadError:
                wait(self._socket, select.POLLIN, until)
            except ssl.SSLWantWriteError:
                wait(self._socket, select.POLLOUT, until)
            except BlockingIOError:
                wait(self._socket, events, until)
            except ssl.SSLCertVerificationError:
                raise
            except OSError as error:
                if not self._stop.is_set:
                    raise _ended(error) from None


def _ended(error: OSError) -> EgressFault:
    return EgressFault(f"the connection ended: {error.strerror or type(error).__name__}")


def wait(opened: socket.socket, events: int, until: float) -> None:
    """Wait until the socket is ready. Raises EgressFault at `until`."""
    poll = select.poll()
    poll.register(opened, events)
    if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
        raise EgressFault("no answer in time")


class Gate:
    """Opens connections to strangers. Used by many threads."""

    def __init__(self, allowed: tuple[Allowed, ...] = (), proxy: Proxy | None = None, resolve: Resolve | None = None):
        self._allowed, self._proxy = allowed, proxy
        self._resolve = resolve or _resolve

    @cached_property
    def _context(self) -> ssl.SSLContext:
        """What the system trusts; made when it is first needed."""
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        return context

    def open(self, target: Target, until: float, stop: Stop, *, http: bool = False) -> Stream:
        """A connection to `target`, ready for HTTP. `http`: the operator listed this very address, so it may be http.
        Raises EgressRefused, EgressFault; nothing lasts beyond `until`."""
        judge_text(target, self._allowed, http=http)
        if self._proxy is not None:
            stream = self._through(self._proxy, target, until, stop)
            return self._encrypted(stream, target, until)
        fault = EgressFault("it has no address")
        for address in self.addresses(target, until):
            try:
                stream = _connect(str(address), target.port, min(until, time.monotonic() + CONNECT_SECONDS), stop)
                return self._encrypted(stream, target, min(until, time.monotonic() + CONNECT_SECONDS))
            except EgressFault as error:
                fault = error
        raise fault

    def addresses(self, target: Target, until: float) -> list[Address]:
        """The addresses of the host, each of them judged. Raises EgressRefused if one must not be called."""
        if target.literal is not None:
            return [target.literal]
        texts = _in_time(self._resolve, target, min(RESOLVE_SECONDS, until - time.monotonic()))
        if len(texts) > ADDRESSES_MAX:
            raise EgressRefused(f"a name has at most {ADDRESSES_MAX} addresses, not {len(texts)}")
        found = []
        for text in texts:
            address = literal_of(text)
            if address is None:
                raise EgressRefused("this address is not public")
            judge_address(target, address, self._allowed)
            found.append(address)
        return found

    def _encrypted(self, stream: Stream, target: Target, until: float) -> Stream:
        if target.scheme == "https":
            try:
                stream.encrypt(self._context, target.host, until)
            except EgressFault:
                stream.close()
                raise
        return stream

    def _through(self, proxy: Proxy, target: Target, until: float, stop: Stop) -> Stream:
        """Ask the proxy for a tunnel. Raises EgressFault; EgressRefused if the proxy forbids it."""
        fault = EgressFault("the proxy has no address")
        for text in _in_time(self._resolve, proxy, min(RESOLVE_SECONDS, until - time.monotonic()))[:ADDRESSES_MAX]:
            try:
                stream = _connect(text, proxy.port, min(until, time.monotonic() + CONNECT_SECONDS), stop)
                break
            except EgressFault as error:
                fault = error
        else:
            raise fault
        try:
            host = f"[{target.host}]" if ":" in target.host else target.host
            asked = f"CONNECT {host}:{target.port} HTTP/1.1\r\nHost: {host}:{target.port}\r\n".encode()
            stream.send(asked + proxy.header + b"\r\n", until)
            head = b""
            while b"\r\n\r\n" not in head:  # byte by byte: what follows belongs to the tunnel
                if not (byte := stream.receive(1, until)) or len(head) >= PROXY_HEAD_BYTES_MAX:
                    raise EgressFault("the proxy gave no answer")
                head += byte
            status = head.split(b" ", 2)[1][:3] if head.count(b" ") else b""
            if status in (b"403", b"407"):
                raise EgressRefused("the proxy refuses this address")
            if status[:1] != b"2":
                raise EgressFault("the proxy did not reach it")
        except EgressFault:
            stream.close()
            raise
        return stream


def _connect(address: str, port: int, until: float, stop: Stop) -> Stream:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        stream = Stream(opened, stop)
        if stop.is_set:
            raise EgressFault("ended on request")
        code = opened.connect_ex((address, port))
        if code not in (0, errno.EINPROGRESS):
            raise EgressFault("nobody listens there")
        wait(opened, select.POLLOUT, until)
        if opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise EgressFault("nobody listens there")
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except (EgressFault, OSError) as error:
        stop.watch(None)
        opened.close()
        raise error if isinstance(error, EgressFault) else EgressFault("nobody listens there") from None
    return stream


def _resolve(host: str, port: int) -> list[str]:
    """The addresses that the system's resolver gives, in its order. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(place[4][0]) for place in found))


def _in_time(resolve: Resolve, place: Target | Proxy, seconds: float) -> list[str]:
    """What `resolve` answers within so many seconds. getaddrinfo has no time of its own, so a thread waits for it; that
    thread ends with the resolver's own patience. Raises EgressFault, also where RESOLVERS_MAX of them wait."""
    answers: queue.SimpleQueue[list[str] | None] = queue.SimpleQueue()
    places = _resolvers

    def ask() -> None:
        try:
            answers.put(resolve(place.host, place.port))
        except (OSError, UnicodeError):
            answers.put(None)
        finally:
            places.release()

    if not places.acquire(blocking=False):
        raise EgressFault(f"the resolver is silent: {RESOLVERS_MAX} names wait for it")
    try:
        threading.Thread(target=ask, name="resolver", daemon=True).start()
    except RuntimeError:
        places.release()
        raise EgressFault("no thread is left to resolve its name") from None
    try:
        found = answers.get(timeout=max(0.0, seconds))
    except queue.Empty:
        raise EgressFault("its name was not resolved in time") from None
    if not found:
        raise EgressFault("its name is not known")
    return found
