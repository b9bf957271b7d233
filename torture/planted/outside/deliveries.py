"""Bugs in deliveries of events: their lanes, their leases, their endpoints, and the schedule."""

from torture.planted.mutant import Core, Mutant

_DECIDED = "deliveries.py"
DELIVERIES = Core(
    "deliveries",
    "broker/core/couriers",
    ("tests/unit/broker/core/couriers",),
    (
        Mutant("a lane that is full takes its first", "lanes.py", "lane.window.pop()\n", "lane.window.pop(0)\n"),
        Mutant(
            "a cut window forgets what is behind it",
            "lanes.py",
            "lane.beyond, lane.cursor = True, lane.window[-1]",
            "lane.cursor = lane.window[-1]",
        ),
        Mutant(
            "a lane is read only once", "lanes.py", "lane.beyond = len(found) == asked.limit", "lane.beyond = False"
        ),
        Mutant(
            "any number of attempts to a host",
            "lanes.py",
            "            and self._flights[lane.host] < AT_ONCE\n",
            "",
        ),
        Mutant(
            "a dead host gets four probes",
            "lanes.py",
            "return 1 if self.failures >= FAILURES_IN_A_ROW else AT_ONCE",
            "return AT_ONCE",
        ),
        Mutant("a lane does not rest", "lanes.py", "            and lane.rests_until <= at\n", ""),
        Mutant("a delivery is sent before it is due", "lanes.py", "            and lane.window[0][0] <= at\n", ""),
        Mutant(
            "the end of an attempt wakes only its lane",
            "lanes.py",
            "for other in self._of_host[lane.host].copy().values():",
            "for other in [lane]:",
        ),
        Mutant("lanes are unbounded", "lanes.py", "or own < free else SHARED", "or True else SHARED"),
        Mutant("one tenant takes all lanes", "lanes.py", "or own < free else SHARED", "or free > 0 else SHARED"),
        Mutant("a tenant's lanes are counted for ever", "lanes.py", "        self._of_tenant[lane.tenant] -= 1\n", ""),
        Mutant("strangers rest for each other", _DECIDED, "        if lane.name == SHARED:\n            return\n", ""),
        Mutant("replays make any number of lanes", _DECIDED, "else self.lanes.name_for(own))", "else own)"),
        Mutant("an ended lane stays", "lanes.py", "            self._forget(lane)\n", "            pass\n"),
        Mutant("nothing waits for the grace", _DECIDED, "        if now < self.grace_until:\n            return\n", ""),
        Mutant(
            "an answer under an old number counts",
            _DECIDED,
            "(flight.courier, flight.number) == (courier, number) else None",
            "flight.courier is courier else None",
        ),
        Mutant(
            "an attempt of another courier counts",
            _DECIDED,
            "(flight.courier, flight.number) == (courier, number) else None",
            "flight.number == number else None",
        ),
        Mutant("what ended waits in the counts", _DECIDED, "        self.waiting -= update.due_at is None\n", ""),
        Mutant("a retry counts as given up", _DECIDED, "self.given_up += update.state == FAILED", "self.given_up += 1"),
        Mutant("a failing endpoint counts as paused", _DECIDED, "sum(entry.paused_at is not None for", "sum(True for"),
        Mutant("a lost courier is the endpoint's fault", _DECIDED, "elif error != LOST:", "else:"),
        Mutant(
            "a lost courier costs nothing",
            _DECIDED,
            '            self._end(flight, 0, LOST, "", None, at)\n',
            "            self._land(flight, at)\n"
            "            self.lanes.add(flight.lane.name, (flight.due_at, flight.seq), at)\n",
        ),
        Mutant("a draining courier is given more", _DECIDED, "return 0 if courier.draining else", "return"),
        Mutant("a claim is believed whatever its attempt", _DECIDED, "right = waits and", "right = waits or"),
        Mutant("an early answer is dropped", _DECIDED, "                claim.answer = answer\n", ""),
        Mutant("a replay keeps the tries", _DECIDED, "tries=0, due_at=at", "due_at=at"),
        Mutant("a replay forgets an end of its turn", _DECIDED, "        self.changed[update.seq] = update\n", ""),
        Mutant(
            "a replay leaves the pause",
            _DECIDED,
            "            self._recover(entry.lane)\n        if row.due_at",
            "            pass\n        if row.due_at",
        ),
        Mutant(
            "a replay sends what is on its way",
            _DECIDED,
            "        if row.id in self.flights or row.seq in self.reading or row.seq in self.claims:\n"
            "            return False\n",
            "",
        ),
        Mutant("an endpoint is paused at once", _DECIDED, "at >= entry.failing_since + PAUSE_SECONDS", "True"),
        Mutant("an old failure is never forgotten", _DECIDED, "        self._relieve(lane)\n\n", "\n"),
        Mutant(
            "an old failure outlives a purge",
            _DECIDED,
            "            return self._relieve(lane)\n",
            "            return None\n",
        ),
        Mutant(
            "a pause ends with what waited",
            _DECIDED,
            "if lane.is_idle and lane.name in self.endpoints and not self._is_paused(lane.name):",
            "if lane.is_idle and lane.name in self.endpoints:",
        ),
        Mutant("an endpoint is never paused", _DECIDED, "at >= entry.failing_since + PAUSE_SECONDS", "False"),
        Mutant(
            "a paused endpoint is told", _DECIDED, "            if self._is_paused(lane):\n", "            if False:\n"
        ),
        Mutant(
            "a success is not remembered",
            _DECIDED,
            "= 0, 0.0\n        if lane.name in self.endpoints:",
            "= 0, 0.0\n        if False:",
        ),
        Mutant("failing endpoints are unbounded", _DECIDED, "if len(self.endpoints) > ENDPOINTS_MAX:", "if False:"),
        Mutant(
            "two receivers share an id",
            _DECIDED,
            "            self.last += 1\n            lane",
            "            self.last += not self.created\n            lane",
        ),
        Mutant(
            "a lane that ended wakes the broker", _DECIDED, "if not self.lanes.by_name or self.free()", "if self.free()"
        ),
        Mutant("slots do not bound", _DECIDED, "courier.slots - held", "courier.slots"),
    ),
)
EVENTS = Core(
    "events of renditions",
    "broker/core",
    ("tests/unit/broker/core/couriers/test_deliveries.py",),
    (
        Mutant("each rendition is told", "answers.py", "is not None and hooks.renditions:", "is not None:"),
        Mutant(
            "a rendition has the change of another",
            "books/state.py",
            "batch=entry.batch, change=entry.change, base=hooks.base, at=at\n",
            "batch=entry.batch, change=entry.change - 1, base=hooks.base, at=at\n",
        ),
        Mutant(
            "a rendition is told each time that its worker says it",
            "answers.py",
            "    if rendition in renditions:\n        return\n",
            "",
        ),
    ),
)
SCHEDULE = Core(
    "schedule of deliveries",
    "jobs/webhooks",
    ("tests/unit/jobs/webhooks",),
    (
        Mutant("a redirect is a success", "schedule.py", "200 <= status <= 299", "200 <= status <= 399"),
        Mutant("410 is tried again", "schedule.py", "GONE = 410", "GONE = 411"),
        Mutant("one attempt more", "schedule.py", "if tries >= len(SCHEDULE):", "if tries > len(SCHEDULE):"),
        Mutant("no jitter", "schedule.py", "return step * (1 + JITTER", "return step * (1 + 0 * JITTER"),
        Mutant("all deliveries wait alike", "schedule.py", 'f"{delivery}.{tries}"', 'f"{tries}"'),
        Mutant(
            "Retry-After shortens a wait",
            "schedule.py",
            "max(delay_seconds(delivery, tries), asked)",
            "asked or delay_seconds(delivery, tries)",
        ),
        Mutant(
            "Retry-After has no bound",
            "schedule.py",
            "min(retry_after or 0.0, RETRY_AFTER_SECONDS_MAX)",
            "retry_after or 0.0",
        ),
        Mutant(
            "probes after six failures",
            "schedule.py",
            "if failures < FAILURES_IN_A_ROW:",
            "if failures < FAILURES_IN_A_ROW + 1:",
        ),
        Mutant("probes as far apart as attempts", "schedule.py", "- 1)], PROBE_SECONDS_MAX)", "- 1)], DAY)"),
        Mutant("the id is not signed", "signatures.py", 'f"{message}.{timestamp}."', 'f"{timestamp}."'),
        Mutant("only the first secret signs", "signatures.py", "for secret in secrets]", "for secret in secrets[:1]]"),
        Mutant("a secret is of all tenants", "signatures.py", "tenant.encode() + b", 'b"" + b'),
        Mutant("a secret is of all addresses", "signatures.py", " + url.encode()", ""),
        Mutant("a long event is whole", "events.py", "if len(body) <= DELIVERY_BYTES_MAX:", "if True:"),
    ),
)
