"""The broker's sockets: bound, bounded, read, written and closed.

Owns their options, and is the only file of the broker that knows ZeroMQ. Only `wait` waits. broker/loop.py decides what
is read and sent, and in which order.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import zmq
from zmq.utils.monitor import parse_monitor_message

from host.sockets import curve
from host.sockets.addresses import Wires
from host.sockets.readiness import descriptors, readable
from jobs import wire
from jobs.errors import SetupFault

RECEIVED_FRAMES_MAX = 500
"""Unread frames of one connection: more than a web process has unacknowledged. A sender of more must wait."""
SENT_FRAMES_MAX = 2000
"""Unsent frames of one connection. A worker with a full buffer is lost; a web process that missed some frames reads the
ledger instead."""
READ_MAX = 256
"""How many subscriptions, or events of connections, a turn reads at most."""
LINGER_MILLISECONDS = 200


class Sockets:
    """All sockets of the broker, bound. `read`: those that `wait` waits for, by descriptor."""

    def __init__(self, wires: Wires, log: logging.Logger) -> None:
        self._context = zmq.Context()
        self.door = curve.Server(self._context, wires.curve, log) if wires.curve else None
        self.pull = self._bind(zmq.PULL, wires, "jobs")
        self.router = self._bind(zmq.ROUTER, wires, "workers")
        self.acks = self._bind(zmq.XPUB, wires, "receipts")
        self.changes = self._bind(zmq.XPUB, wires, "changes")
        self.monitor = self.router.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        read = (self.router, self.monitor, self.pull, self.acks, self.changes)
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

    def wait(self, other: int, seconds: float) -> set[Any]:
        """Wait until a socket or the descriptor `other` can be read, or for `seconds`. Returns those that can."""
        return readable(self.read, [other], seconds)

    def receive_from_worker(self) -> tuple[bytes, list[bytes], bytes | None] | None:
        """The connection, the frames, and on tcp the key that authenticated it; None: there is nothing to read."""
        try:
            if self.door is None:
                peer, *plain = self.router.recv_multipart(zmq.NOBLOCK)
                return peer, plain, None
            first, *frames = self.router.recv_multipart(zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return None
        key = frames[-1].get("User-Id").encode() if frames else b""
        return first.bytes, [frame.bytes for frame in frames], key

    def receive_from_web(self) -> list[bytes] | None:
        """The frames of a message; None: there is nothing to read."""
        try:
            frames = [self.pull.recv(zmq.NOBLOCK)]
        except zmq.Again:
            return None
        while self.pull.get(zmq.RCVMORE):
            frames.append(self.pull.recv(zmq.NOBLOCK))
        return frames

    def subscribed(self, ready: set[Any]) -> list[bytes]:
        """The new subscriptions to acks, by topic. Subscriptions to changes are read and ignored."""
        topics = [frame[1:] for frame in self._subscriptions(self.acks, ready) if frame[:1] == b"\x01"]
        for _ in self._subscriptions(self.changes, ready):
            pass
        return topics

    def _subscriptions(self, publisher: Any, ready: set[Any]) -> Iterator[bytes]:
        for _ in range(READ_MAX if publisher in ready else 0):
            try:
                yield publisher.recv(zmq.NOBLOCK)
            except zmq.Again:
                return

    def has_lost_connections(self) -> bool:
        """Whether some worker's connection has ended since the last time."""
        ended = False
        for _ in range(READ_MAX):
            try:
                event = parse_monitor_message(self.monitor.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                break
            ended = ended or event["event"] == zmq.EVENT_DISCONNECTED
        return ended

    def notice_ends(self) -> None:
        """Let ZeroMQ process connections that have ended, so that a send to one of them fails."""
        self.router.poll(0)

    def send_to_worker(self, peer: bytes, frames: Sequence[bytes]) -> bool:
        """Send these at once. False: the connection has ended, or its buffer is full."""
        try:
            self.router.send_multipart([peer, *frames], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            if error.errno not in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                raise
            return False
        return True

    def publish_acks(self, topic: bytes, frame: bytes) -> None:
        """Send to the web process whose topic this is."""
        self.acks.send_multipart([topic, frame], zmq.NOBLOCK)

    def publish_changes(self, topic: bytes, frame: bytes) -> None:
        """Send to every web process."""
        self.changes.send_multipart([topic, frame], zmq.NOBLOCK)

    def close(self) -> None:
        """Close the sockets, after a bounded wait for unsent frames."""
        self.router.disable_monitor()
        self.monitor.close(0)
        for bound in (self.pull, self.router, self.acks, self.changes):
            bound.close()
        if self.door:
            self.door.questions.close()
        self._context.term()
