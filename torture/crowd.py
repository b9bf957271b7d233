"""Thousands of clients that do next to nothing, in one process of their own (for torture/slow.py).

Owns the behaviour of each kind, and measures when the server drops a client. It reads that from the kernel's table of
connections, because some kinds would not notice. Linux only.
"""

import contextlib
import multiprocessing
import os
import random
import socket
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from jobs.limits import BODY_SILENCE_SECONDS, HEAD_SECONDS, KEEP_ALIVE_SECONDS, SEND_SECONDS

SLICES = 20
"""Each client acts once a second, a slice of them at a time."""
LOOK_SLICES = 5
"""The kernel's table is read once in so many slices, which is four times a second."""
ESTABLISHED = "01"
ADDRESSES = [f"127.0.1.{number}" for number in range(1, 17)]
"""Their addresses: enough that none reaches its limit of simultaneous uploads. The good client has another one."""


@dataclass(frozen=True)
class Kind:
    """One kind of client. It sends `first` at once, then one byte of `rest` a second, and never reads. The server must
    drop it within `seconds`."""

    name: str
    first: bytes
    rest: bytes
    seconds: float


def kinds(big: str) -> list[Kind]:
    """Every way to be slow; `big` is the path of an answer that no buffer holds."""
    host = b" HTTP/1.1\r\nHost: localhost\r\n"
    asks = b"POST /jobs" + host + b"Content-Length: 999\r\n\r\n"
    upload = b"POST /upload" + host + b"Content-Type: image/png\r\nContent-Length: 1000000\r\n\r\n"
    return [
        Kind("says nothing", b"", b"", HEAD_SECONDS),
        Kind("a head, a byte a second", b"GET /", b"x" * 1000, HEAD_SECONDS),
        Kind("an upload, a byte a second", upload + b"\x89PNG\r\n\x1a\n", b"x" * 1000, BODY_SILENCE_SECONDS),
        Kind("a JSON body, a byte a second", asks, b" " * 990, BODY_SILENCE_SECONDS),
        Kind("reads nothing of an answer", b"GET " + big.encode() + host + b"\r\n", b"", SEND_SECONDS),
    ]  # fmt: skip


IDLE = Kind("idle", b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n", b"", KEEP_ALIVE_SECONDS)


class Client:
    """One of them, connected."""

    def __init__(self, kind: Kind, source: str, address: tuple[str, int]) -> None:
        self.kind, self.source, self.sent = kind, source, 0
        self.socket = socket.socket()
        self.socket.bind((source, 0))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(address)
        self.remote = _as_listed(*self.socket.getsockname())
        self.since = time.monotonic()
        self.socket.setblocking(False)
        self.socket.send(kind.first)

    def act(self) -> None:
        """Send the next byte, if there is one."""
        if self.sent < len(self.kind.rest):
            with contextlib.suppress(OSError):
                self.socket.send(self.kind.rest[self.sent : self.sent + 1])
            self.sent += 1


class Crowd:
    """`count` clients of `chosen` kinds. A dropped client is replaced until `leave`, which returns for each kind its
    longest life, and how many were dropped."""

    def __init__(self, chosen: Iterable[Kind], count: int, address: tuple[str, int]) -> None:
        ours, theirs = multiprocessing.Pipe()
        self._pipe = ours
        self._process = multiprocessing.get_context("fork").Process(
            target=_run, args=(theirs, list(chosen), count, address), daemon=True
        )
        self._process.start()
        self._pipe.recv()

    def leave(self, patience: float = 0.0) -> dict[str, tuple[float, int]]:
        """Stop replacing clients, wait at most `patience` seconds until all are dropped, then disconnect. Returns the
        figures by the kind's name."""
        self._pipe.send(patience)
        lives: dict[str, tuple[float, int]] = self._pipe.recv()
        self._process.join()
        return lives


def _as_listed(host: str, port: int) -> str:
    """An IPv4 address and port as the kernel's table has them."""
    return f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"


def established(port: int) -> set[str]:
    """Who is connected to a server on local `port`, over IPv4."""
    rows = [line.split()[1:4] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ending = f":{port:04X}"
    return {remote for local, remote, state in rows if local.endswith(ending) and state == ESTABLISHED}


def _run(pipe: Connection, chosen: list[Kind], count: int, address: tuple[str, int]) -> None:
    os.nice(5)
    lives = {kind.name: (0.0, 0) for kind in chosen}
    crowd = [
        Client(chosen[index % len(chosen)], ADDRESSES[index // len(chosen) % len(ADDRESSES)], address)
        for index in range(count)
    ]
    random.Random(1).shuffle(crowd)
    pipe.send("all here")
    until, slice_ = None, 0
    while crowd and (until is None or time.monotonic() < until):
        began = time.monotonic()
        for client in crowd[slice_::SLICES]:
            client.act()
        slice_ = (slice_ + 1) % SLICES
        time.sleep(max(0.0, began + 1 / SLICES - time.monotonic()))
        if slice_ % LOOK_SLICES:
            continue
        connected, now = established(address[1]), time.monotonic()
        for client in [client for client in crowd if client.remote not in connected]:
            longest, dropped = lives[client.kind.name]
            lives[client.kind.name] = (max(longest, now - client.since), dropped + 1)
            client.socket.close()
            crowd.remove(client)
            if until is None:
                crowd.append(Client(client.kind, client.source, address))
        if until is None and pipe.poll():
            until = now + pipe.recv()
    for client in crowd:
        client.socket.close()
        longest, dropped = lives[client.kind.name]
        lives[client.kind.name] = (longest if until is None or until == 0 else float("inf"), dropped)
    pipe.send(lives)
