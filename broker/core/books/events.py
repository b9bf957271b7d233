"""The core's input and output: events, named in the past tense, and Effects.

Pure data. No event holds `now` (monotonic seconds): it is an argument beside the event.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from broker.core.couriers.deliveries import Sending
from jobs.deliveries import DeliveryRow, Due, DueRefill
from jobs.job import Row
from jobs.limits import PARTIAL_SECONDS
from jobs.records import BatchCount, BatchEntry, GrantEntry, KeyEntry, OpenPlace, Records, Refill
from jobs.tenants import TenantLimits
from jobs.wire import (
    Ack,
    Beat,
    Cancel,
    Changes,
    CloseBatch,
    DrainWorker,
    Found,
    FromWorker,
    OpenBatch,
    Pause,
    Purge,
    Replay,
    Requeue,
    Resume,
    Submit,
    ToWorker,
)


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The core's settings. `window`: queued jobs kept in memory per lane.

    A worker prefetches while its jobs are expected to take less than `prefetch_seconds` together. An unstarted job is
    recalled for an idle worker after `recall_seconds`. Files that no row names are deleted when they are older than
    `orphan_seconds`; a Submit older than half of that is refused, because its originals may be among them.
    `retention_seconds` 0: ended jobs stay for ever. `rate_per_minute` 0: uploads have no limit of rate. One fetch takes
    at most `fetch_seconds`, and at most `upload_bytes_max`. `no_scan`: why there is no orphan scan, or "". A batch that
    nobody closes ends `partial_seconds` after the last POST to it. `tenants`: those for whom other limits hold.
    `metrics`: whether figures are counted."""

    attempts_max: int = 5
    job_seconds: float = 60.0
    decoder_bytes_max: int = 1 << 30
    silence_seconds: float = 5.0
    grace_seconds: float = 2.0
    queued_max: int = 10_000_000
    rate_per_minute: int = 0
    orphan_seconds: float = 86_400.0
    no_scan: str = ""
    window: int = 1024
    prefetch_seconds: float = 0.12
    recall_seconds: float = 0.05
    beat_seconds: float = 1.0
    wanted_seconds: float = 10.0
    retention_seconds: float = 0.0
    fetch_seconds: float = 30.0
    upload_bytes_max: int = 64 << 20
    partial_seconds: float = PARTIAL_SECONDS
    tenants: dict[str, TenantLimits] = {}
    metrics: bool = True


class ClockRead(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Wall time was monotonic time plus `offset` seconds. Comes when that offset has changed."""

    offset: float


class DurabilityRead(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What a commit rests on, in one word (jobs.records.Durability). Comes when that has changed."""

    word: str


class LoopRead(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What the loop has measured so far: the first cells of jobs.figures.cluster.LAYOUT. Comes before each beat that
    tells figures."""

    cells: list[int]


class Submitted(msgspec.Struct, frozen=True, gc=False):
    """A POST's jobs arrived. The rest is what the ledger holds, for all Submits of this turn: ids that are or were in
    it (`existing`), idempotency keys, the counted uses of grants, and open batches with the numbers of their jobs."""

    submit: Submit
    existing: set[str]
    keys: dict[bytes, KeyEntry]
    grants: dict[str, GrantEntry] = {}
    batches: dict[str, tuple[BatchEntry, int]] = {}


class Commanded(msgspec.Struct, frozen=True):
    """A command to cancel, requeue or purge one job arrived. `row` is the job's in the ledger, None if it has none."""

    command: Cancel | Requeue | Purge
    row: Row | None


class BatchOrdered(msgspec.Struct, frozen=True):
    """A command to open or to close a batch arrived. `known` is what the ledger has of it, None if it has none."""

    command: OpenBatch | CloseBatch
    known: BatchEntry | None


class Matched(msgspec.Struct, frozen=True):
    """A step of a command over many jobs arrived; `rows` are the jobs that it matches. The next step begins after the
    position `following`; None: this was the last."""

    command: Cancel | Requeue | Purge
    rows: list[Row]
    following: int | None


class Ordered(msgspec.Struct, frozen=True):
    """An operator's command arrived: pause, resume, or drain one worker."""

    order: Pause | Resume | DrainWorker


class Received(msgspec.Struct, frozen=True, gc=False):
    """A worker's message arrived over the connection `peer`."""

    peer: bytes
    message: FromWorker


class PeerLost(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The connection `peer` ended, its send buffer is full, or its key was removed: its worker is taken for dead."""

    peer: bytes
    why: str = "its process died"


class NamesListed(msgspec.Struct, frozen=True):
    """A worker listed old blobs. Each name contains a job's id; `rows` are the ledger's rows of those jobs."""

    peer: bytes
    found: Found
    rows: list[Row]


class Refilled(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The ledger answered a Refill. Fewer rows than its limit mean that there are no more."""

    refill: Refill
    rows: list[Row]


class DueRead(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The ledger answered a DueRefill. Fewer than its limit mean that there are no more."""

    refill: DueRefill
    found: list[Due]


class DeliveriesRead(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The ledger's rows of the deliveries `asked`, as far as they exist."""

    asked: list[int]
    rows: list[DeliveryRow]


class Replayed(msgspec.Struct, frozen=True):
    """A command to replay one delivery, or a step of a command over many, arrived; `rows` are those that it names. The
    next step begins after the seq `following`; None: this was the last."""

    command: Replay
    rows: list[DeliveryRow]
    following: int | None


class Expired(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The ledger answered an Expire with jobs that ended long ago. It enters the core before any later message.
    Of a step of a walk, `reached` is the place of the last job that was looked at, and `more`: whether others may
    follow."""

    expire: "Expire"
    rows: list[Row]
    reached: tuple[float, int] = (0.0, 0)
    more: bool = False


class OverdueFound(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The ledger answered a FindOverdue with the waiting jobs whose deadlines come first, in order. `complete`: no
    other waiting job has a deadline. It enters the core before any later message."""

    rows: list[Row]
    complete: bool


class BatchesFound(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The ledger answered a FindBatches: the batches that have `finished`, those that were `walked` over, and those
    that are `open`; None if they were not asked for. It enters the core before any later message."""

    finished: list[BatchCount]
    walked: list[str] | None
    open: list[OpenPlace] | None = None


Event = (
    ClockRead | DurabilityRead | LoopRead | Submitted | Commanded | Matched | Ordered | Received | PeerLost
    | NamesListed | Refilled | Expired | OverdueFound | BatchesFound | BatchOrdered | DueRead | DeliveriesRead
    | Replayed
)  # fmt: skip


class AgeWalk(msgspec.Struct, frozen=True):
    """A step of a walk over ended jobs, in the order of their ends. `number`: which walk it is. It goes on behind the
    place `after` (wall time of the end, seq), and takes the jobs of `tenants`; with `others` those of all other
    tenants."""

    number: int
    after: tuple[float, int]
    tenants: set[str]
    others: bool

    def takes(self, tenant: str) -> bool:
        """Whether it takes jobs of this tenant."""
        return (tenant in self.tenants) != self.others


class Expire(msgspec.Struct, frozen=True):
    """Read up to `limit` jobs that ended before wall time `before`; with a `walk` only those that it takes. Unless
    `keep`, also delete old records of purged ids and batches, and, with `deliveries`, those that ended before."""

    before: float
    limit: int
    deliveries: bool = False
    walk: AgeWalk | None = None
    keep: bool = False


class FindOverdue(msgspec.Struct, frozen=True):
    """Read up to `limit` waiting jobs whose deadlines come first."""

    limit: int


class FindBatches(msgspec.Struct, frozen=True):
    """Read which of the batches `ids` have ended, untold, at wall time `at`; up to `limit` ids of those that have not,
    behind the id `after` (None: none); and up to `limit` of those that are not closed, behind `behind` (None: none)."""

    ids: list[str]
    after: str | None
    limit: int
    at: float
    behind: OpenPlace | None = None


class LostLease(NamedTuple):
    """A lease whose holder is gone, by the words of the job's timeline. `worker`: the holder's name. `attempts` has
    this one only if its decoder had begun."""

    job: str
    lease: int
    worker: str
    attempts: int
    why: str


class Effects(msgspec.Struct):
    """What to do, in this order: commit `records`; send `acks` (by web process), `sends` (by peer, at most one message
    of each type), `sendings` (to be signed) and `changes`; read the ledger for `refills`, `expire`, `find_overdue`,
    `find_batches`, `due` and `bodies` (seqs of deliveries), whose answers enter the next turn. `forget_actions`: drop
    actions of before this wall time, and those above ACTIONS_MAX. `lost` is for the log alone."""

    records: Records
    acks: dict[str, list[Ack]]
    sends: list[tuple[bytes, ToWorker]]
    changes: Changes | None
    beat: Beat | None
    refills: list[Refill]
    expire: Expire | None = None
    find_overdue: FindOverdue | None = None
    sendings: Sequence[Sending] = ()
    due: Sequence[DueRefill] = ()
    bodies: Sequence[int] = ()
    find_batches: FindBatches | None = None
    forget_actions: float | None = None
    lost: Sequence[LostLease] = ()
