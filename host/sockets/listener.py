"""The listening socket of the web processes; and the name of another program that has its port."""

import errno
import ipaddress
import os
import re
import socket
from pathlib import Path

from host.process.launch import typed
from host.process.notify import LISTEN_DESCRIPTOR
from host.settings.settings import Settings
from jobs.access import keys
from jobs.errors import SetupFault

BACKLOG = 2048
UNSENT_BYTES_MAX = 128 * 1024
"""Unsent bytes that the kernel holds for a connection (connections inherit this). Without it megabytes would wait there
for each client that reads nothing."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server on `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def refuse_public(settings: Settings) -> None:
    """Raises SetupFault if everyone on the network could use a server that asks for no key."""
    if not is_loopback(settings.host) and not keys.parse(settings.api_keys) and not settings.public_without_keys:
        raise SetupFault(
            f"{settings.host} is no loopback address and there are no API keys: set PIXMILL_API_KEYS "
            f"({typed('web key')} makes them) or PIXMILL_HOST=127.0.0.1, or PIXMILL_PUBLIC_WITHOUT_KEYS=1 if "
            "everyone who can reach it may use it"
        )


def bind_listener(settings: Settings) -> socket.socket:
    """A socket that listens on HOST:PORT. Raises SetupFault, with the fix, if that fails."""
    refuse_public(settings)
    where = f"{settings.host} port {settings.port}"
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES_MAX)
        return listener
    except socket.gaierror:
        raise SetupFault(f"{settings.host} is no address of this machine: correct PIXMILL_HOST") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            holder = _holder(settings.port)
            raise SetupFault(
                f"{where} is taken{holder and ' by ' + holder}: stop that or set PIXMILL_PORT to another port"
            ) from None
        reason = os.strerror(error.errno or 0)
        raise SetupFault(f"{where} cannot be listened on ({reason}): set PIXMILL_HOST or PIXMILL_PORT") from None


def keep_listener(settings: Settings) -> str:
    """Listen on HOST:PORT under LISTEN_DESCRIPTOR, which the web processes inherit. Returns its address. Raises
    SetupFault."""
    with bind_listener(settings) as listening:
        os.dup2(listening.fileno(), LISTEN_DESCRIPTOR, inheritable=False)
        return address(settings, listening.getsockname()[1])


def address(settings: Settings, port: int) -> str:
    """The page's address for a browser on this machine (or PUBLIC_URL); `port` is the bound one."""
    anywhere = settings.host in ("127.0.0.1", "0.0.0.0", "::1", "::")
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return settings.public_url.rstrip("/") or f"http://{'localhost' if anywhere else host}:{port}"


def _holder(port: int) -> str:
    """`process PID (its name)` of the process that listens on `port`; empty if unknown. Without its command line, which
    may hold secrets: this goes into a log."""
    listening = re.compile(rf"\s*\d+: \w+:{port:04X} \w+:0000 0A(?:\s+\S+){{5}}\s+(\d+)")
    tables = [Path("/proc/net") / name for name in ("tcp", "tcp6")]
    lines = [line for table in tables if table.exists() for line in table.read_text().splitlines()]
    inodes = {f"socket:[{found[1]}]" for line in lines if (found := listening.match(line))}
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(descriptor) in inodes:
                name = (descriptor.parents[1] / "comm").read_text(errors="replace")
                return f"process {descriptor.parts[2]} ({name.strip()})"
        except OSError:
            continue
    return ""
