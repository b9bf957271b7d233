"""Bugs in what a client decides and sends."""

from torture.planted.mutant import Core, Mutant

CLIENT = Core(
    "client",
    "pixmill",
    (
        "tests/unit/pixmill/core",
        "tests/unit/pixmill/client",
        "tests/unit/pixmill/testing/test_service.py",
    ),
    (
        Mutant(
            "a lost connection is not tried again",
            "core/trying.py",
            '    seconds = patience.pause(reply.now, 0.0)\n    return _given_up(f"no',
            '    seconds = None\n    return _given_up(f"no',
        ),
        Mutant("a 503 is an answer", "core/trying.py", "frozenset({502, 503, 504})", "frozenset({502, 504})"),
        Mutant("a refusal is tried again", "core/trying.py", "    return said, None\n", "    return said, 1.0\n"),
        Mutant(
            "a first refusal counts as done before",
            "core/trying.py",
            "(repeated and _code(response) == done_before",
            "(_code(response) == done_before",
        ),
        Mutant(
            "a lost answer is no repeat",
            "core/trying.py",
            "repeated or response is None or response.status in AGAIN",
            "repeated or (response is not None and response.status in AGAIN)",
        ),
        Mutant(
            "a purge whose answer was lost is a fault", "core/calls.py", 'done_before="not_found"', 'done_before=""'
        ),
        Mutant(
            "a requeue whose answer was lost is a fault",
            "core/calls.py",
            'done_before="not_requeueable"',
            'done_before=""',
        ),
        Mutant("an upload has no key", "core/calls.py", '{"Idempotency-Key": key, **prefer,', "{**prefer,"),
        Mutant(
            "a wait spins",
            "core/calls.py",
            "            if pause > 0:\n                yield Pause(pause)\n",
            "            if pause > 0:\n",
        ),
        Mutant("a wait goes on after its time", "core/calls.py", "if found.ended or left <= 0:", "if found.ended:"),
        Mutant(
            "a wait for a batch goes on after its time",
            "core/calls.py",
            "if left <= 0 or not (waiting or found.open):",
            "if not (waiting or found.open):",
        ),
        Mutant("an open batch has ended", "core/calls.py", "not (waiting or found.open)", "not waiting"),
        Mutant(
            "a batch without a job to wait for is asked again at once",
            "core/calls.py",
            "yield Pause(min(left, back_off.pause(0.0)))",
            "pass",
        ),
        Mutant(
            "a pause for an open batch is longer than what is left",
            "core/calls.py",
            "Pause(min(left, back_off.pause(0.0)))",
            "Pause(back_off.pause(0.0))",
        ),
        Mutant("a batch is awaited by its first job", "core/calls.py", "waiting[-1].id", "waiting[0].id"),
        Mutant(
            "a purged job of a batch is asked for in a loop that spins",
            "core/calls.py",
            "                yield Pause(back_off.pause(0.0))\n",
            "                continue\n",
        ),
        Mutant("a job under a grant is asked for without it", "core/calls.py", "query + job.opened", "query"),
        Mutant(
            "jobs under grants are followed by their ids",
            "core/events.py",
            "all(job.grant for job in self._jobs)",
            "False",
        ),
        Mutant(
            "a page is asked for again",
            "core/calls.py",
            "filters(asked, limit=str(PAGE_JOBS), after=after)",
            "filters(asked, limit=str(PAGE_JOBS), after=None)",
        ),
        Mutant(
            "the key's server is not told",
            "core/trying.py",
            "elif response.status in (401, 403) and response.elsewhere:",
            "elif response.status in (401, 403) and not response.elsewhere:",
        ),
        Mutant("a stream begins anew", "core/events.py", "        self._last = found\n", "        pass\n"),
        Mutant(
            "another life has the same numbers",
            "core/events.py",
            "            self._forget()\n        self._last",
            "            pass\n        self._last",
        ),
        Mutant("a first id is another life", "core/events.py", "if self._last and found", "if found"),
        Mutant(
            "a reset forgets nothing",
            "core/events.py",
            "            self._forget()\n            return",
            "            return",
        ),
        Mutant(
            "half an event outlives its connection",
            "core/events.py",
            '        self._rest = b""\n        headers',
            "        headers",
        ),
        Mutant(
            "a change is told twice",
            "core/events.py",
            "self._told.get(event.id, -1) >= event.change",
            "self._told.get(event.id, -1) > event.change",
        ),
        Mutant(
            "a rendition is told twice", "core/events.py", "            self._shown.add(shown)\n", "            pass\n"
        ),
        Mutant(
            "a removed job keeps a stream open",
            "core/events.py",
            "self.removed or self.state in ENDED",
            "self.state in ENDED",
        ),
        Mutant(
            "a requeued job's renditions are not told",
            "core/events.py",
            "self._shown = {shown for shown in self._shown if shown[0] != event.id}",
            "pass",
        ),
        Mutant(
            "an unknown member is a fault",
            "core/reading.py",
            "        elif required:",
            "        elif required or len(value) > 20:",
        ),
        Mutant(
            "a file is sent from its end",
            "client/sources.py",
            "        self._file.seek(start)\n",
            "        pass\n",
        ),
        Mutant(
            "a child uses its parent's connections",
            "client/connections.py",
            "if self._pid != os.getpid():",
            "if False:",
        ),
        Mutant("the key goes anywhere", "client/origin.py", "if origin(request.url) == self._origin:", "if True:"),
    ),
)
