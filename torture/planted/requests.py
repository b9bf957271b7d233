"""Bugs in web's requests to the broker: sending, repeating, waiting and giving up."""

from torture.planted.mutant import Core, Mutant

REQUESTS = Core(
    "requests",
    "web/broker",
    (
        "tests/unit/web/broker/test_caps.py",
        "tests/unit/web/broker/test_following.py",
        "tests/unit/web/broker/test_history.py",
        "tests/unit/web/broker/test_requests.py",
        "tests/unit/web/uploads/test_accept.py",
    ),
    (
        Mutant("all requests have one name", "requests.py", "return str(next(self._numbers))", 'return "0"'),
        Mutant(
            "one request too many",
            "requests.py",
            "len(self._frames) >= UNACKNOWLEDGED_MAX",
            "len(self._frames) > UNACKNOWLEDGED_MAX",
        ),
        Mutant("only what is unsent counts as waiting", "requests.py", "len(self._frames) >=", "len(self._unsent) >="),
        Mutant("a full line is not judged", "requests.py", "        if self.full:\n", "        if False:\n"),
        Mutant(
            "nothing is sent before the next flush",
            "requests.py",
            "            self.flush()\n            left",
            "            left",
        ),
        Mutant("a short wait has no look", "requests.py", "while left > 0:", "while left >= LOOK_SECONDS:"),
        Mutant("a wait passes its seconds", "requests.py", "timeout=min(left, LOOK_SECONDS)", "timeout=LOOK_SECONDS"),
        Mutant("one look for the whole wait", "requests.py", "timeout=min(left, LOOK_SECONDS)", "timeout=left"),
        Mutant("a wait never ends", "requests.py", "left -= LOOK_SECONDS", "left -= 0.0"),
        Mutant(
            "a lost answer is not looked for",
            "requests.py",
            "if ack.done() else await _first_of(ack, look):",
            "if ack.done() else None:",
        ),
        Mutant(
            "the ledger is read though the answer came",
            "requests.py",
            "ack.result() if ack.done() else await _first_of(ack, look)",
            "await look() or (ack.result() if ack.done() else None)",
        ),
        Mutant(
            "the time of a look is not counted",
            "requests.py",
            "left -= LOOK_SECONDS + loop.time() - looked_at",
            "left -= LOOK_SECONDS",
        ),
        Mutant(
            "an answer waits for the look",
            "requests.py",
            "return_when=asyncio.FIRST_COMPLETED",
            "return_when=asyncio.ALL_COMPLETED",
        ),
        Mutant("a look goes on after the answer", "requests.py", "looking.cancel()", "pass"),
        Mutant(
            "no request was ever repeated",
            "requests.py",
            "Answer(answer, message.request in self._repeated)",
            "Answer(answer, False)",
        ),
        Mutant(
            "every request was repeated",
            "requests.py",
            "Answer(answer, message.request in self._repeated)",
            "Answer(answer, True)",
        ),
        Mutant(
            "who gives up is not forgotten",
            "requests.py",
            "            self._forget(message.request)\n            self._repeated",
            "            self._repeated",
        ),
        Mutant(
            "repeats are never forgotten", "requests.py", "            self._repeated.discard(message.request)\n", ""
        ),
        Mutant("the last is sent first", "requests.py", "next(iter(self._unsent))", "next(reversed(self._unsent))"),
        Mutant(
            "what the socket did not take is lost",
            "requests.py",
            "            if not self.send(self._frames[request]):\n                return\n"
            "            del self._unsent[request]",
            "            del self._unsent[request]\n"
            "            if not self.send(self._frames[request]):\n                return",
        ),
        Mutant("an epoch is not remembered", "requests.py", "        self._epoch = epoch\n", ""),
        Mutant(
            "a first sending is a repeat",
            "requests.py",
            "self._frames.keys() - self._unsent.keys()",
            "self._frames.keys()",
        ),
        Mutant(
            "a Hello forgets who was repeated",
            "requests.py",
            "self._repeated.update(self._frames.keys() - self._unsent.keys())",
            "self._repeated = self._frames.keys() - self._unsent.keys()",
        ),
        Mutant(
            "a Hello sends nothing again", "requests.py", "        self._unsent = dict.fromkeys(self._frames)\n", ""
        ),
        Mutant(
            "a Hello waits for the next flush",
            "requests.py",
            "        self._unsent = dict.fromkeys(self._frames)\n        self.flush()",
            "        self._unsent = dict.fromkeys(self._frames)",
        ),
        Mutant(
            "an answer to nobody is a fault",
            "requests.py",
            "if waiting := self._acks.get(ack.request):",
            "if waiting := self._acks[ack.request]:",
        ),
        Mutant(
            "an answered request is sent again",
            "requests.py",
            "                waiting.set_result(ack)\n            self._forget(ack.request)",
            "                waiting.set_result(ack)\n                del self._acks[ack.request]",
        ),
        Mutant("old mail is a Hello", "requests.py", "if epoch > self._epoch:", "if epoch != self._epoch:"),
        Mutant("every answer is a Hello", "requests.py", "if epoch > self._epoch:", "if epoch >= self._epoch:"),
        Mutant("a later epoch's answers are no Hello", "requests.py", "if epoch > self._epoch:", "if False:"),
        Mutant(
            "a Hello comes before its answers are heard",
            "requests.py",
            "        for ack in acks:\n",
            "        if epoch > self._epoch:\n            self.received_hello(epoch)\n        for ack in acks:\n",
        ),
        Mutant("a restart loses commits", "history.py", "first < self._former", "first <= self._former"),
        Mutant("no changes show lost commits", "history.py", "self._judged(first < self._former)", "False"),
        Mutant("a beat's restart loses commits", "history.py", "began < self._former", "began <= self._former"),
        Mutant("no beat shows lost commits", "history.py", "began is not None and began < self._former", "False"),
        Mutant("another life loses nothing", "history.py", "is_another or (", "("),
        Mutant(
            "lost commits are told again and again",
            "history.py",
            "            self._former = -1\n",
            "            pass\n",
        ),
        Mutant("what was heard in this term is compared", "history.py", "if epoch > self._epoch:", "if True:"),
        Mutant("a silent broker is another life", "history.py", "bool(name and self._name and", "bool(self._name and"),
        Mutant(
            "the ledger's life is forgotten", "history.py", "if name and name != self._name:", "if name != self._name:"
        ),
        Mutant("all lives have one name in ids", "history.py", "blake2s(name.encode()", 'blake2s(b""'),
        Mutant("a lower epoch is followed", "following.py", "epoch > self._epoch:", "epoch != self._epoch:"),
        Mutant(
            "no higher epoch is followed",
            "following.py",
            "self.line is None or epoch > self._epoch:",
            "self.line is None:",
        ),
        Mutant(
            "a broker that lost the term counts",
            "following.py",
            "(line, epoch) == (self.line, self._epoch)",
            "line == self.line or epoch < self._epoch",
        ),
        Mutant(
            "the followed line's former broker counts",
            "following.py",
            "(line, epoch) == (self.line, self._epoch)",
            "line == self.line",
        ),
        Mutant("a tenant with its whole share is held back", "caps.py", "caps[name] < share", "caps[name] <= share"),
        Mutant(
            "a full tenant is held back though nothing waits",
            "caps.py",
            "for name in beat.full_tenants if _waits(beat, name)",
            "for name in beat.full_tenants",
        ),
        Mutant("a full tenant is forgotten", "caps.py", "in beat.full_tenants if _waits(beat, name)", "in ()"),
        Mutant(
            "workers of one held back are shared again",
            "caps.py",
            "        workers -= sum(caps[name] for name in below)\n",
            "",
        ),
        Mutant("those who are held back serve the others", "caps.py", "is not None)[:kept]", "is not None)"),
        Mutant("nobody is left for the others", "caps.py", "kept = max(1, ", "kept = max(0, "),
        Mutant("what gave up unsent is sent", "requests.py", "        self._unsent.pop(request, None)\n", ""),
    ),
)
