"""Telling whoever started us that we are ready, and that we live: systemd's notify, watchdog and listen protocols
(sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3)), which our supervisor speaks as well."""

import contextlib
import faulthandler
import os
import signal
import socket
import struct
from collections.abc import Mapping
from math import inf
from pathlib import Path

LISTEN_DESCRIPTOR = 3
WORKERS_WANTED = "X_PIXMILL_WORKERS_WANTED"
"""Ours; systemd ignores names that begin so."""
_CREDENTIALS = struct.Struct("3i")
"""struct ucred: pid, uid, gid."""
_KIND = 2
"""SCM_CREDENTIALS, which the socket module of some builds does not name."""


READY_SECONDS = 1.0
"""How long to wait until a full queue has room for READY=1: a watchdog's word repeats it."""
WORDS_PER_LIMIT = 4
"""A word may be late or lost (the queue of a socket holds ten datagrams) and its process is not silent yet."""


class Watchdog:
    """Tells whoever started us that our loop turns, if they asked for it by WATCHDOG_USEC. `seconds`: how often.

    For the loop that does the work: a thread of its own would live while that hangs. Who is watched writes down at
    SIGQUIT where each of its threads is, and goes on.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        limit, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
        watched = limit.isdecimal() and int(limit) > 0 and pid in ("", str(os.getpid()))
        self.seconds = int(limit) / 1e6 / WORDS_PER_LIMIT if watched else inf
        self._due = 0.0 if watched else inf
        if watched:
            faulthandler.register(signal.SIGQUIT)

    def turned(self, now: float) -> None:
        """The loop turned, and is ready: say so when it is time to (`now` in monotonic seconds)."""
        if now >= self._due:
            self._due = now + self.seconds
            self.tell()

    def tell(self) -> None:
        """Say so now."""
        with contextlib.suppress(OSError):
            _say(b"READY=1\nWATCHDOG=1")


def environ_of_child(environ: Mapping[str, str], path: Path, silence_seconds: float) -> dict[str, str]:
    """The environment of a process that is to tell the Notices at `path`, and is given up after so long a silence."""
    told = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": str(int(silence_seconds * 1e6))}
    return {name: value for name, value in environ.items() if name != "WATCHDOG_PID"} | told


def ready() -> None:
    """Say READY=1 to $NOTIFY_SOCKET, if there is one."""
    with contextlib.suppress(TimeoutError):
        _say(b"READY=1", READY_SECONDS)


def workers_wanted(workers: int) -> None:
    """Say how many workers would keep up. Who does not hear it is told again in a second."""
    with contextlib.suppress(OSError):
        _say(f"{WORKERS_WANTED}={workers}".encode())


def _say(line: bytes, seconds: float = 0.0) -> None:
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
        notifier.connect("\0" + address[1:] if address.startswith("@") else address)
        notifier.settimeout(seconds)
        notifier.sendall(line)


def inherited_listener() -> socket.socket | None:
    """The listening socket that our parent kept and passed on (LISTEN_FDS=1), if it did."""
    if os.environ.get("LISTEN_FDS") != "1":
        return None
    return socket.socket(fileno=LISTEN_DESCRIPTOR)


class Notices:
    """The receiving side: a datagram socket at `path` that tells which pid said what."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(str(path))

    def heard(self) -> list[tuple[int, dict[str, str]]]:
        """By pid, for which the kernel vouches, the names and values that were said since the last call."""
        said = []
        with contextlib.suppress(BlockingIOError):
            while True:
                data, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(_CREDENTIALS.size))
                lines = (line.partition("=") for line in data.decode(errors="replace").splitlines())
                fields = {name: value for name, _, value in lines}
                said += [(_CREDENTIALS.unpack(content)[0], fields) for _, kind, content in ancillary if kind == _KIND]
        return said
