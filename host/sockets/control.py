"""A local control socket: one line of JSON in, one line out, then the connection ends."""

import contextlib
import json
import os
import selectors
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jobs.errors import SetupFault

REQUEST_BYTES_MAX = 4096
CONNECTIONS_MAX = 64
"""Connections without a request so far. Beyond it, the one that has waited longest is closed for the next."""
Reply = Callable[[dict[str, Any]], None]


def serve(path: Path, selector: selectors.BaseSelector, answer: Callable[[Any, Reply], None]) -> None:
    """Listen at `path`: `answer(request, reply)` is called for each request and may reply at any time.

    Registers callbacks with `selector`; they take the ready file object. A request is one line sent at
    once (None stands for a line that is no JSON). A client that has gone away is ignored. If `answer` raises
    a ValueError, the client gets its text as `fault`.
    """
    path.unlink(missing_ok=True)
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    control.setblocking(False)
    control.bind(str(path))
    control.listen()
    silent: dict[socket.socket, None] = {}
    spare = _Spare()

    def accept(_: Any) -> None:
        if len(silent) >= CONNECTIONS_MAX:
            drop_oldest()
        try:
            connection, _ = control.accept()
        except OSError:  # gone again, or no descriptor is left: the next one closes a connection first
            drop_oldest()
            if silent or (found := spare.accept(control)) is None:
                return
            connection = found
        connection.setblocking(False)
        silent[connection] = None
        selector.register(connection, selectors.EVENT_READ, receive)

    def drop_oldest() -> None:
        for connection in list(silent)[:1]:
            del silent[connection]
            selector.unregister(connection)
            connection.close()

    def receive(connection: socket.socket) -> None:
        if connection not in silent:  # dropped since it was found ready
            return
        del silent[connection]
        selector.unregister(connection)
        request = None
        with contextlib.suppress(OSError, ValueError, RecursionError):
            request = json.loads(connection.recv(REQUEST_BYTES_MAX))
        try:
            answer(request, lambda response: _send(connection, response))
        except ValueError as fault:
            _send(connection, {"fault": str(fault)})

    selector.register(control, selectors.EVENT_READ, accept)


class _Spare:
    """A descriptor that is kept free. Without one, a new connection stays in the queue: the listening socket is then
    always ready, and its owner spins."""

    def __init__(self) -> None:
        self._file: int | None = None
        self._keep()

    def accept(self, listening: socket.socket) -> socket.socket | None:
        """The next connection. None if there is none, or if there was no descriptor for it, so that it was closed."""
        if self._file is not None:
            os.close(self._file)
        connection = self._file = None
        with contextlib.suppress(OSError):
            connection, _ = listening.accept()
        self._keep()
        if self._file is None and connection is not None:
            connection.close()
            self._keep()
            return None
        return connection

    def _keep(self) -> None:
        with contextlib.suppress(OSError):
            self._file = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)


def _send(connection: socket.socket, response: dict[str, Any]) -> None:
    with connection, contextlib.suppress(OSError):
        connection.sendall(json.dumps(response).encode() + b"\n")


def ask(path: Path, request: dict[str, Any], refusal: str) -> dict[str, Any]:
    """The answer of the process that serves at `path`. Raises SetupFault(`refusal`) if none does, or if it ends."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            line = connection.makefile().readline()
        except OSError:
            line = ""
    if not line:
        raise SetupFault(refusal)
    response: dict[str, Any] = json.loads(line)
    return response
