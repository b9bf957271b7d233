"""Ledgers of every schema number that there was, as SQL: tests/ledgers/schema-N.sql, written once and kept.

`python -m tests.support.harnesses.old_ledgers` writes that of today's number (it refuses to write one again): run
it before a later number is begun. Each has a job in every state on test-data/rotated.jpg, and a row in
every other table.
"""

import hashlib
import sqlite3
import sys
import tempfile
from pathlib import Path

from jobs.deliveries import DeliveryRow, Endpoint
from jobs.ids import mint, original_name, rendition_name
from jobs.intervals import STEP_SECONDS, Figures, encode_figures
from jobs.job import Cost, Fault, Original, Outcome, Rendition, Row, Spec, State, TimelineEntry, encode
from jobs.recipes import recipe
from jobs.records import (
    ActionEntry,
    BatchEntry,
    DeadlineEntry,
    GrantEntry,
    IntervalEntry,
    KeyEntry,
    Meta,
    PurgedEntry,
    QuarantineEntry,
    Records,
    SweepEntry,
)
from stores.ledger.sqlite import SCHEMA, open_ledger
from tests.support.clusters.cluster import ROOT

FOLDER = ROOT / "tests" / "ledgers"
IMAGE = (ROOT / "test-data" / "rotated.jpg").read_bytes()
PIXELS = b"pixels of an older pixmill"
"""What the done job's rendition holds."""
RECIPE = recipe.parse({"renditions": [{"name": "thumb", "width": 32, "format": "jpeg"}]})
AT = 1_790_000_000.0
KEY, CONTENT, GRANT = b"k" * 32, b"quarantined content", "grant"
ENDS = {State.FAILED: "operation_failed", State.DEAD: "attempts_used_up", State.CANCELLED: "cancelled"}


def job_id(number: int) -> str:
    """The id of a fixture's job: 1 and on in the order of State, then one purged and one being swept."""
    return mint(AT + number, number.to_bytes(10, "big"))


JOBS = {state: job_id(number) for number, state in enumerate(State, 1)}
PURGED, SWEPT, ACTION = job_id(8), job_id(9), job_id(10)
DELIVERY = DeliveryRow(
    1, "d1-0000000", "", JOBS[State.DONE], None, "hooks.example ", "https://hooks.example/x", "job.done", b"{}", 5,
    AT + 2, attempts=1, tries=1, due_at=AT + 10, status=500, error="the receiver answered 500", answer="busy",
    trace=f"00-{'a' * 32}-{'b' * 16}-01 vendor=1",
)  # fmt: skip


def path(number: int) -> Path:
    """The fixture of that schema number."""
    return FOLDER / f"schema-{number}.sql"


def lay_down(number: int, data: Path) -> Path:
    """DATA as that schema's pixmill left it, its broker killed: ledger, originals, renditions. The ledger's path."""
    ledger = data / "ledger.sqlite3"
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with sqlite3.connect(ledger, isolation_level=None) as connection:
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.executescript(path(number).read_text())
    connection.close()
    blobs = {original_name(job): IMAGE for job in (*JOBS.values(), SWEPT)}
    blobs[_rendition(JOBS[State.DONE]).blob] = PIXELS
    for name, content in blobs.items():
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_bytes(content)
    return ledger


def records() -> Records:
    """All that a fixture holds."""
    counts = {state.value: 1 for state in State}
    return Records(
        jobs=[_row(number, state) for number, state in enumerate(State, 1)],
        keys=[KeyEntry(KEY, JOBS[State.QUEUED], b"f" * 32, AT)],
        grants=[GrantEntry(GRANT, 3, AT)],
        sweeps=[SweepEntry(SWEPT, (original_name(SWEPT),))],
        quarantined=[QuarantineEntry(CONTENT, "engine", AT)],
        purged=[PurgedEntry(PURGED, AT)],
        deadlines=[DeadlineEntry(1, AT + 1e9)],
        batches=[BatchEntry("batch", "", AT, AT + 2, AT + 1, b"hooks")],
        actions={ACTION: ActionEntry(ACTION, "", "cancel", f'{{"job":"{JOBS[State.CANCELLED]}"}}', 1, AT + 2)},
        intervals=[IntervalEntry(int(AT) // STEP_SECONDS * STEP_SECONDS, encode_figures(Figures(10.0, 7)))],
        paused=["paused"],
        meta=Meta(change=40, paused=False, counts=counts),
        deliveries=[DELIVERY],
        endpoints=[Endpoint("hooks.example ", AT)],
    )


def _row(number: int, state: State) -> Row:
    job, held = JOBS[state], state not in (State.QUEUED, State.CANCELLED)
    ended = AT + 2 if state in (State.DONE, *ENDS) else None
    digest = hashlib.sha256(IMAGE).hexdigest()
    original = Original(original_name(job), "jpeg", 300, 400, len(IMAGE), digest)
    spec = Spec("a.jpg", f"ref-{state}", None, None, recipe.canonical(RECIPE), original, "")
    return Row(
        seq=number, id=job, tenant="", state=state.value, priority=1, lane="s.", position=number,
        lease=int(held), attempts=int(held), change=10 + number, accepted_at=AT, ended_at=ended,
        due_at=AT + 3 if state == State.DELAYED else None, started_at=AT + 1 if held else None,
        worker="0123456789abcdef" if held else None, reference=f"ref-{state}", preset=None, batch=None,
        code=ENDS.get(state), content=hashlib.sha256(job.encode()).digest(), spec=encode(spec),
        outcome=encode(_outcome(state)),
    )  # fmt: skip


def _outcome(state: State) -> Outcome:
    timeline = [TimelineEntry(AT, "accepted", 0, None, None), TimelineEntry(AT + 1, "assigned", 1, "vm-1", None)]
    outcome = Outcome(timeline[: 1 if state in (State.QUEUED, State.CANCELLED) else 2])
    if state == State.QUEUED:
        outcome.expires_at = AT + 1e9
    if state == State.DONE:
        outcome.renditions, outcome.cost = [_rendition(JOBS[state])], Cost(1.5, 4096)
    if state in ENDS:
        outcome.error = Fault(ENDS[state], "as it was told then")
    return outcome


def _rendition(job: str) -> Rendition:
    digest = hashlib.sha256(PIXELS).hexdigest()
    return Rendition("thumb", rendition_name(job, "thumb", digest, "jpg"), "jpeg", 32, 24, len(PIXELS), digest)


def main() -> str | None:
    """Write today's fixture; what went wrong, if anything."""
    if path(SCHEMA).exists():
        return f"{path(SCHEMA)} is there, and is not to change any more"
    with tempfile.TemporaryDirectory() as folder:
        ledger = open_ledger(Path(folder) / "ledger")
        ledger.commit(records())
        ledger.close()
        with sqlite3.connect(Path(folder) / "ledger") as connection:
            dump = "\n".join(connection.iterdump())
        connection.close()
    path(SCHEMA).write_text(f"{dump}\nPRAGMA user_version = {SCHEMA};\n")
    return None


if __name__ == "__main__":
    sys.exit(main())
