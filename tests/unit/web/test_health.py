"""The check of health says whether the server accepts uploads, over tcp and over a unix socket."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from host.settings.settings import Settings
from web import health

READY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
NOT_READY = b'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 23\r\n\r\n{"reasons":["no disk"]}'


@contextmanager
def answering(listener: socket.socket, answer: bytes) -> Iterator[list[bytes]]:
    """A server of one connection; what it was asked."""
    asked: list[bytes] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            asked.append(connection.recv(4096))
            connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield asked
    finally:
        thread.join(10)
        listener.close()


def test_a_ready_server_is_healthy_wherever_it_listens(tmp_path: Path) -> None:
    unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    unix.bind(str(tmp_path / "web.sock"))
    unix.listen()
    tcp = socket.create_server(("127.0.0.1", 0))
    port = tcp.getsockname()[1]
    for listener, settings in [
        (unix, Settings(host=f"unix:{tmp_path}/web.sock")),
        (tcp, Settings(host="0.0.0.0", port=port)),
    ]:
        with answering(listener, READY) as asked:
            assert health.fault(settings) == ""
        assert asked[0].startswith(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\n")


def test_a_server_that_is_not_ready_says_why() -> None:
    tcp = socket.create_server(("127.0.0.1", 0))
    settings = Settings(port=tcp.getsockname()[1])
    with answering(tcp, NOT_READY):
        assert health.fault(settings) == '{"reasons":["no disk"]}'


def test_a_server_that_does_not_answer_is_not_healthy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert "refused" in health.fault(Settings(port=port))
    assert "No such file" in health.fault(Settings(host=f"unix:{tmp_path}/web.sock"))
    tcp = socket.create_server(("127.0.0.1", 0))
    with answering(tcp, b""):
        assert health.fault(Settings(port=tcp.getsockname()[1])) != ""
