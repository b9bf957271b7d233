"""Tells our parent that we are ready, and that we live, by systemd's notify, watchdog and listen protocols
(sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3)). Our supervisor speaks them as well."""

import contextlib
import faulthandler
import os
import signal
import socket
import struct
import time
from collections.abc import Mapping
from math import inf
from pathlib import Path

LISTEN_DESCRIPTOR = 3
WORKERS_WANTED = "X_PIXMILL_WORKERS_WANTED"
"""Our own name; systemd ignores names with this prefix."""
_CREDENTIALS = struct.Struct("3i")
"""struct ucred: pid, uid, gid."""
_KIND = 2
"""SCM_CREDENTIALS: the socket module of some builds lacks the name."""


READY_SECONDS = 1.0
"""How long to wait until a full queue has room for READY=1. Later watchdog messages repeat it."""
PROGRESS_SECONDS = 1.0
EXTENSION_SECONDS = 60.0
"""How long after a step the next one may be: a large index is sorted in one."""
WORDS_PER_LIMIT = 4
"""One message may be late or lost (a socket's queue holds ten datagrams) before its process counts as silent."""


class Watchdog:
    """Tells our parent that our loop turns, if WATCHDOG_USEC asks for it. `seconds`: how often.

    Call it from the loop that does the work: a thread of its own would live on while that loop hangs. At SIGQUIT a
    watched process logs the stack of each thread, and goes on.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        limit, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
        watched = limit.isdecimal() and int(limit) > 0 and pid in ("", str(os.getpid()))
        self.seconds = int(limit) / 1e6 / WORDS_PER_LIMIT if watched else inf
        self._due = 0.0 if watched else inf
        if watched:
            faulthandler.register(signal.SIGQUIT)

    def turned(self, now: float) -> None:
        """The loop turned, and is ready: send that if it is due (`now` in monotonic seconds)."""
        if now >= self._due:
            self._due = now + self.seconds
            self.ping()

    def ping(self) -> None:
        """Send it now."""
        with contextlib.suppress(OSError):
            _say(b"READY=1\nWATCHDOG=1")


def environ_of_child(environ: Mapping[str, str], path: Path, silence_seconds: float) -> dict[str, str]:
    """The environment of a process that reports to the Notices at `path` and is given up after `silence_seconds`."""
    added = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": str(int(silence_seconds * 1e6))}
    return {name: value for name, value in environ.items() if name != "WATCHDOG_PID"} | added


def ready() -> None:
    """Send READY=1 to $NOTIFY_SOCKET, if there is one. A parent that is gone, or does not read, stops nobody: a broker
    that stood by may take the term just then."""
    with contextlib.suppress(OSError):
        _say(b"READY=1", READY_SECONDS)


class Progress:
    """Tells our parent, each PROGRESS_SECONDS at most, that a long start goes on. It counts as a sign of life, also
    before we are ready, and puts off systemd's own deadline of a start. Call it for each step that is really done."""

    def __init__(self) -> None:
        self._due = 0.0

    def __call__(self) -> None:
        now = time.monotonic()
        if now >= self._due:
            self._due = now + PROGRESS_SECONDS
            with contextlib.suppress(OSError):
                _say(f"WATCHDOG=1\nEXTEND_TIMEOUT_USEC={int(EXTENSION_SECONDS * 1e6)}".encode())


def status(text: str) -> None:
    """Send a line that `systemctl status` shows of us."""
    with contextlib.suppress(OSError):
        _say(f"STATUS={text}".encode())


def workers_wanted(workers: int) -> None:
    """Send how many workers would keep up. A lost message is repeated a second later."""
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
    """The listening socket that our parent passed on (LISTEN_FDS=1), if it did."""
    if os.environ.get("LISTEN_FDS") != "1":
        return None
    return socket.socket(fileno=LISTEN_DESCRIPTOR)


class Notices:
    """The receiving side: a datagram socket at `path` that tells the sender's pid of each message."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(str(path))

    def received(self) -> list[tuple[int, dict[str, str]]]:
        """The names and values that were sent since the last call, by sender's pid (the kernel vouches for it)."""
        said = []
        with contextlib.suppress(BlockingIOError):
            while True:
                data, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(_CREDENTIALS.size))
                lines = (line.partition("=") for line in data.decode(errors="replace").splitlines())
                fields = {name: value for name, _, value in lines}
                said += [(_CREDENTIALS.unpack(content)[0], fields) for _, kind, content in ancillary if kind == _KIND]
        return said
