"""`python -m broker replay PATH [--ledger FILE]`: feeds a recording of the flight recorder to a core again.

PATH is a segment, or the folder of them (DATA/flight). The replay names the first turn whose decisions differ from the
recorded ones. At its end it prints the last state of every job in the recording; with `--ledger` it compares them with
the ledger's rows. It only reads.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import msgspec

from broker.core.books.events import Effects
from broker.core.dispatcher import Dispatcher
from broker.core.snapshot import from_snapshot, snapshot
from broker.flight.facts import FORMAT, Began, Decided, Opening, Part, Turn, decide, events, parts
from broker.flight.recorder import SUFFIX, code, segments
from broker.frames.outbox import digest, outgoing
from jobs.errors import SetupFault, StoreFault
from jobs.job import Row
from jobs.leases import count_of
from jobs.records import PURGED, Records
from stores.ledger import LedgerReader
from stores.opening import reader_of

ASKED_AT_ONCE = 500


class Differs(Exception):
    """The replay's decisions are not those of the recording."""


class Replay:
    """Replays segments one after the other. `before`: the rows that all turns but the last one wrote. `last`: those of
    the last one, which a broker that died may not have committed. None in either: the row was removed. Behind a gap in
    the recording both begin anew: rows from before it may have changed in it."""

    def __init__(self) -> None:
        self.turns = self.compared = 0
        self.before: dict[str, Row | None] = {}
        self.last: dict[str, Row | None] = {}
        self.change = 0
        """The change number before the last turn that wrote."""
        self._after = 0
        """The change number behind the last turn."""
        self._has_gap = False
        """Whether the segment that began last does not go on where the one before it ended."""
        self._dispatcher: Dispatcher | None = None
        self._number = 0
        self._turn: Turn | None = None
        self._effects: Effects | None = None
        self._digest = 0

    def segment(self, name: str, found: list[Part]) -> None:
        """Replay one segment. Raises Differs, or whatever the core raises; a note of the exception names the turn."""
        for part in found:
            try:
                self._part(part)
            except Exception as error:
                error.add_note(f"in segment {name}, {self._where()}")
                raise

    def _part(self, part: Part) -> None:
        if isinstance(part, Opening):
            self._open(part)
        elif self._dispatcher is None:
            raise SetupFault("no segment of a flight recorder begins like this: name another file")
        elif isinstance(part, Began):
            self._begin(self._dispatcher, part)
        elif isinstance(part, Turn):
            self._decide(self._dispatcher, part)
        else:
            self._compare(part)

    def _open(self, opening: Opening) -> None:
        if opening.format != FORMAT:
            raise SetupFault(f"the segment has format {opening.format}, not {FORMAT}: use the pixmill that wrote it")
        on = self._dispatcher is not None and opening.follows and opening.number == self._number + 1
        if on and self._dispatcher is not None and snapshot(self._dispatcher) != opening.snapshot:
            raise Differs(f"segment {opening.number} does not begin as the one before it ended")
        self._has_gap = not on
        try:
            self._dispatcher, self._number = from_snapshot(opening.snapshot), opening.number
        except (LookupError, AttributeError, TypeError, ValueError, msgspec.MsgspecError) as error:
            raise SetupFault(f"its core is another one ({error!r}): use the pixmill that wrote it") from error
        self._turn = self._effects = None

    def _begin(self, dispatcher: Dispatcher, began: Began) -> None:
        """A broker starts. The change number that it read shows whether its predecessor committed the last turn, or
        turns that nobody recorded."""
        change = began.restored.meta.change
        if change > self._after:
            self.before = {}
        elif change > self.change:
            self.before.update(self.last)
        self.last, self._has_gap = {}, False
        dispatcher.restore(began.restored, began.now, began.offset)

    def _decide(self, dispatcher: Dispatcher, turn: Turn) -> None:
        if self._has_gap:  # a broker went on without its recorder
            self.before, self.last, self._has_gap = {}, {}, False
        self._turn, self._effects = turn, None
        self.turns += 1
        change = dispatcher.books.change
        effects = self._effects = decide(dispatcher, turn.now, events(turn.facts), turn.all_read, turn.stop)
        self._digest = digest(effects.records, outgoing(effects, dispatcher.epoch))
        if effects.records:
            self.before.update(self.last)
            self.last, self.change, self._after = _written(effects.records), change, dispatcher.books.change

    def _compare(self, decided: Decided) -> None:
        if self._effects is None:
            return
        if decided.digest != self._digest:
            raise Differs(f"other decisions: {_summary(self._effects)}")
        self.compared += 1

    def _where(self) -> str:
        if self._turn is None:
            return "before its first turn"
        facts = Counter(type(fact).__name__ for fact in self._turn.facts)
        counts = ", ".join(f"{count} {name}" for name, count in facts.items()) or "no fact"
        return f"turn {self.turns} at {self._turn.now:.6f}: {counts}{'' if self._turn.all_read else ', more unread'}"


def _written(records: Records) -> dict[str, Row | None]:
    return {**{row.id: row for row in records.jobs}, **{entry.job: None for entry in records.purged}}


def _summary(effects: Effects) -> str:
    rows = [f"{row.id} {row.state} lease {count_of(row.lease)}" for row in effects.records.jobs[:10]]
    sends = Counter(type(message).__name__ for _, message in effects.sends)
    return f"here it wrote {rows or 'nothing'} and sent {dict(sends) or 'nothing'}"


def compared(replay: Replay, ledger: LedgerReader) -> tuple[Counter[str], list[str]]:
    """Compare the replayed rows with the ledger's: how many jobs have which verdict, and a sentence for each that
    differs. Raises StoreFault."""
    counts: Counter[str] = Counter()
    faults = []
    ids = iter(replay.before | replay.last)
    while asked := list(islice(ids, ASKED_AT_ONCE)):
        rows = {row.id: row for row in ledger.jobs(asked)}
        fates = ledger.fates(asked)
        for job in asked:
            verdict = _verdict(replay, job, rows.get(job), fates.get(job))
            counts[verdict] += 1
            if verdict == "otherwise":
                faults.append(f"{job}: replayed {_line(replay, job)}, in the ledger {_state(rows.get(job))}")
    return counts, faults


def _verdict(replay: Replay, job: str, row: Row | None, fate: str | None) -> str:
    unsure = job in replay.last
    end = replay.last[job] if unsure else replay.before[job]
    if row == end:
        return "equal"
    if row is not None and row.change > replay.change:
        return "changed since"
    if unsure and row == replay.before.get(job, row):
        return "before the last turn, which was not committed"
    return "purged since" if row is None and fate == PURGED else "otherwise"


def _line(replay: Replay, job: str) -> str:
    return _state(replay.last[job] if job in replay.last else replay.before[job])


def _state(row: Row | None) -> str:
    return "removed" if row is None else f"{row.state} lease {count_of(row.lease)} attempts {row.attempts}"


def _run(replay: Replay, paths: Iterable[Path]) -> None:
    for path in paths:
        found, torn = parts(path.read_bytes())
        if not found or not isinstance(found[0], Opening):
            raise SetupFault(f"{path} is no segment of a flight recorder: name another file")
        if found[0].code != code():
            print(f"{path.name}: recorded by other code ({found[0].code}, this is {code()})", file=sys.stderr)
        if torn:
            print(f"{path.name}: torn, the last {torn} bytes are not read", file=sys.stderr)
        replay.segment(path.name, found)


def main(arguments: list[str]) -> int:
    """Replay and print. The exit status: 0 if all is as recorded (and as in the ledger), 1 if something differs, 2 if
    the recording or the ledger cannot be read."""
    parser = argparse.ArgumentParser("python -m broker replay", description="Feed a recording to a core again.")
    parser.add_argument("path", type=Path, help=f"a {SUFFIX} file, or the folder of them (DATA/flight)")
    parser.add_argument("--ledger", type=Path, help="the ledger's file (DATA/ledger.sqlite3), to compare with")
    asked = parser.parse_args(arguments)
    paths = segments(asked.path) if asked.path.is_dir() else [asked.path]
    replay = Replay()
    difference = None
    try:
        if not paths:
            raise SetupFault(f"there is no segment in {asked.path}: name another folder")
        _run(replay, paths)
    except Differs as found:
        difference = " ".join([str(found), *found.__notes__])
    except (SetupFault, OSError) as fault:
        print(" ".join([f"replay: {fault}", *getattr(fault, "__notes__", [])]), file=sys.stderr)
        return 2
    for job in sorted(replay.before | replay.last):
        print(job, _line(replay, job))
    print(f"{len(paths)} segments, {replay.turns} turns, the decisions of {replay.compared} compared")
    if difference is not None:
        print(f"first difference: {difference}")
        return 1
    return _against(replay, asked.ledger) if asked.ledger is not None else 0


def _against(replay: Replay, path: Path) -> int:
    reader = reader_of(path)
    try:
        counts, faults = compared(replay, reader)
    except StoreFault as fault:
        print(f"replay: {fault.detail}", file=sys.stderr)
        return 2
    finally:
        reader.close()
    for sentence in faults:
        print(sentence)
    print("of the jobs in the ledger:", ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) or "none")
    return 1 if faults else 0
