"""The data between core and ledger: what the dispatcher writes, and what the ledger returns.

Pure data. The core fills Records, and a ledger commits them in one transaction. A start reads Restored.
Where is a filter over jobs.
"""

from typing import Annotated, NamedTuple

import msgspec

from jobs.deliveries import DeliveryRow, DeliveryUpdate, Endpoint
from jobs.job import TEXT_CHARACTERS_MAX, Row, Text


class Mark(NamedTuple):
    """How new a ledger's state is: the later of two marks is the greater one. A replica has the mark that the primary
    had some time ago."""

    epoch: int
    change: int


class KeyEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An Idempotency-Key as stored: `key` is an HMAC (32 bytes), `fingerprint` a digest of the content."""

    key: bytes
    job: str
    fingerprint: bytes
    at: float


class GrantEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How often a grant was used. It is kept until the grant expires (wall time)."""

    grant: str
    used: int
    expires_at: float


class SweepEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Blob `names` of a purged job, to be deleted by a worker; `job` names the entry."""

    job: str
    names: tuple[str, ...]


class QuarantineEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Content that killed a decoder twice: the `content` of the job (tenant, bytes and recipe), the decoder's `engine`,
    and the wall time."""

    content: bytes
    engine: str
    at: float


PURGED = "purged"
"""Stands for a state: the job had ended and was removed."""


class PurgedEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The remains of a purged job: its id, and the wall time of the purge."""

    job: str
    at: float


class BatchEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A batch (wall times). `ended_at` None: its end was not told yet. Jobs may join it until `open_until`; None: it is
    closed. `hooks`: who is told of its end, a jobs.job.Hooks as encoded; None: nobody."""

    batch: str
    tenant: str
    made_at: float
    ended_at: float | None = None
    open_until: float | None = None
    hooks: bytes | None = None


class BatchCount(msgspec.Struct, frozen=True, array_like=True):
    """A batch, and how many of its jobs are in each state. They are counted only if somebody is told of them (`hooks`):
    else `counts` is empty."""

    entry: BatchEntry
    counts: dict[str, int]


OpenPlace = tuple[float, str]
"""Until when a batch is open (wall time), and its id."""


class DeadlineEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The wall time by which the job with that seq must be begun; None: it cannot expire any more."""

    seq: int
    expires_at: float | None


class ActionEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A command that was carried out: who gave it (as in jobs.wire.Action), its `verb`, the `filter` (a JSON object of
    what it named), how many jobs, deliveries or workers it changed (`count`), and the wall time. Ids are in the order
    of time."""

    id: str
    who: str
    verb: str
    filter: str
    count: int
    at: float


class IntervalEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Five minutes in figures (jobs.intervals.Figures, encoded), by the wall time of their beginning."""

    at: int
    figures: bytes


class TenantEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How many jobs of a tenant are in each state; a state that is absent has none."""

    tenant: str
    counts: dict[str, int]


WallSeconds = Annotated[float, msgspec.Meta(ge=0, le=1e11)]


class Aged(NamedTuple):
    """An ended job in the order of ends: the wall time of its end, its seq, id and tenant."""

    ended_at: float
    seq: int
    id: str
    tenant: str


class Where(msgspec.Struct, frozen=True, array_like=True):
    """A filter over jobs; None matches all. `tenant` None means every tenant (operate). Of `accepted_after` on, and
    earlier than `accepted_before`."""

    tenant: Text | None = None
    state: Text | None = None
    code: Text | None = None
    reference: Text | None = None
    preset: Text | None = None
    accepted_after: WallSeconds | None = None
    accepted_before: WallSeconds | None = None


class LookUp(msgspec.Struct, frozen=True, kw_only=True):
    """What the messages of one turn ask the ledger for: `ids` that are to be new, those of them that may be `repeated`
    after a purge, Idempotency-Keys, grants, batches, the jobs of `commands`, and those whose files were `scanned` over.
    Of the commands' rows only so many are read as `room` bytes of specs and outcomes hold, and the one that passes
    it."""

    ids: list[str] = []
    repeated: list[str] = []
    keys: list[bytes] = []
    grants: list[str] = []
    commands: list[str] = []
    scanned: list[str] = []
    batches: list[str] = []
    room: int = 1 << 20


class LookedUp(msgspec.Struct, kw_only=True):
    """What the ledger has of it. `existing`: of the ids, and those of the repeated ones that were purged. `commands`:
    the rows of the first `reached` commands. `scanned`: rows in the order asked. `batches`: each with the number of its
    jobs that are not purged."""

    existing: set[str]
    keys: dict[bytes, KeyEntry]
    grants: dict[str, GrantEntry]
    commands: dict[str, Row]
    reached: int
    scanned: list[Row]
    batches: dict[str, tuple[BatchEntry, int]] = {}


LOCAL, SYNCHRONOUS, ASYNCHRONOUS = "local", "synchronous", "asynchronous"


class Durability(msgspec.Struct, frozen=True):
    """What a committed row rests on. `word`: LOCAL (the disk of one machine), SYNCHRONOUS (a second server's, too), or
    ASYNCHRONOUS (a crash or a failover may lose it). `why`: for the log."""

    word: str = LOCAL
    why: str = "a commit is on this machine's disk"


LANE_CHARACTERS_MAX = TEXT_CHARACTERS_MAX + 2
LaneName = Annotated[str, msgspec.Meta(max_length=LANE_CHARACTERS_MAX)]
"""A size class, a dot and a tenant."""


class Lane(msgspec.Struct, frozen=True, array_like=True):
    """One lane: jobs of one priority, tenant and size class, served in order of position."""

    priority: int
    name: LaneName


class Refill(msgspec.Struct, frozen=True):
    """Read up to `limit` queued rows of `lane` with position > `after`."""

    lane: Lane
    after: int
    limit: int


class Meta(msgspec.Struct, array_like=True):
    """The ledger's own rows: the last change number, counts per state, whether dispatch is paused."""

    change: int = 0
    epoch: int = 0
    paused: bool = False
    counts: dict[str, int] = {}


class Records(msgspec.Struct):
    """All that one turn writes. Empty records are not committed.

    `jobs` are whole rows. A row is inserted, or replaces the row of its seq (spec, content and the
    accepted_* columns never change). `removed` are the seqs of purged jobs, `purged` their remains.
    `meta` is None if it did not change. `paused` are tenants whose jobs wait from now on, `resumed` those whose jobs do
    so no more. `deliveries` are new ones, `attempted` what attempts and replays changed of older ones. The deliveries
    of the jobs in `untold` go as soon as they wait no more. A batch is inserted, or its end, and until when it is open.
    A deadline is inserted or removed, and the last entry of a job counts. An action, by its id, is inserted, or its
    count is added to that of its row. An interval is inserted, or replaces the row of its time. Then all intervals go
    that are older than the last of these by a day, or newer: a clock that was put back leaves none that stays for ever.
    """

    jobs: list[Row] = []
    keys: list[KeyEntry] = []
    grants: list[GrantEntry] = []
    removed: list[int] = []
    purged: list[PurgedEntry] = []
    sweeps: list[SweepEntry] = []
    swept: list[str] = []
    quarantined: list[QuarantineEntry] = []
    released: list[bytes] = []
    tenants: list[TenantEntry] = []
    batches: list[BatchEntry] = []
    deadlines: list[DeadlineEntry] = []
    meta: Meta | None = None
    deliveries: list[DeliveryRow] = []
    attempted: list[DeliveryUpdate] = []
    untold: list[str] = []
    endpoints: list[Endpoint] = []
    paused: list[str] = []
    resumed: list[str] = []
    recovered: list[str] = []
    """The lanes whose Endpoint is to be forgotten, removed before `endpoints` are written."""
    actions: dict[str, ActionEntry] = {}
    intervals: list[IntervalEntry] = []

    def __bool__(self) -> bool:
        return bool(
            self.jobs
            or self.keys
            or self.grants
            or self.removed
            or self.purged
            or self.sweeps
            or self.swept
            or self.quarantined
            or self.released
            or self.tenants
            or self.batches
            or self.deadlines
            or self.meta is not None
            or self.deliveries
            or self.attempted
            or self.endpoints
            or self.recovered
            or self.actions
            or self.paused
            or self.resumed
            or self.intervals
        )


class Restored(msgspec.Struct):
    """What a starting broker reads: meta, the rows in flight, the lanes that hold queued jobs, the tenants. `nonce`:
    drawn for this term alone, of NONCE_BITS (jobs/leases.py). `history`: changes if the ledger may have lost commits,
    so that change numbers may repeat. `due_lanes`: the lanes that hold waiting deliveries. `last_delivery`: the highest
    seq of a delivery, 0 if there is none. `deliveries_waiting`: how many wait. `paused`: the tenants that are paused,
    in the order of their names. `open_batches`: how many batches of each tenant are open. `interval`: the newest."""

    meta: Meta
    running: list[Row]
    delayed: list[Row]
    lanes: list[Lane]
    sweeps: list[SweepEntry]
    quarantine: list[QuarantineEntry]
    tenants: list[TenantEntry]
    nonce: int = 0
    history: str = ""
    due_lanes: list[str] = []
    endpoints: list[Endpoint] = []
    last_delivery: int = 0
    deliveries_waiting: int = 0
    paused: list[str] = []
    open_batches: dict[str, int] = {}
    interval: IntervalEntry | None = None
