"""Bugs in what follows from the list of brokers."""

from torture.planted.mutant import Core, Mutant

LISTING = Core(
    "listing",
    "host/sockets",
    ("tests/unit/host/sockets/test_listing.py",),
    (
        Mutant("a look-up that fails takes addresses away", "listing.py", " or self._found.get(each, ())", ""),
        Mutant(
            "the order of a name server counts",
            "listing.py",
            "tuple(sorted(found.get(each, ())))",
            "tuple(found.get(each, ()))",
        ),
        Mutant(
            "what is wrong with a name is not said",
            "listing.py",
            'was found" if missing else ""',
            'was found" if False else ""',
        ),
        Mutant(
            "a name that was found once is never missing",
            "listing.py",
            "if not found.get((host, port))",
            "if not self._found[host, port]",
        ),
        Mutant("too many addresses are taken", "listing.py", "if len(addresses) > BROKERS_MAX:", "if False:"),
        Mutant(
            "the limit is one too low", "listing.py", "len(addresses) > BROKERS_MAX", "len(addresses) >= BROKERS_MAX"
        ),
        Mutant(
            "an entry that vanished stays", "listing.py", "        self._found = {each", "        self._found |= {each"
        ),
        Mutant(
            "an address under two names counts twice",
            "listing.py",
            "tuple(dict.fromkeys(address for each in entries for address in self._found[each]))",
            "tuple(address for each in entries for address in self._found[each])",
        ),
        Mutant("new brokers are not connected to", "listing.py", "if each not in lines]\n", "if False]\n"),
        Mutant("a broker is connected to twice", "listing.py", "if each not in lines]\n", "]\n"),
        Mutant("the broker that serves is left", "listing.py", " and each != followed]", "]"),
        Mutant("vanished brokers stay for ever", "listing.py", "each not in listed and each != followed", "False"),
        Mutant("listed brokers are left", "listing.py", "each not in listed and each != followed", "each != followed"),
        Mutant("the vanished go while nobody serves", "listing.py", "if followed is None:", "if False:"),
        Mutant(
            "the vanished have no bound", "listing.py", "closed[: max(0, len(lines) + len(opened) - LINES_MAX)]", "[]"
        ),
        Mutant("new brokers do not count for the bound", "listing.py", "len(lines) + len(opened)", "len(lines)"),
        Mutant(
            "a free place closes a line",
            "listing.py",
            "max(0, len(lines) + len(opened) - LINES_MAX)",
            "len(lines) + len(opened) - LINES_MAX",
        ),
        Mutant(
            "the newest go first",
            "listing.py",
            "closed[: max(0, len(lines) + len(opened) - LINES_MAX)]",
            "closed[::-1][: max(0, len(lines) + len(opened) - LINES_MAX)]",
        ),
    ),
)
