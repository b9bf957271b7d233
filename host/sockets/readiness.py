"""Which of some ZeroMQ sockets and descriptors can be read. Owns the waiting of the broker and of a keeper."""

import select
from collections.abc import Iterable
from math import ceil
from typing import Any, cast

import zmq

Socket = zmq.Socket[Any]
_IN = int(zmq.POLLIN)
WAIT_SECONDS_MAX = 60.0


def descriptors(*sockets: Socket) -> dict[int, Socket]:
    """The sockets by their descriptors."""
    return {cast(int, socket.getsockopt(zmq.FD)): socket for socket in sockets}


def has_mail(socket: Socket) -> bool:
    """Whether a message can be read. This costs a third of a receive that raises."""
    return bool(cast(int, socket.getsockopt(zmq.EVENTS)) & _IN)


def readable(sockets: dict[int, Socket], others: Iterable[int], seconds: float) -> set[Any]:
    """Those of `sockets` (by their descriptors) and of the `others` that can be read: as soon as one can, or after
    `seconds`, at most a minute (system calls do not take every number of seconds).

    One system call waits, where zmq_poll makes a dozen. A ZeroMQ socket's descriptor is edge-triggered, and a send or a
    partial read may have consumed the edge: so each socket is asked first. Spurious wake-ups are possible.
    """
    ready: set[Any] = {socket for socket in sockets.values() if has_mail(socket)}
    poll = select.poll()
    for descriptor in (*sockets, *others):
        poll.register(descriptor, select.POLLIN)
    wait = 0 if ready else max(0, ceil(min(seconds, WAIT_SECONDS_MAX) * 1000))
    return ready | {sockets.get(descriptor, descriptor) for descriptor, _ in poll.poll(wait)}
