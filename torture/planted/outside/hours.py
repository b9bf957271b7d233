"""Bugs in the figures of the last hours: what is counted, when a row is written, and what a restart goes on with."""

from torture.planted.mutant import Core, Mutant

HOURS = Core(
    "hours",
    "broker/core/hours",
    ("tests/unit/broker/core/hours",),
    (
        Mutant(
            "an idle broker writes again and again", "counting.py", '            return b""\n', "            pass\n"
        ),
        Mutant(
            "changes are written at each look",
            "counting.py",
            "            self._write_at = now + WRITE_SECONDS\n            if",
            "            if",
        ),
        Mutant(
            "the time that was counted is a change",
            "counting.py",
            "counted, figures.counted_seconds = figures.counted_seconds, 0.0",
            "counted = figures.counted_seconds",
        ),
        Mutant(
            "the time that was counted is forgotten", "counting.py", "        figures.counted_seconds = counted\n", ""
        ),
        Mutant(
            "a stopped process counts on",
            "counting.py",
            "min(LOOK_SECONDS_MAX, max(0.0, now - self._looked_at))",
            "max(0.0, now - self._looked_at)",
        ),
        Mutant("a new interval keeps the figures", "counting.py", 'at, Figures(), b""', 'at, self.figures, b""'),
        Mutant(
            "a new interval knows the workers before",
            "counting.py",
            "self._least, self._has_seen, self._write_at = 0.0, False, now",
            "self._least, self._has_seen, self._write_at = 0.0, True, now",
        ),
        Mutant("an interval that is over is not written", "counting.py", "written.append(over)", "pass"),
        Mutant(
            "an old row is written again",
            "counting.py",
            "if (over := self._entry()) != self._last:",
            "if over := self._entry():",
        ),
        Mutant(
            "a restart forgets the row under way",
            "counting.py",
            "self._at, self.figures, self._last = entry.at, decode_figures(entry.figures), entry",
            "self._at, self._last = entry.at, entry",
        ),
        Mutant("the first of equal jobs goes", "counting.py", "if took > self._least:", "if took < self._least:"),
        Mutant(
            "a clock that was put back makes less than no time",
            "counting.py",
            "            took = 0.0\n",
            "            pass\n",
        ),
        Mutant("a requeued job's wait counts", "counting.py", "if accepted_at <= began_at:", "if accepted_at:"),
        Mutant(
            "a job that never began has run",
            "counting.py",
            "        if began_at is None:\n            return\n",
            "        began_at = began_at or 0.0\n",
        ),
        Mutant(
            "the fewest workers are the latest",
            "counting.py",
            "min(figures.workers_min, workers) if self._has_seen",
            "workers if self._has_seen",
        ),
        Mutant("the deepest queue is the latest", "counting.py", "max(figures.queued_max, queued)", "queued"),
    ),
)
COUNTED = Core(
    "counted",
    "broker/core",
    ("tests/unit/broker/core/hours/test_counting_jobs.py",),
    (
        Mutant("a POST is one job", "accept.py", "books.hours.accepted(len(submit.jobs))", "books.hours.accepted(1)"),
        Mutant(
            "a quarantined upload is no end",
            "accept.py",
            "    books.hours.ended(entry.id, entry.tenant, entry.state._value_, entry.code, at, None, at)\n",
            "",
        ),
        Mutant(
            "a requeued job's wait counts from its upload",
            "books/state.py",
            "accepted_at = entry.accepted_at if entry.position == entry.seq else inf",
            "accepted_at = min(entry.accepted_at, inf)",
        ),
        Mutant(
            "an end is not counted",
            "books/state.py",
            "        self.hours.ended(entry.id,",
            "        (entry.id,",
        ),
        Mutant(
            "the rows of a beat are not written",
            "dispatcher.py",
            "books.records.intervals += books.hours.look",
            "_ = books.hours.look",
        ),
        Mutant(
            "a start forgets the interval",
            "dispatcher.py",
            "books.hours.restore(restored.interval, now)",
            "books.hours.restore(None, now)",
        ),
        Mutant(
            "couriers are workers for images",
            "beat.py",
            "books.roster.count_for_images(),\n    )",
            "books.counts[State.QUEUED],\n    )",
        ),
        Mutant("the oldest has not waited", "beat.py", "_seconds_since(books, oldest_at, now)", "0.0"),
    ),
)
INTERVALS = Core(
    "intervals",
    "jobs",
    ("tests/unit/jobs/test_intervals.py",),
    (
        Mutant("the last bound is not told", "intervals.py", "return BOUNDS[-1] if count else None", "return None"),
        Mutant("a share is its part's bound", "intervals.py", "* max(0.0, wanted - passed) / part", ""),
        Mutant(
            "the first part has no beginning",
            "intervals.py",
            "BOUNDS[number - 1] if number else 0.0",
            "BOUNDS[number - 1]",
        ),
        Mutant(
            "a job is named twice",
            "intervals.py",
            "by_job[slow.job] = slow",
            'by_job[f"{slow.job}{slow.seconds}"] = slow',
        ),
        Mutant(
            "the quicker end of a job counts",
            "intervals.py",
            "slow.seconds > by_job[slow.job].seconds",
            "slow.seconds < by_job[slow.job].seconds",
        ),
        Mutant("the quickest are named", "intervals.py", "(-slow.seconds, slow.job)", "(slow.seconds, slow.job)"),
        Mutant("the rarest code comes first", "intervals.py", "(-pair[1], pair[0])", "(pair[1], pair[0])"),
    ),
)
