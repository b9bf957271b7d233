"""Where the sockets between the parts are: in the run folder, or on tcp at the address in BROKERS (API section 9).

Owns the addresses, and how a socket on tcp is set up. Knows ZeroMQ's sockets by their attributes alone.
"""

import socket
from pathlib import Path
from typing import Any, NamedTuple

from host.files import folders
from host.settings.settings import SOCKETS, Settings, broker_address
from jobs.errors import SetupFault

HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS = 1000, 3000
"""A machine that is gone closes nothing. (ZeroMQ's own thread answers: it does not prove that the process lives.)"""

HANDSHAKE_MS = 5000
"""In which a connection must have shown a key, or is closed: each holds a descriptor. The broker answers in a turn."""


class Wires(NamedTuple):
    """`address` is None for local sockets in `run`; `curve` the folder of keys, None where nobody is asked for one."""

    run: Path
    address: tuple[str, int] | None = None
    curve: Path | None = None

    def endpoint(self, name: str) -> str:
        """What to connect socket `name` to."""
        if self.address is None:
            return folders.endpoint(self.run, name)
        host, port = self.address
        return _tcp(host, port + SOCKETS.index(name))

    def bind_endpoint(self, name: str) -> str:
        """What to bind it to: ZeroMQ binds to numbers only. Raises SetupFault."""
        if self.address is None:
            return folders.endpoint(self.run, name)
        host, port = self.address
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0]
        except OSError:
            raise SetupFault(f"{host} is no address of this machine: correct PIXMILL_BROKERS") from None
        return _tcp(str(found), port + SOCKETS.index(name))

    def tune(self, wire: Any) -> None:
        """What every socket on tcp has, at both of its ends."""
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
