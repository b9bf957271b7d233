"""Bugs in the gate's judgement, in the courier's session, and in the broker's fetches."""

from torture.planted.mutant import Core, Mutant

GATE = Core(
    "gate",
    "host/egress",
    ("tests/unit/host/egress/test_addresses.py", "tests/unit/host/egress/test_sources.py"),
    (
        Mutant(
            "a mapped address is public",
            "addresses.py",
            "            return is_public(mapped)",
            "            return True",
        ),
        Mutant(
            "a tunnelled address is public",
            "addresses.py",
            "UNICAST_V6 and not tunnelled and",
            "UNICAST_V6 and",
        ),
        Mutant(
            "special networks of IPv6 are public",
            "addresses.py",
            "not any(address in network for network in SPECIAL_V6)",
            "True",
        ),
        Mutant(
            "private networks are public",
            "addresses.py",
            "return not any(address in network for network in SPECIAL_V4)",
            "return True",
        ),
        Mutant(
            "what is never called may be listed",
            "addresses.py",
            "    if is_never(address):\n        raise",
            "    if False:\n        raise",
        ),
        Mutant(
            "an address within another is not never called",
            "addresses.py",
            "for each in (address, *_embedded(address))",
            "for each in (address,)",
        ),
        Mutant(
            "a listed port is any port",
            "addresses.py",
            "if self.port != port if self.port is not None else",
            "if False if self.port is not None else",
        ),
        Mutant(
            "http needs no entry", "addresses.py", 'if target.scheme == "http" and not (http or listed):', "if False:"
        ),
        Mutant(
            "a user name is read",
            "addresses.py",
            'if "@" in parts.netloc:',
            "if False:",
        ),
        Mutant(
            "a number is a name",
            "addresses.py",
            "    if _NUMERIC.fullmatch(host):",
            "    if False:",
        ),
        Mutant(
            "a prefix ends within a name", "sources.py", 'f"{path}/".startswith(whole)', "path.startswith(self.path)"
        ),
        Mutant(
            "dot segments pass",
            "sources.py",
            "    if _DOTS.search(path):\n        return False\n",
            "",
        ),
        Mutant("an encoded slash ends no segment", "sources.py", "(?:2f|5c|3b)", "(?:5c|3b)"),
        Mutant("a semicolon ends no segment", "sources.py", 'r"/|;|%', 'r"/|%'),
        Mutant("what is encoded twice passes", "sources.py", "%(?:25)*2e", "%2e"),
        Mutant(
            "any means http, too",
            "sources.py",
            'return scheme == "https"',
            "return True",
        ),
    ),
)
COURIER = Core(
    "courier",
    "courier/core",
    ("tests/unit/courier/core",),
    (
        Mutant(
            "a host has all slots",
            "session.py",
            "if hosts[host] < CALLS_PER_HOST and",
            "if",
        ),
        Mutant("answers are not gathered", "session.py", "return bool(self._answers) and", "return False and"),
        Mutant("gathered answers wait for another", "session.py", "self._said_at + GATHER_SECONDS if", "inf if"),
        Mutant("who leaves waits for more answers", "session.py", " and not self.draining\n", "\n"),
        Mutant("what is gathered goes late to a new broker", "session.py", "= answers, -inf", "= answers, self._now"),
        Mutant(
            "more calls than slots",
            "session.py",
            " and len(self._leases.running) < self._slots:",
            ":",
        ),
        Mutant(
            "an abandoned delivery fails",
            "session.py",
            "if isinstance(lease.work, wire.Source):",
            "if True:",
        ),
        Mutant(
            "a draining courier takes more",
            "session.py",
            "        if self.draining:\n            self._give_back_waiting()",
            "        pass",
        ),
        Mutant(
            "Draining is said for ever",
            "session.py",
            "            self._draining_unsaid = False\n            sends",
            "            sends",
        ),
        Mutant(
            "a late result counts", "session.py", "self._leases.find_running(job, number)", "self._leases.held.get(job)"
        ),
        Mutant(
            "an answer is said twice",
            "session.py",
            "answers, self._answers = self._answers, []",
            "answers = self._answers",
        ),
    ),
)
FETCHES = Core(
    "fetches",
    "broker/core/strangers",
    ("tests/unit/broker/core/strangers/test_fetches.py",),
    (
        Mutant(
            "fetches take all slots",
            "fetches.py",
            "courier.slots // FETCHES_SHARE",
            "courier.slots",
        ),
        Mutant(
            "a host holds all slots for fetches",
            "fetches.py",
            "if hosts[host] < FETCHES_PER_HOST]",
            "if True]",
        ),
        Mutant(
            "nothing goes past a slow host",
            "fetches.py",
            "islice(window.jobs, JOBS_LOOKED)",
            "islice(window.jobs, 1)",
        ),
        Mutant(
            "a slow host stops other tenants",
            "fetches.py",
            "islice(chain([first], others), LANES_LOOKED)",
            "[first]",
        ),
        Mutant("a held tenant's fetch is given", "fetches.py", " if window.tenant.name not in held)", ")"),
        Mutant("a resume frees no fetch", "fetches.py", "books.sources.turns.frees", "0"),
        Mutant(
            "what is stuck once is stuck for ever",
            "fetches.py",
            "if state == books.stuck:",
            "if books.stuck is not None:",
        ),
        Mutant(
            "a draining courier gets a fetch",
            "fetches.py",
            "return not courier.draining and",
            "return",
        ),
        Mutant(
            "a pause does not hold fetches",
            "fetches.py",
            " and not books.paused:",
            ":",
        ),
        Mutant(
            "no fencing of fetches",
            "fetches.py",
            "entry.lease == lease and entry.is_fetch",
            "entry.is_fetch",
        ),
        Mutant(
            "a worker's job may be fetched",
            "fetches.py",
            "entry.lease == lease and entry.is_fetch",
            "entry.lease == lease",
        ),
        Mutant(
            "a cancelled fetch goes on",
            "fetches.py",
            "if entry.outcome.cancel_requested:",
            "if False:",
        ),
        Mutant(
            "the content stays that of the address",
            "fetches.py",
            "    entry.content = content_of(entry.tenant, landed.digest, spec.recipe)\n",
            "",
        ),
        Mutant(
            "the worker gets the address", "fetches.py", "    entry.spec = with_original(entry.spec, original)\n", ""
        ),
        Mutant("a late job is fetched", "fetches.py", "books.end_if_late(entry, now):", "False:"),
        Mutant("what was fetched never expires", "fetches.py", "books.mind_deadline(entry)", "pass"),
        Mutant(
            "tries are not counted",
            "fetches.py",
            "outcome.sourced.tries + 1 if",
            "outcome.sourced.tries if",
        ),
    ),
    properties=("tests/properties/test_fetch_machine.py",),
)
