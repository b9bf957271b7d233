"""Calls addresses in a network namespace of its own in which every address is this machine, and counts who is reached.

tests/hostile/test_egress.py starts it: `unshare -rn python -m tests.hostile.every_address`. The servers listen on port
80 of all addresses, so no connection to any address is missed. Prints one line of JSON.
"""

import json
import subprocess
import threading
from collections import Counter

from host.egress.addresses import parse_allowed
from host.egress.conversation import REDIRECTS_MAX, Times, ask
from host.egress.gate import Gate, Stop
from jobs.errors import EgressFault, EgressRefused
from tests.support.servers.spellings import FORBIDDEN, GOOD_V4, GOOD_V6, Spelling, spellings
from tests.support.servers.stranger import Heard, Stranger, answers

ROUTES = (
    "ip link set lo up",
    "ip -4 route add local 0.0.0.0/0 dev lo",
    "ip -6 route add local ::/0 dev lo",
)
TIMES = Times(5.0, 2.0, 2.0)


class Redirector:
    """Answers 200, or redirects to `location`."""

    def __init__(self) -> None:
        self.location = ""

    def __call__(self, opened: object, heard: Heard, over: threading.Event) -> None:
        script = answers("302 Found", f"Location: {self.location}") if self.location else answers("200 OK")
        script(opened, heard, over)  # type: ignore[arg-type]


def resolver(spelling: Spelling) -> tuple[Counter[str], "Gate"]:
    """A gate whose resolver answers as the spelling says, and how often it was asked for each name."""
    asked: Counter[str] = Counter()

    def resolve(host: str, port: int) -> list[str]:
        turn = min(asked[host], len(spelling.answers) - 1)
        asked[host] += 1
        if turn < 0:
            raise OSError("no such name")
        return list(spelling.answers[turn])

    return asked, Gate(resolve=resolve)


def called(gate: Gate, url: str) -> str:
    """What became of one call."""
    try:
        ask(gate, "GET", url, {}, b"", TIMES, Stop(), redirects=REDIRECTS_MAX, http=lambda target: True).close()
    except EgressRefused:
        return "refused"
    except EgressFault:
        return "failed"
    return "answered"


def main() -> None:
    """All spellings of all forbidden addresses, then some of them without the gate's judgement."""
    for route in ROUTES:
        subprocess.run(route.split(), check=True)
    redirector = Redirector()
    servers = [Stranger(redirector, "0.0.0.0", 80), Stranger(redirector, "::", 80)]
    outcomes: Counter[str] = Counter()
    for forbidden in FORBIDDEN:
        for spelling in spellings(forbidden):
            _, gate = resolver(spelling)
            url, redirector.location = spelling.url, ""
            if spelling.redirected:
                url, redirector.location = "http://good.example/", spelling.url
            outcomes[called(gate, url)] += 1
    reached = sum((server.called for server in servers), Counter())
    good = reached.pop(GOOD_V4, 0) + reached.pop(f"::ffff:{GOOD_V4}", 0) + reached.pop(GOOD_V6, 0)
    for server in servers:
        server.called.clear()
    redirector.location = ""
    open_gate = Gate(parse_allowed("0.0.0.0/0 ::/0"))
    without = [called(open_gate, f"http://{'[' + each + ']' if ':' in each else each}/") for each in FORBIDDEN]
    for server in servers:
        server.close()
    print(json.dumps({"outcomes": outcomes, "reached": reached, "good": good, "without": without.count("answered")}))


if __name__ == "__main__":
    main()
