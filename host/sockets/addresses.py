"""Where the sockets between the parts are: in the run folder, or on tcp at the address in BROKERS.

Owns the addresses, and how a socket on tcp is set up. Knows ZeroMQ's sockets by their attributes alone.
"""

import socket
from pathlib import Path
from typing import Any, NamedTuple

from host.files import folders
from host.settings.settings import SOCKETS, Settings, broker_address
from jobs.errors import SetupFault

HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS = 1000, 3000
"""Heartbeats: a machine that is gone closes no connection. (ZeroMQ's own thread answers, so they do not prove that the
process lives.)"""

HANDSHAKE_MS = 5000
"""A connection is closed if it has not shown a key within this time: each holds a descriptor. The broker answers in its
turn."""


class Wires(NamedTuple):
    """`address` is None for local sockets in `run`; `curve` is the folder of keys, None if no keys are needed."""

    run: Path
    address: tuple[str, int] | None = None
    curve: Path | None = None

    def endpoint(self, name: str) -> str:
        """The address to connect socket `name` to."""
        if self.address is None:
            return folders.endpoint(self.run, name)
        host, port = self.address
        return _tcp(host, port + SOCKETS.index(name))

    def bind_endpoint(self, name: str) -> str:
        """The address to bind it to: ZeroMQ binds to numeric addresses only. Raises SetupFault."""
        if self.address is None:
            return folders.endpoint(self.run, name)
        host, port = self.address
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0]
        except OSError:
            raise SetupFault(f"{host} is no address of this machine: correct PIXMILL_BROKERS") from None
        return _tcp(str(found), port + SOCKETS.index(name))

    def tune(self, wire: Any) -> None:
        """Set the options of every socket on tcp, at both of its ends."""
        if self.address is not None:
            wire.heartbeat_ivl, wire.heartbeat_timeout = HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS
            wire.handshake_ivl = HANDSHAKE_MS


def wires_of(settings: Settings) -> Wires:
    """The wires of these settings; the run folder is made. Raises SetupFault."""
    run, address = folders.run_folder(settings), broker_address(settings)
    secret = address is not None and settings.curve
    return Wires(run, address, Path(settings.data).absolute() / "curve" if secret else None)


def _tcp(host: str, port: int) -> str:
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"
