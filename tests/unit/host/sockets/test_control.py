"""The supervisor's control socket: whoever speaks, or says nothing, it answers the next one."""

import contextlib
import errno
import os
import resource
import selectors
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host.sockets import control


class Served:
    """Serves at a path; it answers with what it was asked."""

    def __init__(self, path: Path) -> None:
        self.path, self.selector = path, selectors.DefaultSelector()
        control.serve(path, self.selector, lambda request, reply: reply({"asked": request}))

    def turn(self) -> None:
        """Do all that is there to be done."""
        while ready := self.selector.select(0):
            for key, _ in ready:
                key.data(key.fileobj)

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(str(self.path))
        self.turn()
        return connection

    def ask(self, line: bytes) -> Any:
        with self.connect() as connection:
            connection.sendall(line)
            self.turn()
            return connection.recv(65536)

    def close(self) -> None:
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self.selector.close()


@pytest.fixture
def served(until_its_end: None) -> Iterator[Served]:
    with tempfile.TemporaryDirectory(prefix="pm-") as folder:
        served = Served(Path(folder) / "supervisor.sock")
        yield served
        served.close()


def test_a_request_is_answered(served: Served) -> None:
    assert served.ask(b'{"do": "status"}\n') == b'{"asked": {"do": "status"}}\n'


@pytest.mark.parametrize("noise", [b"\xff\n", b"{\n", b"[" * 4000], ids=["bytes", "half", "deep"])
def test_noise_ends_nothing(served: Served, noise: bytes) -> None:
    assert served.ask(noise) == b'{"asked": null}\n'
    assert served.ask(b"1\n") == b'{"asked": 1}\n'


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ECONNABORTED])
def test_a_connection_that_cannot_be_taken_ends_nothing(
    served: Served, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    accept, left = socket.socket.accept, [number]

    def failing(listening: socket.socket) -> Any:
        if left:
            raise OSError(left[0], os.strerror(left.pop()))
        return accept(listening)

    monkeypatch.setattr(socket.socket, "accept", failing)
    assert served.ask(b"1\n") == b'{"asked": 1}\n'


def test_without_a_free_descriptor_a_connection_is_ended_and_nobody_turns_in_circles(served: Served) -> None:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, limits[0]), limits[1]))
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        client.connect(str(served.path))
        for _ in range(3):
            for key, _events in served.selector.select(0):
                key.data(key.fileobj)
        assert served.selector.select(0) == [], "it is ready for ever"
        assert client.recv(1) == b""
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        client.close()
    assert served.ask(b"1\n") == b'{"asked": 1}\n'


def test_who_says_nothing_takes_the_place_of_nobody_else(served: Served) -> None:
    """Before, each kept a descriptor of the supervisor's for ever, and the last one ended it."""
    silent = [served.connect() for _ in range(2 * control.CONNECTIONS_MAX)]
    assert len(served.selector.get_map()) <= control.CONNECTIONS_MAX + 1
    assert served.ask(b"1\n") == b'{"asked": 1}\n'
    silent[-1].sendall(b"2\n")
    served.turn()
    assert silent[-1].recv(100) == b'{"asked": 2}\n'
    for connection in silent:
        connection.close()
