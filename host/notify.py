"""Telling whoever started us that we are ready: systemd's notify and listen protocols (sd_notify(3),
sd_listen_fds(3)), which our supervisor speaks as well."""

import os
import socket

LISTEN_DESCRIPTOR = 3


def ready() -> None:
    """Say READY=1 to $NOTIFY_SOCKET, if there is one."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
        notifier.connect("\0" + address[1:] if address.startswith("@") else address)
        notifier.sendall(b"READY=1")


def inherited_listener() -> socket.socket | None:
    """The listening socket that our parent kept and passed on (LISTEN_FDS=1), if it did."""
    if os.environ.get("LISTEN_FDS") != "1":
        return None
    return socket.socket(fileno=LISTEN_DESCRIPTOR)
