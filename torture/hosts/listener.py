"""Hears what every broker publishes, to tell whether one whose term is over still speaks. Knows no host."""

import threading
import time
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Self

import zmq

from host.sockets import curve
from host.sockets.addresses import Wires
from jobs import wire

POLL_MS = 50


class Listener:
    """A subscriber of all brokers at `addresses`. `heard`: the epoch of each message, with the time and the broker."""

    def __init__(self, keys: Path, addresses: Sequence[tuple[str, int]]) -> None:
        self._keys, self._addresses = keys, addresses
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self.heard: list[tuple[float, str, int]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _listen(self) -> None:
        context: zmq.Context[Any] = zmq.Context()
        poller, names = zmq.Poller(), {}
        for address in self._addresses:
            socket = context.socket(zmq.SUB)
            wires = Wires(Path(), address)
            wires.tune(socket)
            curve.Client(self._keys).dress(socket)
            socket.subscribe(b"")
            socket.connect(wires.endpoint("changes"))
            poller.register(socket, zmq.POLLIN)
            names[socket] = address[0]
        while not self._over.is_set():
            for socket, _ in poller.poll(POLL_MS):
                message = wire.to_web.decode(socket.recv_multipart()[1])
                self.heard.append((time.time(), names[socket], message.epoch))
        context.destroy(0)

    def epochs(self) -> list[int]:
        """All that were heard, in order."""
        return sorted({epoch for _, _, epoch in self.heard})

    def late(self) -> int:
        """How many messages came from a broker after one with a higher epoch was heard."""
        highest = accumulate((epoch for _, _, epoch in self.heard), max)
        return sum(epoch < top for (_, _, epoch), top in zip(self.heard, highest, strict=True))
