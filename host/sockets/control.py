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
    selector.register(control, selectors.EVENT_READ, _Connections(control, selector, answer).accept)


class _Connections:
    """The connections of one control socket that have sent no request yet, the oldest first."""

    def __init__(
        self, control: socket.socket, selector: selectors.BaseSelector, answer: Callable[[Any, Reply], None]
    ) -> None:
        self._control, self._selector, self._answer = control, selector, answer
        self._silent: dict[socket.socket, None] = {}
        self._spare = _Spare()

    def accept(self, _: Any) -> None:
        """The control socket is ready: accept a connection, and wait for its request."""
        if len(self._silent) >= CONNECTIONS_MAX:
            self._drop_oldest()
        try:
            connection, _ = self._control.accept()
        except OSError:  # gone again, or no descriptor is left: the next one closes a connection first
            self._drop_oldest()
            if self._silent or (found := self._spare.accept(self._control)) is None:
                return
            connection = found
        connection.setblocking(False)
        self._silent[connection] = None
        self._selector.register(connection, selectors.EVENT_READ, self._receive)

    def _drop_oldest(self) -> None:
        for connection in list(self._silent)[:1]:
            self._take(connection)
            connection.close()

    def _receive(self, connection: socket.socket) -> None:
        if connection not in self._silent:  # dropped since it was found ready
            return
        self._take(connection)
        request = None
        with contextlib.suppress(OSError, ValueError, RecursionError):
            request = json.loads(connection.recv(REQUEST_BYTES_MAX))
        try:
            self._answer(request, lambda response: _send(connection, response))
        except ValueError as fault:
            _send(connection, {"fault": str(fault)})

    def _take(self, connection: socket.socket) -> None:
        """Stop waiting for this connection's request."""
        del self._silent[connection]
        self._selector.unregister(connection)


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
