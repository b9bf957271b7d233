"""Hosts that are network namespaces on one bridge, and the ways to cut one off.

Owns the namespaces. None has a name: each lives as long as its own process, which ends with ours. So nothing is left
after a kill, and labs run beside each other. Knows nothing of pixmill. Needs root (or a user namespace), ip and nft.
"""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from host.process.lifeline import die_with_parent

MISSING = "there are no network namespaces: be root, and install iproute2 and nftables"
NETWORK = "10.77.0"
HERE = f"{NETWORK}.254"
"""The address of the processes that are on no host: clients, and the store of the blobs."""
DROP = """
table inet cut {
  chain out { type filter hook output priority 0; oifname "eth0" drop; }
  chain in { type filter hook input priority 0; iifname "eth0" drop; }
}
"""
DROP_ONE = """
table inet cut {{
  chain out {{ type filter hook output priority 0; ip daddr {address} tcp dport {port} drop; }}
}}
"""
_CLONE_NEWNET = 0x40000000
_BRIDGE = "lab"


def possible() -> bool:
    """Whether this machine has what a lab needs. Tried in a process of its own."""
    tools = all(map(shutil.which, ("ip", "nft", "unshare", "nsenter")))
    return tools and not subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode


def _call(name: str, *arguments: int) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments):
        raise OSError(ctypes.get_errno(), f"{name}: {MISSING}")


class Host:
    """One host with one address. Its link to the bridge is up."""

    def __init__(self, name: str, number: int) -> None:
        self.name, self.address = name, f"{NETWORK}.{number}"
        self._link = f"to{number}"
        self._holder = subprocess.Popen(["sleep", "infinity"], preexec_fn=partial(_hold, os.getpid()))
        self.namespace = f"/proc/{self._holder.pid}/ns/net"
        _run("ip", "link", "add", self._link, "type", "veth", "peer", "name", "eth0", "netns", str(self._holder.pid))
        _run("ip", "link", "set", self._link, "master", _BRIDGE, "up")
        for line in (f"addr add {self.address}/24 dev eth0", "link set eth0 up", "link set lo up"):
            self.run("ip", *line.split())

    def run(self, *words: str, given: str = "") -> None:
        """Run a command of the system on this host."""
        _run("nsenter", f"--net={self.namespace}", *words, given=given)

    def enter(self, parent: int) -> None:
        """Move this process, a new child of `parent`, to the host, and let it end with its parent."""
        die_with_parent(parent)
        with open(self.namespace) as namespace:
            _call("setns", namespace.fileno(), _CLONE_NEWNET)

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        """Its cable is out: the host and the bridge see that."""
        _run("ip", "link", "set", self._link, "down")
        try:
            yield
        finally:
            _run("ip", "link", "set", self._link, "up")

    @contextmanager
    def dropping(self) -> Iterator[None]:
        """Its packets are lost without a word, both ways."""
        self.run("nft", "-f", "-", given=DROP)
        try:
            yield
        finally:
            self.run("nft", "delete", "table", "inet", "cut")

    @contextmanager
    def without(self, address: str, port: int) -> Iterator[None]:
        """What it sends to one server is lost; all others hear it."""
        self.run("nft", "-f", "-", given=DROP_ONE.format(address=address, port=port))
        try:
            yield
        finally:
            self.run("nft", "delete", "table", "inet", "cut")

    def close(self) -> None:
        """End the namespace. Its processes must have ended."""
        self._holder.kill()
        self._holder.wait()


def begin() -> None:
    """Move this process to a namespace of its own, with a bridge, for good. Threads that run already stay outside."""
    _call("unshare", _CLONE_NEWNET)
    bridge = (f"link add {_BRIDGE} type bridge", f"addr add {HERE}/24 dev {_BRIDGE}", f"link set {_BRIDGE} up")
    for line in ("link set lo up", *bridge):
        _run("ip", *line.split())


def _hold(parent: int) -> None:
    die_with_parent(parent)
    _call("unshare", _CLONE_NEWNET)


def _run(*words: str, given: str = "") -> None:
    subprocess.run(words, input=given.encode(), check=True, capture_output=True)


CUTS = {"link": Host.unplugged, "drop": Host.dropping}
"""The ways to cut a host off, by name."""
