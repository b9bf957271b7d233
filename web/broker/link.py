"""The sockets between web and one broker; the only file of web that knows ZeroMQ. Owns no meaning: it sends frames
for web/broker/requests.py, and passes received ones to it and to web/broker/changes.py.

ZeroMQ's descriptor is edge-triggered, so each visit reads until the socket is empty. A send may consume the edge
of a receive, so each socket is one-way. A timer also visits all sockets. While nobody waits for changes, only the
timer reads them, many in one visit.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import cast

import zmq
from zmq.utils.monitor import recv_monitor_message

from host.sockets import curve
from host.sockets.addresses import Wires
from jobs import wire
from jobs.errors import WireFault
from jobs.wire import Acks, Beat, Changes, Hello
from web.broker.changes import ChangeFeed
from web.broker.requests import Requests

TOUCH_SECONDS, TOUCH_SECONDS_UNHEARD = 0.2, 0.05
"""A SUB subscribes again, and a PUSH notices a new broker, only when its owner calls it. Sockets with a
watched descriptor do so at once. The changes' socket does so at most this late, while nobody awaits them."""
UNHEARD_SECONDS = 1.2
"""A beat comes each second: after this long without one, the broker must be found again."""
REOPEN_SECONDS = 2.5
"""On tcp, fresh sockets are made after so long without a beat, and again each time it passes. A socket that the broker
refused never tries again, and the first packet to a host that was cut off may wait for seconds to be repeated."""
SEND_FRAMES_MAX = 64
"""Messages in the buffer of a PUSH socket: few, because a broken connection loses them and they are sent again."""
VISIT_FRAMES_MAX = 256
"""Messages that are read in one visit, before HTTP has its turn."""
RECONNECT_MS, RECONNECT_MS_MAX = 10, 100


class Link:
    """Connects one web process, whose acknowledgements come under `web`, to one broker. `counts`: whether a message of
    this broker counts, by its epoch."""

    def __init__(
        self,
        wires: Wires,
        web: str,
        requests: Requests,
        feed: ChangeFeed,
        counts: Callable[[int], bool],
        log: logging.Logger,
    ) -> None:
        self.wires, self._requests, self._feed, self._counts, self._log = wires, requests, feed, counts, log
        self._acks_topic = wire.acks_topic(web)
        self._malformed = False
        self._client = curve.Client(wires.curve) if wires.curve else None
        self._refusals = curve.Refusals(log, self._client)
        self._monitor: zmq.SyncSocket | None = None
        self._watching = False
        """Whether changes are read as soon as they come."""

    def open(self) -> None:
        """Connect and listen, in the running event loop. The broker need not be there yet."""
        self._loop = asyncio.get_running_loop()
        self._context = zmq.Context()
        self._connect()
        self._touch()

    def close(self) -> None:
        """Disconnect. Unsent messages are dropped: nothing in them was promised."""
        self._timer.cancel()
        if self._refusals.why:
            self._feed.refusal = ""
        self._disconnect()
        self._context.destroy(linger=0)

    def _connect(self) -> None:
        self._opened_at = self._loop.time()
        self._jobs = self._socket(zmq.PUSH, "jobs")
        self._acks = self._socket(zmq.SUB, "receipts", self._acks_topic)
        self._changes = self._socket(zmq.SUB, "changes", wire.CHANGES_TOPIC, wire.BEAT_TOPIC)
        self._watching = False
        self._loop.add_reader(self._jobs, self._visit_jobs)
        self._loop.add_reader(self._acks, self._visit, self._acks)

    def _disconnect(self) -> None:
        if self._monitor:
            self._jobs.disable_monitor()
            self._monitor.close(0)
        for socket in (self._jobs, self._acks, self._changes):
            self._loop.remove_reader(socket)
            socket.close()

    def _socket(self, kind: int, name: str, *topics: bytes) -> "zmq.Socket[bytes]":
        socket = self._context.socket(kind)
        socket.linger = 0
        socket.ipv6 = True
        socket.maxmsgsize = wire.FRAME_BYTES_MAX
        socket.reconnect_ivl, socket.reconnect_ivl_max = RECONNECT_MS, RECONNECT_MS_MAX
        if kind == zmq.PUSH:
            socket.sndhwm = SEND_FRAMES_MAX
            socket.immediate = True
        for topic in topics:
            socket.subscribe(topic)
        self.wires.tune(socket)
        if self._client:
            self._client.dress(socket)
        if self.wires.address and kind == zmq.PUSH:
            self._monitor = socket.get_monitor_socket(curve.WATCHED)
        socket.connect(self.wires.endpoint(name))
        return socket

    def _touch(self) -> None:
        self._visit_jobs()
        self._visit(self._acks)
        self._visit(self._changes)
        while self._monitor and self._monitor.poll(0):
            self._refusals.notify(recv_monitor_message(self._monitor)["event"])
            self._feed.refusal = self._refusals.why
        if self._feed.awaited:
            self.poll_now()
        elif self._watching:
            self._watching = False
            self._loop.remove_reader(self._changes)
        silent = self._feed.silent_seconds()
        if self.wires.address and min(silent, self._loop.time() - self._opened_at) > REOPEN_SECONDS:
            self._disconnect()
            self._connect()
        heard = silent < UNHEARD_SECONDS
        self._timer = self._loop.call_later(TOUCH_SECONDS if heard else TOUCH_SECONDS_UNHEARD, self._touch)

    def poll_now(self) -> None:
        """Read changes now, and as they come, until nobody awaits them."""
        if not self._watching:
            self._watching = True
            self._loop.add_reader(self._changes, self._visit, self._changes)
            self._visit(self._changes)

    def _visit_jobs(self) -> None:
        if _events(self._jobs) & zmq.POLLOUT:
            self._requests.flush()

    def send(self, frame: bytes) -> bool:
        """Send a frame. False: it cannot be sent now."""
        try:
            self._jobs.send(frame, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def _visit(self, socket: "zmq.Socket[bytes]") -> None:
        for _ in range(VISIT_FRAMES_MAX):
            if socket.closed or not _events(socket) & zmq.POLLIN:
                return
            _topic, frame = socket.recv_multipart(zmq.NOBLOCK)
            self._receive(frame)
        self._loop.call_soon(self._visit, socket)

    def _receive(self, frame: bytes) -> None:
        try:
            message = wire.to_web.decode(frame)
        except WireFault as fault:
            if not self._malformed:
                self._log.warning("frame_dropped", extra={"why": fault.detail})
            self._malformed = True
            return
        if not self._counts(message.epoch):
            return
        match message:
            case Acks(epoch, acks):
                self._requests.received_acks(epoch, acks)
            case Changes():
                self._feed.received_changes(message)
            case Beat():
                self._feed.received_beat(message)
            case Hello(epoch):
                self._feed.received_hello(message)
                self._requests.received_hello(epoch)


def _events(socket: "zmq.Socket[bytes]") -> int:
    return cast(int, socket.getsockopt(zmq.EVENTS))
