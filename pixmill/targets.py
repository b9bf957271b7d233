"""The processes of the pixmill on this machine that serves an address, found through /proc, and signals to them.

Linux only. A name alone identifies no process. The supervisor is the process that holds the listening socket of that
very port; the others are its descendants. A signal goes through a descriptor of the process, after its parent was
checked once more: so a pid that another program reuses is never hit.
"""

import contextlib
import ipaddress
import os
import random
import re
import signal
from pathlib import Path
from urllib.parse import urlsplit

BROKER, WEB, KEEPER, NURSERY, DECODER = "broker", "web", "keeper", "nursery", "decoder"
_ROLES = {"broker": BROKER, "web": WEB, "worker": KEEPER}
_LAUNCHER = b"/pixmill/server/__main__.py"
Targets = dict[str, list[int]]


def supervisor_of(url: str) -> int:
    """The pid of the supervisor, of this user, of the cluster that serves `url`. Raises LookupError with the reason
    where it is not on this machine, or cannot be told."""
    address = urlsplit(url)
    port = address.port or (443 if address.scheme == "https" else 80)
    if not _is_loopback(address.hostname or ""):
        raise LookupError(f"{url} is no loopback address, so its processes may be another machine's")
    found = [pid for pid in _holders(_listening(port)) if _module(pid) == "supervisor" and _is_mine(pid)]
    if len(found) != 1:
        what = "no pixmill of yours listens" if not found else "more than one pixmill listens"
        raise LookupError(f"{what} on port {port} under a supervisor (make run-all)")
    return found[0]


def random_target(supervisor: int) -> tuple[str, int] | None:
    """(what, pid) of a process below a supervisor: first what is drawn, then which; None if there is none."""
    there = [(what, pids) for what, pids in processes(supervisor).items() if pids]
    if not there:
        return None
    what, pids = random.choice(there)
    return what, random.choice(pids)


def processes(supervisor: int) -> Targets:
    """The living processes below a supervisor, by what they are."""
    found: Targets = {BROKER: [], WEB: [], KEEPER: [], NURSERY: [], DECODER: []}
    for child in children(supervisor):
        if role := _ROLES.get(_module(child)):
            found[role].append(child)
    found[NURSERY] = [pid for keeper in found[KEEPER] for pid in children(keeper)]
    found[DECODER] = [pid for nursery in found[NURSERY] for pid in children(nursery)]
    return found


def descriptor(pid: int, supervisor: int) -> int | None:
    """A pidfd of `pid`, if that is a descendant of `supervisor` still. The caller closes it."""
    try:
        found = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    ancestor = pid
    while ancestor not in (0, supervisor):
        ancestor = _parent(ancestor)
    if ancestor == supervisor:
        return found
    os.close(found)
    return None


def send_signal(pid: int, supervisor: int, number: signal.Signals) -> bool:
    """Send a signal to a descendant of `supervisor`; whether there was still one of that pid."""
    found = descriptor(pid, supervisor)
    if found is None:
        return False
    try:
        signal.pidfd_send_signal(found, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(found)
    return True


def children(pid: int) -> list[int]:
    """The child processes of `pid` that have not ended."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [child for child in map(int, listed) if _stat(child)[0] not in "ZX"]


def _stat(pid: int) -> tuple[str, int]:
    """(state, parent) of a process; ("X", 0) where it is gone."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return "X", 0
    return state, int(parent)


def _parent(pid: int) -> int:
    return _stat(pid)[1]


def _module(pid: int) -> str:
    """NAME of a process that was started as `python -m NAME`, or by the launcher; else nothing."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    match words:
        case [_, b"-m", name, *_]:
            return name.decode(errors="replace")
        case [_, b"-P", launcher, name, *_] if launcher.endswith(_LAUNCHER):
            return name.decode(errors="replace")
    return ""


def _listening(port: int) -> set[str]:
    """The sockets that listen on `port`, as the links in /proc/PID/fd name them."""
    line_of = re.compile(rf"\s*\d+: \w+:{port:04X} \w+:0000 0A(?:\s+\S+){{5}}\s+(\d+)")
    tables = [Path("/proc/net") / name for name in ("tcp", "tcp6")]
    lines = [line for table in tables if table.exists() for line in table.read_text().splitlines()]
    return {f"socket:[{found[1]}]" for line in lines if (found := line_of.match(line))}


def _is_mine(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}").stat().st_uid == os.getuid()
    except OSError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _holders(sockets: set[str]) -> list[int]:
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if os.readlink(link) in sockets:
                found.add(int(link.parts[2]))
    return sorted(found)
