"""The broker's sockets: bound, bounded, watched and closed.

Owns their options. What is read and sent, and in which order, is broker/loop.py's.
"""

import logging
from typing import Any

import zmq

from host.sockets import curve
from host.sockets.addresses import Wires
from host.sockets.readiness import descriptors
from jobs import wire
from jobs.errors import SetupFault

RECEIVED_FRAMES_MAX = 500
"""Of a connection, unread: what a web process has without a receipt, and more. Who sends more waits."""
SENT_FRAMES_MAX = 2000
"""Of a connection, unsent: a worker that takes none is lost, a web process reads the ledger where it missed some."""
LINGER_MILLISECONDS = 200


class Sockets:
    """All of them, bound. `read`: those that are waited for, by descriptor."""

    def __init__(self, wires: Wires, log: logging.Logger) -> None:
        self._context = zmq.Context()
        self.door = curve.Server(self._context, wires.curve, log) if wires.curve else None
        self.pull = self._bind(zmq.PULL, wires, "jobs")
        self.router = self._bind(zmq.ROUTER, wires, "workers")
        self.receipts = self._bind(zmq.XPUB, wires, "receipts")
        self.changes = self._bind(zmq.XPUB, wires, "changes")
        self.monitor = self.router.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        read = (self.router, self.monitor, self.pull, self.receipts, self.changes)
        self.read = descriptors(*read, *([self.door.questions] if self.door else []))

    def _bind(self, kind: int, wires: Wires, name: str) -> Any:
        bound: Any = self._context.socket(kind)
        bound.linger = LINGER_MILLISECONDS if kind == zmq.XPUB else 0
        bound.maxmsgsize = wire.FRAME_BYTES_MAX
        bound.ipv6 = True
        bound.rcvhwm = RECEIVED_FRAMES_MAX
        bound.sndhwm = SENT_FRAMES_MAX
        if kind == zmq.ROUTER:
            bound.router_mandatory = 1
            bound.linger = LINGER_MILLISECONDS
        if kind == zmq.XPUB:
            bound.xpub_verbose = 1
        wires.tune(bound)
        if self.door:
            self.door.dress(bound)
        address = wires.bind_endpoint(name)
        try:
            bound.bind(address)
        except zmq.ZMQError as error:
            raise SetupFault(f"{address} cannot be bound ({error.strerror}): correct PIXMILL_BROKERS") from None
        return bound

    def receive_from_worker(self) -> tuple[bytes, list[bytes], bytes | None]:
        """Connection, frames, and on tcp the key that it was let in by."""
        if self.door is None:
            peer, *plain = self.router.recv_multipart(zmq.NOBLOCK)
            return peer, plain, None
        first, *frames = self.router.recv_multipart(zmq.NOBLOCK, copy=False)
        key = frames[-1].get("User-Id").encode() if frames else b""
        return first.bytes, [frame.bytes for frame in frames], key

    def close(self) -> None:
        """Close the sockets, waiting a bounded time for what was sent."""
        self.router.disable_monitor()
        self.monitor.close(0)
        for bound in (self.pull, self.router, self.receipts, self.changes):
            bound.close()
        if self.door:
            self.door.questions.close()
        self._context.term()
