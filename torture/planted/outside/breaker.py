"""Bugs in what spares others: the breaker of the result cache, and the budgets of workers' connections and keys."""

from torture.planted.mutant import Core, Mutant

BREAKER = Core(
    "breaker",
    "stores/cache",
    ("tests/unit/stores/cache/test_breaker.py",),
    (
        Mutant("a failure opens nothing", "breaker.py", "2 * self._pause or PAUSE_SECONDS_FIRST", "2 * self._pause"),
        Mutant("the pauses do not grow", "breaker.py", "2 * self._pause or PAUSE_SECONDS_FIRST", "PAUSE_SECONDS_FIRST"),
        Mutant("the pauses grow for ever", "breaker.py", "min(PAUSE_SECONDS_MOST, ", "max(0.0, "),
        Mutant(
            "an answer closes nothing", "breaker.py", "        self._pause = 0.0\n\n    def failed", "\n    def failed"
        ),
        Mutant("every call is a probe", "breaker.py", "if not probe or now < self._until", "if now < self._until"),
        Mutant(
            "no call is a probe", "breaker.py", "if not probe or now < self._until", "if probe or now < self._until"
        ),
        Mutant("the pause is not waited for", "breaker.py", "if not probe or now < self._until", "if not probe"),
        Mutant(
            "others ask beside the probe",
            "breaker.py",
            "        self._until = now + self._pause\n        return True",
            "        return True",
        ),
        Mutant(
            "a probe whose end is unknown is the last",
            "breaker.py",
            "        self._until = now + self._pause\n        return True",
            "        self._until = now + 1e9\n        return True",
        ),
        Mutant(
            "the pause begins at no failure",
            "breaker.py",
            "PAUSE_SECONDS_FIRST)\n        self._until = now + self._pause",
            "PAUSE_SECONDS_FIRST)",
        ),
    ),
)

BUDGET = Core(
    "budget",
    "broker/frames",
    ("tests/unit/broker/frames/test_budget.py",),
    (
        Mutant(
            "bytes cost nothing", "budget.py", "paid_at += self._frame + size * self._byte", "paid_at += self._frame"
        ),
        Mutant("frames cost nothing", "budget.py", "paid_at += self._frame + size", "paid_at += size"),
        Mutant("time pays nothing", "budget.py", "or paid_at <= now:", "or False:"),
        Mutant(
            "quiet times are saved for ever",
            "budget.py",
            "            paid_at = now\n",
            "            paid_at = paid_at or now\n",
        ),
        Mutant("there is no burst", "budget.py", "if paid_at > now + BURST_SECONDS:", "if paid_at > now:"),
        Mutant("the debt grows for ever", "budget.py", "min(paid_at, now + BURST_SECONDS + DEBT_SECONDS)", "paid_at"),
        Mutant(
            "a part of the debt is enough",
            "budget.py",
            "return sender not in self.over",
            "return paid_at <= now + BURST_SECONDS",
        ),
        Mutant("who was over stays over", "budget.py", "            self.over.discard(sender)\n", ""),
        Mutant("a key has no budget", "budget.py", "if key is not None:", "if False:"),
        Mutant("a key has the budget of one worker", "budget.py", "Budget(KEY_RATE)", "Budget(1.0)"),
        Mutant(
            "a key's budget replaces those of its connections",
            "budget.py",
            "self._keys.spend(key, size, now) and within",
            "self._keys.spend(key, size, now)",
        ),
        Mutant("a sender is given up at each frame", "budget.py", "if peer in self._parted:", "if False:"),
        Mutant("a sender is given up only once ever", "budget.py", "            self._parted.discard(peer)\n", ""),
        Mutant("every sender is known", "budget.py", "len(self._paid_at) >= SENDERS_MAX", "False"),
        Mutant("nobody is forgotten", "budget.py", "if paid_at > now}", "}"),
        Mutant("who is forgotten stays over", "budget.py", "            self.over &= self._paid_at.keys()\n", ""),
        Mutant(
            "room is looked for at each frame", "budget.py", "if now >= self._swept_at + SWEEP_SECONDS:", "if True:"
        ),
    ),
)
