"""What the core remembers: a job (its row unpacked, who holds it, the guarded change of state), a worker with its
leases, how far the walk over the blobs is, a sweep that fails."""

from collections.abc import Callable
from typing import Any

from jobs.job import (
    TEXT_CHARACTERS_MAX,
    TRANSITIONS,
    Outcome,
    Row,
    State,
    decode_outcome,
    encode,
)
from jobs.lanes import SMALL, size_of
from jobs.records import Lane
from jobs.wire import Ready

RUNNING, DELAYED = State.RUNNING, State.DELAYED
"""Looked up once: on Python 3.11 a member costs as much as a call, and these are asked for ten times a job."""


class InvalidTransition(AssertionError):
    """The core tried what TRANSITIONS forbids: a bug. Carries the job's story."""


class Entry:
    """One job. `holder` is the worker whose lease is live; `dirty`: not yet
    written as it is; `windowed`: it waits in the backlog's window; `due`: monotonic time of a retry; `seconds`: what it
    was expected to take when it was assigned, until it is known."""

    __slots__ = (
        *(name for name in Row._fields if name != "priority"),  # which its lane has
        "dirty", "due", "holder", "seconds", "windowed",
    )  # fmt: skip

    seq: int
    id: str
    tenant: str
    state: State
    lane: Lane
    position: int
    lease: int
    attempts: int
    change: int
    accepted_at: float
    ended_at: float | None
    due_at: float | None
    started_at: float | None
    worker: str | None
    reference: str | None
    preset: str | None
    batch: str | None
    code: str | None
    content: bytes
    spec: bytes
    outcome: Outcome
    holder: "Worker | None"
    dirty: bool
    due: float
    seconds: float
    windowed: bool

    @classmethod
    def from_row(cls, row: Row) -> "Entry":
        """The job as the ledger has it."""
        entry = cls()
        _take(entry, row)
        entry.tenant = entry.tenant[:TEXT_CHARACTERS_MAX]  # an earlier version took longer ones, which no message names
        entry.state = State(row.state)
        entry.lane = Lane(row.priority, row.lane)
        entry.outcome = decode_outcome(row.outcome)
        entry.holder = None
        entry.dirty = entry.windowed = False
        entry.due = entry.seconds = 0.0
        return entry

    def row(self) -> Row:
        """The job as it is to be written."""
        return tuple.__new__(Row, _columns(self))

    @property
    def alone(self) -> bool:
        """Whether the next try runs in a fresh decoder with nothing behind it."""
        outcome = self.outcome
        return outcome.crashes > 0 or outcome.memory_tries > 0

    @property
    def unaccompanied(self) -> bool:
        """Whether nothing is prefetched behind it: it runs alone, or may take long."""
        outcome = self.outcome
        return outcome.crashes > 0 or outcome.memory_tries > 0 or size_of(self.lane) != SMALL

    def move(self, state: State) -> None:
        """Change state. Raises InvalidTransition where TRANSITIONS has no such arrow."""
        if state not in TRANSITIONS[self.state]:
            raise InvalidTransition(f"{self.id}: {self.state} -> {state}; {self.outcome.timeline}")
        self.state = state


_WRITTEN = {
    "state": "entry.state._value_",
    "priority": "entry.lane.priority",
    "lane": "entry.lane.name",
    "outcome": "encode(entry.outcome)",
}
"""How a column is written that an entry holds in another form."""


def _function(source: str) -> Any:
    """The function of this source. As namedtuple does, it is made of the columns' names: a loop over them takes twice
    as long, for each job."""
    found: dict[str, Any] = {}
    exec(source, {"encode": encode}, found)
    return found.popitem()[1]


_take: Callable[[Entry, Row], None] = _function(
    "def take(entry, row): "
    + ", ".join(f"entry.{name}" if name in Entry.__slots__ else "_" for name in Row._fields)
    + " = row"
)
"""Give an entry the columns as they are in a row."""
_columns: Callable[[Entry], tuple[object, ...]] = _function(
    "def columns(entry): return " + ", ".join(_WRITTEN.get(name, f"entry.{name}") for name in Row._fields)
)
"""The columns of an entry as they are written."""


class Worker:
    """One connected worker process. `leases` by job id; `alone`: it holds a job that nothing waits behind; `load`: the
    seconds that all of them are expected to take; `late`: the one that it is at takes much longer than that;
    `busy_since`: when it had ended the job before the one that it is at, or was given that."""

    __slots__ = (
        "alone", "busy_since", "capacity", "draining", "engine", "heard", "incarnation", "late", "leases", "load",
        "name", "peer", "pid", "serial", "served", "since", "slot",
    )  # fmt: skip

    def __init__(self, peer: bytes, ready: Ready, since: float, now: float) -> None:
        self.peer = peer
        self.incarnation = ready.incarnation
        self.name = ready.name
        self.pid = ready.pid
        self.capacity = ready.capacity
        self.engine = ready.engine
        self.draining = ready.draining
        self.since = since
        self.heard = self.busy_since = now
        self.leases: dict[str, Entry] = {}
        self.alone = self.late = False
        self.load = 0.0
        self.serial = 0
        self.served = 0
        self.slot: tuple[int, int] | None = None
        """Where it waits for work: (0 idle or 1 spare, served), or None."""


class Stuck:
    """A sweep that failed `tries` times, `why` the last time; not offered before `due`."""

    __slots__ = ("due", "tries", "why")

    def __init__(self) -> None:
        self.tries, self.due, self.why = 0, 0.0, ""


class Progress:
    """Where the walk is: past the name `after`, asked of the connection `walker`. `due` is the time of the next step,
    `began` that of the first one. The present step failed `tries` times, `why` the last time. A restart begins anew."""

    __slots__ = ("after", "began", "due", "tries", "walker", "why")

    def __init__(self, now: float) -> None:
        self.after = self.why = ""
        self.tries = 0
        self.walker: bytes | None = None
        self.began = self.due = now
