"""Plants bugs in copies of the dispatch core, one at a time, and shows that its tests catch each.

`make mutate`, or `python -m torture.mutations [WORD]` for those whose name has WORD. A mutant that lives
ends the run with status 1: the tests have lost a tooth. The work tree itself is never touched.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from bench.parts.report import close, table

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = (
    "tests/unit/broker/core/test_dispatcher.py",
    "tests/unit/broker/core/test_quota.py",
    "tests/unit/broker/core/books/test_turns.py",
    "tests/unit/broker/core/books/test_backlog.py",
)
PROPERTIES = ("tests/properties",)
INITS = tuple(f"tests/unit/{folder}/__init__.py" for folder in ("broker", "broker/core", "broker/core/books"))
NEEDED = (
    "broker", "jobs", "stores", "tests/__init__.py", "tests/unit/__init__.py",
    *INITS, "pyproject.toml", *EXAMPLES, *PROPERTIES,
)  # fmt: skip
SECONDS_MAX = 120


class Mutant(NamedTuple):
    """One planted bug: in `file` of broker/core, `old` (once there) becomes `new`."""

    name: str
    file: str
    old: str
    new: str


MUTANTS = (
    Mutant(
        "no fencing by lease",
        "answers.py",
        "if entry is not None and entry.lease == lease else",
        "if entry is not None else",
    ),
    Mutant(
        "an adopted lease of any number",
        "presence.py",
        "entry is None or entry.lease != held.lease:",
        "entry is None:",
    ),
    Mutant("a stale beat is not settled", "presence.py", "books.settle(worker.peer, held.job, held.lease)", "pass"),
    Mutant(
        "a repeated start is charged",
        "answers.py",
        "elif entry.started_at is None:\n            begin",
        "else:\n            begin",
    ),
    Mutant("a job given back stays charged", "answers.py", "entry.attempts -= 1", "pass"),
    Mutant("a loss before the start is charged", "answers.py", "entry.outcome.losses += 1", "entry.attempts += 1"),
    Mutant("a lost job goes last", "books/backlog.py", "window.jobs.appendleft(entry)", "window.jobs.append(entry)"),
    Mutant(
        "a cancel loses to a finish",
        "answers.py",
        "outcome = entry.outcome\n    if outcome.cancel_requested:",
        "outcome = entry.outcome\n    if False:",
    ),
    Mutant("a failed cancel goes again", "books/state.py", "if entry.outcome.cancel_requested:", "if False:"),
    Mutant(
        "a cancel is not repeated",
        "presence.py",
        "    repeat_abandons(books, worker)\n    if told_to_drain",
        "    if told_to_drain",
    ),
    Mutant(
        "what the worker forgot is not lost",
        "presence.py",
        "for entry in reversed(before.values()):",
        "for entry in ():",
    ),
    Mutant(
        "a wrong lease is taken for the holder's",
        "presence.py",
        "entry = before.get(held.job)",
        "entry = before.pop(held.job, None)",
    ),
    Mutant("orphans wait for ever", "presence.py", "if books.orphans and now >= books.grace_until:", "if False:"),
    Mutant(
        "orphans have no grace", "presence.py", "if books.orphans and now >= books.grace_until:", "if books.orphans:"
    ),
    Mutant("silence is never judged", "presence.py", "books.roster.silent(now - books.policy.silence_seconds)", "()"),
    Mutant("a broker that stood still loses all", "dispatcher.py", "presence.excuse(self.books, now)", "pass"),
    Mutant("a repeated requeue runs again", "commands.py", "return None if repeated else requeue", "return requeue"),
    Mutant("a beat renews no lease", "books/roster.py", "worker.heard = now\n        self._heard", "self._heard"),
    Mutant(
        "capacity and one more",
        "books/roster.py",
        "held >= worker.capacity:",
        "held > worker.capacity:",
    ),
    Mutant(
        "a draining worker is served", "books/roster.py", "if worker.draining or worker.alone or", "if worker.alone or"
    ),
    Mutant(
        "alone, yet with others behind",
        "books/roster.py",
        "if worker.draining or worker.alone or",
        "if worker.draining or",
    ),
    Mutant("alone is given as a second", "matching.py", " or window.jobs[0].alone:", ":"),
    Mutant("classes take turns, whatever time", "books/turns.py", "[size] += self.seconds[size]", "[size] += 1.0"),
    Mutant(
        "tenants take turns, whatever time",
        "books/turns.py",
        "tenant.spent += seconds\n        tenant.spent_by",
        "tenant.spent += 1.0\n        tenant.spent_by",
    ),
    Mutant(
        "what a job took is never known",
        "books/state.py",
        "self.backlog.turns.correct(tenant_of(entry.lane), seconds - entry.seconds)",
        "pass",
    ),
    Mutant(
        "an unbegun job is paid for",
        "books/state.py",
        "self.backlog.turns.correct(tenant_of(entry.lane), -entry.seconds)",
        "pass",
    ),
    Mutant(
        "who comes late is owed all time", "books/turns.py", "tenant.spent = max(tenant.spent, self._virtual)", "pass"
    ),
    Mutant(
        "a heavy job may have every worker",
        "books/reserve.py",
        "max(1, workers - 1) if now < self._until else workers",
        "workers",
    ),
    Mutant("a late worker is given more", "books/roster.py", "(worker.late or worker.load", "(worker.load"),
    Mutant(
        "windows are bounded one by one",
        "books/backlog.py",
        "BUDGET_BYTES // len(self._lanes) // window.weight",
        "self._size",
    ),
    Mutant("a turn reads all lanes", "books/backlog.py", "and len(asked) < REFILL_LANES", ""),
    Mutant("cut jobs are lost", "books/backlog.py", "window.cursor = min(window.cursor, entry.position - 1)", "pass"),
    Mutant(
        "time that nobody asked for is owed",
        "books/turns.py",
        "spent[size] = max(spent[size], min(",
        "_ = max(spent[size], min(",
    ),
    Mutant("a large one is prefetched", "matching.py", "window.size != SMALL or ", ""),
    Mutant(
        "a small one waits behind a large",
        "books/model.py",
        " or size_of(self.lane) != SMALL",
        "",
    ),
    Mutant("no memory for the second try", "matching.py", "(2 if entry.outcome.memory_tries else 1)", "1"),
    Mutant(
        "pause forgets to persist",
        "commands.py",
        "books.meta_changed = books.meta_changed or books.paused != paused",
        "pass",
    ),
    Mutant("pause does not hold", "matching.py", "if books.paused or ", "if "),
    Mutant("those that fail pile up", "matching.py", " or books.counts[DELAYED] >= DELAYED_MAX", ""),
    Mutant(
        "paused, it turns in circles", "dispatcher.py", "books.roster.idle and not books.paused:", "books.roster.idle:"
    ),
    Mutant(
        "a recall is repeated",
        "matching.py",
        "        del books.prefetched[entry.id]\n        books.recalled",
        "        books.recalled",
    ),
    Mutant("quarantine is not written", "books/quarantine.py", "self.written.append(known)", "pass"),
    Mutant("quarantine is not lifted", "books/quarantine.py", "self.released.append(content)", "pass"),
    Mutant("a quarantine set anew is lost", "books/quarantine.py", "self.released.remove(content)", "pass"),
    Mutant("requeue keeps the crashes", "commands.py", "outcome.losses = outcome.crashes =", "outcome.losses ="),
    Mutant("requeue keeps the place", "commands.py", "entry.position = books.change", "pass"),
    Mutant(
        "a refill doubles what waits",
        "dispatcher.py",
        "for row in rows if row.id not in books.entries]",
        "for row in rows]",
    ),
    Mutant("a refill forgets the rest", "books/backlog.py", "window.beyond = not complete", "window.beyond = False"),
    Mutant(
        "a window overtakes the ledger",
        "books/backlog.py",
        "if window.beyond or len(window.jobs) >= self._room(window):",
        "if len(window.jobs) >= self._room(window):",
    ),
    Mutant(
        "a short lane is never asked for",
        "books/backlog.py",
        "                self._short[window.lane] = None",
        "                pass",
    ),
    Mutant(
        "a repeat is judged anew",
        "accept.py",
        "if first in event.existing or first in books.fresh_ids:",
        "if first in books.fresh_ids:",
    ),
    Mutant(
        "a twin in the same turn is missed",
        "accept.py",
        "event.keys.get(key) or books.fresh_keys.get(key)",
        "event.keys.get(key)",
    ),
    Mutant("the queue's bound counts no delayed", "accept.py", "+ books.counts[DELAYED]", ""),
    Mutant(
        "counts forget the quarantined",
        "accept.py",
        "ENDED, now, entry.code)\n    books.count(entry, 1)",
        "ENDED, now, entry.code)",
    ),
    Mutant(
        "purge leaves the pictures",
        "books/state.py",
        "(original_name(entry.id), *(r.blob for r in entry.outcome.renditions))",
        "(original_name(entry.id),)",
    ),
    Mutant("a purge leaves nothing behind", "books/state.py", "self.records.purged.append(", "PurgedEntry("),
    Mutant("nothing is ever too old", "retention.py", "if policy.retention_seconds and now", "if False and now"),
    Mutant(
        "young jobs go by age", "retention.py", "now + books.offset - policy.retention_seconds", "now + books.offset"
    ),
    Mutant("a clock put forward makes jobs old", "retention.py", "if seconds > STEP_SECONDS:", "if False:"),
    Mutant("retention forgets the rest", "retention.py", "books.expire_at = now\n", "pass\n"),
    Mutant("sweeps pile up without a bound", "retention.py", " and books.sweeps.may_add()", ""),
    Mutant(
        "a tenant's counts forget a purge",
        "books/state.py",
        "self.count(entry, -1)\n        self.records.removed",
        "self.counts[entry.state] -= 1\n        self.records.removed",
    ),
    Mutant("a tenant's counts are not written", "dispatcher.py", "in books.counted.items()]", "in ()]"),
    Mutant(
        "a start forgets the tenants",
        "dispatcher.py",
        "books.restore_share(tenant)",
        "pass",
    ),
    Mutant("a requeue meets its own sweep", "commands.py", "if entry.id in books.sweeps.sweeping:", "if False:"),
    Mutant("anybody's Swept counts", "books/sweeps.py", "if sweeper is not worker:", "if sweeper is None:"),
    Mutant("a shown picture is swept", "answers.py", "if rendition.blob not in shown)", ")"),
    Mutant(
        "a due job is not written",
        "dispatcher.py",
        "            books.requeue_head(entry)\n            books.touch(entry)",
        "            books.requeue_head(entry)",
    ),
    Mutant(
        "a stopping broker assigns",
        "dispatcher.py",
        "if not self._matching.stopping:\n            self._matching.match",
        "if True:\n            self._matching.match",
    ),
    Mutant("files of a job that runs are orphans", "orphan_scan.py", "elif entry.state in ENDED:", "elif True:"),
    Mutant("a job's original is an orphan", "orphan_scan.py", "named = {original_name(job), *(", "named = {*("),
    Mutant("the scan believes the ledger alone", "orphan_scan.py", "books.entries.get(job) or (", "("),
    Mutant("an upload under way is an orphan", "orphan_scan.py", "set(names) if young else set()", "set[str]()"),
    Mutant("what is swept is swept again", "orphan_scan.py", "named.update(books.sweeps.entries[job].names)", "pass"),
    Mutant(
        "a post may pass its grant", "quota.py", "if used > submit.grant.count:", "if used - uses > submit.grant.count:"
    ),
    Mutant("a grant's uses of the same turn are missed", "quota.py", "books.fresh_grants.get(grant) or ", ""),
    Mutant("a grant's uses are not written", "quota.py", "books.records.grants.append(entry)", "pass"),
    Mutant("a rate's minute is a second short", "books/rates.py", "= RATE_SECONDS + 1", "= RATE_SECONDS"),
    Mutant("a rate frees too soon for many", "quota.py", "rate.frees(now, len(jobs) - left)", "rate.frees(now, 1)"),
    Mutant("a rate counts posts", "quota.py", "if len(jobs) <= left:", "if left:"),
    Mutant("a late answer moves the orphan scan", "orphan_scan.py", " or scan.after != found.after", ""),
)


def plant(mutant: Mutant, folder: Path) -> None:
    """A copy of what the tests need, with the bug in it. Raises ValueError where the code has changed."""
    for name in NEEDED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    path = folder / "broker/core" / mutant.file
    text = path.read_text()
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.name}: {mutant.file} has {text.count(mutant.old)} of {mutant.old!r}")
    path.write_text(text.replace(mutant.old, mutant.new))


def caught(folder: Path, tests: tuple[str, ...]) -> bool:
    """Whether these tests fail there. A run that takes too long counts: the mutant turns in circles."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", *tests]
    command += ["--hypothesis-seed=1", "--hypothesis-profile=mutants"] if tests == PROPERTIES else []
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode == 1


def judged(mutant: Mutant) -> list[tuple[str, ...]]:
    """Which of the two suites catch the mutant."""
    with tempfile.TemporaryDirectory() as place:
        plant(mutant, Path(place))
        suites: list[tuple[str, ...]] = [EXAMPLES, PROPERTIES]
        by = [tests for tests in suites if caught(Path(place), tests)]
    print(f"{mutant.name}: {'caught' if by else 'LIVES'}", file=sys.stderr, flush=True)
    return by


def main(word: str = "") -> int:
    """Try every mutant; the exit status."""
    chosen = [mutant for mutant in MUTANTS if word in mutant.name]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        verdicts = list(pool.map(judged, chosen))
    columns = (EXAMPLES, PROPERTIES)
    rows = [
        (mutant.name, mutant.file, *("caught" if tests in by else "-" for tests in columns))
        for mutant, by in zip(chosen, verdicts, strict=True)
    ]
    table(("planted", "in broker/core", "examples", "properties"), rows)
    lived = verdicts.count([])
    by_properties = sum(PROPERTIES in by for by in verdicts)
    close("mutations", {"planted": len(rows), "lived": lived, "caught_by_properties": by_properties})
    return 1 if lived else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
