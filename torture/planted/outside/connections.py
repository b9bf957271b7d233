"""Bugs in the count of a key's connections."""

from torture.planted.mutant import Core, Mutant

CONNECTIONS = Core(
    "connections",
    "host/sockets",
    ("tests/unit/host/sockets/test_connections.py",),
    (
        Mutant("connections have no bound", "connections.py", "            return False\n", "            pass\n"),
        Mutant("who comes in is not counted", "connections.py", "self._counted.get(grant, 0) + 1", "0"),
        Mutant("a web process takes a worker's room", "connections.py", "grant = key, role", "grant = key, Role.WEB"),
        Mutant("one key takes another's room", "connections.py", "grant = key, role", 'grant = b"", role'),
        Mutant("the table is never read", "connections.py", "            self._read()\n", "            pass\n"),
        Mutant("the table is read for each try", "connections.py", " and now >= self._read_at + AGAIN_SECONDS", ""),
        Mutant(
            "the table is read below the bound",
            "connections.py",
            "self._counted.get(grant, 0) >= CONNECTIONS_MAX and now",
            "now",
        ),
        Mutant("other addresses count", "connections.py", "found[port, each] for", "sum(found.values()) for"),
        Mutant("another role's ports count", "connections.py", "self._ports[grant[1]]", "(7000, 7001, 7002, 7003)"),
        Mutant("only the last address counts", "connections.py", "sum(held.values())", "[*held.values(), 0][0]"),
        Mutant("whoever left is kept", "connections.py", "if not addresses]", "if False]"),
        Mutant("IPv4 over IPv6 is another address", "connections.py", " and found.ipv4_mapped", " and None"),
    ),
)
