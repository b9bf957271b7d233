"""A WebBroker behind real sockets, in a thread of the test's own process.

Owns the sockets and what a test may do to them; broker/loop.py has those of the real process.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import zmq

from broker.core.books.events import Policy
from host.files.folders import endpoint
from jobs import wire
from stores.ledger import Ledger
from tests.support.harnesses.web_broker import WebBroker
from tests.support.patience import stretched

BEAT_SECONDS = 0.5


class SocketBroker:
    """Other threads speak to the broker through `do`. Its own clock goes on with its beats alone."""

    def __init__(self, run: Path, ledger: Callable[[], Ledger]) -> None:
        self._run, self._open = run, ledger
        self._orders, self._order_writer = os.pipe()
        self._order: Callable[[WebBroker], object] | None = None
        self._done = threading.Event()
        self._result: object = None
        self.mute = False
        """Take what is sent and acknowledge nothing: a broker that hangs after its commit."""
        self._thread = threading.Thread(target=self._serve)
        self._ready = threading.Event()
        self._thread.start()
        assert self._ready.wait(stretched(10))

    def do(self, order: Callable[[WebBroker], object]) -> object:
        """The result of `order`, carried out in the broker's thread."""
        self._order = order
        self._done.clear()
        os.write(self._order_writer, b"x")
        assert self._done.wait(stretched(10))
        return self._result

    def stop(self) -> None:
        """End the thread and free the sockets."""
        os.write(self._order_writer, b"q")
        self._thread.join(10)
        assert not self._thread.is_alive()
        os.close(self._orders)
        os.close(self._order_writer)

    def _serve(self) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        jobs, acks, changes = context.socket(zmq.PULL), context.socket(zmq.XPUB), context.socket(zmq.XPUB)
        for socket, name in ((jobs, "jobs"), (acks, "receipts"), (changes, "changes")):
            socket.linger = 0
            if socket is not jobs:
                socket.setsockopt(zmq.XPUB_VERBOSE, 1)
            socket.bind(endpoint(self._run, name))

        def tell(topic: bytes, frame: bytes) -> None:
            if topic in (wire.CHANGES_TOPIC, wire.BEAT_TOPIC):
                changes.send_multipart([topic, frame])
            elif not self.mute:
                acks.send_multipart([topic, frame])

        ledger = self._open()
        broker = WebBroker(Policy(beat_seconds=BEAT_SECONDS), ledger, time.time(), tell)
        poller = zmq.Poller()
        for readable in (jobs, acks, changes, self._orders):
            poller.register(readable, zmq.POLLIN)
        self._ready.set()
        beat_at, running = 0.0, True
        while running:
            events = dict(poller.poll(50))
            if jobs in events:
                broker.handle(jobs.recv())
            if acks in events and (subscription := acks.recv())[:1] == b"\1":
                acks.send_multipart([subscription[1:], wire.encode(wire.Hello(broker.epoch))])
            if changes in events:
                changes.recv()
            if self._orders in events:
                running = os.read(self._orders, 1) == b"x"
                if running and self._order:
                    self._result = self._order(broker)
                    self._done.set()
            if time.monotonic() > beat_at:
                beat_at = time.monotonic() + BEAT_SECONDS
                broker.beat()
        context.destroy(linger=0)
        ledger.close()
