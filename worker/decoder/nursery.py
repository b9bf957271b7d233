"""The nursery: loads the image libraries once and forks decoders of itself, warm, in milliseconds.

Owns the decoders as their parent: it reaps them and tells the keeper how they ended. It opens no
image of anybody's and imports no zmq. `python -m worker.decoder.nursery`, started by worker/keeper/children.py.
"""

import gc
import os
import selectors
import signal
import socket
import sys
from typing import NamedTuple

from host.process.allocator import give_back_freed_memory
from host.process.lifeline import die_with_parent
from host.process.scheduling import give_way
from host.settings.environment import load_settings
from host.settings.settings import Settings
from jobs.limits import DECODER_TRY_SHARE_MAX
from worker.boundary import tasks
from worker.boundary.status_page import StatusPage


def run(control: socket.socket, keeper: int, settings: Settings) -> None:
    """Serve the keeper (a pid) until it closes `control`.

    The keeper alone handles a Ctrl-C, or systemd's SIGTERM to a whole group.
    """
    die_with_parent(keeper)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    from worker.decoder import serve as decoder
    from worker.images import pipeline

    pipeline.warm()
    gc.freeze()
    give_back_freed_memory()
    control.send(tasks.encode(tasks.Warm(pipeline.ENGINE)))
    nursery = os.getpid()
    if (born := Nursery(control).serve()) is not None:
        die_with_parent(nursery)
        os.setpgid(0, 0)  # if one process of an orphaned group is stopped, the kernel sends SIGHUP to the whole group
        give_way(settings.worker_nice)
        if born.spare:
            pipeline.touch()
        decoder.serve(born.link, born.status_page, task_bytes_max=DECODER_TRY_SHARE_MAX * settings.decoder_bytes_max)


class Birth(NamedTuple):
    """The socket and the status page of a new decoder. `spare`: it is the spare one."""

    link: socket.socket
    status_page: StatusPage
    spare: bool


class Nursery:
    """Forks and reaps. All descriptors that a decoder must not have are closed in it."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)

    def serve(self) -> Birth | None:
        """Serve the keeper. Returns once in each forked decoder; returns None when the keeper is gone."""
        while True:
            for key, _ in self._selector.select():
                if key.data is not None:
                    self._reap(key.fd, key.data)
                elif not (asked := self._asked()):
                    return None
                elif (born := self._fork(asked == tasks.SPARE)) is not None:
                    return born

    def _asked(self) -> bytes:
        """Which decoder the keeper asks for; nothing where it is gone."""
        try:
            return self._control.recv(tasks.PACKET_BYTES_MAX)
        except ConnectionError:
            return b""

    def _fork(self, spare: bool) -> Birth | None:
        ours, theirs = socket.socketpair()
        status_page = StatusPage()
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._close()
            return Birth(theirs, status_page, spare)
        theirs.close()
        watch = os.pidfd_open(pid)
        self._selector.register(watch, selectors.EVENT_READ, pid)
        socket.send_fds(self._control, [tasks.encode(tasks.Born(pid))], [ours.fileno(), watch, status_page.descriptor])
        ours.close()
        status_page.close()
        return None

    def _reap(self, watch: int, pid: int) -> None:
        self._selector.unregister(watch)
        os.close(watch)
        _, status, usage = os.wait4(pid, 0)
        self._control.send(tasks.encode(tasks.Died(pid, status, usage.ru_maxrss * 1024)))

    def _close(self) -> None:
        for key in list(self._selector.get_map().values()):
            if key.data is None:
                self._control.close()
            else:
                os.close(key.fd)
        self._selector.close()


def main() -> None:
    """Started by the keeper: the control socket's descriptor and the keeper's pid as arguments."""
    descriptor, keeper = map(int, sys.argv[1:])
    settings, _ = load_settings()
    run(socket.socket(fileno=descriptor), keeper, settings)


if __name__ == "__main__":
    main()
