"""Bugs in what each tenant may have: in the file, and in the broker's core."""

from torture.planted.mutant import Core, Mutant

_TURNS, _QUOTA, _KEPT = "broker/core/books/turns.py", "broker/core/quota.py", "broker/core/retention.py"
_FILE, _LOOKS, _BEAT = "jobs/tenants.py", "broker/core/books/looks.py", "broker/core/beat.py"
_COMMANDS, _STATE = "broker/core/commands.py", "broker/core/books/state.py"

TENANTS = Core(
    "tenants",
    ".",
    (
        "tests/unit/jobs/test_tenants.py",
        "tests/unit/broker/core/test_dispatcher_tenants.py",
        "tests/simulation/test_fairness.py",
        "tests/unit/web/handlers/test_receipts.py",
    ),
    (
        Mutant(
            "running_max 0 means any", "jobs/tenants.py", "if each.running_max is not None}", "if each.running_max}"
        ),
        Mutant(
            "one more than running_max runs", _TURNS, "if running >= self.running_max", "if running > self.running_max"
        ),
        Mutant(
            "what ran before a start does not count", _STATE, "if tenant in self.shares else 0)", "if False else 0)"
        ),
        Mutant("who was full stays so", _TURNS, "        elif name in self.full:", "        elif False:"),
        Mutant(
            "running_max holds no fetch", _STATE, "[self.backlog.turns, self.sources.turns]", "[self.backlog.turns]"
        ),
        Mutant(
            "a resume frees who is full", _TURNS, "not in self.paused and name not in self.full", "not in self.paused"
        ),
        Mutant("an end frees who is paused", _TURNS, "if name not in self.paused and name not", "if name not"),
        Mutant("a hold holds nobody", _TURNS, "        if tenant.name in self.held:", "        if False:"),
        Mutant(
            "a hold leaves a place in the heap",
            _TURNS,
            "            tenant.serial = 0\n            self._barred.pop(name",
            "            self._barred.pop(name",
        ),
        Mutant(
            "a hold earns credit",
            _TURNS,
            "            tenant.spent = max(tenant.spent, self._virtual)\n            self._enter",
            "            self._enter",
        ),
        Mutant(
            "who is free again has no turn", _TURNS, "self._virtual)\n            self._enter(tenant)", "self._virtual)"
        ),
        Mutant("weight makes a job dearer", _TURNS, "1.0 / self.weights.get(name, 1.0)", "self.weights.get(name, 1.0)"),
        Mutant(
            "a charge knows no weight",
            _TURNS,
            "seconds * tenant.scale\n        tenant.spent_by",
            "seconds\n        tenant.spent_by",
        ),
        Mutant("a correction knows no weight", _TURNS, "seconds * tenant.scale\n        if", "seconds\n        if"),
        Mutant("a pause is not written", "broker/core/dispatcher.py", "[*books.holds.on], ", "[], "),
        Mutant("a resume is not written", "broker/core/dispatcher.py", ", [*books.holds.off]", ", []"),
        Mutant("a start forgets the pauses", _STATE, "self.holds.restore(paused)", "pass"),
        Mutant("a pause that ends in its turn is written", _TURNS, "self.on.pop(name, None)", "pass"),
        Mutant("pauses have no bound", _COMMANDS, "len(holds.paused) >= PAUSED_MAX", "False"),
        Mutant("a repeated pause is refused", _COMMANDS, "tenant not in holds.paused and ", ""),
        Mutant("the beat names no paused tenant", _BEAT, "[*books.holds.paused]", "[]"),
        Mutant("the beat names no full tenant", _BEAT, "[*books.holds.full]", "[]"),
        Mutant(
            "paused jobs want workers", _TURNS, "self.running_max | dict.fromkeys(self.paused, 0)", "self.running_max"
        ),
        Mutant(
            "a worker is kept free for the paused",
            "broker/core/accept.py",
            "if entry.tenant not in books.holds.stopped:",
            "if True:",
        ),
        Mutant(
            "a worker is kept free for the paused who requeue",
            _COMMANDS,
            "    if entry.tenant not in books.holds.stopped:",
            "    if True:",
        ),
        Mutant(
            "a worker is kept free for who may have none",
            _TURNS,
            "for name, most in self.running_max.items() if not most}",
            "for name, most in () if not most}",
        ),
        Mutant(
            "no worker is kept free after a resume",
            _COMMANDS,
            "                books.reserve.came(window.lane, now)\n",
            "                pass\n",
        ),
        Mutant("who may have none is stopped no more", _TURNS, "if self.running_max.get(name) != 0:", "if True:"),
        Mutant(
            "a paused tenant's job is recalled",
            "broker/core/matching.py",
            " if each[0].tenant not in paused), None",
            "), None",
        ),
        Mutant(
            "a paused tenant's job is recalled from a late worker",
            "broker/core/matching.py",
            "in books.prefetched and entry.tenant not in books.holds.paused",
            "in books.prefetched",
        ),
        Mutant(
            "the core turns in circles for a paused tenant's job",
            "broker/core/dispatcher.py",
            "            times.append(due)\n        if books.prefetched and",
            "            times.append(next(iter(books.prefetched.values()))[1])\n        if books.prefetched and",
        ),
        Mutant("one tenant wants all workers", _BEAT, "if tenant in most else took", "if False else took"),
        Mutant("lanes of the paused are forecast", "broker/core/outlook.py", "    if stopped:", "    if False:"),
        Mutant("queued_max 0 means any", _QUOTA, "limits.queued_max is None:", "not limits.queued_max:"),
        Mutant("queued_max counts no delayed", _QUOTA, "own[QUEUED] + own[DELAYED] + jobs", "own[QUEUED] + jobs"),
        Mutant("queued_max is passed by one", _QUOTA, "+ jobs > limits", "> limits"),
        Mutant("own rates count only beside everyone's", "broker/core/accept.py", "or books.policy.tenants ", ""),
        Mutant("a rate of one is everyone's", _FILE, "else limits.rate\n", "else everyone\n"),
        Mutant("the beat names nobody over an own rate", _QUOTA, "for name in policy.tenants if", "for name in () if"),
        Mutant("a walk takes the jobs of others", "broker/core/books/events.py", "!= self.others", "!= False"),
        Mutant("those without a time of their own stay", _LOOKS, "        if everyone and own:", "        if False:"),
        Mutant(
            "who keeps for ever loses all",
            _LOOKS,
            "for seconds, names in named.items() if seconds]",
            "for seconds, names in named.items()]",
        ),
        Mutant("a walk does not move", _KEPT, ".after = event.reached", ".after"),
        Mutant("a walk ends after a step", _KEPT, "    if event.more:", "    if False:"),
        Mutant("a walk has one turn only", _KEPT, "(ages.number + 1) % len(ages.walks)", "0"),
        Mutant(
            "a walk passes what a step left",
            _KEPT,
            "                return ids, each",
            "                return ids, found[-1]",
        ),
        Mutant("a clock put back stops a walk", _KEPT, "if walk.after[0] > at - walk.seconds:", "if False:"),
        Mutant("each walk forgets purged ids", _KEPT, "forgets = walk.seconds == ages.keeps", "forgets = True"),
        Mutant("no walk forgets purged ids", _KEPT, "forgets = walk.seconds == ages.keeps", "forgets = False"),
        Mutant(
            "a receipt expires by everyone's time",
            "web/handlers/receipts.py",
            "retention_of(web.limits, tenant, everyone) or inf",
            "everyone or inf",
        ),
        Mutant("true is a number", _FILE, "isinstance(value, bool) or ", ""),
        Mutant("the most is too much", _FILE, "<= self.most", "< self.most"),
        Mutant("a line is told by its neighbour", _FILE, "(low, middle) if found", "(middle, high) if found"),
        Mutant("tenants have no bound", _FILE, "len(tables) > TENANTS_MAX", "False"),
    ),
    properties=("tests/properties",),
)
