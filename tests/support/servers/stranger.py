"""A stranger's HTTP server, as nasty as its script says. It counts the connections that come, by the address called."""

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

HEAD_BYTES_MAX = 65_536


class Heard(NamedTuple):
    """A request: its first line, its headers in lower case, its body."""

    line: str
    headers: dict[str, str]
    body: bytes


Script = Callable[[socket.socket, Heard, threading.Event], None]
"""What is done with a connection once its request was read. The event: the server ends, so waits must end."""


class Stranger:
    """Listens on `host`, at a free port if none is given, until it is closed. `heard`: all requests, in order."""

    def __init__(self, script: Script, host: str = "127.0.0.1", port: int = 0) -> None:
        self._script = script
        self._over = threading.Event()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=512)
        self.port = self._listener.getsockname()[1]
        self.heard: list[Heard] = []
        self.called: Counter[str] = Counter()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def url(self) -> str:
        """Its address over http."""
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """End it and all its connections."""
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        for opened in list(self._open):
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                opened, _ = self._listener.accept()
            except OSError:
                return
            self.called[opened.getsockname()[0]] += 1
            self._open.add(opened)
            thread = threading.Thread(target=self._serve, args=(opened,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, opened: socket.socket) -> None:
        try:
            with contextlib.suppress(OSError):
                heard = read_request(opened)
                self.heard.append(heard)
                self._script(opened, heard, self._over)
        finally:
            self._open.discard(opened)
            opened.close()


def read_request(opened: socket.socket) -> Heard:
    """The request that comes on a connection. Raises OSError if there is none."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = opened.recv(65_536)
        if not piece or len(data) > HEAD_BYTES_MAX:
            raise OSError("no request")
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    line, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (each.partition(":") for each in rest)}
    while len(body) < int(headers.get("content-length", "0")):
        if not (piece := opened.recv(65_536)):
            raise OSError("half a request")
        body += piece
    return Heard(line, headers, body)


def answers(status: str, *headers: str, body: bytes = b"") -> Script:
    """Answers each request alike, and closes."""

    def script(opened: socket.socket, _heard: Heard, _over: threading.Event) -> None:
        head = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"]
        opened.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)

    return script


def says(*pieces: bytes, then_wait: bool = False) -> Script:
    """Sends these bytes, whatever they are, and closes; or waits until the server or the caller ends."""

    def script(opened: socket.socket, _heard: Heard, over: threading.Event) -> None:
        for piece in pieces:
            opened.sendall(piece)
        if then_wait:
            wait_for_end(opened)

    return script


def wait_for_end(opened: socket.socket) -> None:
    """Return when the other side has closed."""
    with contextlib.suppress(OSError):
        while opened.recv(65_536):
            pass


def endless(head: bytes) -> Script:
    """Sends this, and then zeros for ever."""

    def script(opened: socket.socket, _heard: Heard, over: threading.Event) -> None:
        opened.sendall(head)
        zeros = bytes(65_536)
        while not over.is_set():
            opened.sendall(zeros)

    return script


@contextlib.contextmanager
def stranger(script: Script, host: str = "127.0.0.1", port: int = 0) -> Iterator[Stranger]:
    """A server that is closed at the end."""
    server = Stranger(script, host, port)
    try:
        yield server
    finally:
        server.close()
