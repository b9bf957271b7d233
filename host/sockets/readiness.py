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
    """Whether a message is there to be read: a third of what it costs to try, and be told by an exception."""
    return bool(cast(int, socket.getsockopt(zmq.EVENTS)) & _IN)


def readable(sockets: dict[int, Socket], others: Iterable[int], seconds: float) -> set[Any]:
    """Those of `sockets` (by their descriptors) and of the `others` that can be read, as soon as one can, or after
    `seconds`; a minute at most, for no system call waits for as long as a number can say.

    One system call waits, where zmq_poll makes a dozen. A ZeroMQ socket's descriptor tells of an edge, which any send
    or half a read may have swallowed: so each socket is asked first. One may be told of without a message in it.
    """
    ready: set[Any] = {socket for socket in sockets.values() if has_mail(socket)}
    poll = select.poll()
    for descriptor in (*sockets, *others):
        poll.register(descriptor, select.POLLIN)
    wait = 0 if ready else max(0, ceil(min(seconds, WAIT_SECONDS_MAX) * 1000))
    return ready | {sockets.get(descriptor, descriptor) for descriptor, _ in poll.poll(wait)}
