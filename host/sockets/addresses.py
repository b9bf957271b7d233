"""Where the sockets between the parts are: in the run folder, or on tcp at the addresses in BROKERS.

Owns the addresses, and how a socket on tcp is set up. Knows ZeroMQ's sockets by their attributes alone.
"""

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from host.files import folders
from host.settings.brokers import SOCKETS
from jobs.errors import SetupFault

HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS = 1000, 3000
"""Heartbeats: a machine that is gone closes no connection. (ZeroMQ's own thread answers, so they do not prove that the
process lives.)"""

CONNECT_MS = 1500
"""A try to connect is given up after this time, and another one begins. The kernel alone would repeat the first packet
after 1, 3, 7, 15 s: after a partition nobody would be back before the next of these."""
HANDSHAKE_MS = 5000
"""A connection is closed if it has not shown a key within this time: each holds a descriptor. The broker answers in its
turn."""


class Wires(NamedTuple):
    """The sockets of one broker. `address` is None for local sockets in `run`; `curve` is the folder of keys, None if
    none are needed."""

    run: Path
    address: tuple[str, int] | None = None
    curve: Path | None = None

    def endpoint(self, name: str) -> str:
        """The address to connect socket `name` to."""
        if self.address is None:
            return folders.endpoint(self.run, name)
        return _tcp(self.address[0], self.port(name))

    def port(self, name: str) -> int:
        """The port of socket `name` on tcp; 0 if it has none."""
        return self.address[1] + SOCKETS.index(name) if self.address else 0

    def bind_endpoint(self, name: str) -> str:
        """The address to bind it to: ZeroMQ binds to numeric addresses only. Raises SetupFault."""
        if self.address is None:
            return folders.endpoint(self.run, name)
        host = self.address[0]
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0]
        except OSError:
            raise SetupFault(f"{host} is no address of this machine: correct PIXMILL_BROKERS") from None
        return _tcp(str(found), self.port(name))

    def tune(self, wire: Any) -> None:
        """Set the options of every socket on tcp, at both of its ends."""
        if self.address is not None:
            wire.heartbeat_ivl, wire.heartbeat_timeout = HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS
            wire.handshake_ivl, wire.connect_timeout = HANDSHAKE_MS, CONNECT_MS


def own_wires(wires: Sequence[Wires]) -> list[Wires]:
    """Those of several that this machine can bind. Raises SetupFault if there is none."""
    if len(wires) == 1:
        return list(wires)
    if own := [each for each in wires if each.address and _is_ours(each.address[0])]:
        return own
    hosts = ", ".join(each.address[0] for each in wires if each.address) or "the listed brokers"
    raise SetupFault(f"none of {hosts} is an address of this machine: correct PIXMILL_BROKERS")


def _is_ours(host: str) -> bool:
    """Whether a socket can be bound to `host`. One of datagrams takes no port from a broker."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as tried:
            tried.bind(place)
    except OSError:
        return False
    return True


def _tcp(host: str, port: int) -> str:
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"
