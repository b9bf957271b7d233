"""Bugs in the worker's leases, in what it gathers to send, and in its parked decoders."""

from torture.planted.mutant import Mutant

LEASES = (
    Mutant(
        "a lease of another number is ours",
        "leases.py",
        "lease is not None and lease.number == number else None\n\n    def find_running",
        "lease is not None else None\n\n    def find_running",
    ),
    Mutant(
        "a running lease of another number is ours",
        "leases.py",
        "lease is not None and lease.number == number else None\n\n    def take",
        "lease is not None else None\n\n    def take",
    ),
    Mutant("the last in line is first", "leases.py", "popitem(last=False)", "popitem()"),
    Mutant(
        "a start is still looked for",
        "leases.py",
        "Phase.STARTED, now, inf, at",
        "Phase.STARTED, now, lease.look_at, at",
    ),
    Mutant(
        "a start does not begin the seconds",
        "leases.py",
        "Phase.STARTED, now, inf, at",
        "Phase.STARTED, lease.since, inf, at",
    ),
    Mutant(
        "a beat leaves answers out",
        "leases.py",
        "for lease in self.held.values()]\n\n    def check",
        "for lease in self.held.values() if lease.answer is None]\n\n    def check",
    ),
    Mutant(
        "a Held never says that it began",
        "leases.py",
        "lease.number, lease.began_at is not None)",
        "lease.number, False)",
    ),
    Mutant(
        "a due end waits on",
        "outbox.py",
        "patient = now < self.due < inf and",
        "patient = now <= self.due < inf and",
    ),
    Mutant(
        "an end waits though nothing is in work",
        "outbox.py",
        "len(self.answers) < here",
        "len(self.answers) <= here",
    ),
    Mutant("each end begins the wait anew", "outbox.py", "if short and not self.answers:", "if short:"),
    Mutant(
        "a failure waits with the ends",
        "outbox.py",
        "return patient and all(type(answer) is wire.Finish for answer in self.answers)",
        "return bool(patient)",
    ),
    Mutant(
        "what is published waits with the ends", "outbox.py", "self.started or self.published or", "self.started or"
    ),
    Mutant(
        "a failed sweep waits with the ends",
        "outbox.py",
        "self.swept or self.unswept or self.found",
        "self.swept or self.found",
    ),
    Mutant(
        "a Finish leaves its start beside it",
        "outbox.py",
        "self.started = [start for start in self.started if start.job != answer.job]",
        "pass",
    ),
    Mutant(
        "a Finish takes other jobs' starts along",
        "outbox.py",
        "[start for start in self.started if start.job != answer.job]",
        "[]",
    ),
    Mutant(
        "a Finish leaves its renditions beside it",
        "outbox.py",
        "self.published = [landed for landed in self.published if landed.job != answer.job]",
        "pass",
    ),
    Mutant("failed sweeps alone are not said", "outbox.py", "if self.swept or self.unswept:", "if self.swept:"),
    Mutant("Draining is said for ever", "outbox.py", "self.due, self.draining = inf, False", "self.due = inf"),
    Mutant("what was due stays due", "outbox.py", "self.due, self.draining = inf, False", "self.draining = False"),
    Mutant(
        "what was found is said again",
        "outbox.py",
        "        self.found = None\n        return sends",
        "        return sends",
    ),
    Mutant(
        "leases go back before Draining is said",
        "outbox.py",
        "        if self.draining:\n            sends.append(wire.Draining())\n",
        "        if self.draining:\n            sends += _by_type(self.answers)\n"
        "            sends.append(wire.Draining())\n            self.answers = []\n",
    ),
    Mutant(
        "a parked decoder's successor leaves it behind",
        "parking.py",
        "gone = [replaced.decoder] if replaced else []",
        "gone: list[T] = []",
    ),
    Mutant("the latest served decoder goes first", "parking.py", "popitem(last=fresh)", "popitem(last=not fresh)"),
    Mutant(
        "one decoder too many is parked",
        "parking.py",
        "len(self._places) > self._count_max",
        "len(self._places) > self._count_max + 1",
    ),
    Mutant(
        "a shrunk decoder makes room",
        "parking.py",
        "_Place(decoder, max(0, size), now",
        "_Place(decoder, size, now",
    ),
    Mutant("parked decoders stay a moment too long", "parking.py", "if now >= place.until]", "if now > place.until]"),
)
