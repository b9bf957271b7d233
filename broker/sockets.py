"""The broker's sockets: bound, bounded, read, written and closed.

Owns their options, and is the only file of the broker that knows ZeroMQ. Only `wait` waits. broker/loop.py decides what
is read and sent, and in which order.
"""

import contextlib
import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any

import zmq
from zmq.utils.monitor import parse_monitor_message

from host.settings.brokers import SOCKETS
from host.sockets import curve
from host.sockets.addresses import Wires
from host.sockets.allowed import Role
from host.sockets.connections import Connections, of_kernel
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
BIND_TRIES, BIND_SECONDS = 40, 0.005
"""A port that this process has just let go is free within a millisecond or two."""


class Sockets:
    """All sockets of the broker, bound. `read`: those that `wait` waits for, by descriptor; `but_workers`: the same
    without that of the workers."""

    def __init__(self, wires: Wires, log: logging.Logger) -> None:
        self._context = zmq.Context()
        self._wires = wires
        try:
            self._open(wires, log)
        except SetupFault:
            self._context.destroy(0)
            raise

    def _open(self, wires: Wires, log: logging.Logger) -> None:
        self.door = curve.Server(self._context, wires.curve, log, _counted(wires)) if wires.curve else None
        self.pull = self._bind(zmq.PULL, "jobs")
        self.router = self._bind(zmq.ROUTER, "workers")
        self.monitor = self.router.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self._bind_publishers()

    def _bind_publishers(self) -> None:
        self.acks = self._bind(zmq.XPUB, "receipts")
        self.changes = self._bind(zmq.XPUB, "changes")
        read = (self.monitor, self.pull, self.acks, self.changes)
        self.but_workers = descriptors(*read, *([self.door.questions] if self.door else []))
        self.read = descriptors(self.router) | self.but_workers

    def end_subscriptions(self) -> None:
        """End the connections of all web processes to what is published: who is still allowed connects again, and
        subscribes. A publisher cannot end one of its connections. Raises SetupFault if a port is taken meanwhile."""
        for bound in (self.acks, self.changes):
            bound.close()
        self._bind_publishers()

    def _bind(self, kind: int, name: str) -> Any:
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
        self._wires.tune(bound)
        if self.door:
            self.door.dress(bound, _role(name))
        _bind(bound, self._wires.bind_endpoint(name))
        return bound

    def wait(self, other: int, seconds: float, deaf: bool = False) -> set[Any]:
        """Wait until a socket or the descriptor `other` can be read, or for `seconds`. Returns those that can. With
        `deaf`, workers' messages end no wait."""
        return readable(self.but_workers if deaf else self.read, [other], seconds)

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

    def receive_from_web(self) -> tuple[list[bytes], bytes | None] | None:
        """The frames of a message, and on tcp the key that authenticated it; None: there is nothing to read."""
        try:
            if self.door is None:
                return self.pull.recv_multipart(zmq.NOBLOCK), None
            frames = self.pull.recv_multipart(zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return None
        return [frame.bytes for frame in frames], frames[-1].get("User-Id").encode()

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


def _counted(wires: Wires) -> Connections:
    """The count of the connections to our ports."""
    ports = {role: [wires.port(name) for name in SOCKETS if _role(name) == role] for role in Role}
    return Connections(ports, of_kernel)


def _role(name: str) -> Role:
    """Who connects to the socket of this name."""
    return Role.WORKER if name == "workers" else Role.WEB


def open_sockets(wires: Sequence[Wires], log: logging.Logger) -> Sockets:
    """The sockets at the first of these addresses of ours that is free: a broker that lost the term, and does not know
    it yet, may hold another. Raises SetupFault where none is."""
    *others, last = wires
    for each in others:
        with contextlib.suppress(SetupFault):
            return Sockets(each, log)
    return Sockets(last, log)


def _bind(bound: Any, address: str) -> None:
    """Bind it to `address`, which a socket of ours may be about to let go. Raises SetupFault."""
    for left in reversed(range(BIND_TRIES)):
        try:
            bound.bind(address)
            return
        except zmq.ZMQError as error:
            if error.errno != zmq.EADDRINUSE or not left:
                raise SetupFault(f"{address} cannot be bound ({error.strerror}): correct PIXMILL_BROKERS") from None
            time.sleep(BIND_SECONDS)
