"""The listening socket of the web processes: a port, or a unix socket; and the name of another program that has its
port."""

import contextlib
import errno
import ipaddress
import os
import re
import socket
from pathlib import Path

from host.files.folders import hold_lock
from host.process.launch import typed
from host.process.notify import LISTEN_DESCRIPTOR
from host.settings.settings import Settings, unix_path
from jobs.access import keys
from jobs.errors import SetupFault

BACKLOG = 2048
UNSENT_BYTES_MAX = 128 * 1024
"""Unsent bytes that the kernel holds for a connection (connections inherit this). Without it megabytes would wait there
for each client that reads nothing."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server on `host`."""
    if unix_path(host):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def refuse_public(settings: Settings, listener: socket.socket | None = None) -> None:
    """Raises SetupFault if everyone on the network could use a server that asks for no key: one that listens on HOST,
    or on the `listener` that another program bound. Also if such a server would tell receivers addresses that begin
    with what a client calls it."""
    host = settings.host if listener is None or listener.family == socket.AF_UNIX else listener.getsockname()[0]
    if is_loopback(host):
        return
    if settings.webhooks.strip() and not settings.public_url:
        raise SetupFault(
            f"{host} is no loopback address and PIXMILL_WEBHOOKS is set: set PIXMILL_PUBLIC_URL, with which the "
            "addresses in events begin"
        )
    if not keys.parse(settings.api_keys) and not settings.public_without_keys:
        raise SetupFault(
            f"{host} is no loopback address and there are no API keys: set PIXMILL_API_KEYS "
            f"({typed('web key')} makes them) or PIXMILL_HOST=127.0.0.1, or PIXMILL_PUBLIC_WITHOUT_KEYS=1 if "
            "everyone who can reach it may use it"
        )


def bind_listener(settings: Settings) -> socket.socket:
    """A socket that listens on HOST:PORT, or on the unix socket that HOST names. Raises SetupFault, with the fix, if
    that fails."""
    refuse_public(settings)
    if path := unix_path(settings.host):
        return _bind_unix(path)
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


def _bind_unix(path: str) -> socket.socket:
    """A socket that listens at `path`; its mode is the umask's (host/files/folders.py, keep_private). This process
    keeps the lock beside it until its end. A socket that an earlier process left at `path` is removed, but no other
    file, and no socket on which another program listens."""
    taken = f"{path} is in use: stop what listens there or set PIXMILL_HOST to another path"
    with contextlib.suppress(PermissionError):  # making the lock tells why
        if not Path(path).parent.is_dir():
            raise SetupFault(f"there is no folder for {path}: make it or set PIXMILL_HOST to another path")
    with contextlib.ExitStack() as refused:
        refused.callback(os.close, hold_lock(Path(f"{path}.lock"), taken))
        listener = refused.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        try:
            if _is_listened_on(path):
                raise SetupFault(taken)
            if Path(path).is_socket():
                os.unlink(path)
            listener.bind(path)
            listener.listen(BACKLOG)
        except OSError as error:
            reason = "it is no socket" if error.errno == errno.EADDRINUSE else os.strerror(error.errno or 0)
            raise SetupFault(f"{path} cannot be listened on ({reason}): set PIXMILL_HOST to another path") from None
        refused.pop_all()
    return listener


def _is_listened_on(path: str) -> bool:
    """Whether a process accepts connections at `path`. A full queue of connections belongs to a listener, too."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        return probe.connect_ex(path) in (0, errno.EAGAIN)


def keep_listener(settings: Settings) -> str:
    """Listen as `bind_listener` does under LISTEN_DESCRIPTOR, which the web processes inherit. Returns its address.
    Raises SetupFault."""
    with bind_listener(settings) as listening:
        os.dup2(listening.fileno(), LISTEN_DESCRIPTOR, inheritable=False)
        return address(settings, 0 if unix_path(settings.host) else listening.getsockname()[1])


def address(settings: Settings, port: int) -> str:
    """The page's address for a browser on this machine (or PUBLIC_URL); `port` is the bound one. A unix socket has no
    address for a browser, and stands for itself."""
    if unix_path(settings.host):
        return settings.public_url.rstrip("/") or settings.host
    anywhere = settings.host in ("127.0.0.1", "0.0.0.0", "::1", "::")
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return settings.public_url.rstrip("/") or f"http://{'localhost' if anywhere else host}:{port}"


def page(url: str) -> str:
    """What a person opens at the server at `url` of `address`: a unix socket has no path of a page."""
    return url if unix_path(url) else f"{url}/"


def curl(settings: Settings, url: str) -> str:
    """The command that uploads an image, of this checkout if there is one, to the server at `url` of `address`."""
    image = next(Path("test-data").glob("sample.jpg"), "photo.jpg")
    path = unix_path(settings.host)
    where = f"--unix-socket {path} " if path else ""
    base = "http://localhost" if path else url
    return f"curl {where}-F image=@{image} {base}/upload"


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
