"""One line: the DEALER to one broker's address, and its monitor. The only zmq of the role.

Owns the options of these sockets, and their replacement. Knows no meaning of a message but the Welcome.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import zmq
from zmq.utils.monitor import recv_monitor_message

from host.sockets import curve
from host.sockets.addresses import Wires
from host.sockets.readiness import descriptors, has_mail
from jobs import wire

RECONNECT_MS_FIRST, RECONNECT_MS_MAX = 10, 500
CONNECTED, DISCONNECTED = int(zmq.EVENT_HANDSHAKE_SUCCEEDED), int(zmq.EVENT_DISCONNECTED)
"""Monitored events of a connection; on tcp also refusals."""


class Line:
    """A connection to the broker at `wires`, that is made again by itself. `monitors`, `mail`: what can be read, by
    descriptor."""

    def __init__(self, wires: Wires, client: curve.Client | None) -> None:
        self.wires, self._client = wires, client
        self._context: zmq.Context[Any] = zmq.Context()
        self._former: Any = None
        """The socket that the broker knows, until it welcomes the present one."""
        self._open()

    def _open(self) -> None:
        self._dealer: Any = self._context.socket(zmq.DEALER)
        self._dealer.linger = 0
        self._dealer.ipv6 = True
        self._dealer.maxmsgsize = wire.FRAME_BYTES_MAX
        self._dealer.reconnect_ivl = RECONNECT_MS_FIRST
        self._dealer.reconnect_ivl_max = RECONNECT_MS_MAX
        watched = CONNECTED | DISCONNECTED | (curve.WATCHED if self.wires.address else 0)
        self._monitor: Any = self._dealer.get_monitor_socket(watched)
        self.wires.tune(self._dealer)
        if self._client:
            self._client.dress(self._dealer)
        self._dealer.connect(self.wires.endpoint("workers"))
        self.monitors = descriptors(self._monitor)
        self.mail = descriptors(self._dealer)
        self._welcome = False

    def reopen(self) -> None:
        """Open a fresh socket. The one that the broker knows stays open until the new one is welcome. If the broker
        only paused, it would take that socket's end for ours, and our running jobs for lost."""
        self._dealer.disable_monitor()
        self._monitor.close(0)
        if self._welcome:
            self._former = self._dealer
        else:
            self._dealer.close(0)
        self._open()

    def close(self, linger_ms: int) -> None:
        """Close everything; unsent messages may take so long."""
        self._dealer.disable_monitor()
        self._monitor.close(0)
        self._dealer.close(linger_ms)
        self._leave_former()
        self._context.term()

    def welcomed(self) -> None:
        """The broker knows the present socket."""
        self._welcome = True
        self._leave_former()

    def _leave_former(self) -> None:
        if self._former is not None:
            self._former.close(0)
            self._former = None

    def send(self, frames: Sequence[bytes]) -> bool:
        """Send these. False: they cannot be sent now."""
        try:
            for frame in frames:
                self._dealer.send(frame, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def frames(self) -> list[bytes]:
        """The frames of one message; none if there is nothing to read."""
        received: list[bytes] = self._dealer.recv_multipart(zmq.NOBLOCK) if has_mail(self._dealer) else []
        return received

    def events(self) -> Iterator[int]:
        """CONNECTED, DISCONNECTED and on tcp those of curve.WATCHED, as they happened."""
        while has_mail(self._monitor):
            yield recv_monitor_message(self._monitor)["event"]
