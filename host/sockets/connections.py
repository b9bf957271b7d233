"""How many connections each key has: ZeroMQ tells nobody whose connection ended, so the kernel's table is read.

Owns the bound. A key has those connections to its role's ports that come from the addresses at which it was let in. Of
two keys at one address each counts for both. Knows no ZeroMQ.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import IPv6Address, ip_address
from math import inf
from pathlib import Path

from host.sockets.allowed import Grant, Role

CONNECTIONS_MAX = 4000
"""Of a key, as one role. A thousand workers, the most of a key, have one each, and a web process has three. A reconnect
may count twice for a moment."""
AGAIN_SECONDS = 1.0
"""Between two readings of the table, which takes some 2 us for each connection of the machine."""
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_OPEN = frozenset({"01", "08"})
"""ESTABLISHED, and CLOSE_WAIT: closed by the peer and not yet by us."""

Table = Iterable[tuple[int, str]]
"""The local port and the peer's address of each connection of this machine."""


class Connections:
    """Counts connections as they are let in. `ports`: those of each role. `table` reads the kernel's."""

    def __init__(self, ports: Mapping[Role, Sequence[int]], table: Callable[[], Table]) -> None:
        self._ports, self._table = ports, table
        self._counted: dict[Grant, int] = {}
        """At the last reading, and those that were let in since."""
        self._addresses: dict[Grant, set[str]] = {}
        self._read_at = -inf

    def admit(self, key: bytes, role: Role, address: str, now: float) -> bool:
        """Whether one more connection from `address` may come in, at monotonic time `now`. It counts if so."""
        grant = key, role
        if self._counted.get(grant, 0) >= CONNECTIONS_MAX and now >= self._read_at + AGAIN_SECONDS:
            self._read_at = now
            self._read()
        if self._counted.get(grant, 0) >= CONNECTIONS_MAX:
            return False
        self._counted[grant] = self._counted.get(grant, 0) + 1
        self._addresses.setdefault(grant, set()).add(plain(address))
        return True

    def _read(self) -> None:
        found = Counter(self._table())
        for grant, addresses in self._addresses.items():
            held = {each: sum(found[port, each] for port in self._ports[grant[1]]) for each in addresses}
            self._addresses[grant] = {each for each, count in held.items() if count}
            self._counted[grant] = sum(held.values())
        gone = [grant for grant, addresses in self._addresses.items() if not addresses]
        for grant in gone:
            del self._addresses[grant], self._counted[grant]


def plain(address: str) -> str:
    """The address as it is written by all: IPv4 also if it came over IPv6, and without a zone."""
    with contextlib.suppress(ValueError):
        found = ip_address(address.partition("%")[0])
        return str((isinstance(found, IPv6Address) and found.ipv4_mapped) or found)
    return address


def of_kernel(tables: Iterable[Path] = TABLES) -> list[tuple[int, str]]:
    """The connections of this machine, or of its network namespace. Empty if there is no table."""
    found = []
    for path in tables:
        with contextlib.suppress(OSError):
            for line in path.read_text().splitlines()[1:]:
                _, local, peer, state, *_ = line.split()
                if state in _OPEN:
                    found.append((int(local.rpartition(":")[2], 16), _address(peer.partition(":")[0])))
    return found


def _address(digits: str) -> str:
    """The kernel writes each four bytes as a number of this machine's byte order (little-endian on all of ours)."""
    words = [bytes.fromhex(digits[at : at + 8])[::-1] for at in range(0, len(digits), 8)]
    return plain(str(ip_address(b"".join(words))))
