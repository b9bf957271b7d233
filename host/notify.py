"""Telling whoever started us that we are ready: systemd's notify and listen protocols (sd_notify(3),
sd_listen_fds(3)), which our supervisor speaks as well."""

import contextlib
import os
import socket
import struct
from pathlib import Path

LISTEN_DESCRIPTOR = 3
WORKERS_WANTED = "X_PIXMILL_WORKERS_WANTED"
"""Ours; systemd ignores names that begin so."""
_CREDENTIALS = struct.Struct("3i")
"""struct ucred: pid, uid, gid."""
_KIND = 2
"""SCM_CREDENTIALS, which the socket module of some builds does not name."""


def ready() -> None:
    """Say READY=1 to $NOTIFY_SOCKET, if there is one."""
    _say(b"READY=1")


def workers_wanted(workers: int) -> None:
    """Say how many workers would keep up. Who does not hear it is told again in a second."""
    with contextlib.suppress(OSError):
        _say(f"{WORKERS_WANTED}={workers}".encode())


def _say(line: bytes) -> None:
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
        notifier.connect("\0" + address[1:] if address.startswith("@") else address)
        notifier.setblocking(False)
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
