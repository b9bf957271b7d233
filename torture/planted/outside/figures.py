"""Bugs in what the broker counts for /metrics: what is counted as what, when, and how often."""

from torture.planted.mutant import Core, Mutant

_COUNTS, _BEAT, _FETCHES, _ANSWERS = "figures/counts.py", "beat.py", "strangers/fetches.py", "answers.py"
FIGURES = Core(
    "figures",
    "broker/core",
    ("tests/unit/broker/core/figures", "tests/unit/broker/core/strangers/test_fetches.py"),
    (
        Mutant("seconds are counted with each beat again", _COUNTS, "self._waits, self._times = {}, []", "pass"),
        Mutant(
            "a beat does not count what is noted",
            _COUNTS,
            "        self._count()\n        self.cells[_ACC",
            "        self.cells[_ACC",
        ),
        Mutant("times are noted without bound", _COUNTS, "if len(self._times) >= NOTED_MAX", "if False"),
        Mutant("waits are noted without bound", _COUNTS, "if len(noted) >= NOTED_MAX", "if False"),
        Mutant(
            "a worker of fewer stages is not counted",
            _COUNTS,
            "zip_longest(*jobs, fillvalue=SECONDS_MAX)",
            "zip(*jobs)",
        ),
        Mutant("a stage that was not told took for ever", _COUNTS, "fillvalue=SECONDS_MAX", "fillvalue=0.0"),
        Mutant(
            "a clock that was set is believed",
            _COUNTS,
            "ordered[bisect_left(ordered, 0.0) : bisect_left(ordered, SECONDS_MAX)]",
            "ordered",
        ),
        Mutant("a delay is a wait", _COUNTS, "if before.event == DELAYED and due > since", "if False"),
        Mutant("a job that came back has not waited", _COUNTS, "            place -= 2\n", "            break\n"),
        Mutant("a hit of the cache has not waited", _COUNTS, "            place -= 1\n", "            place = 0\n"),
        Mutant("a hit is a miss", _COUNTS, "_HIT if cached else _MISS", "_MISS"),
        Mutant("presets are counted without bound", _COUNTS, "len(self.cpu_ms) >= PRESETS_MAX", "False"),
        Mutant(
            "an unknown format ends the broker",
            _COUNTS,
            "times.format if times.format in _KNOWN_FORMATS else OTHER",
            "times.format",
        ),
        Mutant("an unknown code ends the broker", _COUNTS, "code if code in _KNOWN_CODES else OTHER", "code"),
        Mutant("an unknown reason ends the broker", _COUNTS, "_REASONS.get(why, OTHER)", "_REASONS[why]"),
        Mutant("a paused tenant's job is the oldest", _BEAT, " if tenant not in stopped)", ")"),
        Mutant(
            "a fetch that no store took is not counted",
            _FETCHES,
            "        books.figures.fetched(cluster.RETRIED)\n",
            "",
        ),
        Mutant(
            "a fetch that ended is not counted",
            _FETCHES,
            "        books.figures.fetched(cluster.GIVEN_UP)\n",
            "        pass\n",
        ),
        Mutant("a fetch that is made again is no retry", _FETCHES, "        books.figures.retried(code.value)\n", ""),
        Mutant(
            "a job that begins is not counted",
            _ANSWERS,
            "    books.figures.began(entry.lane, entry.outcome.timeline, entry.due, now, books.offset)\n    books.log",
            "    books.log",
        ),
    ),
)  # fmt: skip
CELLS = Core(
    "cells",
    "jobs/figures",
    ("tests/unit/jobs/figures", "tests/unit/broker/test_measures.py"),
    (
        Mutant(
            "a value at a bound falls beyond it",
            "layout.py",
            "bisect_right(ordered, bound)",
            "bisect_left(ordered, bound)",
        ),
        Mutant("all buckets count from the first", "layout.py", "        before = through\n", ""),
        Mutant(
            "what is beyond all buckets is lost",
            "layout.py",
            "cells[end] += len(ordered) - before",
            "cells[end] += 0",
        ),
        Mutant(
            "a sum is the last value",
            "layout.py",
            "round(sum(ordered) * family.scale)",
            "round(ordered[-1] * family.scale) if ordered else 0",
        ),
        Mutant("a gauge stays after its process", "layout.py", "family.kind != GAUGE for family", "True for family"),
        Mutant(
            "a layout's digest does not tell buckets",
            "layout.py",
            "repr(cells)",
            "repr([each.name for each in cells])",
        ),
    ),
)  # fmt: skip
