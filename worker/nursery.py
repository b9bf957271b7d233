"""The nursery: loads the image libraries once and forks decoders of itself, warm, in milliseconds.

Owns the decoders as their parent: it reaps them and tells the keeper how they ended. It opens no
image of anybody's and imports no zmq. Forked by worker/__main__.py, or `python -m worker.nursery`.
"""

import gc
import os
import selectors
import signal
import socket
import sys

from host.environment import load_settings
from host.lifeline import die_with_parent
from host.scheduling import give_way
from worker import tasks


def run(control: socket.socket, keeper: int, nice: int) -> None:
    """Serve the keeper (a pid) until it closes `control`. Also returns in a decoder that has ended.

    A Ctrl-C, or systemd's SIGTERM to all of a group, is the keeper's to answer.
    """
    die_with_parent(keeper)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    from worker import decoder, pipeline

    pipeline.warm()
    gc.freeze()
    control.send(tasks.encode(tasks.Warm(pipeline.ENGINE)))
    nursery = os.getpid()
    if (link := Nursery(control).serve()) is not None:
        die_with_parent(nursery)
        give_way(nice)
        decoder.serve(link)


class Nursery:
    """Forks and reaps. All descriptors that a decoder must not have are closed in it."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)

    def serve(self) -> socket.socket | None:
        """Returns once in every decoder, with its link; and None when the keeper is gone."""
        while True:
            for key, _ in self._selector.select():
                if key.data is not None:
                    self._reap(key.fd, key.data)
                elif not self._asked():
                    return None
                elif (link := self._fork()) is not None:
                    return link

    def _asked(self) -> bool:
        """Whether the keeper asks for a decoder; else it is gone."""
        try:
            return bool(self._control.recv(tasks.PACKET_BYTES_MAX))
        except ConnectionError:
            return False

    def _fork(self) -> socket.socket | None:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._close()
            return theirs
        theirs.close()
        watch = os.pidfd_open(pid)
        self._selector.register(watch, selectors.EVENT_READ, pid)
        socket.send_fds(self._control, [tasks.encode(tasks.Born(pid))], [ours.fileno(), watch])
        ours.close()
        return None

    def _reap(self, watch: int, pid: int) -> None:
        self._selector.unregister(watch)
        os.close(watch)
        _, status = os.waitpid(pid, 0)
        self._control.send(tasks.encode(tasks.Died(pid, status)))

    def _close(self) -> None:
        for key in list(self._selector.get_map().values()):
            os.close(key.fd) if key.data is not None else self._control.close()
        self._selector.close()


def main() -> None:
    """Started by the keeper: the control socket's descriptor and the keeper's pid as arguments."""
    descriptor, keeper = map(int, sys.argv[1:])
    settings, _ = load_settings()
    run(socket.socket(fileno=descriptor), keeper, settings.worker_nice)


if __name__ == "__main__":
    main()
