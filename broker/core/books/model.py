"""The objects that the core remembers: a job (Entry), a connected worker with its leases (Worker), a sweep that failed
(Stuck), and the position of the orphan scan (Progress)."""

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
    with_original,
)
from jobs.lanes import FETCH, SMALL, size_of
from jobs.records import Lane
from jobs.wire import COURIER, Ready

RUNNING, DELAYED = State.RUNNING, State.DELAYED
"""Looked up once. On Python 3.11 the look-up of an enum's member costs as much as a call, and each job needs ten."""


class InvalidTransition(AssertionError):
    """The core tried a change of state that TRANSITIONS forbids: a bug. The text has the job's timeline."""


class Entry:
    """One job. `holder`: the worker that has the live lease. `dirty`: it changed and is not written yet. `windowed`: it
    waits in a window of the backlog. `due`: when it is retried (monotonic). `seconds`: how long it is expected to take,
    from its assignment until that is measured. `host`: which its original is fetched from, once somebody asked."""

    __slots__ = (
        *(name for name in Row._fields if name != "priority"),  # which its lane has
        "dirty", "due", "holder", "host", "seconds", "windowed",
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
    host: str | None
    dirty: bool
    due: float
    seconds: float
    windowed: bool

    @classmethod
    def from_row(cls, row: Row) -> "Entry":
        """The job as the ledger has it."""
        entry = cls()
        _take(entry, row)
        entry.tenant = entry.tenant[:TEXT_CHARACTERS_MAX]  # an earlier version took names too long for a message
        entry.state = State(row.state)
        entry.lane = Lane(row.priority, row.lane)
        entry.outcome = decode_outcome(row.outcome)
        if (sourced := entry.outcome.sourced) is not None and sourced.original is not None:
            entry.spec, entry.content = with_original(row.spec, sourced.original), sourced.content
        entry.holder = entry.host = None
        entry.dirty = entry.windowed = False
        entry.due = entry.seconds = 0.0
        return entry

    def row(self) -> Row:
        """The job as it is to be written."""
        return tuple.__new__(Row, _columns(self))

    @property
    def alone(self) -> bool:
        """Whether the next attempt needs a fresh decoder, and a worker that holds no other job."""
        outcome = self.outcome
        return outcome.crashes > 0 or outcome.memory_tries > 0

    @property
    def is_fetch(self) -> bool:
        """Whether a courier must fetch its original before it can run."""
        return self.lane.name[0] == FETCH

    @property
    def unaccompanied(self) -> bool:
        """Whether nothing may be prefetched behind it, because it runs alone or may take long."""
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
"""The expressions for those columns that an entry holds in another form."""


def _function(source: str) -> Any:
    """Compile a function from generated source, as namedtuple does. A loop over the columns' names would take twice as
    long for each job."""
    found: dict[str, Any] = {}
    exec(source, {"encode": encode}, found)
    return found.popitem()[1]


_take: Callable[[Entry, Row], None] = _function(
    "def take(entry, row): "
    + ", ".join(f"entry.{name}" if name in Entry.__slots__ else "_" for name in Row._fields)
    + " = row"
)
"""Copy a row's columns into an entry."""
_columns: Callable[[Entry], tuple[object, ...]] = _function(
    "def columns(entry): return " + ", ".join(_WRITTEN.get(name, f"entry.{name}") for name in Row._fields)
)
"""An entry's columns, as the ledger has them."""


class Worker:
    """One connected worker process. `leases`: its jobs, by id. `load`: the seconds that these are expected to take.
    `alone`: it holds a job that nothing may wait behind. `late`: its current job takes much longer than expected.
    `cache`: why its result cache fails, empty while it does not.
    `busy_since`: when its current job could start, which is the end of the one before or its own assignment.
    `is_courier`: it speaks with strangers, and holds `slots` deliveries and fetches at most, but no image.
    `deliveries`: by id, the numbers of the attempts that it holds. `reserved`: its slots for deliveries whose rows are
    being read."""

    __slots__ = (
        "alone",
        "busy_since",
        "cache",
        "capacity",
        "deliveries",
        "draining",
        "engine",
        "incarnation",
        "is_courier",
        "last_seen",
        "late",
        "leases",
        "load",
        "name",
        "peer",
        "pid",
        "reserved",
        "serial",
        "served",
        "since",
        "slot",
        "slots",
    )  # fmt: skip

    def __init__(self, peer: bytes, ready: Ready, since: float, now: float) -> None:
        self.peer = peer
        self.incarnation = ready.incarnation
        self.name = ready.name
        self.pid = ready.pid
        self.is_courier = ready.kind == COURIER
        self.capacity = 0 if self.is_courier else ready.capacity
        self.slots = ready.slots if self.is_courier else 0
        self.deliveries: dict[str, int] = {}
        self.reserved = 0
        self.engine = ready.engine
        self.draining = ready.draining
        self.since = since
        self.last_seen = self.busy_since = now
        self.leases: dict[str, Entry] = {}
        self.alone = self.late = False
        self.cache = ""
        self.load = 0.0
        self.serial = 0
        self.served = 0
        self.slot: tuple[int, int] | None = None
        """Its place among those that can take a job: (0 idle or 1 spare, `served`); None: it can take none."""


class Stuck:
    """A sweep that failed. `tries`: how often. `why`: the last reason. `due`: not offered before that."""

    __slots__ = ("due", "tries", "why")

    def __init__(self) -> None:
        self.tries, self.due, self.why = 0, 0.0, ""


class Progress:
    """The position of the orphan scan: the last name that was listed (`after`). `scanner`: the connection that was
    asked for this step. `due`: time of the next step. `began`: time of the first one. `tries`: how often this step
    failed. `why`: the last reason. A restart of the broker begins anew."""

    __slots__ = ("after", "began", "due", "scanner", "tries", "why")

    def __init__(self, now: float) -> None:
        self.after = self.why = ""
        self.tries = 0
        self.scanner: bytes | None = None
        self.began = self.due = now
