"""The core's input and output: events, named in the past tense, and Effects.

Pure data. No event holds `now` (monotonic seconds): it is an argument beside the event.
"""

import msgspec

from jobs.job import Row
from jobs.records import GrantEntry, KeyEntry, Lane, Records
from jobs.wire import (
    Ack,
    Beat,
    Cancel,
    Changes,
    DrainWorker,
    Found,
    FromWorker,
    Pause,
    Purge,
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
    `retention_seconds` 0: ended jobs stay for ever. `rate_per_minute` 0: uploads have no limit of rate."""

    attempts_max: int = 5
    job_seconds: float = 60.0
    decoder_bytes_max: int = 1 << 30
    silence_seconds: float = 5.0
    grace_seconds: float = 2.0
    queued_max: int = 10_000_000
    rate_per_minute: int = 0
    orphan_seconds: float = 86_400.0
    window: int = 1024
    prefetch_seconds: float = 0.12
    recall_seconds: float = 0.05
    beat_seconds: float = 1.0
    wanted_seconds: float = 10.0
    retention_seconds: float = 0.0


class ClockRead(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Wall time was monotonic time plus `offset` seconds. Comes when that offset has changed."""

    offset: float


class Submitted(msgspec.Struct, frozen=True, gc=False):
    """A POST's jobs arrived. The rest is what the ledger holds, for all Submits of this turn: ids that are or were in
    it (`existing`), idempotency keys, and the counted uses of grants."""

    submit: Submit
    existing: set[str]
    keys: dict[bytes, KeyEntry]
    grants: dict[str, GrantEntry] = {}


class Commanded(msgspec.Struct, frozen=True):
    """A command to cancel, requeue or purge one job arrived. `row` is the job's in the ledger, None if it has none."""

    command: Cancel | Requeue | Purge
    row: Row | None


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
    """The connection `peer` ended, or its send buffer is full: its worker is taken for dead."""

    peer: bytes


class NamesListed(msgspec.Struct, frozen=True):
    """A worker listed old blobs. Each name contains a job's id; `rows` are the ledger's rows of those jobs."""

    peer: bytes
    found: Found
    rows: list[Row]


class Refilled(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The ledger answered a Refill. Fewer rows than its limit mean that there are no more."""

    refill: "Refill"
    rows: list[Row]


class Expired(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The ledger answered an Expire with jobs that ended long ago. It enters the core before any later message."""

    expire: "Expire"
    rows: list[Row]


Event = ClockRead | Submitted | Commanded | Matched | Ordered | Received | PeerLost | NamesListed | Refilled | Expired


class Refill(msgspec.Struct, frozen=True):
    """Read up to `limit` queued rows of `lane` with position > `after`."""

    lane: Lane
    after: int
    limit: int


class Expire(msgspec.Struct, frozen=True):
    """Read up to `limit` jobs that ended before wall time `before`. Also delete old records of purged ids."""

    before: float
    limit: int


class Effects(msgspec.Struct):
    """What to do, in this order: commit `records`; send `acks` (by web process), `sends` (by peer, at most one message
    of each type) and `changes`; read the ledger for `refills` and `expire`, whose answers enter the next turn."""

    records: Records
    acks: dict[str, list[Ack]]
    sends: list[tuple[bytes, ToWorker]]
    changes: Changes | None
    beat: Beat | None
    refills: list[Refill]
    expire: Expire | None = None
